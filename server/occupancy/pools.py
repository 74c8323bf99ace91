"""Places on the server: each hall's pools, loaded for a step of the protocol and saved with what
caused it.

A hall has two pools: ordinary places, up to its capacity, and override places, between that and the
fire limit. The protocol is badges/places/pool.py; this file keeps its state. Who gets how many is
`grants`' affair.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from badges.places.pool import Held, KioskKey, Pool, PoolKey, within_limit
from badges.wire import wire
from server.storage import dialect
from server.storage.connection import Connection, Row
from server.storage.tables import keep_setting


class UnknownHallError(ValueError):
    """There is no such hall in the event."""


@dataclass(frozen=True)
class HallFigures:
    """A hall as its page shows it. `worst_case` counts unspent places as if people used them, and
    those who moved on as if they had not left; it does not count `unconfirmed_moves`.

    `overrides` are places beyond the capacity that supervisors at the doors may still use.
    """

    hall_id: int
    names: str  # JSON by language
    parent_id: int | None
    capacity: int
    fire_limit: int
    inside: int
    worst_case: int
    overrides: int
    closed: bool
    moved_on: int = 0  # of those inside, as counted: seen at another hall since
    unconfirmed_moves: int = 0  # m: so many more may be inside than `worst_case`

    @property
    def unspent(self) -> int:
        return self.worst_case - self.inside


def incarnation(db: Connection) -> int:
    """The server's incarnation: a higher one after each restore from a backup."""
    return int(_settings(db).get("incarnation", 1))


_AWAITED = "SELECT kiosk, generation FROM place_account WHERE awaited"


def was_restored_without_acts(db: Connection) -> bool:
    """Then a kiosk may hold places in halls where it has no account here, for it may have been
    moved since the backup: no hall gives out any before all are heard, and accounts that they
    tell of are opened.
    """
    return "without_acts" in _settings(db)


def _settings(db: Connection) -> dict[str, str]:
    sql = "SELECT key, value FROM setting WHERE key IN ('incarnation', 'without_acts')"
    return dict(db.execute(sql).fetchall())


def await_all_everywhere(db: Connection) -> None:
    """See `was_restored_without_acts`."""
    keep_setting(db, "without_acts", "1")


def load(db: Connection, key: PoolKey) -> Pool:
    """The pool, with the hall's capacity or, of override places, what lies above it.

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


# A hall and its accounts with both pools, as one row.
_ACCOUNTS = dialect.rows_as_json(
    "override, kiosk, generation, awaited, granted, returned, handed_over, reclaimed, fenced,"
    " trusted, attested",
    "place_account WHERE hall_id = hall.hall_id",
)
_HALL = (
    "SELECT capacity, fire_limit, open_stays, open_overrides, closed_at, shared_until,"
    f" {_ACCOUNTS} AS accounts FROM hall WHERE hall_id = ?"
)


class Pools:
    """The pools that one transaction moves: each read once, and written with what became of it."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._saved: dict[PoolKey, Pool] = {}
        self._pools: dict[PoolKey, Pool] = {}
        self._rows: dict[int, tuple[Row, list[list[Any]]]] = {}  # by hall
        self._settings: dict[str, str] | None = None

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
        """Those whose places may have moved."""
        return frozenset(key.hall_id for key in self._pools)

    @property
    def incarnation(self) -> int:
        """The server's."""
        return int(self._known_settings().get("incarnation", 1))

    def save(self) -> None:
        for key, pool in self._pools.items():
            if pool is not self._saved[key]:
                save(self._db, key, self._saved[key], pool)
                self._saved[key] = pool

    def _known_settings(self) -> dict[str, str]:
        if self._settings is None:
            self._settings = _settings(self._db)
        return self._settings

    def hall(self, hall_id: int) -> Row:
        """Its `fire_limit`, `closed_at` and `shared_until`. Raises UnknownHallError."""
        return self._row(hall_id)[0]

    def _load(self, key: PoolKey) -> Pool:
        hall, accounts = self._row(key.hall_id)
        kiosks: dict[KioskKey, Held] = {}
        awaited = set()
        for override, name, generation, is_awaited, *held in accounts:
            if override == key.override:
                granted, returned, handed_over, reclaimed, fenced, trusted, attested = held
                kiosks[name, generation] = Held(
                    granted, returned, handed_over, reclaimed, bool(fenced), trusted, attested
                )
                if is_awaited:
                    awaited.add((name, generation))
        if "without_acts" in self._known_settings():
            everywhere = {(row[0], row[1]) for row in self._db.execute(_AWAITED)}
            awaited |= everywhere - kiosks.keys()
        beyond = hall["fire_limit"] - hall["capacity"]
        return Pool(
            capacity=beyond if key.override else hall["capacity"],
            incarnation=self.incarnation,
            open_stays=hall["open_overrides" if key.override else "open_stays"],
            kiosks=kiosks,
            awaited=frozenset(awaited),
        )

    def _row(self, hall_id: int) -> tuple[Row, list[list[Any]]]:
        """The hall, and its accounts with both pools: who moves one mostly looks at the other."""
        if hall_id not in self._rows:
            hall = self._db.execute(_HALL, (hall_id,)).fetchone()
            if hall is None:
                raise UnknownHallError(f"hall {hall_id}")
            self._rows[hall_id] = hall, msgspec.json.decode(hall["accounts"])
        return self._rows[hall_id]


def order(key: PoolKey, pool: Pool, kiosk: KioskKey, recall: int = 0) -> wire.PlaceOrder:
    """What the kiosk has been granted, and what it is to give back, on the wire."""
    told = pool.order(kiosk, recall)
    left = max(0, pool.free + sum(max(0, held.held) for held in pool.kiosks.values()))
    return wire.PlaceOrder(
        key.hall_id, told.granted, told.recall, told.incarnation, key.override, left
    )


def orders_for(
    db: Connection, kiosk: KioskKey, pools: Pools | None = None
) -> list[wire.PlaceOrder]:
    """What the kiosk has been granted of each pool, with no recall."""
    pools = Pools(db) if pools is None else pools
    return [order(key, limited(pools, key), kiosk) for key in accounts_of(db, kiosk)]


def limited(pools: Pools, key: PoolKey) -> Pool:
    """The pool with what the hall's other pool leaves it of the fire limit."""
    usual, beyond = PoolKey(key.hall_id), PoolKey(key.hall_id, override=True)
    limit = pools.hall(key.hall_id)["fire_limit"]
    return within_limit(pools[usual], pools[beyond], limit)[key.override]


def accounts_of(db: Connection, kiosk: KioskKey) -> list[PoolKey]:
    """The pools that the kiosk has an account with."""
    rows = db.execute(
        "SELECT hall_id, override FROM place_account WHERE kiosk = ? AND generation = ?"
        " ORDER BY hall_id, override",
        kiosk,
    )
    return [PoolKey(row[0], bool(row[1])) for row in rows]


def enrol(db: Connection, hall_id: int, kiosk: KioskKey) -> None:
    """Open the kiosk's accounts with both pools of a hall."""
    for key in (PoolKey(hall_id), PoolKey(hall_id, override=True)):
        before = load(db, key)
        save(db, key, before, before.enrol(kiosk))


def fence(db: Connection, kiosk: KioskKey) -> None:
    """No more grants to the kiosk, anywhere; what it holds stays counted
    (docs/design/places.md, rule 7).
    """
    for key in accounts_of(db, kiosk):
        before = load(db, key)
        save(db, key, before, before.fence(kiosk))


def hall_figures(db: Connection) -> list[HallFigures]:
    """All halls, by number."""
    rows = db.execute(
        "SELECT h.hall_id, h.names, h.parent_id, h.capacity, h.fire_limit,"
        " h.open_stays + h.open_overrides AS inside,"
        " h.open_stays + h.open_overrides"
        "  + SUM(CASE a.override WHEN 0 THEN a.held ELSE 0 END) AS worst_case,"
        " SUM(CASE a.override WHEN 0 THEN 0 ELSE a.held END) AS overrides,"
        " h.closed_at IS NOT NULL AS closed, h.moved_on, h.unconfirmed_moves"
        " FROM hall h LEFT JOIN (SELECT hall_id, override,"
        "  granted - returned - handed_over - reclaimed + trusted AS held FROM place_account"
        "  UNION ALL SELECT hall_id, 0, 0 FROM hall) a USING (hall_id) GROUP BY h.hall_id"
    )
    return [HallFigures(**{**dict(row), "closed": bool(row["closed"])}) for row in rows]
