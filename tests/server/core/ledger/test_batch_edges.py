"""The effect of one record, by its time, its badge and the halls around."""

import json

import pytest
from msgspec import UNSET

from badges.record import OuterHall, StayRef
from badges.wire import wire
from server.core.kiosks import registry
from server.core.occupancy import copies, pools, stays
from tests.server.conftest import MINUTE, NOW
from tests.server.support.site import ANNA, OTHER, ROOM, SMALL, Site
from tests.server.support.site import site as site
from tests.server.support.site import two_halls as two_halls
from tests.server.support.stores import changes


def reasons(site: Site) -> list[tuple]:
    return site.rows("SELECT reason FROM discrepancy ORDER BY number, reason")


@pytest.mark.parametrize("skew_ms", [-MINUTE, 0, MINUTE])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_second_entry_is_noticed_whatever_the_door_s_clock_says(
    site: Site, skew_ms: int, at_once: bool
) -> None:
    """By a slow clock it came before the first began by the server's."""
    for at in (NOW, NOW + 5_000):
        site.west.scan(at + skew_ms, ANNA, skew_ms=skew_ms)
        if not at_once:
            site.send(site.west, now=NOW + 2 * MINUTE)
    site.send(site.west, now=NOW + 2 * MINUTE)
    assert reasons(site) == [("already_inside",)]


@pytest.mark.parametrize("skew_ms", [-MINUTE, 0, MINUTE])
def test_whoever_comes_again_after_leaving_is_not_inside_by_a_wrong_clock(
    site: Site, skew_ms: int
) -> None:
    entry = site.east.scan(NOW, ANNA)
    site.leave(site.east, NOW + 50_000, ANNA, site.east.ref(entry), now=NOW + 2 * MINUTE)
    site.scan(site.west, NOW + 70_000 + skew_ms, ANNA, skew_ms=skew_ms, now=NOW + 2 * MINUTE)
    assert reasons(site) == []


def test_an_entry_that_is_not_by_a_badge_is_no_copy_of_it(site: Site) -> None:
    """Staff looked the holder up: no issue is known."""
    site.scan(site.west, NOW, ANNA)
    site.scan(site.other, NOW + 1_000, ANNA, issue=None, category=None)
    assert not copies.is_likely(site.database.reader, ANNA, 1)
    assert reasons(site) == []


def stop(site: Site, kiosk: str, state: str) -> None:
    if state == "fenced":
        site.fence(kiosk)
    else:
        site.database.write(lambda db: registry.retire(db, kiosk, by="user:1", now=NOW))


def inferred(site: Site) -> int:
    ((count,),) = site.rows("SELECT COUNT(*) FROM leaf WHERE kind = 'inferred_exit'")
    return count


def test_a_stay_that_an_exit_ended_is_not_ended_by_the_next_entry_elsewhere(site: Site) -> None:
    entry = site.west.scan(NOW, ANNA)
    site.leave(site.west, NOW + MINUTE, ANNA, site.west.ref(entry))
    site.scan(site.other, NOW + 2 * MINUTE, ANNA)
    assert inferred(site) == 0


class TestFenced:
    """A kiosk fenced as lost turns up, with records about other doors' stays."""

    def inside(self, site: Site) -> list[int]:
        return sorted(stay.serial for stay in stays.in_hall(site.database.reader, SMALL))

    @pytest.mark.parametrize("state", ["fenced", "retired"])
    def test_it_ends_no_stay_of_another_door(self, site: Site, state: str) -> None:
        """Its key may be in other hands."""
        entry = site.scan(site.west, NOW, ANNA)
        stop(site, "east", state)
        site.leave(site.east, NOW + MINUTE, ANNA, site.west.ref(entry))
        assert self.inside(site) == [ANNA]

    def test_it_knows_its_own(self, site: Site) -> None:
        site.fence("east")
        entry = site.scan(site.east, NOW, ANNA)
        assert self.inside(site) == [ANNA]
        site.leave(site.east, NOW + MINUTE, ANNA, site.east.ref(entry))
        assert self.inside(site) == []

    def test_one_that_is_not_here_is_none(self, site: Site) -> None:
        site.fence("east")
        site.east.leave(NOW + MINUTE, ANNA, StayRef("west", 1, 77))
        assert site.send(site.east).acked_seq == 1
        assert self.inside(site) == []

    def test_its_clock_moves_nobody(self, site: Site) -> None:
        """Its clock was never heard."""
        site.execute("UPDATE hall SET leaving = 'inferred'")
        site.west.scan(NOW, ANNA)
        site.other.scan(NOW + 5 * MINUTE, ANNA)
        site.send(site.west)
        site.fence("other")
        site.send(site.other)
        assert self.inside(site) == [ANNA]
        assert inferred(site) == 0


class TestAround:
    """The room's door leads into the hall around too, and an entry elsewhere came first."""

    @pytest.fixture
    def late(self, site: Site) -> Site:
        site.execute("UPDATE hall SET leaving = 'inferred', walk_s = 0")
        site.execute("UPDATE door_from SET from_id = NULL")
        site.database.write(lambda db: pools.enrol(db, OTHER, ("room", 1)))
        site.scan(site.west, NOW + MINUTE, ANNA, now=NOW + MINUTE)
        return site

    def counts(self, site: Site) -> tuple[int, int, int]:
        return tuple(site.figures(hall).inside for hall in (SMALL, OTHER, ROOM))

    @pytest.mark.parametrize("says", [True, False])
    def test_both_stays_are_over_when_they_come(self, late: Site, says: bool) -> None:
        late.room.scan(NOW, ANNA, outer=(OuterHall(hall=OTHER),) if says else UNSET)
        late.send(late.room, now=NOW + MINUTE)
        assert self.counts(late) == (1, 0, 0)
        assert inferred(late) == 2

    def test_what_is_gone_is_over_without_a_move(self, late: Site) -> None:
        entry = late.room.scan(NOW, ANNA, outer=(OuterHall(hall=OTHER),))
        gone = [wire.GoneOuter(entry.seq, OTHER)]
        late.send(late.room, now=NOW + MINUTE, gone=[entry.seq], gone_outer=gone)
        assert self.counts(late) == (1, 0, 0)
        assert inferred(late) == 0


def test_who_was_refused_is_not_inside(site: Site) -> None:
    site.west.scan(NOW, ANNA, decision="denied", reason="already_inside")
    site.scan(site.west, NOW, None, decision="denied", reason="forged")
    assert site.rows("SELECT * FROM stay") == []
    assert site.rows("SELECT decision, serial FROM scan ORDER BY seq") == [
        ("denied", ANNA),
        ("denied", None),
    ]


def test_an_annulment_ends_the_stay_and_begins_none(site: Site) -> None:
    entry = site.scan(site.west, NOW, ANNA)
    site.west.scan(NOW + 1_000, ANNA, act="annul", closes=site.west.ref(entry))
    site.west.entries -= 1
    site.send(site.west)
    assert site.rows("SELECT closed_by, closed_at FROM stay") == [("annul", NOW + 1_000)]
    assert site.figures(SMALL).inside == 0


@pytest.mark.parametrize(
    ("ahead_ms", "skew_ms", "kept", "opened_ms"),
    [
        (300_000, 0, 0, 300_000),
        (300_001, 0, None, 300_000),
        (300_001, 1, 1, 300_000),
        (900_000, 900_000, 900_000, 0),
        (300_001, None, None, 300_000),
        (-900_000, -900_000, -900_000, 0),
        (-900_000, None, None, -900_000),
    ],
)
def test_a_time_that_has_not_come_was_not_measured(
    site: Site, ahead_ms: int, skew_ms: int | None, kept: int | None, opened_ms: int
) -> None:
    """A kiosk that has measured its clock's error is off by five minutes at most."""
    site.scan(site.west, NOW + ahead_ms, ANNA, skew_ms=skew_ms)
    assert site.rows("SELECT skew_ms FROM scan") == [(kept,)]
    measured = int(kept is not None)
    assert site.rows("SELECT opened_at, clock_known FROM stay") == [(NOW + opened_ms, measured)]


def test_a_time_before_all_time_is_none(site: Site) -> None:
    site.scan(site.west, 5, ANNA, skew_ms=10)
    assert site.rows("SELECT opened_at FROM stay") == [(0,)]


@pytest.mark.parametrize("epochs", [(1, 1), (1, 2)])
@pytest.mark.parametrize("first", ["west", "other"])
def test_moves_are_told_by_times_of_one_epoch_alone(
    site: Site, epochs: tuple[int, int], first: str
) -> None:
    """The server's clock was set in between, so the order is unknown."""
    site.execute("UPDATE hall SET leaving = 'inferred', walk_s = 0")
    site.west.scan(NOW, ANNA, epoch=epochs[0])
    site.other.scan(NOW + MINUTE, ANNA, epoch=epochs[1])
    for door in (site.west, site.other) if first == "west" else (site.other, site.west):
        site.send(door, now=NOW + MINUTE)
    assert site.figures(SMALL).inside == (0 if epochs[0] == epochs[1] else 1)
    assert site.figures(OTHER).inside == 1


def test_one_who_moved_on_is_told_as_counted_where_scans_alone_count(site: Site) -> None:
    entry = site.scan(site.west, NOW, ANNA)
    site.scan(site.other, NOW + 10 * MINUTE, ANNA, now=NOW + 10 * MINUTE)
    closed = [change for change in changes(site.database) if isinstance(change, wire.StayClosed)]
    assert closed == [wire.StayClosed(site.west.ref(entry), SMALL, ANNA, counted=True)]
    ((body,),) = site.rows("SELECT body FROM leaf WHERE kind = 'inferred_exit'")
    assert json.loads(body) == {
        "at": NOW + 10 * MINUTE,
        "by": "move",
        "cause": {"generation": 1, "kiosk": "other", "seq": 1},
        "closes": {"generation": 1, "kiosk": "west", "seq": 1},
        "counted": True,
        "type": "inferred_exit",
    }
    assert site.figures(SMALL).inside == 1


def test_of_a_hall_around_the_log_says_which(site: Site) -> None:
    site.execute("UPDATE door_from SET from_id = NULL")
    site.database.write(lambda db: pools.enrol(db, OTHER, ("room", 1)))
    site.scan(site.room, NOW, ANNA, outer=(OuterHall(hall=OTHER),))
    site.scan(site.west, NOW + 10 * MINUTE, ANNA, now=NOW + 10 * MINUTE)
    bodies = [
        json.loads(body)
        for (body,) in site.rows(
            "SELECT body FROM leaf WHERE kind = 'inferred_exit' ORDER BY number"
        )
    ]
    assert {leaf.get("hall") for leaf in bodies} == {None, OTHER}
    assert len(bodies) == 2


def test_an_entry_of_nobody_is_kept_and_opens_no_stay(site: Site) -> None:
    """Our kiosks send none, but no record may block the later ones."""
    site.west.scan(NOW, None)
    assert site.send(site.west).acked_seq == 1
    assert site.rows("SELECT * FROM stay") == []


def test_an_entry_into_another_hall_than_the_door_s_counts_around_that_one_alone(
    site: Site,
) -> None:
    """The record was made when the door was at another hall."""
    site.execute("UPDATE door_from SET from_id = NULL")
    site.database.write(lambda db: pools.enrol(db, SMALL, ("room", 1)))
    site.scan(site.room, NOW, ANNA, hall=SMALL)
    assert [site.figures(hall).inside for hall in (SMALL, OTHER, ROOM)] == [1, 0, 0]


class TestAfterARestartOfTheDoor:
    """The door could not know whether the same person returned."""

    @pytest.mark.parametrize("batches", [1, 2])
    def test_a_badge_that_was_shown_again_is_listed_with_the_entry_before(
        self, site: Site, batches: int
    ) -> None:
        site.west.scan(NOW, ANNA)
        if batches == 2:
            site.send(site.west)
        site.scan(site.west, NOW + 6_000, ANNA, decision="denied", reason="before_restart")
        assert site.rows(
            "SELECT d.reason, s.seq, o.seq FROM discrepancy d JOIN scan s ON s.number = d.number"
            " JOIN scan o ON o.number = d.other_number"
        ) == [("before_restart", 2, 1)]
        assert site.rows("SELECT seq FROM stay WHERE closed_at IS NULL") == [(1,)]

    def test_an_exit_that_was_scanned_again_ends_no_other_stay(self, site: Site) -> None:
        """A copy entered by the other door meanwhile, unknown to this one."""
        entry = site.west.scan(NOW, ANNA)
        site.leave(site.west, NOW + MINUTE, ANNA, site.west.ref(entry))
        site.scan(site.east, NOW + MINUTE + 20_000, ANNA)
        site.scan(site.west, NOW + MINUTE + 40_000, ANNA, direction="exit", flags=("repeated",))
        assert site.rows("SELECT kiosk FROM stay WHERE closed_at IS NULL") == [("east",)]
