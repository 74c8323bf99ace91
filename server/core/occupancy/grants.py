"""Grants places by applying the sharing policy to a hall's doors.

Poor sharing does no harm: the protocol alone keeps the capacity (badges/places/pool.py). Each order
is published in the transaction that grants it.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from badges.places.pool import KioskKey, Limited, Pool, PoolKey
from badges.record import PlaceKind
from badges.wire import wire
from server.core.feed import changes
from server.core.occupancy import phone_places, pools, sharing_policy
from server.core.occupancy.kiosk_accounts import KnownAccount
from server.core.occupancy.pools import Need
from server.storage.connection import Connection, Row
from server.storage.engines import joint
from server.storage.engines.memory import Memo
from server.storage.event_state import EventState

WANT_MS = 3_000  # lifetime of a kiosk's request for a place
LIVE_MS = 30_000  # A kiosk silent for longer gets no new places.
# Lifetime of a share in a hall where nobody waits for a place. tests/bench/sharing has its cost.
SHARED_MS = 4_000
RATE_MS = 10_000  # Arrivals count as spread over this time, or since the first of them.

_ACCOUNTS = (
    "SELECT a.override, a.kiosk, a.generation, a.free, a.rate, a.rate_at, a.wanted_at, a.fenced,"
    " k.seen_at, k.resting, k.door_id, d.hall_id = a.hall_id AS at_home,"
    " d.mode <> 'exit' AS admits,"
    f" CASE WHEN k.device = 'phone' THEN {phone_places.PLACES} END AS most"
    " FROM place_account a JOIN kiosk k USING (kiosk, generation) JOIN door d USING (door_id)"
    " WHERE a.hall_id = ? AND k.state = 'active' ORDER BY a.override, a.kiosk, a.generation"
)


def store_needs(
    loaded: pools.Pools,
    kiosk: KioskKey,
    accounts_before: Mapping[PoolKey, KnownAccount],
    reported: Iterable[tuple[PoolKey, wire.PlaceTotals]],
    came: Mapping[int, int],
    came_since: int,
    now: int,
) -> None:
    """Store a kiosk's reported need for places. `came` is the number of people who came to its
    door, by hall, the first of them at `came_since`. `loaded` writes the changes later.
    """
    since = min(now - RATE_MS, came_since)
    for key, totals in reported:
        before = accounts_before.get(key) or KnownAccount(*key)
        rate, rate_at = before.rate, before.rate_at
        people = came.get(key.hall_id, 0) if key.kind is PlaceKind.ORDINARY else 0
        asked = before.wanted_at is not None
        known = 0 < rate_at <= now
        if people or totals.wants or totals.free != before.free or asked or not known:
            if rate_at < since:
                rate = sharing_policy.smoothed(rate, (since - rate_at) / 60_000, 0)
                rate_at = since
            rate = sharing_policy.smoothed(rate, (now - rate_at) / 60_000, people)
            wanted_at = now if totals.wants else None
            loaded.set_need(key, kiosk, Need(totals.free, wanted_at, rate, now))


def share(
    db: Connection,
    hall_id: int,
    now: int,
    loaded: pools.Pools | None = None,
    *,
    asked: bool = True,
    reporter: tuple[KioskKey, bool] | None = None,
) -> frozenset[KioskKey]:
    """Share all pools of a hall, and publish the orders. Return the kiosks whose request for a
    place can't be met now. `loaded` are the transaction's pools. Without `asked`, a hall without
    waiting people is shared only periodically, since scans and heartbeats change little. `reporter`
    is the reporting kiosk, and whether it rests; neither may be stored yet.
    """
    loaded = pools.Pools(db) if loaded is None else loaded
    hall = loaded.hall(hall_id)
    if not asked and 0 < hall.shared_until - now <= SHARED_MS:
        return frozenset()
    kinds = pools.kinds(loaded, hall_id)
    if PlaceKind.ACCESSIBLE in kinds:
        _open_accounts(db, loaded, hall_id)
    limited = loaded.limited(hall_id, now)
    # A closed hall's override places are recalled too.
    closed = hall.closed_at is not None
    with joint.beside(db, "kiosk", "place_account"):
        rows = db.execute(_ACCOUNTS, (hall_id,)).fetchall()
    accounts = [_as_reported(row, reporter, now) for row in rows]
    leads_here = _leads_here(loaded, hall_id, accounts)
    plans = {}
    for kind in kinds:
        key = PoolKey(hall_id, kind)
        beyond = 0 if kind is PlaceKind.OVERRIDE else limited.override.open_stays
        plans[kind] = _share(
            db, key, limited.of(kind), loaded, accounts, leads_here,
            closed=closed, beyond=beyond, now=now,
        )  # fmt: skip
    until = now + SHARED_MS if all(plan.settled for plan in plans.values()) else 0
    if until != hall.shared_until:
        loaded.share_until(hall_id, until)
    hopeless = plans[PlaceKind.ORDINARY].hopeless
    kept = plans.get(PlaceKind.ACCESSIBLE)
    if kept is None:
        return hopeless
    asked_too = {
        (row["kiosk"], row["generation"])
        for row in accounts
        if row["override"] == PlaceKind.ACCESSIBLE and _wants(row, now)
    }
    return hopeless - (asked_too - kept.hopeless)


def share_again(
    db: Connection, halls: Iterable[int], now: int, state: EventState, memo: Memo
) -> dict[int, Limited]:
    """Share halls without news, and return their pools. `state` is the transaction's."""
    halls = list(halls)
    joint.read(db, pools.read_ahead(db, memo, halls, lambda: state))
    loaded = pools.Pools(db, state, memo=memo)
    for hall_id in halls:
        share(db, hall_id, now, loaded, asked=False)
    loaded.keep()
    return {hall_id: loaded.limited(hall_id, now) for hall_id in halls}


def _as_reported(row: Row, reporter: tuple[KioskKey, bool] | None, now: int) -> Mapping[str, Any]:
    account = {name: row[name] for name in row.keys()}
    if reporter is not None and reporter[0] == (account["kiosk"], account["generation"]):
        account.update(seen_at=now, resting=reporter[1])
    return account


def _wants(row: Mapping[str, Any], now: int) -> bool:
    return row["wanted_at"] is not None and row["wanted_at"] >= now - WANT_MS


def _open_accounts(db: Connection, loaded: pools.Pools, hall_id: int) -> None:
    """Open an account for the hall's kept places for each kiosk with an account for ordinary ones.

    The kiosk needs it before it learns of a person on a kept place, since an exit may return that
    place to it.
    """
    key = PoolKey(hall_id, PlaceKind.ACCESSIBLE)
    kept = loaded[key]
    for kiosk, held in loaded[PoolKey(hall_id)].kiosks.items():
        if kiosk not in kept.kiosks and not held.fenced:
            kept = kept.enrol(kiosk)
    if kept is not loaded[key]:
        for kiosk in kept.kiosks:
            loaded.forget(kiosk)  # its cached accounts may lack this one
        loaded[key] = kept
        loaded.save()


def _share(
    db: Connection,
    key: PoolKey,
    before: Pool,
    loaded: pools.Pools,
    accounts: Sequence[Mapping[str, Any]],
    leads_here: Container[int],
    *,
    closed: bool,
    beyond: int,
    now: int,
) -> sharing_policy.Plan:
    """Share one pool, and return the plan. `before` is the pool as limited by the hall's other
    pools. `beyond` people are inside on override places. `leads_here` are doors of nested halls
    that also lead into this hall.
    """
    mine = [row for row in accounts if row["override"] == key.kind]
    doors, elsewhere = _doors(mine, before, now, leads_here)
    free = before.free if loaded.may_grant(now) else min(0, before.free)
    plan = sharing_policy.plan(
        doors, free, closed=closed, spread=key.kind is not PlaceKind.ORDINARY, beyond=beyond
    )
    pool = before
    for kiosk, count in plan.grants.items():
        pool = pool.grant(kiosk, count)
    recalls = dict(plan.recalls)
    for kiosk in elsewhere:
        recalls[kiosk] = pool.kiosks[kiosk].held
    if pool != before:
        loaded[key] = pool.resized(loaded[key].capacity)
        loaded.save()
        _remember(db, key, loaded, before, pool)
    for kiosk in {*recalls, *plan.grants}:
        recall = recalls.get(kiosk, 0)
        if recall or pool.kiosks[kiosk] != before.kiosks[kiosk]:
            name, generation = kiosk
            order = pools.order(key, pool, kiosk, recall)
            changes.publish(db, wire.PlacesOrdered(order, generation), kiosk=name)
    return plan


def _remember(db: Connection, key: PoolKey, loaded: pools.Pools, before: Pool, after: Pool) -> None:
    """Record granted places as held by the kiosk until it reports, so that they can be recalled at
    once.
    """
    for kiosk, held in after.kiosks.items():
        given = held.granted - before.kiosks[kiosk].granted
        if given:
            loaded.forget(kiosk)
            with joint.beside(db, "place_account"):
                db.execute(
                    "UPDATE place_account SET free = free + ?, wanted_at = NULL"
                    " WHERE hall_id = ? AND override = ? AND kiosk = ? AND generation = ?",
                    (given, *key, *kiosk),
                )


def _leads_here(
    loaded: pools.Pools, hall_id: int, accounts: Iterable[Mapping[str, Any]]
) -> frozenset[int]:
    doors = {row["door_id"] for row in accounts if not row["at_home"]}
    if not doors:
        return frozenset()
    return frozenset(door for door in doors if hall_id in loaded.rules.outer_ids(door))


def _doors(
    accounts: Iterable[Mapping[str, Any]], pool: Pool, now: int, leads_here: Container[int]
) -> tuple[list[sharing_policy.Door], list[KioskKey]]:
    """Return the kiosks that may get places of this hall, and those that hold places they can't
    use.

    The former are active at an entry door into this hall. The latter have moved or are at an exit.
    """
    doors, elsewhere = [], []
    for row in accounts:
        kiosk = (row["kiosk"], row["generation"])
        here = row["at_home"] or row["door_id"] in leads_here
        if not (here and row["admits"]):
            if row["free"] > 0:
                elsewhere.append(kiosk)
        elif not row["fenced"] and not row["resting"]:
            doors.append(_door(kiosk, row, pool, now))
    return doors, elsewhere


def _door(kiosk: KioskKey, row: Mapping[str, Any], pool: Pool, now: int) -> sharing_policy.Door:
    return sharing_policy.Door(
        kiosk=kiosk,
        held=pool.kiosks[kiosk].held,
        free=row["free"],
        rate=sharing_policy.smoothed(row["rate"], (now - row["rate_at"]) / 60_000, 0),
        wants=_wants(row, now),
        live=row["seen_at"] is not None and row["seen_at"] >= now - LIVE_MS,
        silent_ms=max(0, now - (row["seen_at"] or 0)),
        most=row["most"],
    )
