"""A small event for the tests of a kiosk's core: keys, badges, snapshots, and one door."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from badges.admission.facts import Denied
from badges.credential.credential import (
    Credential,
    issue_credential,
    lookup_id,
    open_credential,
    seal_name,
)
from badges.credential.keys import BadgeKey, KeyRing, PrivateKey, sign_ring
from badges.places.account import Order
from badges.places.pool import PoolKey
from badges.record import PlaceKind, StayRef
from badges.wire import wire
from badges.wire.enrolment import Identity, sign_identity
from kiosk.config.identity import make_identity, save_identity, save_key
from kiosk.door.admit import Admitter
from kiosk.door.roll_call import RollCall
from kiosk.journal.journal import Journal
from kiosk.replica.replica import Replica
from kiosk.sync.link import Skew

DAY_MS = 86_400_000
START = 1_760_000_000_000  # the first midnight of the event
NOON = START + 12 * 3_600_000
EVENT_ID = bytes(range(16))
HALL, DOOR, OTHER_DOOR = 7, 70, 71
DELEGATE, PRESS = 1, 4
KIOSK, GENERATION = "north-1", 3


def key_of(name: str) -> PrivateKey:
    return PrivateKey(hashlib.sha256(name.encode()).digest())


ROOT, BADGE, LOG, KIOSK_KEY = (key_of(name) for name in ("root", "badge", "log", "kiosk"))
RING = KeyRing(EVENT_ID, {1: BadgeKey(BADGE.public, START, START + 3 * DAY_MS)})


def badge(serial: int, *, issue: int = 1, category: int = DELEGATE, key: PrivateKey = BADGE) -> str:
    """A badge's text, valid on the event's first two days."""
    fields = Credential(
        serial=serial, issue=issue, category=category, valid_days=0b11, zones=0b1, key_id=1
    )
    return issue_credential(key, EVENT_ID, fields)


def credential(serial: int, *, issue: int = 1) -> Credential:
    return open_credential(RING, badge(serial, issue=issue))


def hall_facts(**changes: object) -> wire.HallFacts:
    facts: dict[str, object] = {
        "hall": HALL,
        "names": {"en": "Hall 7", "zh": "七号厅"},
        "closed": False,
        "categories": [DELEGATE],
        "zones": 0b1,
        "sessions_only": False,
        "anti_passback": "hard",
        "exits": "strict",
        "facts_age_max_ms": None,
        "capacity": 100,
    }
    return wire.HallFacts(**{**facts, **changes})


def snapshot(**changes: object) -> wire.Snapshot:
    facts: dict[str, object] = {
        "cursor": 10,
        "answered_at": NOON,
        "incarnation": 1,
        "event_name": {"en": "Forum"},
        "time_zone": "Asia/Shanghai",
        "day_starts": [START, START + DAY_MS, START + 2 * DAY_MS],
        "ring": sign_ring(ROOT, RING),
        "log_name": "hallkeeper/test",
        "log_key": LOG.public.raw,
        "categories": [
            wire.CategoryFacts(DELEGATE, "delegate", {"en": "Delegate"}, "D", "#3366cc"),
            wire.CategoryFacts(PRESS, "press", {"en": "Press"}, "P", "#66aa33"),
        ],
        "hall": hall_facts(),
        "door": wire.DoorFacts(door=DOOR, names={"en": "North", "zh": "北门"}, mode="both"),
        "doors": {str(DOOR): {"en": "North"}, str(OTHER_DOOR): {"en": "South"}},
        "sessions": [],
        "holders": [],
        "stays": [],
        "orders": [],
        "retired": False,
    }
    return wire.Snapshot(**{**facts, **changes})


def stay_of(kiosk: str, seq: int, serial: int, *, generation: int = 1) -> wire.StayFacts:
    return wire.StayFacts(StayRef(kiosk, generation, seq), serial, NOON - 60_000, OTHER_DOOR)


def sealed_name(serial: int, name: str) -> wire.SealedName:
    signature = credential(serial).signature
    plain = wire.encode(wire.HolderName(name, "ACME"))
    return wire.SealedName(lookup_id(signature), seal_name(signature, plain))


class Clock:
    """Wall clock and monotonic clock of one kiosk, both in ms."""

    def __init__(self) -> None:
        self.wall = NOON
        self.monotonic = 1_000_000

    def pass_ms(self, ms: int) -> None:
        self.wall += ms
        self.monotonic += ms


@dataclass
class LocalDoor:
    """One kiosk's core, without network. A restart keeps only its files."""

    directory: Path
    clock: Clock

    def __post_init__(self) -> None:
        self.skew: Callable[[], Skew | None] = lambda: Skew(42)
        self.start()

    def start(self) -> None:
        self.journal = Journal(self.directory / "journal.db", KIOSK, GENERATION, KIOSK_KEY)
        self.replica = Replica(
            self.directory / "replica.db",
            KIOSK,
            GENERATION,
            ROOT.public,
            clock=lambda: self.clock.wall,
            monotonic=lambda: self.clock.monotonic,
        )
        self.asked: list[int] = []
        self.asked_kinds: list[PlaceKind] = []
        self.told: list[bool] = []  # begin and end of an answer's wait for other doors
        self.on_asking: Callable[[bool], None] = self.told.append
        self.ask_for_place: Callable[..., bool] = self._ask
        self.online = False
        self.roll_call: Callable[[], RollCall | None] = lambda: None
        self.admitter = Admitter(
            self.journal,
            self.replica,
            ask_for_place=lambda *asked: self.ask_for_place(*asked),
            skew=lambda: self.skew(),
            is_offline=lambda: not self.online,
            on_asking=lambda asking: self.on_asking(asking),
            roll_call=lambda: self.roll_call(),
            monotonic=lambda: self.clock.monotonic,
        )

    def _ask(self, hall: int, kind: PlaceKind = PlaceKind.ORDINARY) -> bool:
        self.asked.append(hall)
        self.asked_kinds.append(kind)
        return self.online

    def close(self) -> None:
        self.journal.close()
        self.replica.close()

    def restart(self) -> None:
        self.close()
        self.start()

    def grant(
        self, places: int, *, recall: int = 0, incarnation: int = 1, override: bool = False
    ) -> None:
        self.journal.obey(
            [(PoolKey(HALL, PlaceKind(override)), Order(places, recall, incarnation))]
        )

    def load(self, **changes: object) -> None:
        self.replica.load(snapshot(**changes))

    def present(self, text: str, **options: object):
        return self.admitter.present(text, at=self.clock.wall, **options)

    def free(self, *, override: bool = False) -> int:
        return self.journal.accounts()[PoolKey(HALL, PlaceKind(override))].free


def records_of(journal: Journal) -> list[bytes]:
    return [stored.record for stored in journal.stored(0, 10_000)]


def reason(answer) -> str:
    assert isinstance(answer.decision, Denied), answer
    return answer.decision.reason.value


def orders(*pairs: tuple[int, int, int]) -> Iterable[tuple[int, Order]]:
    return [(PoolKey(HALL), Order(*pair)) for pair in pairs]


def signed_identity(key: PrivateKey = KIOSK_KEY, kiosk: str = KIOSK) -> bytes:
    return sign_identity(ROOT, Identity(EVENT_ID, kiosk, GENERATION, key.public.raw, NOON))


def enrolled(directory: Path, *, port: int = 1, pin: bytes = bytes(32)) -> Path:
    """A kiosk's directory as enrolment leaves it."""
    directory.mkdir(exist_ok=True)
    address = ("127.0.0.1", port)
    save_key(directory, KIOSK_KEY)
    Journal(directory / "journal.db", KIOSK, GENERATION, KIOSK_KEY).close()
    save_identity(directory, make_identity(*address, pin, ROOT.public.raw, signed_identity()))
    return directory
