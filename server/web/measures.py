"""Metrics of requests for /metrics: durations of scan batches, and counts of scans."""

import threading
from collections import Counter

from prometheus_client import CollectorRegistry, Histogram

from server.core.ledger import entries
from server.storage.connection import Connection

# Buckets for the seconds until a batch was on disk.
_LEDGER_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class Measures:
    """Counts for the metrics page. Thread-safe."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.ledger = Histogram(
            "hallkeeper_ledger_seconds",
            "Seconds from a kiosk's batch to its commit.",
            buckets=_LEDGER_S,
            registry=self.registry,
        )
        # guards the counts of scans and the last counted number
        self._lock = threading.Lock()
        self._counted: int | None = None
        self._scans: Counter[tuple[str, str]] = Counter()

    def begin(self, db: Connection) -> None:
        with self._lock:
            self._counted = entries.newest_number(db)

    def scans(self, db: Connection) -> dict[tuple[str, str], int]:
        with self._lock:
            if self._counted is None:
                self._counted = entries.newest_number(db)
            fresh, self._counted = entries.scans_since(db, self._counted)
            self._scans.update(fresh)
            return dict(self._scans)
