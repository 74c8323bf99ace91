from collections.abc import Callable

from kiosk.texts.messages import Code, Message

NOTICE_S = 3.0  # a notice stays this long after its cause is over
UNREADABLE_S = 10.0  # after this time it is a poster, not a badge

TWO_BADGES = Message(Code.TWO_BADGES)
UNREADABLE = Message(Code.UNREADABLE)
DARK = Message(Code.DARK)
TOO_NEAR = Message(Code.TOO_NEAR)
TURNED_AWAY = Message(Code.TURNED_AWAY)
GLARE = Message(Code.GLARE)
ABOUT_ONE_CODE = (UNREADABLE, TOO_NEAR, TURNED_AWAY, GLARE)
Notice = Message | None  # None: nothing to show


class Notices:
    """Chooses the notice on the screen, and how long it stays. Times are in seconds."""

    def __init__(self, on_notice: Callable[[Notice], None]) -> None:
        self._on_notice = on_notice
        self._current: Notice = None
        self._shown: Notice = None  # the notice on the screen
        self._since = 0.0
        self._seen_at = 0.0

    def see(self, notice: Notice, now: float, *, read: bool) -> None:
        """Take the notice about one picture. `read`: a code was read in it."""
        if notice is not None and notice != self._current:
            if notice not in ABOUT_ONE_CODE or self._current not in ABOUT_ONE_CODE:
                self._since = now
            self._current = notice
            self._show(notice)
        if notice is not None:
            self._seen_at = now
        elif read and self._current != TWO_BADGES:
            # a code was read after all
            self._current = None
            self._show(None)
        self.pass_time(now)

    def pass_time(self, now: float) -> None:
        if now - self._seen_at > NOTICE_S:
            self._current = None
            self._show(None)
        elif self._current in ABOUT_ONE_CODE and now - self._since > UNREADABLE_S:
            self._show(None)

    def _show(self, notice: Notice) -> None:
        if notice != self._shown:
            self._shown = notice
            self._on_notice(notice)
