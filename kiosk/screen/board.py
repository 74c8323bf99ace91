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

ANSWERS_MAX = 5  # the newest, which is shown large, and those before it
VERSION_FIRST = 1


@dataclass(frozen=True)
class DoorStatus:
    """Says which door this is, and its places. Instants are Unix ms, and names are by language."""

    hall_names: Mapping[str, str] = field(default_factory=dict)
    door_names: Mapping[str, str] = field(default_factory=dict)
    mode: Literal["entry", "exit", "both"] = "entry"  # "both": staff choose the direction
    direction: Direction = Direction.ENTRY
    time_zone: str = "UTC"  # the venue's
    free_places: int = 0  # at this door, the fewest of the halls that it leads into
    free_names: Mapping[str, str] = field(default_factory=dict)  # of a hall around: which
    hall_left: int | None = None  # in the whole hall, as the server last told; the fewest, too
    left_names: Mapping[str, str] = field(default_factory=dict)  # of a hall around: which
    hall_left_at: int | None = None  # when it did
    programme: tuple[ShownSession, ...] = ()  # what goes on in the hall, and what comes next


@dataclass(frozen=True)
class LinkStatus:
    """How the talk with the server goes. Instants are Unix ms by the kiosk's clock."""

    online: bool = False
    offline_since: int | None = None  # None: online, or never was
    facts_as_of: int | None = None  # how fresh the replica is; None: never had any
    scans_waiting: int = 0
    skew_ms: int | None = None  # kiosk's clock minus server's, as last measured
    retired: bool = False
    refused: tuple[Message, ...] = ()  # what staff must tell an admin, as refused scans


@dataclass(frozen=True)
class DeviceStatus:
    """How this machine is, and what hangs on it."""

    battery_percent: int | None = None  # None: there is none
    camera: Literal["none", "starting", "live", "lost", "ended"] = "starting"
    camera_message: Message | None = None  # what is wrong, as CameraStatus.message
    relay: Literal["none", "off", "works", "failed"] = "none"  # "off": no pulse was sent yet
    trouble: tuple[Message, ...] = ()  # of this kiosk: its disk, its relay


StatusPart = DoorStatus | LinkStatus | DeviceStatus | SupervisorStatus


@dataclass(frozen=True)
class Status(DoorStatus, LinkStatus, DeviceStatus, SupervisorStatus):
    """How the kiosk is: all parts, as the page has them, and what changes between two of these."""

    notice: Message | None = None  # a line on what the camera sees
    asking: bool = False  # the next answer waits for a place from another door


@dataclass(frozen=True)
class BoardState:
    """Holds one picture of the board. `answers` has the newest first, and `shown` counts all of
    them.
    """

    status: Status = Status()
    answers: tuple[Answer, ...] = ()
    shown: int = 0


class Board:
    """Thread-safe. `on_text` gets what staff typed, `on_direction` the direction that they chose.

    Both are called in the screen's threads and may take their time: no lock is held.
    `on_direction` says whether the door has a choice.
    """

    def __init__(
        self,
        on_text: Callable[[str], None] | None = None,
        on_direction: Callable[[Direction], bool] | None = None,
    ) -> None:
        self.on_text = on_text
        self.on_direction = on_direction
        self._changed = threading.Condition()  # guards the two below
        self._state = BoardState()
        self._version = VERSION_FIRST

    @property
    def state(self) -> BoardState:
        return self._state  # one reference, replaced as a whole

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

    def wait(self, after: int, timeout_s: float) -> tuple[int, BoardState]:
        """Return the newest (version, state). It comes at once if its version is above `after`,
        else when it changes or the time is over.

        Start with `after=0`. An unchanged version says that the time is over.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._version > after, timeout_s)
            return self._version, self._state

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
