"""Exits that name no stay: each ends the only stay it can mean, and no other."""

import json

import pytest

from badges.places.pool import PoolKey
from badges.record import PlaceKind, StayRef
from server.core.occupancy import stays, unmatched_exits
from server.core.occupancy.stays import COUNTED, Stay
from tests.server.conftest import MINUTE, NOW
from tests.server.support.site import ANNA, BORIS, OTHER, SMALL, Site
from tests.server.support.site import site as site
from tests.server.support.site import two_halls as two_halls

EPOCH = 4


def stay(seq: int, opened_min: float, *, measured: bool = True, epoch: int = EPOCH) -> Stay:
    """A stay of Anna in the small hall; times are minutes."""
    at = NOW + int(opened_min * MINUTE)
    return Stay(
        StayRef("west", 1, seq), SMALL, 1, ANNA, at, measured, kind=PlaceKind.ORDINARY, issue=1,
        epoch=epoch, around=False,
    )  # fmt: skip


def keep(site: Site, kept: Stay, closed_min: float | None = None, how: str = "exit") -> None:
    """Write an open stay, or a stay ended by an exit or a move."""

    def step(db) -> None:
        stays.add(db, kept)
        if closed_min is None:
            return
        at = NOW + int(closed_min * MINUTE)
        if how == "exit":
            stays.close(db, kept.ref, SMALL, "exit", at)
        else:
            stays.move_on(db, kept.ref, SMALL, at, counted=how == COUNTED)

    site.database.write(step)


def meant(site: Site, at_min: float) -> int | None:
    """The number of the stay that an exit at that minute ends."""
    at = NOW + int(at_min * MINUTE)
    ended = unmatched_exits.meant(site.database.reader, ANNA, SMALL, at, EPOCH)
    return None if ended is None else ended.ref.seq


class TestMeant:
    def test_the_open_one_after_another_was_over(self, site: Site) -> None:
        keep(site, stay(1, 0), 5)
        keep(site, stay(2, 5))
        assert meant(site, 9) == 2

    def test_none_while_another_lasted_too(self, site: Site) -> None:
        """The exit may have meant that other stay."""
        keep(site, stay(1, 0), 3)
        keep(site, stay(2, 1), 7)
        keep(site, stay(3, 6))
        assert meant(site, 9) is None

    def test_the_open_one_though_the_holder_came_again_later(self, site: Site) -> None:
        keep(site, stay(1, 0))
        keep(site, stay(2, 12), 14)
        assert meant(site, 9) == 1

    def test_the_open_one_though_the_holder_came_again_at_that_moment(self, site: Site) -> None:
        keep(site, stay(1, 0))
        keep(site, stay(2, 9), 14)
        assert meant(site, 9) == 1

    def test_none_of_two_that_are_open(self, site: Site) -> None:
        keep(site, stay(1, 0))
        keep(site, stay(2, 1))
        assert meant(site, 9) is None

    def test_none_where_all_have_ended_by_exits(self, site: Site) -> None:
        keep(site, stay(1, 0), 5)
        assert meant(site, 9) is None

    @pytest.mark.parametrize("how", ["counted", "freed"])
    def test_the_newest_that_a_move_ended(self, site: Site, how: str) -> None:
        keep(site, stay(1, 0), 3, how)
        keep(site, stay(2, 4), 6, how)
        assert meant(site, 9) == 2

    def test_none_that_a_move_ended_while_another_lasted_too(self, site: Site) -> None:
        keep(site, stay(1, 0), 3, "counted")
        keep(site, stay(2, 1), 2)
        assert meant(site, 9) is None

    def test_no_stay_that_a_move_ended_and_that_began_later(self, site: Site) -> None:
        keep(site, stay(1, 0), 3, "counted")
        keep(site, stay(2, 12), 15, "counted")
        assert meant(site, 9) == 1

    @pytest.mark.parametrize(
        "doubtful",
        [
            pytest.param(stay(1, 0, measured=False), id="its clock was not measured"),
            pytest.param(stay(1, 0, epoch=EPOCH + 1), id="in another epoch of the server's time"),
        ],
    )
    def test_none_where_the_order_of_any_is_not_sure(self, site: Site, doubtful: Stay) -> None:
        """Its times may differ, and then the exit means this stay."""
        keep(site, doubtful, 1)
        keep(site, stay(2, 2))
        assert meant(site, 9) is None


def test_an_exit_that_came_first_waits_for_its_own_holder(site: Site) -> None:
    site.east.leave(NOW + MINUTE, ANNA, None)
    site.east.leave(NOW + 2 * MINUTE, BORIS, None)
    site.other.leave(NOW + MINUTE, BORIS, None)
    site.send(site.east)
    site.send(site.other)
    site.scan(site.west, NOW, BORIS)
    ended = "SELECT serial, hall_id, closed_at FROM stay ORDER BY serial"
    assert site.rows(ended) == [(BORIS, SMALL, NOW + 2 * MINUTE)]
    site.scan(site.west, NOW, ANNA)
    assert site.rows(ended) == [
        (ANNA, SMALL, NOW + MINUTE),
        (BORIS, SMALL, NOW + 2 * MINUTE),
    ]
    assert site.rows("SELECT serial, hall_id FROM unnamed_exit") == [(BORIS, OTHER)]


def test_an_exit_that_could_mean_two_stays_does_not_end_a_third_that_comes_late(site: Site) -> None:
    """Three people with one badge: one has left, it is unknown which."""
    site.west.scan(NOW, ANNA)
    site.east.scan(NOW + MINUTE, ANNA)
    for door in (site.west, site.east):
        site.send(door)
    site.leave(site.west, NOW + 5 * MINUTE, ANNA, None)
    site.scan(site.east, NOW + 2 * MINUTE, ANNA)
    assert site.rows("SELECT COUNT(*) FROM stay WHERE closed_at IS NULL") == [(3,)]
    assert site.rows("SELECT serial FROM unnamed_exit") == [(ANNA,)]


@pytest.mark.parametrize("first", ["entry", "exit"])
def test_an_exit_at_a_door_that_did_not_know_ends_the_stay(site: Site, first: str) -> None:
    site.west.scan(NOW, ANNA)
    site.east.leave(NOW + MINUTE, ANNA, None)
    for door in (site.west, site.east) if first == "entry" else (site.east, site.west):
        site.send(door)
    assert inside(site) == []
    assert site.pool(PoolKey(SMALL)).open_stays == 0
    assert site.rows("SELECT closed_by, closed_at FROM stay") == [("exit", NOW + MINUTE)]
    assert site.rows("SELECT * FROM unnamed_exit") == []
    ((number,),) = site.rows("SELECT number FROM scan WHERE direction = 'exit'")
    ((body,),) = site.rows("SELECT body FROM leaf WHERE kind = 'inferred_exit'")
    assert json.loads(body) == {
        "at": NOW + MINUTE,
        "by": "exit",
        "cause": {"exit": number},
        "closes": {"generation": 1, "kiosk": "west", "seq": 1},
        "type": "inferred_exit",
    }


def test_a_stay_that_an_exit_ended_is_not_ended_again_by_a_move(site: Site) -> None:
    """Its entry comes last, when the exit and an entry elsewhere are known."""
    site.execute("UPDATE hall SET leaving = 'inferred'")
    site.east.leave(NOW + 5 * MINUTE, ANNA, None)
    site.other.scan(NOW + 10 * MINUTE, ANNA)
    site.west.scan(NOW, ANNA)
    for door in (site.east, site.other, site.west):
        site.send(door, now=NOW + 10 * MINUTE)
    bodies = [json.loads(b) for (b,) in site.rows("SELECT body FROM leaf ORDER BY number")]
    assert [body["by"] for body in bodies if body["type"] == "inferred_exit"] == ["exit"]
    assert site.rows("SELECT closed_by, closed_at FROM stay WHERE kiosk = 'west'") == [
        ("exit", NOW + 5 * MINUTE)
    ]


def inside(site: Site) -> list[int]:
    return [stay.serial for stay in stays.in_hall(site.database.reader, SMALL)]


def test_one_exit_ends_one_stay(site: Site) -> None:
    site.scan(site.west, NOW, ANNA)
    site.leave(site.east, NOW + MINUTE, ANNA, None)
    site.scan(site.west, NOW + 2 * MINUTE, ANNA)
    assert inside(site) == [ANNA]


def test_an_earlier_exit_means_no_later_stay(site: Site) -> None:
    site.leave(site.east, NOW, ANNA, None)
    site.scan(site.west, NOW + MINUTE, ANNA)
    assert inside(site) == [ANNA]


@pytest.mark.parametrize("unmeasured", ["west", "east"])
def test_nothing_is_inferred_from_a_clock_that_nobody_measured(site: Site, unmeasured: str) -> None:
    skew = {unmeasured: None}
    site.west.scan(NOW, ANNA, skew_ms=skew.get("west", 0))
    site.east.leave(NOW + MINUTE, ANNA, None, skew_ms=skew.get("east", 0))
    for door in (site.west, site.east):
        site.send(door)
    assert inside(site) == [ANNA]


def test_of_two_copies_inside_neither_is_put_out(site: Site) -> None:
    """One copy has left, it is unknown which, so both stay counted."""
    site.west.scan(NOW, ANNA)
    site.east.scan(NOW + MINUTE, ANNA)
    site.west.leave(NOW + 2 * MINUTE, ANNA, None)
    for door in (site.east, site.west):
        site.send(door)
    assert inside(site) == [ANNA, ANNA]


def test_a_second_scan_of_one_s_exit_puts_no_copy_out(site: Site) -> None:
    """A named exit, the same person's scan at another door, and a copy that turns up late."""
    entry = site.scan(site.west, NOW, ANNA)
    site.leave(site.west, NOW + 5 * MINUTE, ANNA, site.west.ref(entry))
    site.leave(site.west, NOW + 6 * MINUTE, ANNA, None)
    site.east.scan(NOW + MINUTE, ANNA)  # while the first was still inside
    site.send(site.east)
    assert inside(site) == [ANNA]


def test_another_s_exit_means_nothing(site: Site) -> None:
    site.scan(site.west, NOW, ANNA)
    site.leave(site.east, NOW + MINUTE, BORIS, None)
    assert inside(site) == [ANNA]
