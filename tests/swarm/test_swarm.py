"""Days of the real code keep both promises, and each fault put back into it is found.

`python -m tests.swarm` runs more days, and names the seed of a day that breaks a promise.
"""

import pickle
from pathlib import Path
from unittest.mock import patch

import pytest

from kiosk.journal.errors import JournalDamagedError
from server.core.occupancy import figures
from tests.server.support.site import clear_all
from tests.swarm import checks, run
from tests.swarm.checks import BrokenPromiseError
from tests.swarm.day import Day
from tests.swarm.mixes import KEPT, THEMES
from tests.swarm.mutants import BY_NAME, QUICK, mutated
from tests.swarm.run import first_broken, run_many
from tests.tries import tries

pytestmark = pytest.mark.system
MIXED = 6
MUTANT_DAYS = 60


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("days", [1, pytest.param(20, marks=pytest.mark.soak)])
def test_days_keep_both_promises(days: int, theme: str) -> None:
    broken = [day for day in run_many(0, days, theme) if day[3]]
    assert broken == [], f"python -m tests.swarm --theme '{theme}' --start {broken[0][0]} --days 1"


def test_so_do_days_of_any_theme() -> None:
    """The same days in each run, except with `--fresh`."""
    broken = first_broken(tries.first_seed(), MIXED)
    assert broken is None, f"python -m tests.swarm --start {broken[0]} --days 1"


def test_an_override_place_of_the_hall_around_is_no_automatic_admission() -> None:
    """The hall is full and the room in it is not, so the override takes a place of each kind."""
    with Day(0, "nested") as day:
        doors = {door.kiosk: door for door in day.doors}
        around = day.halls["o"].hall_id
        while day.truth.count(around) < day.halls["o"].bound:
            day.enter(doors["o1"], day._somebody_outside(doors["o1"]))
            day._hear_all()
        with patch.object(day, "_some_door", lambda: doors["r1"]):
            while day.truth.count(around) == day.halls["o"].bound:
                day._override()
                day._hear_all()
        checks.check(day)


def test_each_exit_is_of_one_person_where_a_badge_was_copied() -> None:
    """Two people with one badge are inside. Two exits in one commit end both stays."""
    with Day(0, "groups") as day:
        first_door, second_door = (door for door in day.doors if door.plan.hall == "b")
        first, second = day.truth.people[:2]
        second.serial, second.badge = first.serial, first.badge
        assert day.enter(first_door, first)
        day._hear_all()
        assert day.enter(second_door, second)
        day._hear_all()
        day._leave_by([first_door, second_door], first)
        day.site.take_together([first_door.sync.exchange, second_door.sync.exchange])
        hall = day.halls["b"].hall_id
        assert day.truth.count(hall) == 0
        assert figures.hall_figures(day.site.database.reader)[hall - 1].inside == 0


def test_an_entry_heard_after_its_hall_was_seen_empty_is_no_place_given_out_twice() -> None:
    """The lost door's place was granted to another door, and its entry counts when it is heard."""
    with Day(0, KEPT) as day:
        lost = next(door for door in day.doors if door.kiosk == "o1")
        hall = day.halls["o"].hall_id
        lost.weather.cut = True
        day.time.pass_ms(1_000)
        guest = day._somebody_outside(lost)
        assert day.enter(lost, guest)
        day._lose(lost)
        guest.inside = set()
        now = day.site.clock.wall()
        day._write(lambda db: clear_all(db, hall, by="test", now=now))
        for _ in range(3):
            day._hear_all()
        lost.weather.cut = False
        lost.talk()
        checks.check(day)
        with patch.object(checks, "_late", lambda *_: 0), pytest.raises(BrokenPromiseError):
            checks.check(day)


@pytest.mark.soak
@pytest.mark.parametrize("mutant", QUICK)
def test_a_fault_is_found(mutant: str) -> None:
    """Those found on the first days; `make bench BENCH=swarm` searches for all of them."""
    soon = first_broken(BY_NAME[mutant].soon, 1, mutant)
    assert (soon or first_broken(0, MUTANT_DAYS, mutant)) is not None


@pytest.mark.parametrize("mutant", BY_NAME)
def test_a_fault_changes_existing_code(mutant: str) -> None:
    """If the patched name has moved, the day would fail for that and not for the fault."""
    changes = BY_NAME[mutant].changes()
    before = [getattr(owner, name) for owner, name, _ in changes]
    with mutated(mutant):
        assert not any(
            getattr(owner, name) is was
            for (owner, name, _), was in zip(changes, before, strict=True)
        )


def test_a_day_that_fails_otherwise_names_its_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(*_: object) -> None:
        raise JournalDamagedError("said so", Path("journal.db"))

    monkeypatch.setattr(run, "run_day", damaged)
    with pytest.raises(RuntimeError, match="seed 7: JournalDamagedError") as caught:
        run.run_one(7, None)
    pickle.loads(pickle.dumps(caught.value))


def test_the_quick_ones_are_of_the_list() -> None:
    assert set(QUICK) <= BY_NAME.keys()
