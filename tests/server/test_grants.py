"""Grants and recalls on the database: what the server takes a door to have between its messages."""

import json

import pytest

from badges import wire
from server import grants
from server.database import Database
from tests.server.conftest import NOW
from tests.server.halls import ANNA, SMALL, Site, open_site


@pytest.fixture
def site(database: Database) -> Site:
    return open_site(database)


def want(site: Site, door) -> None:
    totals = wire.PlaceTotals(SMALL, door.granted, door.returned, door.free, wants=door.free == 0)
    site.send(door, places=[totals])


def orders(site: Site, kiosk: str) -> list[dict]:
    rows = site.rows(f"SELECT body FROM change WHERE kiosk = '{kiosk}' ORDER BY cursor")
    return [json.loads(row[0])["order"] for row in rows if '"order"' in row[0]]


def test_a_place_that_was_just_given_is_called_back_for_a_door_that_asks(site: Site) -> None:
    """An exit frees one place, and it goes to a door that asked a while ago."""
    entries = [
        door.scan(NOW, serial)
        for serial, door in enumerate([site.west] * site.west.free + [site.east] * site.east.free)
    ]
    assert len(entries) == 6, "the hall is full"
    site.send(site.east)
    first = entries[0]
    site.west.leave(NOW, first.serial, site.west.ref(first))
    want(site, site.west)
    before = orders(site, "west")
    assert site.west.free == 1
    want(site, site.east)
    recalled = orders(site, "west")[len(before) :]
    assert [order["recall"] for order in recalled] == [site.west.returned + 1]


def test_what_was_granted_counts_as_free_until_the_door_says_otherwise(site: Site) -> None:
    site.database.write(lambda db: db.execute("UPDATE hall SET capacity = 20, fire_limit = 200"))
    site.database.write(lambda db: grants.share(db, SMALL, NOW))
    rows = site.rows(
        "SELECT kiosk, granted - returned - handed_over, free FROM place_account"
        f" WHERE hall_id = {SMALL} AND NOT override"
    )
    assert all(held == free and held > 3 for _, held, free in rows), rows
    site.west.scan(NOW, ANNA)
    want(site, site.west)
    ((free,),) = site.rows("SELECT free FROM place_account WHERE kiosk = 'west' AND NOT override")
    assert free == 2, "it had not heard of the rest when it spoke"
