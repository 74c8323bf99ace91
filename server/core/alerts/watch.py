"""Tracks since when each alert is present, to recognise new occurrences."""

import threading
from collections.abc import Mapping
from dataclasses import replace

from server.core.alerts.alerts import Trouble
from server.core.alerts.taken import Taken

# An alert absent for longer is a new occurrence. A shorter gap is a wavering value.
AWAY_MS = 120_000


class Watch:
    """Starts empty, and alerts taken on before continue."""

    def __init__(self) -> None:
        # guards the dictionary
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[int, int]] = {}  # first and last, in Unix ms
        self._begun = False
        self._looked_at = 0  # Unix ms

    def dated(self, troubles: list[Trouble], taken: Mapping[str, Taken], now: int) -> list[Trouble]:
        """Return the alerts, each with its start."""
        with self._lock:
            if not self._begun:
                self._begun = True
                for key, handled in taken.items():
                    if handled.since is not None:
                        self._seen[key] = (handled.since, now)
            elif now - self._looked_at > AWAY_MS:
                # After a pause in polling, alerts from before the pause count as continuous.
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
    """Return whether the note is about this occurrence, and it has not become worse since."""
    return taken is not None and taken.since == trouble.since and trouble.level <= taken.level
