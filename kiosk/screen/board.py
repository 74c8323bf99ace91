"""Keeps the board between the door's threads and its face. It has what is shown now, and what staff
typed.

Whoever puts something up never waits. A slow or absent screen misses what was replaced, and nothing
piles up.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Literal

from badges.admission.facts import Direction
from kiosk.door.answer import Answer
from kiosk.door.programme import ShownSession
from kiosk.supervisor.status import SupervisorStatus
from kiosk.texts.messages import Message

ANSWERS_MAX = 5  # The newest one, which is shown large, and those before it.
VERSION_FIRST = 1


@dataclass(frozen=True)
class DoorStatus:
    """Says which door this is, and its places. Instants are Unix ms, and names are by language."""

    hall_names: Mapping[str, str] = field(default_factory=dict)
    door_names: Mapping[str, str] = field(default_factory=dict)
    mode: Literal["entry", "exit", "both"] = "entry"  # With "both" staff choose the direction.
    direction: Direction = Direction.ENTRY
    time_zone: str = "UTC"  # The venue's.
    # Places at this door, in that of the halls that it leads into which has the fewest.
    free_places: int = 0
    # The name of that hall, where it is one around the door's own.
    free_names: Mapping[str, str] = field(default_factory=dict)
    # Places in the whole hall as the server last said, in that hall which has the fewest.
    hall_left: int | None = None
    # The name of that hall, where it is one around the door's own.
    left_names: Mapping[str, str] = field(default_factory=dict)
    hall_left_at: int | None = None  # When the server said so.
    # What goes on in the hall, and what comes next.
    programme: tuple[ShownSession, ...] = ()


@dataclass(frozen=True)
class LinkStatus:
    """Says how the connection with the server is. Instants are Unix ms by the kiosk's clock."""

    online: bool = False
    offline_since: int | None = None  # None while online, and if it never was.
    # How fresh the replica is. None means that it never had any facts.
    facts_as_of: int | None = None
    scans_waiting: int = 0
    skew_ms: int | None = None  # The kiosk's clock minus the server's, as last measured.
    retired: bool = False
    refused: tuple[Message, ...] = ()  # What staff must tell an admin, such as refused scans.


@dataclass(frozen=True)
class DeviceStatus:
    """Says how this machine is, and what is connected to it."""

    battery_percent: int | None = None  # None where there is no battery.
    camera: Literal["none", "starting", "live", "lost", "ended"] = "starting"
    camera_message: Message | None = None  # What is wrong, as CameraStatus.message.
    # "off" means that no pulse was sent yet.
    relay: Literal["none", "off", "works", "failed"] = "none"
    trouble: tuple[Message, ...] = ()  # What is wrong with this kiosk's disk or its relay.


StatusPart = DoorStatus | LinkStatus | DeviceStatus | SupervisorStatus


@dataclass(frozen=True)
class Status(DoorStatus, LinkStatus, DeviceStatus, SupervisorStatus):
    """Says how the kiosk is. It has all parts as the page has them, and what changes between two of
    these.
    """

    notice: Message | None = None  # What to tell about the camera's view.
    asking: bool = False  # The next answer waits for a place from another door.


@dataclass(frozen=True)
class BoardState:
    """Holds one picture of the board. `answers` has the newest first, and `shown` counts all of
    them.
    """

    status: Status = Status()
    answers: tuple[Answer, ...] = ()
    shown: int = 0


class Board:
    """Shows staff the kiosk's state, and is thread-safe. `on_text` gets what staff typed, and
    `on_direction` the direction that they chose.

    Both are called in the screen's threads with no lock held, so they may take their time.
    `on_direction` says whether the door has a choice.
    """

    def __init__(
        self,
        on_text: Callable[[str], None] | None = None,
        on_direction: Callable[[Direction], bool] | None = None,
    ) -> None:
        self.on_text = on_text
        self.on_direction = on_direction
        self._changed = threading.Condition()  # It guards the two fields below.
        self._state = BoardState()
        self._version = VERSION_FIRST

    @property
    def state(self) -> BoardState:
        # No lock is needed, because the state is one reference that is replaced as a whole.
        return self._state

    def show(self, answer: Answer) -> None:
        """Put up a new answer, and its places with it. Call it after the commit."""
        with self._changed:
            state = self._state
            self._put(
                BoardState(
                    status=replace(
                        state.status,
                        free_places=answer.free_places,
                        free_names=answer.free_names,
                    ),
                    answers=(answer, *state.answers)[:ANSWERS_MAX],
                    shown=state.shown + 1,
                )
            )

    def put(self, *parts: StatusPart) -> None:
        """Replace whole parts of the status. Waiters wake only if something differs."""
        self.update(**{f.name: getattr(part, f.name) for part in parts for f in fields(part)})

    def update(self, **changes: object) -> None:
        """Change fields of the status. Waiters wake only if something differs.

        Raises TypeError for a field that Status does not have.
        """
        with self._changed:
            status = replace(self._state.status, **changes)  # type: ignore[arg-type]
            if status != self._state.status:
                self._put(replace(self._state, status=status))

    def wait(
        self, after: int, timeout_s: float, goes_on: Callable[[], bool] = lambda: True
    ) -> tuple[int, BoardState]:
        """Return the newest (version, state). It comes at once if its version is above `after`,
        else when it changes or the time is over.

        Start with `after=0`. An unchanged version says that the time is over, or that the wait no
        longer `goes_on`. Whoever changes that calls `wake`.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._version > after or not goes_on(), timeout_s)
            return self._version, self._state

    def wake(self) -> None:
        """Let all that wait look whether their wait goes on."""
        with self._changed:
            self._changed.notify_all()

    def type_text(self, text: str) -> None:
        """Hand on what a hand scanner typed."""
        if self.on_text is not None:
            self.on_text(text)

    def turn(self, direction: Direction) -> bool:
        """Hand on that staff chose a direction, and tell whether the door serves both."""
        return self.on_direction is not None and self.on_direction(direction)

    def _put(self, state: BoardState) -> None:
        self._state = state
        self._version += 1
        self._changed.notify_all()
