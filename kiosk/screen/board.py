"""The board between the door's threads and the screen: current status and answers, and staff's
input.

Writers never wait. A slow or absent screen misses replaced states, and nothing piles up.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Literal

from badges.admission.facts import Direction
from kiosk.clock import monotonic_ms
from kiosk.door.answer import Answer
from kiosk.door.programme import ShownSession
from kiosk.supervisor.status import SupervisorStatus
from kiosk.texts.messages import Message

ANSWERS_MAX = 5  # the newest one, shown large, and earlier ones
VERSION_FIRST = 1


@dataclass(frozen=True)
class DoorStatus:
    """The door and its places. Instants are Unix ms. Names are by language."""

    hall_names: Mapping[str, str] = field(default_factory=dict)
    door_names: Mapping[str, str] = field(default_factory=dict)
    mode: Literal["entry", "exit", "both"] = "entry"  # with "both", staff choose the direction
    direction: Direction = Direction.ENTRY
    time_zone: str = "UTC"  # the venue's
    # Places at this door, in the hall of this door that has the fewest.
    free_places: int = 0
    # Its name, if it is an outer hall.
    free_names: Mapping[str, str] = field(default_factory=dict)
    # Places in the whole hall by the server's last report, in the hall that has the fewest. An
    # entry here is subtracted at once.
    hall_left: int | None = None
    # Its name, if it is an outer hall.
    left_names: Mapping[str, str] = field(default_factory=dict)
    # People whom overrides may still admit, in the hall that has the fewest: up to its legal limit
    # by the server's last reports, and with the places that this door holds.
    limit_left: int | None = None
    limit_here: int = 0
    # The sessions in progress and next in the hall.
    programme: tuple[ShownSession, ...] = ()


@dataclass(frozen=True)
class LinkStatus:
    """The connection with the server. Instants are Unix ms by the kiosk's clock."""

    online: bool = False
    offline_since: int | None = None  # None while online, and if it never was
    # The time of the facts; None without any.
    facts_as_of: int | None = None
    scans_waiting: int = 0
    skew_ms: int | None = None  # kiosk's clock minus the server's, as last measured
    retired: bool = False
    refused: tuple[Message, ...] = ()  # for staff to tell an admin, such as refused scans


@dataclass(frozen=True)
class DeviceStatus:
    battery_percent: int | None = None  # None without a battery
    camera: Literal["none", "starting", "live", "lost", "ended"] = "starting"
    camera_message: Message | None = None  # the fault, as CameraStatus.message
    # "off": no pulse was sent yet
    relay: Literal["none", "off", "works", "failed"] = "none"
    trouble: tuple[Message, ...] = ()  # faults of this kiosk's disk or relay


StatusPart = DoorStatus | LinkStatus | DeviceStatus | SupervisorStatus


@dataclass(frozen=True)
class Status(DoorStatus, LinkStatus, DeviceStatus, SupervisorStatus):
    notice: Message | None = None  # about the camera's view
    asking: bool = False  # the next answer waits for a place from another door
    unanswered: int = 0  # scans without an answer since the start


@dataclass(frozen=True)
class BoardState:
    """Everything that the board shows at one moment. `answers` are newest first, with the monotonic
    ms at which each was made in `made_at`; `shown` counts all answers.
    """

    status: Status = Status()
    answers: tuple[Answer, ...] = ()
    made_at: tuple[int, ...] = ()
    shown: int = 0


class Board:
    """The state shown to staff. Thread-safe. `on_text` gets typed text, and `on_direction` a chosen
    direction.

    Both are called in the screen's threads without a lock, so they may block. `on_direction`
    returns whether the door has a choice.
    """

    def __init__(
        self,
        on_text: Callable[[str], None] | None = None,
        on_direction: Callable[[Direction], bool] | None = None,
    ) -> None:
        self.on_text = on_text
        self.on_direction = on_direction
        self._changed = threading.Condition()  # guards the two fields below
        self._state = BoardState()
        self._version = VERSION_FIRST

    @property
    def state(self) -> BoardState:
        # No lock: this is one reference, replaced as a whole.
        return self._state

    def show(self, answer: Answer) -> None:
        """Show a new answer and its free places. Call it after the commit."""
        with self._changed:
            state = self._state
            left = state.status.hall_left
            if left and answer.passes and answer.direction is Direction.ENTRY:
                left -= 1  # A screen reader reads this number once.
            self._put(
                BoardState(
                    status=replace(
                        state.status,
                        free_places=answer.free_places,
                        free_names=answer.free_names,
                        hall_left=left,
                    ),
                    answers=(answer, *state.answers)[:ANSWERS_MAX],
                    made_at=(monotonic_ms(), *state.made_at)[:ANSWERS_MAX],
                    shown=state.shown + 1,
                )
            )

    def end_answer(self) -> None:
        """End the shown answer, because a later scan got none."""
        self.update(unanswered=self.state.status.unanswered + 1)

    def put(self, *parts: StatusPart) -> None:
        self.update(**{f.name: getattr(part, f.name) for part in parts for f in fields(part)})

    def update(self, **changes: object) -> None:
        """Change fields of the status. Waiters wake only if something differs.

        Raises TypeError for an unknown field.
        """
        with self._changed:
            status = replace(self._state.status, **changes)  # type: ignore[arg-type]
            if status != self._state.status:
                self._put(replace(self._state, status=status))

    def wait(
        self, after: int, timeout_s: float, goes_on: Callable[[], bool] = lambda: True
    ) -> tuple[int, BoardState]:
        """The newest (version, state), as soon as its version is above `after`, or after the
        timeout.

        Start with `after=0`. An unchanged version means that the time is over, or that `goes_on`
        is false. Call `wake` when `goes_on` changes.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._version > after or not goes_on(), timeout_s)
            return self._version, self._state

    def wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def type_text(self, text: str) -> None:
        if self.on_text is not None:
            self.on_text(text)

    def turn(self, direction: Direction) -> bool:
        return self.on_direction is not None and self.on_direction(direction)

    def _put(self, state: BoardState) -> None:
        self._state = state
        self._version += 1
        self._changed.notify_all()
