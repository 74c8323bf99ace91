"""Stays by all that names them, one column apart; and the borders of their times."""

from dataclasses import replace

import pytest

from badges.record import StayRef
from badges.wire import wire
from server.kiosks import contact
from server.occupancy import stays
from server.occupancy.stays import Stay
from server.storage.database import Database
from tests.server.conftest import NOW
from tests.server.support.site import ANNA, BORIS, OTHER, SMALL, Site, open_site

ONE = StayRef("west", 1, 9), SMALL
# Each differs from ONE in one of the four alone.
OTHERS = [
    (StayRef("east", 1, 9), SMALL),
    (StayRef("west", 2, 9), SMALL),
    (StayRef("west", 1, 8), SMALL),
    (StayRef("west", 1, 9), OTHER),
]
STAY = Stay(ONE[0], SMALL, 1, ANNA, NOW, True, issue=3, epoch=2, around=True, override=True)


@pytest.fixture
def site(database: Database) -> Site:
    return open_site(database)


def write(site: Site, step):
    return site.database.write(step)


@pytest.fixture
def five(site: Site) -> Site:
    """ONE and the others, all open."""

    def add(db) -> None:
        for ref, hall in (ONE, *OTHERS):
            stays.add(db, replace(STAY, ref=ref, hall_id=hall))

    write(site, add)
    return site


def test_a_stay_comes_back_as_it_was_kept(site: Site) -> None:
    write(site, lambda db: stays.add(db, STAY))
    assert stays.open_stays(site.database.reader, ANNA) == [STAY]


def changed(site: Site) -> list[tuple]:
    return site.rows(
        "SELECT kiosk, generation, seq, hall_id FROM stay"
        " WHERE closed_at IS NOT NULL OR after_move IS NOT NULL"
    )


@pytest.mark.parametrize("counted", [True, False])
def test_one_stay_ends_and_no_other(five: Site, counted: bool) -> None:
    closed = write(five, lambda db: stays.close(db, *ONE, "exit", NOW + 1))
    assert closed is not None
    assert changed(five) == [("west", 1, 9, SMALL)]
    assert write(five, lambda db: stays.close(db, *ONE, "exit", NOW + 2)) is None
    moved = OTHERS[0]
    write(five, lambda db: stays.move_on(db, *moved, NOW + 1, counted=counted))
    assert len(changed(five)) == 2
    found = write(five, lambda db: stays.close(db, *moved, "exit", NOW + 5))
    assert (found is not None) is counted, "its place comes back where the move freed none"
    assert write(five, lambda db: stays.close(db, *moved, "exit", NOW + 6)) is None


def test_what_was_gone_is_told_of_that_stay_alone(site: Site) -> None:
    def add(db) -> None:
        stays.add(db, STAY, gone_at=NOW + 1)
        for ref, hall in OTHERS:
            stays.add(db, replace(STAY, ref=ref, hall_id=hall))
        stays.ended(db, *ONE, NOW + 7)
        for ref, hall in OTHERS:
            stays.ended(db, ref, hall, NOW + 8)

    write(site, add)
    reader = site.database.reader
    assert stays.is_gone(reader, *ONE)
    assert not any(stays.is_gone(reader, *other) for other in OTHERS)
    assert not stays.is_gone(reader, StayRef("room", 1, 1), SMALL)
    assert site.rows("SELECT closed_at FROM stay WHERE closed_at IS NOT NULL") == [(NOW + 7,)]


def test_an_early_exit_is_told_once_and_to_its_own_entry(site: Site) -> None:
    def remember(db) -> None:
        for number, (ref, hall) in enumerate((ONE, *OTHERS)):
            assert stays.remember_early(db, ref, hall, "exit", NOW + number)

    write(site, remember)
    assert write(site, lambda db: stays.early_exit(db, *ONE)) == ("exit", NOW)
    assert write(site, lambda db: stays.early_exit(db, *ONE)) is None
    assert site.rows("SELECT COUNT(*) FROM early_exit") == [(4,)]


def test_only_of_an_entry_that_is_not_here(five: Site) -> None:
    for ref, hall in (ONE, *OTHERS):
        assert not write(five, lambda db, r=ref, h=hall: stays.remember_early(db, r, h, "x", 1))
    assert not write(five, lambda db: stays.has_early_exits(db))


@pytest.mark.parametrize(
    ("again_at", "closed_at", "found"),
    [
        (NOW, None, False),
        (NOW + 1, None, True),
        (NOW + 9, NOW + 10, True),
        (NOW + 10, NOW + 10, False),
        (NOW + 11, NOW + 10, False),
    ],
)
def test_an_entry_while_a_stay_lasted_lies_between_its_ends(
    site: Site, again_at: int, closed_at: int | None, found: bool
) -> None:
    first = site.west.scan(NOW, ANNA)
    site.send(site.west)
    site.east.scan(again_at, ANNA)
    site.send(site.east)
    ref = site.west.ref(first)
    write(site, lambda db: db.execute("UPDATE stay SET closed_at = NULL") and None)
    if closed_at is not None:
        write(site, lambda db: stays.close(db, ref, SMALL, "exit", closed_at))
    scans = stays.entered_during(site.database.reader, ref, SMALL)
    assert (len(scans) == 1) is found


@pytest.mark.parametrize(("scans", "forked"), [(20, True), (21, False)])
def test_a_batch_that_waits_for_its_turn_may_say_old_totals(
    site: Site, scans: int, forked: bool
) -> None:
    """A batch of twenty is taken in order, so fewer places returned than before is another disk."""
    site.west.returned = 1
    site.send(site.west)
    for number in range(scans):
        site.west.scan(NOW + number, BORIS, decision="denied", reason="already_inside")
    old = [wire.PlaceTotals(SMALL, site.west.granted, 0, 0)]
    if forked:
        with pytest.raises(contact.ForkError):
            site.send(site.west, places=old)
    else:
        site.send(site.west, places=old)
