"""Detects a frozen live picture: every byte stays the same. Sensor noise alone would change it.

Not used for files, because a film may show a still.
"""

import numpy as np

from kiosk.pictures import Picture
from kiosk.texts.messages import Code, Message

FROZEN_S = 1.25  # short enough for staff to read it within 2 s
REOPEN_S = (3.0, 60.0)  # first and longest wait for a frozen camera to recover by itself
# Gray levels. A covered lens gives no more than this, perhaps without noise.
BLACK = 16


class Freeze:
    """Detects when one camera's pictures no longer change, across reconnections. Times are in
    seconds.
    """

    def __init__(self, frozen_s: float, reopen_s: tuple[float, float]) -> None:
        self._frozen_s = frozen_s
        self._reopen_s = reopen_s
        self._patience_s = reopen_s[0]
        self._last: Picture | None = None
        self._differed_at = 0.0
        self._opened_at = 0.0

    def opened(self, now: float) -> None:
        self._opened_at = now

    def holds(self, picture: Picture, now: float) -> bool:
        if self._last is None or not same_bytes(self._last, picture):
            self._last, self._differed_at = picture, now
            self._patience_s = self._reopen_s[0]
        return now - self._differed_at >= self._frozen_s

    def is_hopeless(self, now: float) -> bool:
        """Whether to reopen a frozen camera: after a time that doubles each time.

        Perhaps nothing moves, and a network camera sends nothing new. Then reopening only
        interrupts the pictures.
        """
        since = max(self._opened_at, self._differed_at + self._frozen_s)
        if now - since < self._patience_s:
            return False
        self._patience_s = min(self._patience_s * 2, self._reopen_s[1])
        return True

    @property
    def message(self) -> Message:
        black = self._last is not None and int(self._last.max()) <= BLACK
        return Message(Code.BLACK if black else Code.FROZEN)


def same_bytes(first: Picture, second: Picture) -> bool:
    """Whether two pictures are equal. Compares a sparse sample first, because it almost always
    decides.
    """
    if first.shape != second.shape or not np.array_equal(first[::16, ::16], second[::16, ::16]):
        return False
    return bool(np.array_equal(first, second))
