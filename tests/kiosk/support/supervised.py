"""A door with a supervisor: PINs, a server to ask, and a record of callbacks."""

from collections.abc import Generator
from typing import Any

import argon2
import pytest

from badges.places.pool import PoolKey
from badges.record import ScanRecord, decode_record
from badges.wire import wire
from badges.wire.supervisor import DoorChoice, Found, PersonFacts
from kiosk.door.answer import Answer
from kiosk.door.direction import DirectionState
from kiosk.journal.journal import Journal
from kiosk.steps import run
from kiosk.supervisor.override import OverrideHandler
from kiosk.supervisor.state_file import SupervisorFile
from kiosk.supervisor.status import SupervisorStatus
from kiosk.supervisor.supervision import Supervision
from kiosk.supervisor.texts import SupervisorError
from kiosk.sync.link import Skew
from kiosk.sync.protocol import Steps
from tests.kiosk.support.door_fixture import DELEGATE, DOOR, HALL, LocalDoor, records_of

CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
MEI, OMAR = 3, 4
PIN = "493817"
SUPERVISORS = [
    wire.SupervisorFacts(MEI, "Mei Lin", CHEAP.hash(PIN)),
    wire.SupervisorFacts(OMAR, "Omar", CHEAP.hash("270461")),
]
LOST = 0x00BEEF
PERSON = PersonFacts(
    serial=LOST,
    issue=1,
    category=DELEGATE,
    valid_days=0b11,
    zones=0b1,
    flags=0,
    holder=wire.HolderName("Lost Badge", "ACME", "DE"),
)


class AskedServer:
    """The server for a supervisor. `refuse` is an error code to answer with."""

    def __init__(self) -> None:
        self.refuse = ""
        self.people = [PERSON]
        self.asked: list[tuple] = []

    def _answer(self, *asked: object) -> None:
        self.asked.append(asked)
        if self.refuse:
            raise SupervisorError(self.refuse)

    def look_up(self, words: str, by: str) -> Steps[Found]:
        self._answer("people", words, by)
        yield from ()
        return Found(self.people, more=False)

    def doors(self) -> Steps[list[DoorChoice]]:
        self._answer("doors")
        yield from ()
        return [DoorChoice(70, {"en": "North"}, {"en": "Hall 7"}, "both")]

    def move(self, door: int, by: str) -> Steps[None]:
        self._answer("door", door, by)
        yield from ()


class Blocking:
    """A supervision whose actions run to their end in the test's thread."""

    def __init__(self, supervision: Supervision, journal: Journal) -> None:
        self.supervision = supervision
        self._journal = journal

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.supervision, name)
        if not callable(attribute):
            return attribute

        def act(*args: object) -> Any:
            result = attribute(*args)
            return run(result, self._journal.wait) if isinstance(result, Generator) else result

        return act


class Supervised:
    """The door as the supervisor's part of a kiosk sees it."""

    def __init__(self, door: LocalDoor) -> None:
        self.door = door
        self.server = AskedServer()
        self.told: list[Answer] = []
        self.moves = self.wakes = 0
        self.asked: list[int] = []
        self.on_ask = lambda: False  # whether the server can be asked for an override place
        self.start()

    def start(self) -> None:
        """Start again with the files on disk."""
        self.journal, self.replica = self.door.journal, self.door.replica
        self.admitter = self.door.admitter
        self.override_handler = OverrideHandler(
            self.journal, self.replica, ask_for_place=self._ask, skew=lambda: Skew(42)
        )
        self.direction = DirectionState(self.replica)
        clock = self.door.clock
        file = SupervisorFile(self.door.directory)
        self.door.roll_call = lambda: file.kept.roll_call
        supervision = Supervision(
            file,
            self.admitter,
            self.override_handler,
            self.server,
            self.direction,
            self.journal,
            self.replica,
            on_answer=self.notify,
            on_move=self._moved,
            on_places=self._places_changed,
            clock=lambda: clock.wall,
            monotonic=lambda: clock.monotonic,
        )
        self.supervision = Blocking(supervision, self.journal)

    def restart(self) -> None:
        self.door.restart()
        self.start()

    def _ask(self, hall: int) -> bool:
        self.asked.append(hall)
        return self.on_ask()

    def notify(self, answer: Answer) -> None:
        self.supervision.record_answer(answer)
        self.told.append(answer)

    def one_way(self) -> None:
        """Make this a door for exits only."""
        out = wire.DoorFacts(door=DOOR, names={"en": "Out"}, mode="exit")
        self.door.load(supervisors=SUPERVISORS, door=out)

    def _moved(self) -> None:
        self.moves += 1

    def _places_changed(self) -> None:
        self.wakes += 1

    def present(self, text: str, **options: object) -> Answer:
        """Show a badge, as the kiosk does."""
        answer = self.door.present(text, **options)
        self.notify(answer)
        return answer

    def unlock(self, user: int = MEI, pin: str = PIN) -> None:
        self.supervision.unlock(user, pin)

    def status(self) -> SupervisorStatus:
        return self.supervision.status(self.journal.state())

    def full(self) -> None:
        """No ordinary place is left here."""
        granted = self.journal.accounts()[PoolKey(HALL)].granted
        self.door.grant(granted, recall=granted)

    def last(self) -> ScanRecord:
        return decode_record(records_of(self.journal)[-1])


def load(door: LocalDoor, **changes: object) -> None:
    door.load(**{"supervisors": SUPERVISORS, **changes})


def _begin(act, *args: object) -> None:
    result = act(*args)
    if isinstance(result, Generator):
        next(result)


def refused(act, *args: object) -> str:
    """The code with which an action is refused."""
    with pytest.raises(SupervisorError) as caught:
        _begin(act, *args)
    assert all(caught.value.message(language) for language in ("en", "zh"))
    return caught.value.code
