"""Who is granted places: the sharing policy at work on what the database knows of a hall's doors.

Sharing may be poor without harm: only the protocol keeps the promise (badges/places.py). Every
order is published in the transaction that grants it.
"""

import sqlite3

from badges import wire
from badges.places import KioskKey, Pool, PoolKey, within_limit
from server import feed, places, sharing

WANT_MS = 3_000  # how long a kiosk's wish for a place is remembered
LIVE_MS = 30_000  # a kiosk unheard for longer gets nothing new


def heard(
    db: sqlite3.Connection, kiosk: KioskKey, totals: wire.PlaceTotals, people: int, now: int
) -> None:
    """Keep what a kiosk says of its need, and that `people` more came to it; for sharing alone."""
    key = PoolKey(totals.hall, totals.override)
    row = db.execute(
        "SELECT rate, rate_at FROM place_account"
        " WHERE hall_id = ? AND override = ? AND kiosk = ? AND generation = ?",
        (*key, *kiosk),
    ).fetchone()
    if row is None:
        return
    rate = sharing.smoothed(row["rate"], (now - row["rate_at"]) / 60_000, people)
    db.execute(
        "UPDATE place_account SET free = ?, wanted_at = CASE WHEN ? THEN ? ELSE NULL END,"
        " rate = ?, rate_at = ?"
        " WHERE hall_id = ? AND override = ? AND kiosk = ? AND generation = ?",
        (totals.free, totals.wants, now, rate, now, *key, *kiosk),
    )


def share(
    db: sqlite3.Connection, hall_id: int, now: int, pools: places.Pools | None = None
) -> frozenset[KioskKey]:
    """Grant and recall by the policy, in both pools, and publish each order.

    Returns the kiosks that asked for an ordinary place and for which none can come now. `pools` are
    what this transaction has of them already.
    """
    pools = places.Pools(db) if pools is None else pools
    hall = db.execute(
        "SELECT fire_limit, closed_at FROM hall WHERE hall_id = ?", (hall_id,)
    ).fetchone()
    usual, beyond = PoolKey(hall_id), PoolKey(hall_id, override=True)
    ordinary, override = within_limit(pools[usual], pools[beyond], hall["fire_limit"])
    closed = hall["closed_at"] is not None
    hopeless = _share(db, usual, ordinary, pools, closed, now)
    _share(db, beyond, override, pools, closed, now)  # nobody gets in, by no one's word
    return hopeless


def _share(
    db: sqlite3.Connection, key: PoolKey, before: Pool, pools: places.Pools, closed: bool, now: int
) -> frozenset[KioskKey]:
    """`before` is the pool of `pools`, with what the limit leaves of its capacity."""
    doors, elsewhere = _doors(db, key, before, now)
    plan = sharing.plan(doors, before.free, closed=closed, spread=key.override)
    pool = before
    for kiosk, count in plan.grants.items():
        pool = pool.grant(kiosk, count)
    recalls = dict(plan.recalls)
    for kiosk in elsewhere:
        recalls[kiosk] = max(0, pool.kiosks[kiosk].held)
    if pool != before:
        pools[key] = pool.resized(pools[key].capacity)
        pools.save()
        _remember(db, key, before, pool)
    for kiosk in {*recalls, *plan.grants}:
        recall = recalls.get(kiosk, 0)
        if recall or pool.kiosks[kiosk] != before.kiosks[kiosk]:
            name, generation = kiosk
            order = places.order(key, pool, kiosk, recall)
            feed.publish(db, wire.PlacesOrdered(order, generation), kiosk=name)
    return plan.hopeless


def _remember(db: sqlite3.Connection, key: PoolKey, before: Pool, after: Pool) -> None:
    """Who was granted places has them, until it says otherwise: they may be called back at once."""
    for kiosk, held in after.kiosks.items():
        given = held.granted - before.kiosks[kiosk].granted
        if given:
            db.execute(
                "UPDATE place_account SET free = free + ?, wanted_at = NULL"
                " WHERE hall_id = ? AND override = ? AND kiosk = ? AND generation = ?",
                (given, *key, *kiosk),
            )


def _doors(
    db: sqlite3.Connection, key: PoolKey, pool: Pool, now: int
) -> tuple[list[sharing.Door], list[KioskKey]]:
    """Kiosks that may be granted places: at work, at a door of this hall that admits. And those at
    work that hold places here and can't use them: moved, or at an exit.
    """
    doors, elsewhere = [], []
    for row in db.execute(
        "SELECT a.kiosk, a.generation, a.free, a.rate, a.rate_at, a.wanted_at, a.fenced,"
        " k.seen_at, k.resting, d.hall_id = a.hall_id AND d.mode <> 'exit' AS admits"
        " FROM place_account a JOIN kiosk k USING (kiosk, generation) JOIN door d USING (door_id)"
        " WHERE a.hall_id = ? AND a.override = ? AND k.state = 'active' ORDER BY a.kiosk",
        key,
    ):
        kiosk = (row["kiosk"], row["generation"])
        if not row["admits"]:
            if row["free"] > 0:
                elsewhere.append(kiosk)
        elif not row["fenced"] and not row["resting"]:
            doors.append(_door(kiosk, row, pool, now))
    return doors, elsewhere


def _door(kiosk: KioskKey, row: sqlite3.Row, pool: Pool, now: int) -> sharing.Door:
    return sharing.Door(
        kiosk=kiosk,
        held=max(0, pool.kiosks[kiosk].held),
        free=row["free"],
        rate=sharing.smoothed(row["rate"], (now - row["rate_at"]) / 60_000, 0),
        wants=row["wanted_at"] is not None and row["wanted_at"] >= now - WANT_MS,
        live=row["seen_at"] is not None and row["seen_at"] >= now - LIVE_MS,
        silent_ms=max(0, now - (row["seen_at"] or 0)),
    )
