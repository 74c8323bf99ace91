"""The common part of kiosk requests: the sender, the request counter and the kiosk's reported
state.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from badges.places.pool import KioskKey, PoolKey
from badges.whole_text import whole_json
from badges.wire import wire
from badges.wire.version import WireVersion, read_version
from server.core.entry_log import entry_log
from server.core.feed import changes
from server.core.occupancy import kiosk_accounts
from server.core.occupancy.kiosk_accounts import KnownAccount, known_accounts
from server.core.venue import rules
from server.storage import dialect, event_state
from server.storage.connection import Connection, Row
from server.storage.engines import joint, memory
from server.storage.engines.joint import Collected, Reading
from server.storage.engines.memory import Memo
from server.storage.event_state import EventState
from server.storage.tables import change_rows, padded, write_rows


class ForkError(Exception):
    """Raised if a kiosk's journal or its total of returned places contradicts its earlier reports.
    Its disk was copied or restored.
    """


class Standing(NamedTuple):
    """The event's state at the start of a request. It is read with the sender, to save a
    statement.
    """

    state: EventState
    rules_version: str | None
    cursor: int  # the newest change's; unknown until `standing` is called
    entries: int  # number of leaves of the entry log


@dataclass(frozen=True)
class Sender:
    """The sending kiosk as the server knows it. Valid within one transaction."""

    kiosk: str
    generation: int
    public_key: bytes
    state: str
    acked_seq: int
    head: bytes  # chain head after `acked_seq`
    run: str  # the kiosk's latest run in a batch, or "" before the first
    version: WireVersion | None  # of the protocol, as last stated
    old_files: str | None  # the version of the page's files that a phone shall leave
    accounts: Mapping[PoolKey, KnownAccount]
    standing: Standing
    # The memo at the time of reading (`server/storage/engines/memory.py`).
    memo: Memo = field(default_factory=dict, compare=False, repr=False)
    # Pending changes of the kiosk's row, which `acknowledge` writes with its own.
    visit: "_Visit | None" = field(default=None, compare=False, repr=False)

    @property
    def key(self) -> KioskKey:
        return (self.kiosk, self.generation)


class _Visit(NamedTuple):
    counter: int
    values: tuple[object, ...]  # the time, and the values of `_HEALTH`
    run: str
    version: WireVersion | None


class Heard(NamedTuple):
    """A kiosk's last request that changed nothing else in its row, and the state that the row must
    have.
    """

    kiosk: str
    generation: int
    counter: int
    seen_at: int
    health: str  # JSON
    log_size: int
    cursor: int
    reported_at: int
    run: str
    state: str
    acked_seq: int
    old_files: str  # or "" for none
    times: int  # the number of such requests
    queue: int

    @property
    def key(self) -> KioskKey:
        return (self.kiosk, self.generation)


class _Kept(NamedTuple):
    """The cached state of a kiosk between two batches."""

    public_key: bytes
    state: str
    acked_seq: int
    head: bytes
    run: str
    version: WireVersion | None
    old_files: str | None
    door_id: int
    counter: int
    accounts: Mapping[PoolKey, KnownAccount]


_UNKNOWN = -1  # a cursor that is read on demand
# Keys of the memo: the `Standing`, and a cursor that the feed has reached. A kiosk's key is its
# `KioskKey`.
_STANDING, _REACHED = "standing", "cursor reached"

_KNOWN = (
    "public_key, state, acked_seq, head, run, wire, old_files, door_id, counter,"
    f" {kiosk_accounts.KNOWN} AS accounts,"
    f" {event_state.INCARNATION} AS incarnation, {event_state.WITHOUT_ACTS} AS without_acts,"
    f" {event_state.GRANTS_FROM} AS grants_from,"
    f" {rules.VERSION} AS rules_version, {changes.CURSOR} AS newest, {entry_log.SIZE} AS entries"
)
_SENDS = "state IN ('active', 'retired', 'fenced') AND head IS NOT NULL"
_WHO = f"kiosk = ? AND generation = ? AND {_SENDS}"


def sender(db: Connection, kiosk: str, generation: int) -> tuple[Sender, int] | None:
    """Return the kiosk and its door's id, or None unless enrolled."""
    key, memo = (kiosk, generation), memory.memo_of(db)
    kept = memo.get(key)
    if kept is not None:
        return _found(key, kept, memo[_STANDING], memo, None)
    sql = f"SELECT {_KNOWN} FROM kiosk WHERE {_WHO}"
    row = db.execute(sql, key).fetchone()
    return None if row is None else _sender(key, row, memo)


def read_ahead(db: Connection, kiosks: Iterable[KioskKey]) -> Reading:
    """Cache several kiosks and the event's state in the memo, with one statement."""
    memo = memory.memo_of(db)
    missing = [key for key in dict.fromkeys(kiosks) if key not in memo]
    asked = []
    for keys in padded(missing):
        values = ", ".join(["(?, CAST(? AS BIGINT))"] * len(keys))
        asked.append(
            db.execute(
                f"SELECT kiosk.kiosk AS name, kiosk.generation AS number, {_KNOWN}"
                f" FROM (VALUES {values}) AS v JOIN kiosk ON kiosk.kiosk = v.column1"
                f" AND kiosk.generation = v.column2 WHERE {_SENDS}",
                [value for key in keys for value in key],
            )
        )
    yield
    for rows in asked:
        for name, number, *row in rows.fetchall():
            _sender((name, number), row, memo)


def known_standing(memo: Memo) -> Standing | None:
    """The cursor may be missing (_UNKNOWN)."""
    cached: Standing | None = memo.get(_STANDING)
    return cached


def _sender(key: KioskKey, row: Row | list[Any], memo: Memo) -> tuple[Sender, int]:
    public_key, state, acked_seq, head, run, stated, old_files, door_id, counter, *rest = row
    accounts, *more = rest
    incarnation, without_acts, grants_from, rules_version, cursor, entries = more
    event = EventState(int(incarnation), bool(without_acts), int(grants_from))
    standing = Standing(event, rules_version, cursor, entries)
    place_accounts = known_accounts(accounts)
    version = read_version(stated)
    kept = _Kept(
        public_key, state, acked_seq, head, run, version, old_files, door_id, counter,
        place_accounts,
    )  # fmt: skip
    memo[key], memo[_STANDING], memo[_REACHED] = kept, standing, cursor
    return _found(key, kept, standing, memo, None)


def standing(db: Connection, memo: Memo) -> Standing | None:
    """Return the event's state from the memo, with its cursor."""
    cached: Standing | None = memo.get(_STANDING)
    if cached is not None and cached.cursor == _UNKNOWN:
        memo[_STANDING] = cached = cached._replace(cursor=changes.cursor(db))
        memo[_REACHED] = cached.cursor
    return cached


def has_reached(memo: Memo, cursor: int, entries: int) -> bool:
    """Return whether feed and entry log are known to have reached these positions. False may mean
    unknown.
    """
    cached: Standing | None = memo.get(_STANDING)
    return cached is not None and cursor <= memo[_REACHED] and entries <= cached.entries


def _found(
    key: KioskKey, kept: _Kept, standing: Standing, memo: Memo, visit: "_Visit | None"
) -> tuple[Sender, int]:
    identified = Sender(
        *key, kept.public_key, kept.state, kept.acked_seq, kept.head, kept.run, kept.version,
        kept.old_files, kept.accounts, standing, memo, visit,
    )  # fmt: skip
    return identified, kept.door_id


_COUNT = f"UPDATE kiosk SET counter = ?, seen_at = ? WHERE {_WHO} AND counter < ?"


def count_request(db: Connection, key: KioskKey, counter: int, now: int) -> bool:
    """Return False for a replayed request, whose counter has not risen."""
    memory.forget(db)
    return db.execute(_COUNT, (counter, now, *key, counter)).rowcount == 1


def counted_sender(
    db: Connection,
    key: KioskKey,
    counter: int,
    now: int,
    batch: wire.ScanBatch | None,
    version: WireVersion | None = None,
) -> tuple[Sender, int] | None:
    """Store a request's counter and the kiosk's reported state. Return the kiosk and its door's
    id, or None if it is not enrolled or the counter has not risen.

    It takes one statement, since most requests do little else. For a batch of a cached kiosk,
    `acknowledge` stores them.
    """
    memo = memory.memo_of(db)
    kept: _Kept | None = memo.get(key)
    if batch is None:
        values = (counter, now, *key, counter)
        row = db.execute(f"{_COUNT} RETURNING {_KNOWN}", values).fetchone()
        memory.forget(db)
        return None if row is None else _sender(key, row, {})
    visit = _Visit(counter, (now, *_health(batch, now, version)), _run_of(batch), version)
    if kept is not None and kept.counter < counter:
        _keep_minute(db, key, batch, now)
        return _found(key, kept, memo[_STANDING], memo, visit)
    row = db.execute(_COUNT_AND_KEEP, (counter, *visit.values, *key, counter)).fetchone()
    if row is None:
        return None
    _keep_minute(db, key, batch, now)
    return _sender(key, row, memo)


class Visits(Collected):
    tables = ("kiosk", "kiosk_minute")

    def __init__(self, db: Connection) -> None:
        super().__init__(db)
        self._minutes: dict[tuple[str, int], tuple[object, ...]] = {}
        self._visited: dict[KioskKey, tuple[object, ...]] = {}
        self._acknowledged: dict[KioskKey, tuple[object, ...]] = {}

    def minute(self, kiosk: str, queue: int, now: int, times: int = 1) -> None:
        minute = now // 60_000
        slot = kiosk, minute % 60
        if slot in self._minutes:
            self.put()
        self._minutes[slot] = (*slot, minute, times, queue)

    def acknowledge(self, key: KioskKey, visit: _Visit | None, acked_seq: int, head: bytes) -> None:
        if key in self._visited or key in self._acknowledged:
            self.put()
        row = (*key, acked_seq, head)
        if visit is None:
            self._acknowledged[key] = row
        else:
            self._visited[key] = (*row, visit.counter, *visit.values)

    def put(self) -> None:
        minutes, visited = list(self._minutes.values()), list(self._visited.values())
        acknowledged = list(self._acknowledged.values())
        self._minutes, self._visited, self._acknowledged = {}, {}, {}
        write_rows(self._db, "kiosk_minute", _MINUTE, minutes, _COUNT_MINUTE)
        change_rows(self._db, "kiosk", _VISITED, visited, sets=_VISIT, where=_SAME)
        change_rows(self._db, "kiosk", _ACKNOWLEDGED, acknowledged, sets=_ACKNOWLEDGE, where=_SAME)


def acknowledge(
    db: Connection,
    sender: Sender,
    acked_seq: int,
    head: bytes,
    accounts: Mapping[PoolKey, KnownAccount] | None,
    entries: int,
) -> None:
    """Store the last record that the ledger has of the kiosk's journal. Call it after all other
    writes.

    `accounts` are the kiosk's current place accounts, or None if unknown. `entries` is the entry
    log's number of leaves.
    """
    if sender.visit is not None or acked_seq != sender.acked_seq:
        visits = joint.shared(db, Visits, lambda: Visits(db))
        visits.acknowledge(sender.key, sender.visit, acked_seq, head)
        visits.write()
    memo = sender.memo
    kept: _Kept | None = memo.pop(sender.key, None)
    before = sender.standing
    if before.state.restored_without_acts:
        memory.forget(db)
        return
    memo[_STANDING] = Standing(before.state, before.rules_version, _UNKNOWN, entries)
    if kept is not None and accounts is not None:
        kept = kept._replace(acked_seq=acked_seq, head=head, accounts=accounts)
        if sender.visit is not None:
            kept = kept._replace(
                counter=sender.visit.counter,
                run=max(kept.run, sender.visit.run),
                version=sender.visit.version or kept.version,
            )
        memo[sender.key] = kept
    memory.keep(db, memo)


def note_heard(db: Connection, heard: Sequence[Heard], memo: Memo) -> set[KioskKey]:
    """Store the kiosks' requests, and return the kiosks whose rows had the expected state. Other
    rows stay as they are.
    """
    rows = [kiosk[: len(_HEARD)] for kiosk in heard]
    changed = change_rows(
        db, "kiosk", _HEARD, rows, sets=_HEAR, where=_AS_EXPECTED,
        returning="kiosk.kiosk, kiosk.generation",
    )  # fmt: skip
    unchanged = {(kiosk, generation) for kiosk, generation in changed}
    visits = Visits(db)
    for kiosk in heard:
        kept: _Kept | None = memo.get(kiosk.key)
        if kiosk.key in unchanged:
            visits.minute(kiosk.kiosk, kiosk.queue, kiosk.seen_at, kiosk.times)
            if kept is not None:
                memo[kiosk.key] = kept._replace(counter=kiosk.counter)
    visits.put()
    return unchanged


def keep(db: Connection, state: EventState, memo: Memo) -> None:
    """Keep the memo after writes that it contains, but for the feed's position."""
    if state.restored_without_acts:
        memory.forget(db)
        return
    cached: Standing | None = memo.get(_STANDING)
    if cached is not None:
        memo[_STANDING] = cached._replace(cursor=_UNKNOWN)
    memory.keep(db, memo)


def is_of_an_earlier_run(sender: Sender, batch: wire.ScanBatch) -> bool:
    """Return whether the kiosk was started again after it wrote this batch. Then two copies of its
    disk are in use.

    The request's counter must have risen, since a delayed request of the earlier start has a lower
    counter.
    """
    return isinstance(batch.run, str) and batch.run < sender.run


def note_version(
    db: Connection, key: KioskKey, counter: int, now: int, version: WireVersion
) -> None:
    """Called for a kiosk that was refused for its version."""
    if count_request(db, key, counter, now):
        db.execute(_KEEP_VERSION, (version.text, *key))


def keep_version(db: Connection, sender: Sender, version: WireVersion | None) -> None:
    if version is not None and version != sender.version:
        memory.forget(db)
        db.execute(_KEEP_VERSION, (version.text, *sender.key))


def last_request(db: Connection, key: KioskKey) -> int:
    sql = "SELECT counter FROM kiosk WHERE kiosk = ? AND generation = ?"
    (counter,) = db.execute(sql, key).fetchone()
    return int(counter)


_HEALTH = (
    f"health = ?, log_size = {dialect.greatest('log_size', '?')}, cursor = ?, resting = ?,"
    f" last_seq = ?, reported_at = ?, run = {dialect.greatest('run', '?')},"
    " wire = COALESCE(?, wire)"
)
_ACKNOWLEDGED = ("kiosk", "generation", "acked_seq", "head")
_VISITED = (
    *_ACKNOWLEDGED, "counter", "seen_at", "health", "log_size", "cursor", "resting", "last_seq",
    "reported_at", "run", "wire",
)  # fmt: skip
_ACKNOWLEDGE = "acked_seq = v.acked_seq, head = v.head"
_VISIT = (
    f"{_ACKNOWLEDGE}, counter = v.counter, seen_at = v.seen_at, health = v.health,"
    f" log_size = {dialect.greatest('kiosk.log_size', 'v.log_size')}, cursor = v.cursor,"
    " resting = v.resting, last_seq = v.last_seq, reported_at = v.reported_at,"
    f" run = {dialect.greatest('kiosk.run', 'v.run')}, wire = COALESCE(v.wire, kiosk.wire)"
)
_SAME = "kiosk.kiosk = v.kiosk AND kiosk.generation = v.generation"
_HEARD = Heard._fields[:-2]
_HEAR = (
    "counter = v.counter, seen_at = v.seen_at, health = v.health,"
    f" log_size = {dialect.greatest('kiosk.log_size', 'v.log_size')}, cursor = v.cursor,"
    " reported_at = v.reported_at"
)
_AS_EXPECTED = (
    f"{_SAME} AND kiosk.counter < v.counter AND kiosk.run = v.run AND kiosk.state = v.state"
    " AND kiosk.acked_seq = v.acked_seq AND COALESCE(kiosk.old_files, '') = v.old_files"
)
_KEEP_VERSION = "UPDATE kiosk SET wire = ? WHERE kiosk = ? AND generation = ?"
_KEEP_HEALTH = f"UPDATE kiosk SET {_HEALTH} WHERE kiosk = ? AND generation = ?"
_COUNT_AND_KEEP = (
    f"UPDATE kiosk SET counter = ?, seen_at = ?, {_HEALTH} WHERE {_WHO} AND counter < ?"
    f" RETURNING {_KNOWN}"
)
_MINUTE = ("kiosk", "slot", "minute", "heard", "queue")
# A ring buffer of an hour. A slot from an earlier hour starts anew.
_COUNT_MINUTE = (
    " ON CONFLICT (kiosk, slot) DO UPDATE SET minute = excluded.minute,"
    " heard = CASE WHEN kiosk_minute.minute = excluded.minute"
    "  THEN kiosk_minute.heard + excluded.heard ELSE excluded.heard END,"
    " queue = CASE WHEN kiosk_minute.minute = excluded.minute"
    "  AND kiosk_minute.queue > excluded.queue THEN kiosk_minute.queue ELSE excluded.queue END"
)


def keep_health(
    db: Connection,
    key: KioskKey,
    batch: wire.ScanBatch,
    now: int,
    version: WireVersion | None = None,
) -> None:
    memory.forget(db)
    _keep_minute(db, key, batch, now)
    db.execute(_KEEP_HEALTH, (*_health(batch, now, version), *key))


def _keep_minute(db: Connection, key: KioskKey, batch: wire.ScanBatch, now: int) -> None:
    visits = joint.shared(db, Visits, lambda: Visits(db))
    visits.minute(key[0], batch.health.queue, now)
    visits.write()


def whole_health(health: wire.Health) -> str:
    """Return the JSON that is stored. A kiosk of another make may send texts that are not whole."""
    return whole_json(wire.encode(health)).decode()


def _health(batch: wire.ScanBatch, now: int, version: WireVersion | None) -> tuple[object, ...]:
    health = whole_health(batch.health)
    stated = None if version is None else version.text
    return (
        health, batch.log_size, batch.cursor, batch.resting, batch.last_seq, now, _run_of(batch),
        stated,
    )  # fmt: skip


def _run_of(batch: wire.ScanBatch) -> str:
    return batch.run if isinstance(batch.run, str) else ""
