"""Times measured before and after the server's clock is set are not put in order."""

import pytest

from badges.wire import wire
from server.core.event import clock
from server.core.event.clock import JUMP_MS, ServerClock
from server.storage.database import Database
from tests.server.conftest import HOUR, MINUTE, NOW
from tests.server.support.site import SMALL, Site
from tests.server.support.site import site as site
from tests.server.support.site import two_halls as two_halls

BEFORE, AFTER = 11, 12  # epochs


class Clocks:
    """The machine's clocks and boot id."""

    def __init__(self) -> None:
        self.wall = NOW
        self.steady = 5_000
        self.boot = "first"

    def pass_by(self, ms: int) -> None:
        self.wall += ms
        self.steady += ms

    def of(self, database: Database) -> ServerClock:
        return ServerClock(
            database, wall=lambda: self.wall, steady=lambda: self.steady, boot=lambda: self.boot
        )


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


def acts(database: Database) -> list[tuple]:
    rows = database.reader.execute(
        "SELECT json_extract(CAST(body AS TEXT), '$.act'),"
        " json_extract(CAST(body AS TEXT), '$.subject.by_ms') FROM leaf WHERE kind = 'act'"
        " AND CAST(body AS TEXT) LIKE '%clock_set%'"
    )
    return [tuple(row) for row in rows]


class TestEpochs:
    def test_one_goes_on_while_nobody_sets_the_clock(
        self, database: Database, clocks: Clocks
    ) -> None:
        first = clocks.of(database)
        number = first.epoch()
        assert number > 0
        clocks.pass_by(HOUR)
        assert first.epoch() == number
        clocks.pass_by(HOUR)
        assert clocks.of(database).epoch() == number, "over a restart of the server"
        assert acts(database) == []

    @pytest.mark.parametrize("step", [JUMP_MS, -JUMP_MS])
    def test_small_corrections_make_none(
        self, database: Database, clocks: Clocks, step: int
    ) -> None:
        first = clocks.of(database)
        number = first.epoch()
        clocks.wall += step
        assert first.epoch() == number

    def test_many_small_corrections_make_one(self, database: Database, clocks: Clocks) -> None:
        first = clocks.of(database)
        number = first.epoch()
        for _ in range(3):
            clocks.wall += JUMP_MS // 2
            last = first.epoch()
        assert last != number

    @pytest.mark.parametrize("by", [HOUR, -5 * MINUTE, JUMP_MS + 1])
    def test_a_clock_that_is_set_begins_another(
        self, database: Database, clocks: Clocks, by: int
    ) -> None:
        first = clocks.of(database)
        number = first.epoch()
        clocks.wall += by
        assert first.epoch() != number
        assert acts(database) == [("clock_set", by)]
        change = clock.was_set(database.reader, clocks.wall)
        assert change is not None
        assert change.by_ms == by
        assert clock.was_set(database.reader, clocks.wall + 25 * HOUR) is None

    def test_also_while_the_server_was_off(self, database: Database, clocks: Clocks) -> None:
        number = clocks.of(database).epoch()
        clocks.wall += HOUR
        again = clocks.of(database)
        assert again.epoch() != number
        assert clocks.of(database).epoch() == again.epoch()

    def test_a_machine_that_was_started_begins_another(
        self, database: Database, clocks: Clocks
    ) -> None:
        """The server can't know whether its clock was set meanwhile."""
        number = clocks.of(database).epoch()
        clocks.wall += MINUTE
        clocks.steady, clocks.boot = 100, "second"
        assert clocks.of(database).epoch() != number
        assert acts(database) == [("clock_set", None)]
        assert clock.was_set(database.reader, clocks.wall) is None


def fill(site: Site) -> None:
    """Let three people into the small hall by a door that was last heard before the clock was set
    an hour forward. True times are in minutes from NOW.
    """
    for serial in range(1, 4):
        site.west.scan(NOW + 10 * MINUTE, serial, epoch=BEFORE)


@pytest.mark.parametrize("first", ["west", "other"])
def test_a_move_is_not_told_by_two_epochs(site: Site, first: str) -> None:
    """They were elsewhere before; by the clocks they seem to have gone there afterwards. Inferring
    a move would admit three more: nine in a hall of six.
    """
    site.execute("UPDATE hall SET leaving = 'inferred'")
    for serial in range(1, 4):
        site.other.scan(NOW, serial, skew_ms=-HOUR, epoch=AFTER)
    fill(site)
    for door in (site.west, site.other) if first == "west" else (site.other, site.west):
        site.send(door, now=NOW + 2 * HOUR)
    assert site.figures(SMALL).inside == 3
    assert site.rows("SELECT COUNT(*) FROM stay WHERE after_move IS NOT NULL") == [(0,)]


@pytest.mark.parametrize("first", ["west", "east"])
def test_an_exit_without_a_name_means_nobody_of_another_epoch(site: Site, first: str) -> None:
    """They left earlier. Else nine are in a hall of six, also where scans alone count."""
    for serial in range(1, 4):
        site.east.leave(NOW, serial, None, skew_ms=-HOUR, epoch=AFTER)
    fill(site)
    for door in (site.west, site.east) if first == "west" else (site.east, site.west):
        site.send(door, now=NOW + 2 * HOUR)
    assert site.figures(SMALL).inside == 3


@pytest.mark.parametrize("epoch", [{}, {"epoch": BEFORE}])
def test_within_one_epoch_both_are_told(site: Site, epoch: dict[str, int]) -> None:
    site.west.scan(NOW, 1, **epoch)
    site.east.leave(NOW + MINUTE, 1, None, **epoch)
    for door in (site.west, site.east):
        site.send(door, now=NOW + HOUR)
    assert site.figures(SMALL).inside == 0


def test_a_record_without_an_epoch_is_as_it_was(site: Site) -> None:
    site.west.scan(NOW, 1)
    assert b"epoch" not in site.west.records[0]
    assert wire.ScanAnswer.__struct_fields__.count("epoch") == 1
