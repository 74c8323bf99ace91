import threading
from collections.abc import Mapping
from dataclasses import replace

from server.core.alerts.alerts import Alert
from server.core.alerts.taken import Taken

# An alert absent for longer is a new occurrence. A shorter gap is a wavering value.
AWAY_MS = 120_000


class Watch:
    """Remembers since when each alert exists, to recognise new occurrences. After a start, alerts
    taken on before keep their time.
    """

    def __init__(self) -> None:
        # guards the dictionary
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[int, int]] = {}  # first and last, in Unix ms
        self._begun = False
        self._looked_at = 0  # Unix ms

    def dated(self, alerts: list[Alert], taken: Mapping[str, Taken], now: int) -> list[Alert]:
        """Return the alerts with `since` set."""
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
            dated = [self._one(alert, now) for alert in alerts]
            self._seen = {
                key: times for key, times in self._seen.items() if now - times[1] <= AWAY_MS
            }
            return dated

    def _one(self, alert: Alert, now: int) -> Alert:
        if alert.since is not None:
            return alert
        first, last = self._seen.get(alert.key, (now, now))
        if now - last > AWAY_MS:
            first = now
        self._seen[alert.key] = (first, now)
        return replace(alert, since=first)


def is_taken(alert: Alert, taken: Taken | None) -> bool:
    """Return whether `taken` is about this occurrence of the alert, which has not become worse
    since.
    """
    return taken is not None and taken.since == alert.since and alert.level <= taken.level
