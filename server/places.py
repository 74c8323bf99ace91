"""Places on the server: each hall's pool, loaded for a step of the protocol and saved with what
caused it.

The protocol is badges/places.py; this file keeps its state, tells kiosks of grants and recalls, and
decides how to share. Sharing may be poor without harm: only the protocol keeps the promise.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from badges import wire
from badges.places import Held, KioskKey, Pool
from server import feed

WANT_MS = 3_000  # how long a kiosk's wish for a place is remembered
LIVE_MS = 30_000  # a kiosk unheard for longer gets nothing new


class UnknownHallError(ValueError):
    """There is no such hall in the event."""


@dataclass(frozen=True)
class Asking:
    """What the sharing policy knows of one kiosk in a hall."""

    kiosk: KioskKey
    free: int  # as it last said
    wanted_at: int | None
    seen_at: int | None


@dataclass(frozen=True)
class HallFigures:
    """A hall as its page shows it. `worst_case` counts unspent places as if people used them."""

    hall_id: int
    names: str  # JSON by language
    parent_id: int | None
    capacity: int
    fire_limit: int
    inside: int
    worst_case: int
    closed: bool

    @property
    def unspent(self) -> int:
        return self.worst_case - self.inside


def incarnation(db: sqlite3.Connection) -> int:
    """The server's incarnation: one more after each restore from a backup."""
    row = db.execute("SELECT value FROM setting WHERE key = 'incarnation'").fetchone()
    return int(row[0]) if row else 1


def load(db: sqlite3.Connection, hall_id: int) -> Pool:
    """The hall's pool. Raises UnknownHallError."""
    hall = db.execute(
        "SELECT capacity, open_stays FROM hall WHERE hall_id = ?", (hall_id,)
    ).fetchone()
    if hall is None:
        raise UnknownHallError(f"hall {hall_id}")
    kiosks: dict[KioskKey, Held] = {}
    awaited = set()
    for row in db.execute(
        "SELECT kiosk, generation, granted, returned, handed_over, reclaimed, fenced, awaited"
        " FROM place_account WHERE hall_id = ?",
        (hall_id,),
    ):
        key = (row["kiosk"], row["generation"])
        kiosks[key] = Held(
            row["granted"],
            row["returned"],
            row["handed_over"],
            row["reclaimed"],
            bool(row["fenced"]),
        )
        if row["awaited"]:
            awaited.add(key)
    return Pool(
        capacity=hall["capacity"],
        incarnation=incarnation(db),
        open_stays=hall["open_stays"],
        kiosks=kiosks,
        awaited=frozenset(awaited),
    )


def save(db: sqlite3.Connection, hall_id: int, before: Pool, after: Pool) -> None:
    """Write what differs between the two."""
    if after.open_stays != before.open_stays:
        db.execute("UPDATE hall SET open_stays = ? WHERE hall_id = ?", (after.open_stays, hall_id))
    for key, held in after.kiosks.items():
        awaited = key in after.awaited
        if before.kiosks.get(key) == held and awaited == (key in before.awaited):
            continue
        db.execute(
            "INSERT INTO place_account (hall_id, kiosk, generation, granted, returned,"
            " handed_over, reclaimed, fenced, awaited) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (hall_id, kiosk, generation) DO UPDATE SET granted = excluded.granted,"
            " returned = excluded.returned, handed_over = excluded.handed_over,"
            " reclaimed = excluded.reclaimed, fenced = excluded.fenced, awaited = excluded.awaited",
            (
                hall_id,
                *key,
                held.granted,
                held.returned,
                held.handed_over,
                held.reclaimed,
                held.fenced,
                awaited,
            ),
        )


def heard(
    db: sqlite3.Connection, hall_id: int, kiosk: KioskKey, free: int, wants: bool, now: int
) -> None:
    """Keep what a kiosk says of its need, for sharing alone."""
    db.execute(
        "UPDATE place_account SET free = ?, wanted_at = CASE WHEN ? THEN ? ELSE NULL END"
        " WHERE hall_id = ? AND kiosk = ? AND generation = ?",
        (free, wants, now, hall_id, *kiosk),
    )


def share(db: sqlite3.Connection, hall_id: int, now: int) -> frozenset[KioskKey]:
    """Grant what the pool has, and recall where one door has many places and another none.

    Simple on purpose: each kiosk of the hall has a fair share, kept in the pool while it is not
    heard; one that asks gets more than its share as long as the pool has it, and then what a
    recall from the richest brings. Every order is published in the same transaction. Returns the
    kiosks that asked and for which no place can come now.
    """
    pool = before = load(db, hall_id)
    asking = _asking(db, hall_id, now)
    live = [one for one in asking if one.seen_at is not None and one.seen_at >= now - LIVE_MS]
    if not live:
        return frozenset()
    if _closed(db, hall_id):
        recalls = {one.kiosk: one.free for one in live if one.free}
        hopeless = frozenset(one.kiosk for one in live)
    else:
        starving = [one.kiosk for one in live if one.wanted_at is not None and not one.free]
        for kiosk in starving:
            pool = pool.grant(kiosk, max(1, pool.free // len(asking)))
        unfed = [kiosk for kiosk in starving if pool.kiosks[kiosk] == before.kiosks[kiosk]]
        pool = _grant_fairly(pool, [one.kiosk for one in live], len(asking))
        recalls = _recalls([one for one in live if one.kiosk not in starving], len(unfed))
        hopeless = frozenset() if recalls else frozenset(unfed)
    save(db, hall_id, before, pool)
    for one in live:
        recall = recalls.get(one.kiosk, 0)
        if recall or pool.kiosks[one.kiosk] != before.kiosks[one.kiosk]:
            order = _wire_order(hall_id, pool, one.kiosk, recall)
            name, generation = one.kiosk
            feed.publish(db, wire.PlacesOrdered(order, generation), kiosk=name)
    return hopeless


def order_for(db: sqlite3.Connection, hall_id: int, kiosk: KioskKey) -> wire.PlaceOrder:
    """What the kiosk has been granted in the hall, with no recall."""
    return _wire_order(hall_id, load(db, hall_id), kiosk, 0)


def enrol(db: sqlite3.Connection, hall_id: int, kiosk: KioskKey) -> None:
    """Open the kiosk's account with a hall."""
    before = load(db, hall_id)
    save(db, hall_id, before, before.enrol(kiosk))


def hall_figures(db: sqlite3.Connection) -> list[HallFigures]:
    """All halls, by number."""
    rows = db.execute(
        "SELECT h.hall_id, h.names, h.parent_id, h.capacity, h.fire_limit, h.open_stays AS inside,"
        " h.open_stays + COALESCE(SUM(a.granted - a.returned - a.handed_over - a.reclaimed), 0)"
        " AS worst_case, h.closed_at IS NOT NULL AS closed"
        " FROM hall h LEFT JOIN place_account a USING (hall_id) GROUP BY h.hall_id"
    )
    return [HallFigures(**{**dict(row), "closed": bool(row["closed"])}) for row in rows]


def _recalls(rich: list[Asking], unfed: int) -> dict[KioskKey, int]:
    """Half of what the richest door has, then of the next, until each door without can get one."""
    recalls: dict[KioskKey, int] = {}
    for one in sorted(rich, key=lambda one: -one.free):
        if unfed <= 0 or one.free <= 0:
            break
        recalls[one.kiosk] = max(1, one.free // 2)
        unfed -= recalls[one.kiosk]
    return recalls


def _grant_fairly(pool: Pool, live: Iterable[KioskKey], kiosks: int) -> Pool:
    """Fill up each live kiosk to an equal part of all places that are not used by a stay."""
    held = sum(pool.kiosks[key].held for key in pool.kiosks)
    fair = -(-(pool.free + held) // kiosks)
    for key in sorted(live, key=lambda key: pool.kiosks[key].held):
        pool = pool.grant(key, fair - pool.kiosks[key].held)
    return pool


def _asking(db: sqlite3.Connection, hall_id: int, now: int) -> list[Asking]:
    """Kiosks that may be granted places: at work, at a door of this hall that admits."""
    rows = db.execute(
        "SELECT a.kiosk, a.generation, a.free,"
        " CASE WHEN a.wanted_at >= ? THEN a.wanted_at END, k.seen_at"
        " FROM place_account a JOIN kiosk k USING (kiosk, generation) JOIN door d USING (door_id)"
        " WHERE a.hall_id = ? AND k.state = 'active' AND NOT a.fenced AND d.hall_id = a.hall_id"
        " AND d.mode <> 'exit'",
        (now - WANT_MS, hall_id),
    )
    return [Asking((row[0], row[1]), row[2], row[3], row[4]) for row in rows]


def _closed(db: sqlite3.Connection, hall_id: int) -> bool:
    row = db.execute(
        "SELECT closed_at IS NOT NULL FROM hall WHERE hall_id = ?", (hall_id,)
    ).fetchone()
    return bool(row[0])


def _wire_order(hall_id: int, pool: Pool, kiosk: KioskKey, recall: int) -> wire.PlaceOrder:
    order = pool.order(kiosk, recall)
    return wire.PlaceOrder(hall_id, order.granted, order.recall, order.incarnation)
