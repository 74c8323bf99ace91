"""Records in an unusual order, or from a door that has changed."""

from badges.places.pool import PoolKey
from badges.record import StayRef
from server.core.kiosks import registry
from server.core.occupancy import stays
from tests.server.conftest import NOW
from tests.server.support.site import ANNA, BORIS, SMALL, Site
from tests.server.support.site import site as site
from tests.server.support.site import two_halls as two_halls

HALL = PoolKey(SMALL)


def pool(site: Site):
    return site.pool(HALL)


def restore(site: Site) -> None:
    """Else no door could know a stay that the server doesn't."""
    site.execute("INSERT INTO setting VALUES ('incarnation', '2')")


def test_an_exit_before_its_entry_closes_it_when_it_comes(site: Site) -> None:
    restore(site)
    entry = site.west.scan(NOW, ANNA)
    site.leave(site.east, NOW + 5, ANNA, site.west.ref(entry))
    site.send(site.west)
    assert site.rows("SELECT closed_by, closed_at FROM stay") == [("exit", NOW + 5)]
    assert site.rows("SELECT * FROM early_exit") == []
    assert (pool(site).open_stays, stays.in_hall(site.database.reader, SMALL)) == (0, [])
    bodies = [body for (body,) in site.rows("SELECT body FROM change") if "stay_" in body]
    assert len(bodies) == 1
    assert "stay_closed" in bodies[0]


def test_an_exit_before_its_entry_in_one_batch(site: Site) -> None:
    restore(site)
    site.west.leave(NOW, ANNA, StayRef("west", 1, 2))
    site.scan(site.west, NOW, ANNA)
    assert site.rows("SELECT closed_by, closed_at FROM stay") == [("exit", NOW)]
    assert site.rows("SELECT * FROM early_exit") == []


def test_a_second_exit_of_a_closed_stay_is_not_early(site: Site) -> None:
    entry = site.scan(site.west, NOW, ANNA)
    for door in (site.east, site.west):
        site.leave(door, NOW + 5, ANNA, site.west.ref(entry))
    assert site.rows("SELECT * FROM early_exit") == []


def test_a_retired_kiosk_is_granted_nothing_and_can_be_attested(site: Site) -> None:
    site.database.write(lambda db: registry.retire(db, "west", by="user:1", now=NOW))
    held = pool(site).kiosks["west", 1]
    assert held.fenced
    assert held.held > 0
    site.attest("west", 0)
    assert pool(site).kiosks["west", 1].held == 0


def test_what_was_attested_is_not_given_back_twice(site: Site) -> None:
    """A lost kiosk's journal turns up, with an entry, its exit elsewhere, and returned places."""
    entry = site.west.scan(NOW, ANNA)
    site.west.scan(NOW, BORIS)
    site.fence("west")
    site.attest("west", 1)
    assert pool(site).kiosks["west", 1].held == 1
    site.send(site.west)
    site.leave(site.east, NOW + 5, ANNA, site.west.ref(entry))
    site.west.returned += site.west.free
    site.send(site.west)
    after = pool(site)
    assert after.worst_case <= after.capacity
    assert after.kiosks["west", 1].held >= 0
    assert after.open_stays == 1  # Boris
