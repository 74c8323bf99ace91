"""Keeps places on the server. Each hall's pools are loaded for a step of the protocol and saved
with what caused it.

A hall has two pools. Ordinary places go up to its capacity, and override places lie between that
and the fire limit. The protocol is badges/places/pool.py, and this file keeps its state. `grants`
decides who gets how many.
"""

import msgspec

from badges.places.pool import Held, KioskKey, Pool, PoolKey, within_limit
from badges.wire import wire
from server.storage import dialect
from server.storage.connection import Connection, Row
from server.storage.event_state import EventState, event_state
from server.venue.store import UnknownHallError

# The same as `Held.held`, for a row of `place_account`. Statements that add up many rows use it.
HELD = "granted - returned - handed_over - reclaimed + trusted"


def load(db: Connection, key: PoolKey) -> Pool:
    """Return the pool. Its capacity is the hall's capacity, or for override places what lies above
    that.

    Raises UnknownHallError.
    """
    return Pools(db)[key]


def save(db: Connection, key: PoolKey, before: Pool, after: Pool) -> None:
    """Write what differs between the two."""
    if after.open_stays != before.open_stays:
        column = "open_overrides" if key.override else "open_stays"
        db.execute(
            f"UPDATE hall SET {column} = ? WHERE hall_id = ?", (after.open_stays, key.hall_id)
        )
    for kiosk, held in after.kiosks.items():
        awaited = kiosk in after.awaited
        if before.kiosks.get(kiosk) == held and awaited == (kiosk in before.awaited):
            continue
        db.execute(
            "INSERT INTO place_account (hall_id, override, kiosk, generation, granted, returned,"
            " handed_over, reclaimed, fenced, trusted, attested, awaited)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (hall_id, override, kiosk, generation) DO UPDATE SET"
            " granted = excluded.granted, returned = excluded.returned,"
            " handed_over = excluded.handed_over, reclaimed = excluded.reclaimed,"
            " fenced = excluded.fenced, trusted = excluded.trusted,"
            " attested = excluded.attested, awaited = excluded.awaited",
            (
                *key,
                *kiosk,
                held.granted,
                held.returned,
                held.handed_over,
                held.reclaimed,
                held.fenced,
                held.trusted,
                held.attested,
                awaited,
            ),
        )


_AWAITED = "SELECT kiosk, generation FROM place_account WHERE awaited"


class _Account(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Holds a row of `place_account` as it is packed into a hall's. The fields are its columns."""

    override: int
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
# A hall and its accounts with both pools, as one row.
_PACKED = dialect.rows_as_json(
    ", ".join(_Account.__struct_fields__), "place_account WHERE hall_id = hall.hall_id"
)
_HALL = (
    "SELECT capacity, fire_limit, open_stays, open_overrides, closed_at, shared_until,"
    f" {_PACKED} AS accounts FROM hall WHERE hall_id = ?"
)


class Pools:
    """Holds the pools that one transaction moves. Each is read once, and written with what became
    of it.
    """

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._saved: dict[PoolKey, Pool] = {}
        self._pools: dict[PoolKey, Pool] = {}
        self._rows: dict[int, tuple[Row, list[_Account]]] = {}  # by hall
        self._state: EventState | None = None

    def __getitem__(self, key: PoolKey) -> Pool:
        """Raises UnknownHallError."""
        if key not in self._pools:
            self._saved[key] = self._pools[key] = self._load(key)
        return self._pools[key]

    def __setitem__(self, key: PoolKey, pool: Pool) -> None:
        """`pool` is the one that stands here, some steps on."""
        self._pools[key] = pool

    @property
    def halls(self) -> frozenset[int]:
        """Return the halls whose places may have moved."""
        return frozenset(key.hall_id for key in self._pools)

    @property
    def incarnation(self) -> int:
        """Return the server's incarnation."""
        return self._known_state().incarnation

    def save(self) -> None:
        for key, pool in self._pools.items():
            if pool is not self._saved[key]:
                save(self._db, key, self._saved[key], pool)
                self._saved[key] = pool

    def _known_state(self) -> EventState:
        if self._state is None:
            self._state = event_state(self._db)
        return self._state

    def hall(self, hall_id: int) -> Row:
        """Return the hall's `fire_limit`, `closed_at` and `shared_until`. Raises
        UnknownHallError.
        """
        return self._row(hall_id)[0]

    def _load(self, key: PoolKey) -> Pool:
        hall, accounts = self._row(key.hall_id)
        kiosks: dict[KioskKey, Held] = {}
        awaited = set()
        for one in accounts:
            if one.override == key.override:
                kiosk = (one.kiosk, one.generation)
                kiosks[kiosk] = Held(
                    granted=one.granted,
                    returned=one.returned,
                    handed_over=one.handed_over,
                    reclaimed=one.reclaimed,
                    fenced=bool(one.fenced),
                    trusted=one.trusted,
                    attested=one.attested,
                )
                if one.awaited:
                    awaited.add(kiosk)
        if self._known_state().restored_without_acts:
            everywhere = {(row["kiosk"], row["generation"]) for row in self._db.execute(_AWAITED)}
            awaited |= everywhere - kiosks.keys()
        beyond = hall["fire_limit"] - hall["capacity"]
        return Pool(
            capacity=beyond if key.override else hall["capacity"],
            incarnation=self.incarnation,
            open_stays=hall["open_overrides" if key.override else "open_stays"],
            kiosks=kiosks,
            awaited=frozenset(awaited),
        )

    def _row(self, hall_id: int) -> tuple[Row, list[_Account]]:
        """Read the hall with its accounts of both pools, because what moves one of them mostly
        reads the other too.
        """
        if hall_id not in self._rows:
            hall = self._db.execute(_HALL, (hall_id,)).fetchone()
            if hall is None:
                raise UnknownHallError(f"hall {hall_id}")
            self._rows[hall_id] = hall, _ACCOUNTS.decode(hall["accounts"])
        return self._rows[hall_id]


def order(key: PoolKey, pool: Pool, kiosk: KioskKey, recall: int = 0) -> wire.PlaceOrder:
    """Return what the kiosk has been granted, and what it is to give back, in the form for the
    wire.
    """
    told = pool.order(kiosk, recall)
    left = max(0, pool.free + sum(max(0, held.held) for held in pool.kiosks.values()))
    return wire.PlaceOrder(
        key.hall_id, told.granted, told.recall, told.incarnation, key.override, left
    )


def orders_for(
    db: Connection, kiosk: KioskKey, pools: Pools | None = None
) -> list[wire.PlaceOrder]:
    """Return what the kiosk has been granted of each pool, with no recall."""
    pools = Pools(db) if pools is None else pools
    return [order(key, limited(pools, key), kiosk) for key in accounts_of(db, kiosk)]


def await_all(db: Connection, incarnation: int, *, was_put_back: bool) -> None:
    """Take the step that follows a restore (`Pool.restored`, rule 8) in both pools of every hall.

    `incarnation` is the restored server's, above every one that was ever in use. `was_put_back`
    tells that the database may have gone on as an old copy before anybody knew.
    """
    pools = Pools(db)
    for (hall_id,) in db.execute("SELECT hall_id FROM hall ORDER BY hall_id").fetchall():
        for override in (False, True):
            key = PoolKey(hall_id, override)
            pools[key] = pools[key].restored(incarnation, was_put_back=was_put_back)
    pools.save()


def limited(pools: Pools, key: PoolKey) -> Pool:
    """Return the pool, limited to what the hall's other pool leaves of the fire limit."""
    usual, beyond = PoolKey(key.hall_id), PoolKey(key.hall_id, override=True)
    limit = pools.hall(key.hall_id)["fire_limit"]
    return within_limit(pools[usual], pools[beyond], limit)[key.override]


def accounts_of(db: Connection, kiosk: KioskKey) -> list[PoolKey]:
    """Return the pools that the kiosk has an account with."""
    rows = db.execute(
        "SELECT hall_id, override FROM place_account WHERE kiosk = ? AND generation = ?"
        " ORDER BY hall_id, override",
        kiosk,
    )
    return [PoolKey(row["hall_id"], bool(row["override"])) for row in rows]


def enrol(db: Connection, hall_id: int, kiosk: KioskKey) -> None:
    """Open the kiosk's accounts with both pools of a hall."""
    for key in (PoolKey(hall_id), PoolKey(hall_id, override=True)):
        before = load(db, key)
        save(db, key, before, before.enrol(kiosk))


def fence(db: Connection, kiosk: KioskKey) -> None:
    """Grant the kiosk nothing more, anywhere. What it holds stays counted (docs/design/places.md,
    rule 7).
    """
    for key in accounts_of(db, kiosk):
        before = load(db, key)
        save(db, key, before, before.fence(kiosk))
