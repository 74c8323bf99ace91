"""Random days of the real ledger with the true number of people: never more inside than reported.

Badges are shared, people leave without a scan, doors are away, send late, in any order and without
each other's stays, and the server's clock is set. No one who stays inside scans out.
"""

import random
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from badges.record import StayRef
from badges.wire import wire
from server.core.ledger.batch import BatchRecorder
from server.core.occupancy import stays as presence
from server.core.occupancy.figures import hall_figures
from server.storage.database import Database
from tests.server.conftest import HOUR, MINUTE, NOW
from tests.server.support.fake_door import FakeDoor
from tests.server.support.site import OTHER, SMALL, Site, open_site
from tests.server.support.templates import Templates, nothing
from tests.tries import tries

STEPS = 120
BADGES = 5
SEEDS = 6
ENOUGH = 40  # seeds; some must show that the days are hard


@dataclass
class Day:
    """One seed's day in two halls of six. `people` are persons in a hall, each by a badge."""

    site: Site
    dice: random.Random
    now: int = NOW
    server_ms: int = 0  # the server's clock, ahead of the true time
    epoch: int = 1
    people: dict[int, list[int]] = field(default_factory=lambda: {SMALL: [], OTHER: []})
    stays: dict[tuple[int, int], list[StayRef]] = field(default_factory=dict)  # by hall and badge
    skews: dict[str, tuple[int | None, int]] = field(default_factory=dict)  # as last measured
    clocks: dict[str, int] = field(default_factory=dict)
    above: int = 0  # the most people above the ledger's count without its moves

    @property
    def doors(self) -> list[FakeDoor]:
        return [self.site.west, self.site.east, self.site.other]

    def measure(self, door: FakeDoor) -> None:
        """The clock measurement that an exchange gives the kiosk."""
        ahead = self.clocks.setdefault(door.kiosk, self.dice.choice((0, 0, HOUR, -MINUTE)))
        error = self.dice.randint(-150, 150)
        measured = self.dice.random() < 0.9
        self.skews[door.kiosk] = (ahead - self.server_ms + error if measured else None, self.epoch)

    def record(self, door: FakeDoor, badge: int, **fields) -> StayRef:
        skew, epoch = self.skews[door.kiosk]
        at = self.now + self.clocks[door.kiosk]
        return door.ref(door.scan(at, badge, skew_ms=skew, epoch=epoch, **fields))

    def enter(self, door: FakeDoor, badge: int) -> bool:
        if door.free < 1:
            return False
        ref = self.record(door, badge)
        self.people[door.hall].append(badge)
        self.stays.setdefault((door.hall, badge), []).append(ref)
        return True

    def leave(self, door: FakeDoor, badge: int) -> None:
        """By a scan; the door may know a stay of that badge, or none."""
        stays = self.stays.get((door.hall, badge), [])
        closes = stays.pop() if stays and self.dice.random() < 0.6 else None
        self.record(door, badge, direction="exit", closes=closes)
        self.people[door.hall].remove(badge)

    def walk(self, door: FakeDoor, badge: int, *, copy: bool) -> None:
        """To the other hall, without a scanned exit; a copy is another person."""
        target = self.site.other if door.hall == SMALL else self.site.west
        if self.enter(target, badge) and not copy:
            self.people[door.hall].remove(badge)

    def send(self, door: FakeDoor) -> None:
        """Send all records; places are granted, none is called back."""
        at = self.now + self.server_ms
        self.site.database.write(
            lambda db: db.execute("UPDATE kiosk SET seen_at = ?", (at,)) and None
        )
        wish = wire.PlaceTotals(door.hall, door.granted, door.returned, max(0, door.free), True)
        self.site.send(door, now=at, places=[wish])
        self.measure(door)

    def step(self) -> None:
        self.now += self.dice.choice((1_000, 20_000, 2 * MINUTE, 7 * MINUTE))
        door, act = self.dice.choice(self.doors), self.dice.random()
        inside = self.people[door.hall]
        if act < 0.3:
            self.enter(door, self.dice.randint(1, BADGES))
        elif act < 0.42 and inside:
            self.leave(door, self.dice.choice(inside))
        elif act < 0.65 and inside:
            self.walk(door, self.dice.choice(inside), copy=self.dice.random() < 0.6)
        elif act < 0.68:
            self.server_ms += self.dice.choice((HOUR, -5 * MINUTE, -HOUR))
            self.epoch += 1
        elif act > 0.75:
            self.send(door)
        self.check()

    def check(self) -> None:
        """Where scans alone count, people who left without a scan are counted on neither side."""
        halls = hall_figures(self.site.database.reader)
        for hall in (SMALL, OTHER):
            figures = halls[hall - 1]
            count = len(self.people[hall])
            self.above = max(self.above, count - figures.worst_case)
            most = figures.worst_case + figures.unconfirmed_moves
            assert count <= most, f"{count} people, at most {most} by the ledger"
            assert figures.worst_case <= 6
            assert figures.moved_on <= figures.inside


def play(database: Database, seed: int, leaving: str) -> Day:
    site = open_site(database)
    database.write(lambda db: db.execute("UPDATE hall SET leaving = ?", (leaving,)) and None)
    day = Day(site, random.Random(seed))
    for door in day.doors:
        day.send(door)
    for _ in range(STEPS):
        day.step()
    for door in day.doors:
        day.send(door)
    day.check()
    return day


@pytest.mark.parametrize("seed", tries.seeds(SEEDS))
def test_where_scans_alone_count_no_more_are_inside_than_the_capacity(
    database: Database, seed: int
) -> None:
    day = play(database, seed, "scanned")
    assert all(len(people) <= 6 for people in day.people.values())
    assert day.above <= 0
    assert all(day.site.figures(hall).unconfirmed_moves == 0 for hall in (SMALL, OTHER))


@pytest.mark.parametrize("seed", tries.seeds(SEEDS))
def test_where_moves_count_no_more_than_it_says(database: Database, seed: int) -> None:
    play(database, seed, "inferred")


@pytest.fixture
def databases(templates: Templates, tmp_path: Path) -> Iterator[Iterator[Database]]:
    """Create as many databases as asked, one by one."""

    def fresh() -> Generator[Database, None, None]:
        for number in range(ENOUGH):
            event = templates.copy(nothing, tmp_path / str(number))
            with Database(event.database_path) as database:
                yield database

    with closing(fresh()) as generator:
        yield generator


@pytest.mark.sqlite_alone
def test_the_figure_of_moves_is_needed(databases: Iterator[Database]) -> None:
    days = (play(database, seed, "inferred") for seed, database in enumerate(databases))
    assert any(day.above > 0 for day in days)


@pytest.mark.sqlite_alone
def test_a_move_that_frees_where_scans_alone_count_is_found(
    databases: Iterator[Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    def frees(step: BatchRecorder, stay: presence.Stay, cause: object, to: presence.Stay) -> None:
        step._settle(presence.close(step.db, stay.ref, stay.hall_id, "move", to.opened_at))

    def all_days() -> None:
        for seed, database in enumerate(databases):
            play(database, seed, "scanned")

    monkeypatch.setattr(BatchRecorder, "_move_on", frees)
    with pytest.raises(AssertionError, match="people, at most"):
        all_days()
