"""Checks at every start that the journal's tables agree with its own scans.

Every scan is read once, in chain order. Stays, entries and credits are derived from the scans.
Other rows have a seal. Grants have the server's signature.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec

from badges.credential.keys import BadSignatureError, PublicKey
from badges.places.pool import PoolKey
from badges.places.signed import verify_order
from badges.record import PlaceKind
from badges.transparency.chain import (
    CHAIN_CONTEXT,
    HASHED_CONTEXT,
    HASHED_END,
    chain_start,
)
from badges.wire.wire import HEAD_CONTEXT
from kiosk.journal.schema import Connection
from kiosk.journal.seal import Seal, seal_problem

SIGNATURES_CHECKED = 1_000  # of the newest scans; one takes as long as ten scans without
OPEN, CLOSED, CREDITED = 1, 2, 3  # states of own stays in the table
NO_STAY = (None, None)  # a row that no scan can have begun


@dataclass(frozen=True)
class Owner:
    """The kiosk that the journal should belong to. `root` is the event's key, if known."""

    kiosk: str
    generation: int
    public: PublicKey
    root: PublicKey | None = None
    event_id: bytes = b""


class _Stay(msgspec.Struct, gc=False):
    kiosk: str
    generation: int
    seq: int


class _Outer(msgspec.Struct, gc=False):
    hall: int
    closes: _Stay | None = None
    credited: bool = False
    override_place: bool = False
    accessible_place: bool = False

    @property
    def pool(self) -> PoolKey:
        return PoolKey(self.hall, PlaceKind.of(self.override_place, self.accessible_place))


class _Line(msgspec.Struct, gc=False):
    """The fields of a record that this check reads. The hash chain proves the others."""

    kiosk: str
    generation: int
    seq: int
    direction: str
    door: int
    hall: int
    scanned_at: int
    decision: str
    serial: int | None = None
    issue: int | None = None
    day: int | None = None
    closes: _Stay | None = None
    credited: bool = False
    override_place: bool = False
    accessible_place: bool = False
    outer: tuple[_Outer, ...] = ()

    @property
    def pool(self) -> PoolKey:
        return PoolKey(self.hall, PlaceKind.of(self.override_place, self.accessible_place))


_LINE = msgspec.json.Decoder(_Line)


class Found(Exception):
    pass


def problem(connection: Connection, owner: Owner, seal: Seal) -> str | None:
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        return str(verdict)
    (count, last) = connection.execute(
        "SELECT count(*), coalesce(max(seq), 0) FROM scan"
    ).fetchone()
    if count != last:
        return f"it has {count} of {last} scans"
    (offered,) = connection.execute("SELECT offered FROM state").fetchone()
    if offered > last:
        return f"it has {last} scans, and sent {offered}"
    try:
        Replay(connection, owner, last).check()
    except Found as fault:
        return str(fault)
    return seal_problem(connection, seal) or _order_problem(connection, owner)


def foreign_problem(connection: Connection, owner: Owner) -> str | None:
    """Why a journal that names another kiosk can't be that kiosk's. None if it may be."""
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        return str(verdict)
    newest = connection.execute("SELECT head, signature FROM scan ORDER BY seq DESC").fetchone()
    if newest is None:
        return None
    try:
        owner.public.verify(HEAD_CONTEXT + newest[0], newest[1])
    except BadSignatureError:
        return None
    return "it names another kiosk, and this one signed its scans"


class Replay:
    def __init__(self, connection: Connection, owner: Owner, last: int) -> None:
        self._connection = connection
        self._owner = owner
        self._me = (owner.kiosk, owner.generation)
        self._last = last
        # For each own stay: its door's hall, its state in the table for that hall, and whether an
        # exit ended it there (1) and got its place (2).
        self._hall = array("q", bytes(8 * (last + 1)))
        self._state = bytearray(last + 1)
        self._closed = bytearray(last + 1)
        # The same for outer halls, by entry and hall.
        self._state_around: dict[tuple[int, int], int] = {}
        self._closed_around: dict[tuple[int, int], int] = {}
        self._entries: Counter[PoolKey] = Counter()
        self._back: Counter[PoolKey] = Counter()  # places that exits took back
        self._own_back: Counter[PoolKey] = Counter()  # of these, by stays that were never offered
        self._named: set[tuple[str, int, int, int]] = set()  # kiosk, generation, seq, hall
        self._issues: dict[int, int] = {}
        self._days: set[tuple[int, int, int]] = set()

    def check(self) -> None:
        """Raises Found with the first contradiction between scans and tables."""
        stays = self._stays()
        for record in self._records():
            if record.decision == "admitted" and record.direction == "entry":
                self._enter(record, stays)
            if record.closes is not None:
                self._close(record.seq, record.pool, record.closes, credited=record.credited)
            for outer in record.outer:
                if outer.closes is not None:
                    self._close(record.seq, outer.pool, outer.closes, credited=outer.credited)
            serial, issue = record.serial, record.issue or 0
            if serial is not None and issue > self._issues.get(serial, 1):
                self._issues[serial] = issue
            if serial is not None and record.day is not None:
                self._days.add((serial, issue, record.day))
        if next(stays, None) is not None:
            raise Found("it has a stay that no scan began")
        self._compare()

    def _records(self) -> Iterator[_Line]:
        """Verify the hash chain and the newest signatures, and yield each record."""
        head = chain_start(*self._me)
        rows = self._connection.execute(
            "SELECT seq, record, head, signature FROM scan ORDER BY seq"
        )
        for seq, raw, stored, signature in rows:
            try:
                record = _LINE.decode(raw)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                raise Found(f"scan {seq} is malformed") from None
            # The same as chain_next, inlined because it runs up to a million times.
            if raw.endswith(HASHED_END):
                head = sha256(HASHED_CONTEXT + head + sha256(raw).digest()).digest()
            else:
                head = sha256(CHAIN_CONTEXT + head + raw).digest()
            if head != stored:
                raise Found(f"scan {seq} was altered")
            if (record.kiosk, record.generation, record.seq) != (*self._me, seq):
                raise Found(f"scan {seq} is in another's place")
            if seq > self._last - SIGNATURES_CHECKED:
                self._check_signature(seq, head, signature)
            yield record

    def _check_signature(self, seq: int, head: bytes, signature: bytes) -> None:
        try:
            self._owner.public.verify(HEAD_CONTEXT + head, signature)
        except BadSignatureError:
            raise Found(f"scan {seq} was not signed by this kiosk") from None

    def _stays(self) -> Iterator[Any]:
        """The rows of all stays, which `_begun` unpacks by column order.

        There may be a million, and reading by name makes the whole check 6 % slower.
        """
        return iter(
            self._connection.execute(
                "SELECT seq, hall, serial, since, door, override, around, open, credited"
                " FROM own_stay ORDER BY seq, around, hall"
            )
        )

    def _enter(self, record: _Line, stays: Iterator[Any]) -> None:
        """Begin a stay in the door's hall, and one in each outer hall in which the entry counts."""
        self._hall[record.seq] = record.hall
        self._state[record.seq] = self._begun(record, record.pool, stays)
        for around in sorted(record.outer, key=lambda outer: outer.hall):
            state = self._begun(record, around.pool, stays)
            self._state_around[record.seq, around.hall] = state

    def _begun(self, record: _Line, pool: PoolKey, stays: Iterator[Any]) -> int:
        """The state of the stay in the table, which is the next row of `stays`."""
        around, hall = int(pool.hall_id != record.hall), pool.hall_id
        fields = (record.seq, hall, record.serial, record.scanned_at, record.door, int(pool.kind))
        *began, is_open, credited = next(stays, NO_STAY)
        if began != [*fields, around]:
            raise Found(f"the stay that scan {record.seq} began was altered")
        if (is_open, credited) not in ((1, 0), (0, 0), (0, 1)):
            raise Found(f"the stay that scan {record.seq} began is neither open nor over")
        self._entries[pool] += 1
        return OPEN if is_open else CREDITED if credited else CLOSED

    def _close(self, seq: int, pool: PoolKey, stay: _Stay, *, credited: bool) -> None:
        """Close a stay as JournalTransaction.append does: once per hall, and its place comes back
        at most once. `seq` is the exit's.
        """
        if (stay.kiosk, stay.generation) != self._me:
            self._named.add((stay.kiosk, stay.generation, stay.seq, pool.hall_id))
        elif stay.seq < seq and self._end(stay.seq, pool.hall_id, 2 if credited else 1):
            self._own_back[pool] += 1
        if credited:
            self._back[pool] += 1

    def _end(self, seq: int, hall: int, how: int) -> bool:
        """Note in `_closed` that an exit ended the stay in the hall.

        True if it is the first exit to do so, and the table says that the stay's place came
        back.
        """
        if (seq, hall) in self._state_around:
            if (seq, hall) in self._closed_around:
                return False
            self._closed_around[seq, hall] = how
            return self._state_around[seq, hall] == CREDITED
        if not self._state[seq] or self._hall[seq] != hall or self._closed[seq]:
            return False
        self._closed[seq] = how
        return self._state[seq] == CREDITED

    def _compare(self) -> None:
        for seq in range(1, self._last + 1):
            if self._state[seq]:
                _compare_end(seq, self._state[seq], self._closed[seq])
        for key, state in self._state_around.items():
            _compare_end(key[0], state, self._closed_around.get(key, 0))
        self._same("named_stay", "kiosk, generation, seq, hall", self._named)
        self._same("seen_issue", "serial, issue", set(self._issues.items()))
        self._same("seen_day", "serial, issue, day", self._days)
        self._compare_accounts()

    def _same(self, table: str, columns: str, wanted: set[Any]) -> None:
        stored = {tuple(row) for row in self._connection.execute(f"SELECT {columns} FROM {table}")}
        if stored != wanted:
            raise Found(f"its {table} contradicts its scans")

    def _compare_accounts(self) -> None:
        accounts = {
            PoolKey(row["hall"], PlaceKind(row["override"])): (
                row["entries"],
                row["credited"],
                row["trusted"],
            )
            for row in self._connection.execute(
                "SELECT hall, override, entries, credited, trusted FROM account"
            )
        }
        for pool in {*accounts, *self._entries, *self._back}:
            own = self._own_back[pool]
            stored = accounts.get(pool, (0, 0, 0))
            if stored != (self._entries[pool], own, self._back[pool] - own):
                raise Found(f"its account with hall {pool.hall_id} contradicts its scans")


def _compare_end(seq: int, state: int, closed: int) -> None:
    if (state != OPEN) != (closed > 0):
        raise Found(f"the stay that scan {seq} began contradicts its exits")
    if state == CREDITED and closed != 2:
        raise Found(f"the place of scan {seq} came back here without an exit")


def _order_problem(connection: Connection, owner: Owner) -> str | None:
    """Find accounts above the server's signed grants. Accounts from before signatures are not
    signed until the next exchange.
    """
    rows: Iterable[Any] = connection.execute(
        "SELECT hall, override, granted, signed, signed_in, signature FROM account"
    ).fetchall()
    for hall, kind, granted, signed, signed_in, signature in rows:
        if not signature:
            continue
        if granted > signed:
            return f"its account with hall {hall} has {granted} places; {signed} were granted"
        if owner.root is None:
            continue
        pool = PoolKey(hall, PlaceKind(kind))
        kiosk = (owner.kiosk, owner.generation)
        try:
            verify_order(
                owner.root, owner.event_id, kiosk, pool, signature, granted=signed,
                incarnation=signed_in,
            )  # fmt: skip
        except BadSignatureError:
            return f"its account with hall {hall} has places that the server never granted"
    return None
