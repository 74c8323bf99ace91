"""Remembers for a few minutes what a browser has been asked, so that its answer counts once.

These are secrets of an authenticator app that is being set up, and challenges to passkeys. They are
in memory alone. After a restart the page is opened again.
"""

import threading
from collections import OrderedDict

LIFE_MS = 10 * 60_000
KEPT_MAX = 10_000


class Pending:
    """Keeps what was asked in one server. Safe to use from many threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], tuple[bytes, int]] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, token: str, purpose: str, value: bytes, now: int) -> None:
        """Remember a value for the session of `token`, in place of the last one of that purpose."""
        with self._lock:
            self._kept[token, purpose] = (value, now + LIFE_MS)
            self._kept.move_to_end((token, purpose))
            while len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)

    def look(self, token: str, purpose: str, now: int) -> bytes | None:
        """Return the value, or None where there is none, or it is too old."""
        with self._lock:
            value, until = self._kept.get((token, purpose), (b"", 0))
        return value if now < until else None

    def take(self, token: str, purpose: str, now: int) -> bytes | None:
        """Return the value and forget it. Returns None where there is none, or it is too old."""
        with self._lock:
            value, until = self._kept.pop((token, purpose), (b"", 0))
        return value if now < until else None
