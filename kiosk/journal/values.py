import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from msgspec import UNSET, Struct

from badges.admission.facts import Admitted, Decision, Denied, Direction
from badges.credential.credential import Credential
from badges.places.account import Account
from badges.places.pool import PoolKey
from badges.record import (
    SALT_BYTES,
    OuterHall,
    PlaceKind,
    ScanRecord,
    StayRef,
    accessible_field,
)
from badges.transparency.chain import chain_start
from badges.wire.wire import Mark
from kiosk.journal.schema import Connection


class State(Struct, frozen=True):
    kiosk: str
    generation: int
    acked: int
    offered: int
    counter: int
    incarnation: int
    fenced: bool
    resting: bool  # out of service: it admits nobody until a supervisor resumes it
    last_seq: int

    @property
    def waiting(self) -> int:
        return self.last_seq - self.acked


@dataclass(frozen=True)
class OuterDraft:
    hall: int
    closes: StayRef | None = None
    kind: PlaceKind = PlaceKind.ORDINARY  # of the place that it uses or gives back
    trusting: bool = False


@dataclass(frozen=True)
class Draft:
    direction: Direction
    door: int
    hall: int
    scanned_at: int
    decision: Decision
    badge: Credential | None = None
    act: Literal["scan", "override", "annul"] = "scan"
    by: str | None = None  # the supervisor, of an override or an annulment
    note: str | None = None  # the supervisor's reason
    kind: PlaceKind = PlaceKind.ORDINARY  # of the place that it uses or gives back
    trusting: bool = False  # an exit takes back the place of any stay, because the server is away
    skew_ms: int | None = None
    epoch: int = 0  # of the server's time in which the skew was measured
    facts_age_ms: int | None = None
    outer: tuple[OuterDraft, ...] = ()  # innermost first
    salted: bool = False  # becomes a record of version 2, which the server accepts


@dataclass(frozen=True)
class OwnStay:
    """An open stay that an entry at this kiosk began."""

    stay: StayRef
    since: int
    door: int
    kind: PlaceKind = PlaceKind.ORDINARY  # of the place in use


@dataclass(frozen=True)
class SignedGrant:
    """The total of granted places of one pool, signed by the server. The signature is empty if
    there is none yet.
    """

    granted: int = 0
    incarnation: int = 0
    signature: bytes = b""


@dataclass(frozen=True)
class Offer:
    """A batch of records for the server, and this kiosk's state at the same moment."""

    first_seq: int
    records: list[bytes]
    # Entries whose place an exit here had already taken back (docs/design/places.md, rule 4).
    closed_before_upload: list[int]
    head: bytes  # the chain's head after the last of `records`
    signature: bytes
    state: State
    accounts: dict[PoolKey, Account]
    grants: dict[PoolKey, SignedGrant] = field(default_factory=dict)
    mark: Mark | None = None
    outer_closed_before_upload: tuple[
        tuple[int, int], ...
    ] = ()  # The same for outer halls, as pairs of entry and hall.


@dataclass(frozen=True)
class PlaceWait:
    """A wait until each hall has a place or was refused one, `timeout_s` at most.

    `kinds` has the kinds of place that would serve, by hall. `none_before` has the number of
    earlier refusals by hall; if it is None, only the time ends the wait.
    """

    kinds: Mapping[int, Collection[PlaceKind]]
    none_before: Mapping[int, int] | None
    timeout_s: float


@dataclass(frozen=True)
class Effect:
    gained: bool = False
    returned: bool = False
    restored: bool = False


@dataclass(frozen=True)
class Stored:
    seq: int
    record: bytes
    head: bytes
    signature: bytes


def read_state(connection: Connection) -> State:
    row = connection.execute(
        "SELECT kiosk, generation, acked, offered, counter, incarnation, fenced, resting,"
        " (SELECT coalesce(max(seq), 0) FROM scan) AS last_seq FROM state"
    ).fetchone()
    kiosk, generation, acked, offered, counter, incarnation, fenced, resting, last_seq = row
    return State(
        *(kiosk, generation, acked, offered, counter, incarnation),
        *(bool(fenced), bool(resting), last_seq),
    )


def head_at(connection: Connection, state: State, seq: int) -> bytes:
    """The head after record `seq`; 0 is before the first."""
    if seq == 0:
        return chain_start(state.kiosk, state.generation)
    row = connection.execute("SELECT head FROM scan WHERE seq = ?", (seq,)).fetchone()
    head: bytes = row["head"]
    return head


def make_record(draft: Draft, state: State, seq: int) -> ScanRecord:
    """An exit's credit is set later."""
    decision, badge = draft.decision, draft.badge
    admitted = isinstance(decision, Admitted)
    flags = decision.flags if isinstance(decision, Admitted) else frozenset()
    closes = decision.closes if isinstance(decision, Admitted) else None
    return ScanRecord(
        v=2 if draft.salted else 1,
        salt=secrets.token_hex(SALT_BYTES) if draft.salted else UNSET,
        kiosk=state.kiosk,
        generation=state.generation,
        seq=seq,
        act=draft.act,
        direction=draft.direction.value,
        door=draft.door,
        hall=draft.hall,
        scanned_at=draft.scanned_at,
        skew_ms=draft.skew_ms,
        epoch=draft.epoch or UNSET,
        facts_age_ms=draft.facts_age_ms,
        decision="admitted" if admitted else "denied",
        reason=None if isinstance(decision, Admitted) else decision.reason.value,
        flags=tuple(sorted(flag.value for flag in flags)),
        serial=badge.serial if badge else None,
        issue=badge.issue if badge else None,
        category=badge.category if badge else None,
        day=UNSET if badge is None or badge.day is None else badge.day,
        session=decision.session_id,
        closes=closes,
        override_place=draft.kind is PlaceKind.OVERRIDE,
        accessible_place=accessible_field(draft.kind),
        by=draft.by,
        note=draft.note,
        outer=_outer(draft) or UNSET,
    )


def _outer(draft: Draft) -> tuple[OuterHall, ...]:
    if isinstance(draft.decision, Denied):
        about = draft.decision.hall_id
        return () if about is None else (OuterHall(hall=about),)
    return tuple(
        OuterHall(
            hall=outer.hall,
            closes=outer.closes,
            override_place=outer.kind is PlaceKind.OVERRIDE,
            accessible_place=outer.kind is PlaceKind.ACCESSIBLE,
        )
        for outer in draft.outer
    )
