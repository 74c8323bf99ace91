"""A hall's pools are read as they were kept, and the figures add up."""

import pytest
from msgspec.structs import replace

from badges.places.pool import Held, PoolKey
from badges.record import PlaceKind
from badges.wire import wire
from server.core.occupancy import pools as places
from server.core.occupancy.kiosk_accounts import Accounts
from server.storage import event_state
from server.storage.database import Database
from tests.server.conftest import NOW
from tests.server.support.site import ANNA, BORIS, OTHER, SMALL, Site, open_site

USUAL, BEYOND = PoolKey(SMALL), PoolKey(SMALL, PlaceKind.OVERRIDE)
WEST, EAST = ("west", 1), ("east", 1)


@pytest.fixture
def site(database: Database) -> Site:
    return open_site(database, fire_limit=8)


def keep(site: Site, key: PoolKey, pool: places.Pool) -> None:
    site.database.write(lambda db: places.save(db, key, places.load(db, key), pool))


@pytest.mark.parametrize("key", [USUAL, BEYOND])
def test_a_pool_comes_back_as_it_was_kept(site: Site, key: PoolKey) -> None:
    """And the hall's other pool is unchanged."""
    other = PoolKey(SMALL, PlaceKind(1 - key.kind))
    reader = site.database.reader
    before, beside = places.load(reader, key), places.load(reader, other)
    kiosks = {WEST: Held(9, 2, 3, 1, True, 4, 17), EAST: before.kiosks[EAST]}
    pool = replace(before, kiosks=kiosks, open_stays=5, awaited=frozenset({EAST}))
    keep(site, key, pool)
    assert places.load(reader, key) == pool
    assert places.load(reader, other) == beside
    heard = replace(pool, awaited=frozenset())
    keep(site, key, heard)
    assert places.load(reader, key) == heard
    assert site.rows(f"SELECT open_stays, open_overrides FROM hall WHERE hall_id = {OTHER}") == [
        (0, 0)
    ]


def test_capacities_and_what_lies_beyond(site: Site) -> None:
    reader = site.database.reader
    assert (places.load(reader, USUAL).capacity, places.load(reader, BEYOND).capacity) == (6, 2)


def test_a_step_that_is_taken_back_is_kept_as_taken_back(site: Site) -> None:
    """Pools are written before each read of them, more than once in a transaction."""

    def step(db) -> None:
        pools = places.Pools(db)
        before = pools[USUAL]
        for pool in (replace(before, open_stays=3), replace(before, open_stays=0)):
            pools[USUAL] = pool
            pools.save()
            assert places.load(db, USUAL).open_stays == pool.open_stays
        assert pools.halls == {SMALL}

    site.database.write(step)


def test_the_incarnation(site: Site) -> None:
    """1, until a restore raises it."""
    reader = site.database.reader
    for number in (1, 2, 7):
        if number > 1:
            sql = (
                "INSERT INTO setting VALUES ('incarnation', ?)"
                " ON CONFLICT (key) DO UPDATE SET value = excluded.value"
            )
            site.database.write(lambda db, q=sql, n=number: db.execute(q, (str(n),)) and None)
        assert event_state.incarnation(reader) == number
        assert places.Pools(reader).incarnation == number
        assert places.load(reader, USUAL).incarnation == number


def test_a_restore_without_acts_awaits_everybody_everywhere(site: Site) -> None:
    reader = site.database.reader
    assert not event_state.was_restored_without_acts(reader)
    sql = "UPDATE place_account SET awaited = 1 WHERE kiosk IN ('west', 'other')"
    site.execute(sql)
    assert places.load(reader, USUAL).awaited == {WEST}
    for _ in range(2):
        site.database.write(event_state.await_all_everywhere)
    assert event_state.was_restored_without_acts(reader)
    assert places.load(reader, USUAL).awaited == {WEST, ("other", 1)}


def test_a_hall_that_is_not_there(site: Site) -> None:
    with pytest.raises(places.UnknownHallError, match="hall 99"):
        places.load(site.database.reader, PoolKey(99))
    with pytest.raises(places.UnknownHallError):
        places.Pools(site.database.reader).hall(99)


def test_what_an_order_says_is_left(site: Site) -> None:
    """Unused places, in the pool and at doors. A door's debt is not a place."""
    pool = replace(
        places.load(site.database.reader, USUAL),
        capacity=10,
        open_stays=2,
        kiosks={WEST: Held(granted=3), EAST: Held(granted=1, handed_over=3)},
    )
    assert (pool.kiosks[EAST].held, pool.free) == (0, 5)
    order = places.order(USUAL, pool, WEST, 1)
    assert (order.hall, order.granted, order.recall, order.override) == (SMALL, 3, 1, False)
    assert order.left == pool.free + 3
    owing = replace(pool, open_stays=40)
    assert places.order(USUAL, owing, WEST).left == 0
    assert places.order(USUAL, owing, WEST).recall == 0
    full = replace(pool, open_stays=7, kiosks={WEST: Held(granted=3)})
    assert places.order(BEYOND, full, WEST).left == 3


def test_a_kiosk_s_orders_are_of_its_own_accounts(site: Site) -> None:
    orders = places.orders_for(site.database.reader, WEST, NOW)
    assert [(order.hall, order.override) for order in orders] == [(SMALL, False), (SMALL, True)]
    assert [order.granted for order in orders] == [
        places.load(site.database.reader, key).kiosks[WEST].granted for key in (USUAL, BEYOND)
    ]


def test_figures(site: Site) -> None:
    """Of each hall by itself, and both its pools."""
    site.west.scan(NOW, ANNA)
    site.scan(site.west, NOW, BORIS, override_place=True)
    reader = site.database.reader
    figures = site.figures(SMALL)
    usual, beyond = places.load(reader, USUAL), places.load(reader, BEYOND)
    assert (usual.open_stays, beyond.open_stays, figures.inside) == (1, 1, 2)
    assert figures.worst_case == usual.worst_case + beyond.open_stays
    assert figures.overrides == beyond.worst_case - beyond.open_stays
    assert (
        figures.unspent
        == figures.worst_case - 2
        == sum(held.held for held in usual.kiosks.values())
    )
    assert (figures.capacity, figures.fire_limit, figures.closed) == (6, 8, False)
    close = f"UPDATE hall SET closed_at = {NOW} WHERE hall_id = {SMALL}"
    site.execute(close)
    assert (site.figures(SMALL).closed, site.figures(OTHER).closed) == (True, False)
    assert site.figures(OTHER).inside == 0


def test_a_fence_is_of_one_kiosk_in_both_pools(site: Site) -> None:
    site.database.write(lambda db: places.fence(db, WEST))
    for key in (USUAL, BEYOND):
        kiosks = places.load(site.database.reader, key).kiosks
        assert (kiosks[WEST].fenced, kiosks[EAST].fenced) == (True, False)


def test_a_kiosk_s_word_of_grants_that_a_backup_does_not_have(site: Site) -> None:
    """It counts, and the kiosk is no longer awaited once it has heard of the new incarnation."""
    for sql in (
        "INSERT INTO setting VALUES ('incarnation', '2')",
        "UPDATE place_account SET awaited = 1 WHERE hall_id = 1 AND override = 0",
    ):
        site.database.write(lambda db, s=sql: db.execute(s) and None)
    granted = places.load(site.database.reader, USUAL).kiosks[WEST].granted
    site.west.granted = granted + 4
    site.send(site.west, incarnation=1)
    pool = places.load(site.database.reader, USUAL)
    assert pool.kiosks[WEST].granted == granted + 4
    assert pool.awaited == {WEST, EAST}
    site.send(site.west, incarnation=2)
    assert places.load(site.database.reader, USUAL).awaited == {EAST}


def test_a_restored_server_grants_nothing_of_its_backup_until_the_kiosk_has_reported(
    site: Site,
) -> None:
    """The backup may be of an abandoned line, whose places are at other doors now."""
    pool = places.load(site.database.reader, USUAL)
    keep(site, USUAL, replace(pool, kiosks={WEST: Held(granted=4), EAST: Held()}))
    site.database.write(lambda db: places.await_all(db, 2, was_put_back=False))
    orders = places.orders_for(site.database.reader, WEST, NOW)
    assert {order.granted for order in orders} == {0}

    def reports(db) -> None:
        accounts = Accounts(db, WEST)
        totals = wire.PlaceTotals(SMALL, 1, 0, 1)
        accounts.hear(USUAL, totals, accounts.pools[USUAL].incarnation)
        accounts.save()

    site.database.write(reports)
    after = places.load(site.database.reader, USUAL)
    assert (after.kiosks[WEST].held, after.awaited) == (1, frozenset({EAST}))
    (usual,) = (o for o in places.orders_for(site.database.reader, WEST, NOW) if not o.override)
    assert usual.granted == 1
