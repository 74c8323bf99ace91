"""Remembers since when each trouble is there, so that the next occurrence is told from this one."""

import threading
from collections.abc import Mapping
from dataclasses import replace

from server.core.alerts.alerts import Trouble
from server.core.alerts.taken import Taken

# A trouble that was away for longer comes anew. A shorter gap is a value that wavers.
AWAY_MS = 120_000


class Watch:
    """Knows when each trouble of one server was first and last seen. It begins empty, and what was
    taken on before then goes on.
    """

    def __init__(self) -> None:
        # The lock guards the dictionary.
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[int, int]] = {}  # First and last, in Unix ms.
        self._begun = False
        self._looked_at = 0  # Unix ms

    def dated(self, troubles: list[Trouble], taken: Mapping[str, Taken], now: int) -> list[Trouble]:
        """Return the troubles that are there now, each with since when it is there."""
        with self._lock:
            if not self._begun:
                self._begun = True
                for key, one in taken.items():
                    if one.since is not None:
                        self._seen[key] = (one.since, now)
            elif now - self._looked_at > AWAY_MS:
                # Nobody looked meanwhile. What was there then counts as if it had stayed.
                for key, (first, last) in self._seen.items():
                    if last == self._looked_at:
                        self._seen[key] = (first, now)
            self._looked_at = now
            dated = [self._one(trouble, now) for trouble in troubles]
            self._seen = {
                key: times for key, times in self._seen.items() if now - times[1] <= AWAY_MS
            }
            return dated

    def _one(self, trouble: Trouble, now: int) -> Trouble:
        if trouble.since is not None:
            return trouble
        first, last = self._seen.get(trouble.key, (now, now))
        if now - last > AWAY_MS:
            first = now
        self._seen[trouble.key] = (first, now)
        return replace(trouble, since=first)


def is_taken(trouble: Trouble, taken: Taken | None) -> bool:
    """Say whether what was noted is about this occurrence, and it has not become worse since."""
    return taken is not None and taken.since == trouble.since and trouble.level <= taken.level
