"""What travels between doors and the server, by badges/wire/wire.py, and what a journal holds."""

from dataclasses import dataclass, field
from typing import NamedTuple

from badges.places.account import Order
from badges.places.pool import KioskKey


@dataclass(frozen=True)
class Stay:
    """What a StayRef says, and the entry that truly began it: the protocol reads no `uid`."""

    kiosk: str
    generation: int
    seq: int
    uid: int = field(default=0, compare=False)


class Record(NamedTuple):
    """A line of a journal. `uid` stands for its bytes: no two records are the same."""

    seq: int
    kind: str  # entry, exit or denied
    badge: int
    uid: int
    closes: Stay | None
    credited: bool
    at: int  # by the server's clock, as well as the kiosk knew
    sure: bool  # not since a restart or a jump of its clock without a word from the server
    epoch: int = 0  # of the server's time, by which the kiosk knew its own error


class Mark(NamedTuple):
    """How far a server had come, signed: in which incarnation and run, and how many commits."""

    incarnation: int
    run: int
    progress: int


class Batch(NamedTuple):
    """POST /api/scans. `last_seq` is of the whole journal."""

    key: KioskKey
    counter: int
    first_seq: int
    records: list[Record]
    gone: frozenset[int]
    head: int
    last_seq: int
    granted: int
    returned: int
    incarnation: int
    wants_snapshot: bool
    mark: Mark | None = None
    heard: Mark | None = None  # in truth, whether the door shows it or not


class Answer(NamedTuple):
    """The answer to a batch, and the part of the feed that the kiosk has by then."""

    key: KioskKey
    acked: int
    incarnation: int
    order: Order | None  # None: records are missing; an empty batch from the start tells from where
    fenced: bool
    fork: bool
    feed: "list[Change]"
    cursor: int
    snapshot: "tuple[Change, ...] | None"
    clock_ms: int = 0  # of the server's, ahead of the true time, and of which epoch
    epoch: int = 0
    mark: Mark | None = None


class Ordered(NamedTuple):
    """A grant or a recall on the feed."""

    key: KioskKey
    order: Order


class Change(NamedTuple):
    """A stay opened, moved on (its place is taken) or closed, on the feed; or, without a stay, a
    badge that is a likely copy.
    """

    what: str
    stay: Stay | None
    badge: int


OPENED, MOVED_ON, ENDED, COPIED = "opened", "moved on", "ended", "copied"


class Elsewhere(NamedTuple):
    """An entry into another hall, as its kiosk has it."""

    badge: int
    at: int
    sure: bool
    epoch: int
    true_at: int  # no part of the protocol reads it


Message = Batch | Answer | Ordered


def start_head(key: KioskKey) -> int:
    """The chain's head before the first record."""
    return ord(key[0][0]) * 1_000 + key[1]


def next_head(head: int, record: Record) -> int:
    """Stands for the hash chain: differs wherever a record does."""
    return (head * 1_000_003 + record.uid + 1) & 0xFFFFFFFFFFFF
