"""A supervisor's actions at this door, allowed for a short while after their PIN.

Nothing here delays a scan. Each action that overrules the door is a record with the supervisor's
name and reason.
"""

import threading
from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeVar

from badges.admission.facts import Direction
from badges.whole_text import whole_text
from badges.wire.supervisor import DoorChoice, Found, PersonFacts
from badges.wire.wire import CategoryFacts
from kiosk.clock import monotonic_ms, now_ms
from kiosk.door.admit import Admitter
from kiosk.door.answer import Answer
from kiosk.door.direction import DirectionState
from kiosk.door.roll_call import POINT_CHARS_MAX, RollCall
from kiosk.journal.journal import Journal
from kiosk.journal.values import PlaceWait, State
from kiosk.replica.replica import Replica
from kiosk.supervisor.override import NEVER, OverrideHandler, Word
from kiosk.supervisor.recent import Recent
from kiosk.supervisor.server_requests import ServerDesk
from kiosk.supervisor.sessions import Session, Sessions
from kiosk.supervisor.shift import Shift
from kiosk.supervisor.state_file import SupervisorFile
from kiosk.supervisor.status import ShiftFigures, SupervisorStatus
from kiosk.supervisor.texts import ANNUL_REASONS, OTHER, OVERRIDE_REASONS, SupervisorError
from kiosk.sync.protocol import Request

NOTE_CHARS_MAX = 200

Result = TypeVar("Result")


Need = Request | PlaceWait  # what the steps of an action wait for
Steps = Generator[Need, Any, Result]


class Supervision:
    """Actions at one door. Thread-safe. Methods raise SupervisorError, and the journal's errors."""

    def __init__(
        self,
        file: SupervisorFile,
        admitter: Admitter,
        override_handler: OverrideHandler,
        server: ServerDesk,
        direction: DirectionState,
        journal: Journal,
        replica: Replica,
        *,
        on_answer: Callable[[Answer], None],
        on_move: Callable[[], None],
        on_places: Callable[[], None],
        clock: Callable[[], int] = now_ms,
        monotonic: Callable[[], int] = monotonic_ms,
    ) -> None:
        """Callbacks are called after a commit, without a lock.

        `on_answer` gets each answer made here. `on_move`: the kiosk is at another door.
        `on_places`: places went back or are wanted again.
        """
        self._admitter = admitter
        self._override_handler = override_handler
        self._server = server
        self._direction = direction
        self._journal = journal
        self._replica = replica
        self._on_answer = on_answer
        self._on_move = on_move
        self._on_places = on_places
        self._clock = clock
        self._sessions = Sessions(
            replica, file, clock=clock, monotonic=monotonic, on_end=self._forget_people
        )
        self._recent = Recent(override_handler, clock=clock, monotonic=monotonic)
        self._shift = Shift(journal, file)
        # The people found by the last look-up, by serial.
        self._found: dict[int, PersonFacts] = {}
        # One action at a time, so that a second click finds it done.
        self._acting = threading.Lock()

    def record_answer(self, answer: Answer) -> None:
        self._recent.record_answer(answer)

    def unlock(self, user: int, pin: str) -> Session:
        return self._sessions.unlock(user, pin)

    def lock(self) -> None:
        self._sessions.lock()

    def override(self, seq: int, reason: str, note: str) -> Steps[Answer]:
        """`seq` is the newest denial."""
        with self._acting:
            word = self._word(OVERRIDE_REASONS, reason, note)
            newest = self._recent.denial()
            if newest is None or newest[0].seq != seq:
                raise SupervisorError("nothing_to_override")
            if newest[1].reason in NEVER:
                raise SupervisorError("not_overridable")
            answer = yield from self._override_handler.override(newest[0], word, at=self._clock())
            self._recent.forget_denial()
        self._on_answer(answer)
        return answer

    def annul(self, seq: int, reason: str, note: str) -> Answer:
        with self._acting:
            word = self._word(ANNUL_REASONS, reason, note)
            holder = self._recent.name_of(seq)
            answer = self._override_handler.annul(seq, word, holder=holder, at=self._clock())
        self._on_answer(answer)
        return answer

    def people(self, words: str) -> Steps[Found]:
        session = self._sessions.require()
        result = yield from self._server.look_up(words, session.by)
        # The session may have ended meanwhile; then keep no names.
        self._sessions.require()
        self._found = {person.serial: person for person in result.people}
        return result

    def admit(self, serial: int) -> Steps[Answer]:
        """Answer for a person found by the last look-up, as if they had shown a badge."""
        with self._acting:
            session = self._sessions.require()
            person = self._found.pop(serial, None)
            if person is None:
                raise SupervisorError("look_up_first")
            answer = yield from self._admitter.admit_by_name(
                person,
                user=session.by,
                user_name=session.name,
                at=self._clock(),
                direction=self._direction.chosen(),
            )
        self._on_answer(answer)
        return answer

    def turn(self, direction: Direction) -> None:
        self._sessions.require()
        if not self._direction.choose(direction):
            raise SupervisorError("one_way")

    @property
    def own_door(self) -> int | None:
        context = self._replica.context
        return None if context is None else context.door.door

    def category(self, code: int) -> CategoryFacts | None:
        context = self._replica.context
        return None if context is None else context.categories.get(code)

    def doors(self) -> Steps[list[DoorChoice]]:
        self._sessions.require()
        return (yield from self._server.doors())

    def move(self, door: int) -> Steps[None]:
        session = self._sessions.require()
        yield from self._server.move(door, session.by)
        self._recent.forget_denial()
        self._on_move()

    def end_shift(self) -> ShiftFigures:
        """Stop admitting until `resume`, give all places back, and return the shift's figures."""
        with self._acting:
            self._sessions.require()
            self._shift.end(self._clock())
        self._sessions.lock()
        self._on_places()
        return self._shift.figures(self._journal.state())

    def resume(self) -> None:
        with self._acting:
            self._sessions.require()
            self._shift.resume(self._clock())
        self._on_places()

    def begin_roll_call(self, point: str) -> None:
        """Note people at that assembly point from now on, and admit nobody."""
        with self._acting:
            session = self._sessions.require()
            point = _one_line(point)
            if not 0 < len(point) <= POINT_CHARS_MAX:
                raise SupervisorError("point_missing")
            self._shift.begin_roll_call(RollCall(point, session.by), self._clock())
            self._recent.forget_denial()
        self._sessions.lock()
        self._on_places()

    def end_roll_call(self) -> None:
        """Stop noting people. The door stays closed until `resume`."""
        with self._acting:
            self._sessions.require()
            self._shift.end_roll_call()
        self._on_places()

    def status(self, state: State) -> SupervisorStatus:
        session, rolling = self._sessions.live(), self._shift.roll_call
        return SupervisorStatus(
            supervisors=self._sessions.pin_holders(),
            supervisor=None if session is None else session.shown(),
            pin_locked_until=self._sessions.pin_locked_until(),
            resting=state.resting,
            shift=self._shift.figures(state) if state.resting else None,
            roll_call="" if rolling is None else rolling.point,
            can_override=self._recent.can_override(),
            can_annul=self._recent.can_annul(state),
        )

    def _word(self, reasons: Mapping[str, str], reason: str, note: str) -> Word:
        session = self._sessions.require()
        return Word(session.by, session.name, written(reasons, reason, note))

    def _forget_people(self) -> None:
        self._found = {}


def written(reasons: Mapping[str, str], reason: str, note: str) -> str:
    """The reason as recorded. Raises SupervisorError."""
    note = _one_line(note)
    if reason not in reasons or (reason == OTHER and not note):
        raise SupervisorError("reason_missing")
    text = note if reason == OTHER else f"{reason}: {note}" if note else reason
    if len(text) > NOTE_CHARS_MAX:
        raise SupervisorError("note_too_long")
    return text


def _one_line(text: str) -> str:
    whole = whole_text(text)
    return " ".join("".join(c if c.isprintable() else " " for c in whole).split())
