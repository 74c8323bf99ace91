import threading
from collections.abc import Callable

from badges.admission.facts import Denied, Direction
from badges.credential.badge_number import badge_number
from badges.record import ScanRecord
from badges.wire.wire import HolderName
from kiosk.door.answer import Answer
from kiosk.journal.values import State
from kiosk.supervisor.override import ANNUL_MS, NEVER, OverrideHandler
from kiosk.supervisor.status import RecentAnswer, RecentDenial

OVERRIDE_MS = 60_000  # after the denial


class Recent:
    """The newest denial and admission at this door, which a supervisor may still overrule.
    Thread-safe. `record_answer` is called with every answer.
    """

    def __init__(
        self,
        override_handler: OverrideHandler,
        *,
        clock: Callable[[], int],
        monotonic: Callable[[], int],
    ) -> None:
        self._override_handler = override_handler
        self._clock = clock
        self._monotonic = monotonic
        self._guard = threading.Lock()
        # The newest denial, and its time in monotonic ms.
        self._denied: tuple[Answer, int] | None = None
        # The last admission's sequence and holder.
        self._admitted: tuple[int, HolderName | None] = (0, None)
        # The last entry as of a sequence.
        self._last_entry: tuple[int, ScanRecord | None] = (-1, None)

    def record_answer(self, answer: Answer) -> None:
        with self._guard:
            if isinstance(answer.decision, Denied):
                self._denied = (answer, self._monotonic())
            elif answer.direction is Direction.ENTRY:
                self._admitted = (answer.seq, answer.holder)
                if self._denied is not None and self._denied[0].serial == answer.serial:
                    self._denied = None

    def forget_denial(self) -> None:
        with self._guard:
            self._denied = None

    def denial(self) -> tuple[Answer, Denied] | None:
        newest = self._denied
        if newest is None or self._monotonic() - newest[1] > OVERRIDE_MS:
            return None
        answer = newest[0]
        assert isinstance(answer.decision, Denied)
        return answer, answer.decision

    def name_of(self, seq: int) -> HolderName | None:
        """The holder admitted by entry `seq`, if it was the last one and there was no restart
        since.
        """
        last, holder = self._admitted
        return holder if seq == last else None

    def can_override(self) -> RecentDenial | None:
        newest = self.denial()
        if newest is None or newest[0].badge is None or newest[1].reason in NEVER:
            return None
        answer, denied = newest
        until = answer.scanned_at + OVERRIDE_MS
        badge, name = _about(answer.serial, answer.holder)
        return RecentDenial(answer.seq, answer.scanned_at, until, badge, name, denied.reason)

    def can_annul(self, state: State) -> RecentAnswer | None:
        if self._last_entry[0] != state.last_seq:
            self._last_entry = (state.last_seq, self._override_handler.last_entry())
        entry = self._last_entry[1]
        if entry is None or self._override_handler.may_annul(entry, self._clock()):
            return None
        until = entry.scanned_at + ANNUL_MS
        badge, name = _about(entry.serial, self.name_of(entry.seq))
        return RecentAnswer(entry.seq, entry.scanned_at, until, badge, name)


def _about(serial: int | None, holder: HolderName | None) -> tuple[str | None, str | None]:
    badge = None if serial is None else badge_number(serial)
    return badge, holder.name if holder else None
