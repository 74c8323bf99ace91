import logging
from collections.abc import Sequence

from server.core.event.directory import Event
from server.core.feed.hub import Hub, is_venue_change
from server.core.feed.subscription import FeedItem
from server.core.people import badge_keys
from server.core.people.badge_keys import BadgeKeys
from server.storage.database import Database
from server.storage.disk import DatabaseError
from server.storage.errors import EngineError, cause, grade

log = logging.getLogger(__name__)


class CurrentRing:
    """The ring of badge keys that answers to heartbeats name, so that a door that missed a change
    of keys notices. It is read again after each change of the venue, also by other servers.
    """

    def __init__(self, event: Event, database: Database, hub: Hub) -> None:
        self._event = event
        self._database = database
        # Before the first reading, so that no change is missed.
        hub.on_delivery(self._follow)
        self.keys: BadgeKeys | None = None  # None: unknown
        self._read()

    def _follow(self, items: Sequence[FeedItem]) -> None:
        if self.keys is None or any(map(is_venue_change, items)):
            self._read()

    def _read(self) -> None:
        try:
            with self._database.reading() as db:
                self.keys = badge_keys.keys_of(db, self._event)
        except (EngineError, DatabaseError) as error:
            # An old ring would tell doors to fetch what they have already.
            self.keys = None
            log.log(grade(error), "the badge keys can't be read: %s", cause(error))
