"""What one record does, by what it says of time, of its badge and of halls around."""

import pytest
from msgspec import UNSET

from badges import wire
from badges.record import OuterHall, StayRef
from server import copies, kiosks, places, presence
from server.database import Database
from tests.server.conftest import MINUTE, NOW
from tests.server.halls import ANNA, BORIS, OTHER, ROOM, SMALL, Site, open_site


@pytest.fixture
def site(database: Database) -> Site:
    return open_site(database)


def reasons(site: Site) -> list[tuple]:
    return site.rows("SELECT reason FROM discrepancy ORDER BY number, reason")


def test_a_second_entry_is_noticed_by_a_door_whose_clock_is_slow(site: Site) -> None:
    """By its own clock it came before the first had begun by the server's."""
    site.west.scan(NOW, ANNA, skew_ms=-MINUTE)
    site.west.scan(NOW + 5_000, ANNA, skew_ms=-MINUTE)
    site.send(site.west, now=NOW + 2 * MINUTE)
    assert reasons(site) == [("already_inside",)]


def test_an_entry_that_is_not_by_a_badge_is_no_copy_of_it(site: Site) -> None:
    """Staff looked the holder up: no issue is known."""
    site.west.scan(NOW, ANNA)
    site.send(site.west)
    site.other.scan(NOW + 1_000, ANNA, issue=None, category=None)
    site.send(site.other)
    assert not copies.is_likely(site.database.reader, ANNA, 1)
    assert reasons(site) == []


def inferred(site: Site) -> int:
    ((count,),) = site.rows("SELECT COUNT(*) FROM leaf WHERE kind = 'inferred_exit'")
    return count


def test_a_stay_that_an_exit_ended_is_not_ended_by_the_next_entry_elsewhere(site: Site) -> None:
    entry = site.west.scan(NOW, ANNA)
    site.west.leave(NOW + MINUTE, ANNA, site.west.ref(entry))
    site.send(site.west)
    site.other.scan(NOW + 2 * MINUTE, ANNA)
    site.send(site.other)
    assert inferred(site) == 0


class TestFenced:
    """A kiosk that was fenced as lost turns up: what its records say of other doors' stays."""

    def fence(self, site: Site) -> None:
        site.database.write(lambda db: kiosks.fence(db, "east", 1, by="user:1", now=NOW))

    def inside(self, site: Site) -> list[int]:
        return sorted(one.serial for one in presence.in_hall(site.database.reader, SMALL))

    def test_it_may_end_a_stay_that_began_before(self, site: Site) -> None:
        entry = site.west.scan(NOW, ANNA)
        site.send(site.west)
        self.fence(site)
        site.east.leave(NOW + MINUTE, ANNA, site.west.ref(entry))
        site.send(site.east)
        assert self.inside(site) == []

    def test_it_can_not_know_of_one_that_began_since(self, site: Site) -> None:
        before = site.west.scan(NOW, BORIS)
        site.send(site.west)
        self.fence(site)
        entry = site.west.scan(NOW, ANNA)
        site.send(site.west)
        site.east.leave(NOW + MINUTE, ANNA, site.west.ref(entry))
        site.east.leave(NOW + MINUTE, BORIS, site.west.ref(before))
        site.send(site.east)
        assert self.inside(site) == [ANNA]

    def test_it_knows_its_own(self, site: Site) -> None:
        self.fence(site)
        entry = site.east.scan(NOW, ANNA)
        site.east.leave(NOW + MINUTE, ANNA, site.east.ref(entry))
        site.send(site.east)
        assert self.inside(site) == []

    def test_one_that_is_not_here_is_none(self, site: Site) -> None:
        self.fence(site)
        site.east.leave(NOW + MINUTE, ANNA, StayRef("west", 1, 77))
        assert site.send(site.east).acked_seq == 1
        assert self.inside(site) == []

    def test_where_the_log_does_not_say_since_when_it_is_believed(self, site: Site) -> None:
        """The log may be of a time before, and the kiosk's state of now."""
        site.database.write(
            lambda db: db.execute("UPDATE kiosk SET state = 'fenced' WHERE kiosk = 'east'") and None
        )
        entry = site.west.scan(NOW, ANNA)
        site.send(site.west)
        site.east.leave(NOW + MINUTE, ANNA, site.west.ref(entry))
        site.send(site.east)
        assert self.inside(site) == []

    def test_its_clock_moves_nobody(self, site: Site) -> None:
        """Nobody heard what time it had."""
        query = "UPDATE hall SET leaving = 'inferred'"
        site.database.write(lambda db: db.execute(query) and None)
        site.west.scan(NOW, ANNA)
        site.other.scan(NOW + 5 * MINUTE, ANNA)
        site.send(site.west)
        site.database.write(lambda db: kiosks.fence(db, "other", 1, by="user:1", now=NOW))
        site.send(site.other)
        assert self.inside(site) == [ANNA]
        assert inferred(site) == 0


class TestAround:
    """The room's door leads into the hall around too, and an entry elsewhere came first."""

    @pytest.fixture
    def late(self, site: Site) -> Site:
        site.database.write(
            lambda db: db.execute("UPDATE hall SET leaving = 'inferred', walk_s = 0") and None
        )
        site.database.write(lambda db: db.execute("UPDATE door_from SET from_id = NULL") and None)
        site.database.write(lambda db: places.enrol(db, OTHER, ("room", 1)))
        site.west.scan(NOW + MINUTE, ANNA)
        site.send(site.west, now=NOW + MINUTE)
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
