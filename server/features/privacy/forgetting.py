"""Lets each server forget what it keeps of people, in memory and as photos, once somebody was
erased anywhere.
"""

import logging
import secrets

from badges.printing.latin import latin_name
from badges.printing.name_order import text_key
from server.core.people.card_design import DesignError
from server.features.privacy import person
from server.repeating import Repeating
from server.storage.connection import Connection
from server.storage.errors import cause
from server.storage.tables import keep_setting
from server.web.jobs import jobs_of
from server.web.services import Services
from server.web.shared_uploads import SharedUploads
from server.web.uploads import Uploads

log = logging.getLogger(__name__)

LOOK_S = 5.0
CACHES = (latin_name, text_key)
_SETTING = "newest erasure"  # a random text for each


def note_erasure(db: Connection) -> None:
    """Tell all servers, in the transaction of an erasure."""
    keep_setting(db, _SETTING, secrets.token_hex(8))


class Forgetting:
    """Looks for erasures of all servers and commands on a thread. Close it before the database."""

    def __init__(self, here: Services) -> None:
        self._here = here
        # The first look forgets also what was erased while this server was stopped.
        self._newest: str | None = None
        self._repeating = Repeating("forgetting", LOOK_S, self.look)

    def start(self) -> None:
        self._repeating.start()

    def close(self) -> None:
        self._repeating.close()

    def look(self) -> None:
        with self._here.database.reading() as db:
            newest = _newest(db)
        if newest in ("", self._newest):  # nobody was erased yet, or nobody since
            return
        jobs_of(self._here).look()
        for uploads in (self._here.find(Uploads), self._here.find(SharedUploads)):
            if uploads is not None:
                uploads.sweep()
        for cache in CACHES:
            cache.cache_clear()
        try:
            with self._here.database.reading() as db:
                photos = person.photos_of_erased(db, self._here.event)
            for path in photos:
                path.unlink(missing_ok=True)
        except (DesignError, OSError) as error:
            log.error("photos of erased people may be left here: %s", cause(error))
        # Only now: after an exception the next look tries again.
        self._newest = newest


def _newest(db: Connection) -> str:
    row = db.execute("SELECT value FROM setting WHERE key = ?", (_SETTING,)).fetchone()
    return "" if row is None else str(row[0])
