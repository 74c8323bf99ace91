"""Tells a live picture that froze, because every byte stays the same. A sensor's noise alone would
differ.

This is never asked of files, because a still film is what it is.
"""

import numpy as np

from kiosk.pictures import Picture
from kiosk.texts.messages import Code, Message

FROZEN_S = 1.25  # Short enough for staff to read it within 2 s.
REOPEN_S = (3.0, 60.0)  # The first and the longest wait for a frozen camera to move by itself.
# Gray levels. A covered lens gives no more than this, and perhaps no noise either.
BLACK = 16


class Freeze:
    """Watches one camera's pictures, over its reconnections too. Times are in seconds."""

    def __init__(self, frozen_s: float, reopen_s: tuple[float, float]) -> None:
        self._frozen_s = frozen_s
        self._reopen_s = reopen_s
        self._patience_s = reopen_s[0]
        self._last: Picture | None = None
        self._differed_at = 0.0
        self._opened_at = 0.0

    def opened(self, now: float) -> None:
        """Note that the camera was opened (again)."""
        self._opened_at = now

    def holds(self, picture: Picture, now: float) -> bool:
        """Tell whether the picture has been the same for too long."""
        if self._last is None or not same_bytes(self._last, picture):
            self._last, self._differed_at = picture, now
            self._patience_s = self._reopen_s[0]
        return now - self._differed_at >= self._frozen_s

    def is_hopeless(self, now: float) -> bool:
        """Tell whether a frozen camera is to be opened anew. That is so after some time, each time
        a longer one.

        It may be that nothing moves, and a network camera sends nothing new. Then opening it only
        leaves the door without pictures for a moment.
        """
        since = max(self._opened_at, self._differed_at + self._frozen_s)
        if now - since < self._patience_s:
            return False
        self._patience_s = min(self._patience_s * 2, self._reopen_s[1])
        return True

    @property
    def message(self) -> Message:
        """Return what to tell staff of the frozen picture."""
        black = self._last is not None and int(self._last.max()) <= BLACK
        return Message(Code.BLACK if black else Code.FROZEN)


def same_bytes(one: Picture, other: Picture) -> bool:
    """Tell whether two pictures are equal. A thin sample is compared first, because it almost
    always tells.
    """
    if one.shape != other.shape or not np.array_equal(one[::16, ::16], other[::16, ::16]):
        return False
    return bool(np.array_equal(one, other))
