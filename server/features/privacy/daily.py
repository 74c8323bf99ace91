"""Applies the retention periods daily, on a thread of the server."""

import logging
from collections.abc import Callable

from badges.i18n import phrase_of
from server.core.event import retention as clocks
from server.core.event.directory import Event
from server.core.people.card_design import DesignError
from server.features.privacy import running
from server.repeating import Repeating
from server.storage.database import Database
from server.storage.disk import DatabaseError
from server.storage.errors import EngineError, cause, grade

log = logging.getLogger(__name__)

BY = "server"
LOOK_S = 15 * 60.0
UNTIL_FIRST_S = 30.0  # between looks before the first run that succeeds


class Daily:
    def __init__(
        self,
        event: Event,
        database: Database,
        now: Callable[[], int],
        settled: Callable[[], None],
        look_s: float = LOOK_S,
    ) -> None:
        """`settled` is called after each run with erasures."""
        self._event, self._database = event, database
        self._now, self._settled = now, settled
        self._look_s = look_s
        self._ran_at = 0
        self.trouble = ""
        self._repeating = Repeating(
            "retention", look_s, self._turn, first_s=min(look_s, UNTIL_FIRST_S)
        )

    def start(self) -> None:
        self._repeating.start()

    def close(self) -> None:
        self._repeating.close()

    def look(self) -> list[clocks.Done]:
        now = self._now()
        if 0 <= now - self._ran_at < clocks.DAY_MS:
            return []
        try:
            done = running.run(self._database, self._event, by=BY, now=now)
        except (DesignError, DatabaseError, EngineError, OSError) as error:
            if not self.trouble:
                log.log(grade(error), "expired records are not erased: %s", cause(error))
            self.trouble = phrase_of(error)
            return []
        finally:
            self._database.give_back()
        self._ran_at, self.trouble = now, ""
        if done:
            self._settled()
        return done

    def _turn(self) -> float | None:
        self.look()
        return None if self._ran_at else min(self._look_s, UNTIL_FIRST_S)
