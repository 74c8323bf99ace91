"""Stores the halls' three pools of places (`PoolKey`). They are loaded for a step of the protocol
(badges/places/pool.py), and saved with its cause.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from badges.admission.kept import is_released
from badges.places.pool import Held, KioskKey, Limited, Pool, PoolKey, within_limit
from badges.record import PlaceKind, accessible_field
from badges.wire import wire
from server.core.venue import rules
from server.core.venue.rules import Rules
from server.core.venue.store import UnknownHallError
from server.storage import dialect
from server.storage.connection import Connection
from server.storage.engines import joint
from server.storage.engines.joint import Collected, Reading
from server.storage.engines.memory import Memo
from server.storage.event_state import EventState, event_state
from server.storage.tables import change_rows, write_rows

# `Held.held` in SQL, for sums over `place_account`.
HELD = dialect.greatest("granted - returned - handed_over - reclaimed + trusted", "0")


def load(db: Connection, key: PoolKey) -> Pool:
    return Pools(db)[key]


class Need(NamedTuple):
    """A kiosk's reported need for places in a pool, used only for sharing."""

    free: int
    wanted_at: int | None
    rate: float
    rate_at: int


def save(db: Connection, key: PoolKey, before: Pool, after: Pool) -> None:
    saved = Saved(db)
    saved.add(key, before, after)
    saved.put()


class Saved(Collected):
    tables = ("hall", "place_account")

    def __init__(self, db: Connection) -> None:
        super().__init__(db)
        self._halls: dict[str, dict[int, int]] = {}  # values of each column, by hall
        # An account's state and its kiosk's reported need, each if it is to be written.
        self._accounts: dict[_AccountKey, tuple[tuple[object, ...], Need | None]] = {}

    def hall(self, hall_id: int, column: str, value: int) -> None:
        self._halls.setdefault(column, {})[hall_id] = value

    def add(
        self, key: PoolKey, before: Pool, after: Pool, reported: tuple[KioskKey, Need] | None = None
    ) -> None:
        if after.open_stays != before.open_stays:
            self.hall(key.hall_id, _OPEN[key.kind], after.open_stays)
        if after.kiosks is before.kiosks and after.awaited is before.awaited:
            changed: Iterable[KioskKey] = () if reported is None else (reported[0],)
        else:
            changed = after.kiosks
        for kiosk in changed:
            held = after.kiosks.get(kiosk)
            if held is None:
                continue
            awaited = kiosk in after.awaited
            more = None if reported is None or reported[0] != kiosk else reported[1]
            moved = before.kiosks.get(kiosk) != held or awaited != (kiosk in before.awaited)
            if moved or more is not None:
                account = (*key, *kiosk)
                kept, needs = self._accounts.get(account, ((), None))
                kept = (*_stored(held), awaited) if moved else kept
                self._accounts[account] = kept, needs if more is None else more

    def put(self) -> None:
        halls, accounts = self._halls, self._accounts
        self._halls, self._accounts = {}, {}
        for column, values in halls.items():
            _set_halls(self._db, column, values)
        saved, needed, both = [], [], []
        for account, (kept, needs) in accounts.items():
            if needs is None:
                saved.append((*account, *kept))
            elif kept:
                both.append((*account, *kept, *needs))
            else:
                needed.append((*account, *needs))
        write_rows(self._db, "place_account", (*_ACCOUNT, *_HELD), saved, _SAVE)
        write_rows(self._db, "place_account", _ALL_OF_IT, both, _SAVE_WITH_NEED)
        change_rows(self._db, "place_account", _NEED, needed, sets=_SET_NEED, where=_SAME)


def _saved(db: Connection) -> Saved:
    return joint.shared(db, Saved, lambda: Saved(db))


_AccountKey = tuple[int, PlaceKind, str, int]


def _set_halls(db: Connection, column: str, values: Mapping[int, int]) -> None:
    change_rows(
        db, "hall", ("hall_id", column), list(values.items()),
        sets=f"{column} = v.{column}", where="hall.hall_id = v.hall_id",
    )  # fmt: skip


def _stored(held: Held) -> tuple[object, ...]:
    return (
        held.granted, held.returned, held.handed_over, held.reclaimed, held.fenced, held.trusted,
        held.attested,
    )  # fmt: skip


_HELD = (
    "granted", "returned", "handed_over", "reclaimed", "fenced", "trusted", "attested", "awaited",
)  # fmt: skip
_ACCOUNT = ("hall_id", "override", "kiosk", "generation")


def _or_set(columns: Sequence[str]) -> str:
    sets = ", ".join(f"{name} = excluded.{name}" for name in columns)
    return f" ON CONFLICT ({', '.join(_ACCOUNT)}) DO UPDATE SET {sets}"


_SAVE = _or_set(_HELD)
_SAVE_WITH_NEED = _or_set((*_HELD, *Need._fields))
_ALL_OF_IT, _NEED = (*_ACCOUNT, *_HELD, *Need._fields), (*_ACCOUNT, *Need._fields)
_SET_NEED = ", ".join(f"{name} = v.{name}" for name in Need._fields)
_SAME = " AND ".join(f"place_account.{name} = v.{name}" for name in _ACCOUNT)

# The hall's counter of stays for each kind of place.
_OPEN = {
    PlaceKind.ORDINARY: "open_stays",
    PlaceKind.OVERRIDE: "open_overrides",
    PlaceKind.ACCESSIBLE: "open_accessible",
}
_AWAITED = "SELECT kiosk, generation FROM place_account WHERE awaited = 1"


class _Account(msgspec.Struct, array_like=True, frozen=True, gc=False):
    override: PlaceKind
    kiosk: str
    generation: int
    awaited: int
    granted: int
    returned: int
    handed_over: int
    reclaimed: int
    fenced: int
    trusted: int
    attested: int | None


_ACCOUNTS = msgspec.json.Decoder(list[_Account])


class HallRow(NamedTuple):
    capacity: int
    fire_limit: int
    open_stays: int  # as read, like the next two
    open_overrides: int
    open_accessible: int
    accessible_places: int
    closed_at: int | None
    shared_until: int


# A hall and its accounts with all pools, as one row.
_PACKED = dialect.rows_as_json(
    ", ".join(_Account.__struct_fields__), "place_account WHERE hall_id = hall.hall_id"
)
_HALL = f"SELECT {', '.join(HallRow._fields)}, {_PACKED} AS accounts FROM hall WHERE hall_id = ?"
_HALLS = (
    f"SELECT hall_id, {', '.join(HallRow._fields)}, {_PACKED} AS accounts FROM hall"
    f" WHERE {dialect.one_of('hall_id')}"
)


class Pools:
    """The pools used in a transaction. Each is read once, and saved if it changed."""

    def __init__(
        self,
        db: Connection,
        state: EventState | None = None,
        rules: Rules | None = None,
        memo: Memo | None = None,
    ) -> None:
        """`state` and `rules` are the transaction's, if already read. `keep` caches the pools in
        the `memo` for the next transaction.
        """
        self._db = db
        self._memo: Memo = {} if memo is None else memo
        self._rules = rules
        self._saved: dict[PoolKey, Pool] = {}
        self._pools: dict[PoolKey, Pool] = {}
        self._needs: dict[PoolKey, tuple[KioskKey, Need]] = {}
        self._written: dict[PoolKey, tuple[KioskKey, Need]] = {}  # reported and written
        self._rows: dict[int, HallRow] = {}
        self._accounts: dict[PoolKey, _Accounts] = {}
        self._state = state

    def __getitem__(self, key: PoolKey) -> Pool:
        """Raises UnknownHallError."""
        pool = self._pools.get(key)
        if pool is None:
            pool = self._memo.get(key)
            if pool is None:
                pool = self._load(key)
            self._saved[key] = self._pools[key] = pool
        return pool

    def __setitem__(self, key: PoolKey, pool: Pool) -> None:
        """`pool` must be derived from the current one."""
        self._pools[key] = pool

    @property
    def halls(self) -> frozenset[int]:
        """Return the halls whose pools were read, and so may have changed."""
        return frozenset(key.hall_id for key in self._pools)

    def of(self, kiosk: KioskKey) -> Iterator[tuple[PoolKey, Pool, Need | None]]:
        """Yield each loaded pool in which the kiosk has an account, with its new need."""
        for key, pool in self._pools.items():
            if kiosk in pool.kiosks:
                by, need = self._written.get(key, (kiosk, None))
                yield key, pool, need if by == kiosk else None

    @property
    def incarnation(self) -> int:
        return self._known_state().incarnation

    def may_grant(self, now: int) -> bool:
        """After a restore the server must wait. `now` is in Unix ms."""
        return now >= self._known_state().grants_from

    def set_need(self, key: PoolKey, kiosk: KioskKey, need: Need) -> None:
        self._needs[key] = kiosk, need

    def save(self) -> None:
        saved: Saved | None = None
        for key, pool in self._pools.items():
            need = self._needs.pop(key, None)
            if pool is not self._saved[key] or need is not None:
                saved = saved or _saved(self._db)
                saved.add(key, self._saved[key], pool, need)
                self._saved[key] = pool
                if need is not None:
                    self._written[key] = need
        if saved is not None:
            saved.write()

    def _known_state(self) -> EventState:
        if self._state is None:
            self._state = event_state(self._db)
        return self._state

    def forget(self, kiosk: KioskKey) -> None:
        self._memo.pop(kiosk, None)

    def keep(self) -> None:
        self._memo.update(self._pools)
        for hall_id, row in self._rows.items():
            self._memo[HallRow, hall_id] = row

    def hall(self, hall_id: int) -> HallRow:
        """Raises UnknownHallError."""
        row = self._rows.get(hall_id)
        if row is None:
            row = self._memo.get((HallRow, hall_id))
            if row is None:
                row = self._read(hall_id)
            self._rows[hall_id] = row
        return row

    def share_until(self, hall_id: int, until: int) -> None:
        saved = _saved(self._db)
        saved.hall(hall_id, "shared_until", until)
        saved.write()
        self._rows[hall_id] = self.hall(hall_id)._replace(shared_until=until)

    def limited(self, hall_id: int, now: int) -> Limited:
        """Return pools that are each limited by the others. Raises UnknownHallError."""
        return within_limit(
            self[PoolKey(hall_id, PlaceKind.ORDINARY)],
            self[PoolKey(hall_id, PlaceKind.OVERRIDE)],
            self[PoolKey(hall_id, PlaceKind.ACCESSIBLE)],
            kept=self.kept(hall_id, now),
            fire_limit=self.hall(hall_id).fire_limit,
        )

    def kept(self, hall_id: int, now: int) -> int:
        """Return the places kept for wheelchair users, 0 once released."""
        places = self.hall(hall_id).accessible_places
        if places and is_released(self.rules.halls[hall_id], now):
            return 0
        return places

    @property
    def rules(self) -> Rules:
        if self._rules is None:
            self._rules = rules.rules(self._db)
        return self._rules

    def keys_of(self, kiosk: KioskKey, before: Iterable[PoolKey]) -> list[PoolKey]:
        """Return the sorted keys of pools in which the kiosk has an account. `before` are those
        from before the transaction.
        """
        opened = (key for key, pool in self._pools.items() if kiosk in pool.kiosks)
        return sorted({*before, *opened})

    def _load(self, key: PoolKey) -> Pool:
        if key not in self._accounts:
            self._rows[key.hall_id] = self._read(key.hall_id)
        hall, accounts = self._rows[key.hall_id], self._accounts[key]
        kiosks, awaited = accounts.kiosks, set(accounts.awaited)
        if self._known_state().restored_without_acts:
            everywhere = {(row["kiosk"], row["generation"]) for row in self._db.execute(_AWAITED)}
            awaited |= everywhere - kiosks.keys()
        capacities = {
            PlaceKind.ORDINARY: hall.capacity,
            PlaceKind.OVERRIDE: hall.fire_limit - hall.capacity,
            PlaceKind.ACCESSIBLE: hall.accessible_places,
        }
        return Pool(
            capacity=capacities[key.kind],
            incarnation=self.incarnation,
            open_stays=getattr(hall, _OPEN[key.kind]),
            kiosks=kiosks,
            awaited=frozenset(awaited),
        )

    def _read(self, hall_id: int) -> HallRow:
        row = self._db.execute(_HALL, (hall_id,)).fetchone()
        if row is None:
            raise UnknownHallError(f"hall {hall_id}")
        return self._take(hall_id, row)

    def remember(self, hall_id: int, row: Iterable[Any]) -> None:
        """Cache a hall's row, as read by `_HALLS`."""
        self._memo[HallRow, hall_id] = self._take(hall_id, row)
        for key in _keys(hall_id):
            if key not in self._memo:
                self._memo[key] = self._load(key)

    def _take(self, hall_id: int, packed: Iterable[Any]) -> HallRow:
        joint.require(self._db, hall=hall_id)
        *row, accounts = packed
        for kind, mine in _by_kind(_ACCOUNTS.decode(accounts)).items():
            self._accounts[PoolKey(hall_id, kind)] = mine
        hall = self._rows[hall_id] = HallRow(*row)
        return hall


def read_ahead(
    db: Connection, memo: Memo, halls: Iterable[int], state: Callable[[], EventState | None]
) -> Reading:
    """`state` returns the event's state after it was read ahead, so it is called last."""
    missing = [hall for hall in dict.fromkeys(halls) if not _is_known(memo, hall)]
    asked = db.execute(_HALLS, (dialect.many(missing),)) if missing else None
    yield
    event = state()
    if asked is None or event is None or event.restored_without_acts:
        return
    loaded = Pools(db, event, memo=memo)
    for hall_id, *row in asked.fetchall():
        loaded.remember(hall_id, row)


def _is_known(memo: Memo, hall_id: int) -> bool:
    return all(key in memo for key in _keys(hall_id)) and (HallRow, hall_id) in memo


def _keys(hall_id: int) -> list[PoolKey]:
    return [PoolKey(hall_id, kind) for kind in PlaceKind]


class _Accounts(NamedTuple):
    kiosks: dict[KioskKey, Held]
    awaited: set[KioskKey]


def _by_kind(accounts: Iterable[_Account]) -> dict[PlaceKind, _Accounts]:
    by_kind = {kind: _Accounts({}, set()) for kind in PlaceKind}
    for account in accounts:
        kiosk, mine = (account.kiosk, account.generation), by_kind[account.override]
        mine.kiosks[kiosk] = Held(
            account.granted, account.returned, account.handed_over, account.reclaimed,
            bool(account.fenced), account.trusted, account.attested,
        )  # fmt: skip
        if account.awaited:
            mine.awaited.add(kiosk)
    return by_kind


def order(key: PoolKey, pool: Pool, kiosk: KioskKey, recall: int = 0) -> wire.PlaceOrder:
    total = pool.order(kiosk, recall)
    left = max(0, pool.free + pool.unspent)
    return wire.PlaceOrder(
        hall=key.hall_id,
        granted=total.granted,
        recall=total.recall,
        incarnation=total.incarnation,
        override=key.kind is PlaceKind.OVERRIDE,
        left=left,
        accessible=accessible_field(key.kind),
    )


def orders_for(db: Connection, kiosk: KioskKey, now: int) -> list[wire.PlaceOrder]:
    """Return totals of granted places for all the kiosk's pools, without recalls."""
    pools, keys = Pools(db), accounts_of(db, kiosk)
    limited = {hall: pools.limited(hall, now) for hall in dict.fromkeys(key[0] for key in keys)}
    return [order(key, limited[key.hall_id].of(key.kind), kiosk) for key in keys]


def await_all(db: Connection, incarnation: int, *, was_put_back: bool) -> None:
    """After a restore, wait in all pools for each kiosk's report (`Pool.restored`, rule 8).

    `incarnation` is the restored server's, above all earlier ones. `was_put_back` means that an
    old copy of the database may have been in use.
    """
    pools = Pools(db)
    for (hall_id,) in db.execute("SELECT hall_id FROM hall ORDER BY hall_id").fetchall():
        for kind in PlaceKind:
            key = PoolKey(hall_id, kind)
            pools[key] = pools[key].restored(incarnation, was_put_back=was_put_back)
    pools.save()


def accounts_of(db: Connection, kiosk: KioskKey) -> list[PoolKey]:
    rows = db.execute(
        "SELECT hall_id, override FROM place_account WHERE kiosk = ? AND generation = ?"
        " ORDER BY hall_id, override",
        kiosk,
    )
    return [PoolKey(row["hall_id"], PlaceKind(row["override"])) for row in rows]


def enrol(db: Connection, hall_id: int, kiosk: KioskKey) -> None:
    for kind in kinds(Pools(db), hall_id):
        key = PoolKey(hall_id, kind)
        before = load(db, key)
        save(db, key, before, before.enrol(kiosk))


def kinds(pools: Pools, hall_id: int) -> list[PlaceKind]:
    """Kept places are included if the hall ever had any. Raises UnknownHallError."""
    keeps = pools.hall(hall_id).accessible_places
    if keeps or pools[PoolKey(hall_id, PlaceKind.ACCESSIBLE)].kiosks:
        return list(PlaceKind)
    return [PlaceKind.ORDINARY, PlaceKind.OVERRIDE]


def fence(db: Connection, kiosk: KioskKey) -> None:
    """Stop granting places to a lost kiosk. Its places stay counted (docs/design/places.md, rule
    7).
    """
    for key in accounts_of(db, kiosk):
        before = load(db, key)
        save(db, key, before, before.fence(kiosk))
