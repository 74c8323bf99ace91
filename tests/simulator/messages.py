"""The messages between doors and the server, as in badges/wire/wire.py, and a journal's records."""

from dataclasses import dataclass, field
from typing import NamedTuple

from badges.places.account import Order
from badges.places.pool import KioskKey


@dataclass(frozen=True)
class Stay:
    """A StayRef, and the entry that truly began it: the protocol reads no `uid`."""

    kiosk: str
    generation: int
    seq: int
    uid: int = field(default=0, compare=False)


class Record(NamedTuple):
    """A line of a journal. `uid` represents its bytes: no two records are equal."""

    seq: int
    kind: str  # entry, exit or denied
    badge: int
    uid: int
    closes: Stay | None
    credited: bool
    at: int  # by the server's clock, as far as the kiosk knew it
    sure: bool  # False after a restart or a jump of its clock, until the server is heard
    epoch: int = 0  # of the server's time, by which the kiosk knew its own error


class Mark(NamedTuple):
    """A server's signed progress: incarnation, run, and number of commits."""

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
    heard: Mark | None = None  # in truth, even if the door does not show it


class Answer(NamedTuple):
    """The answer to a batch, and the part of the feed that the kiosk has by then."""

    key: KioskKey
    acked: int
    incarnation: int
    # None: records are missing; an empty batch from the start asks for the last one
    order: Order | None
    fenced: bool
    fork: bool
    feed: "list[Change]"
    cursor: int
    snapshot: "tuple[Change, ...] | None"
    clock_ms: int = 0  # of the server's, ahead of the true time, and its epoch
    epoch: int = 0
    mark: Mark | None = None


class Ordered(NamedTuple):
    """A grant or a recall on the feed."""

    key: KioskKey
    order: Order


class Change(NamedTuple):
    """A change on the feed: a stay opened, moved on (its place is taken) or closed; without a stay,
    a badge is a likely copy.
    """

    what: str
    stay: Stay | None
    badge: int


OPENED, MOVED_ON, ENDED, COPIED = "opened", "moved on", "ended", "copied"


class Elsewhere(NamedTuple):
    """An entry into another hall, as recorded by its kiosk."""

    badge: int
    at: int
    sure: bool
    epoch: int
    true_at: int  # not read by the protocol


Message = Batch | Answer | Ordered


def start_head(key: KioskKey) -> int:
    """The chain's head before the first record."""
    return ord(key[0][0]) * 1_000 + key[1]


def next_head(head: int, record: Record) -> int:
    """Represents the hash chain: differs wherever a record does."""
    return (head * 1_000_003 + record.uid + 1) & 0xFFFFFFFFFFFF
