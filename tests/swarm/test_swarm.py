"""Days of the real code keep both promises, and each fault that is put back into it is found.

`python -m tests.swarm` runs more days and names the seed of one that breaks a promise.
"""

import pickle
from pathlib import Path
from unittest.mock import patch

import pytest

from kiosk.journal.errors import JournalDamagedError
from tests.once.journals import new_journals_are_copied as new_journals_are_copied
from tests.once.pages.apps import apps_are_made_once as apps_are_made_once
from tests.once.pages.compiled import routes_are_compiled_once as routes_are_compiled_once
from tests.once.pages.compiled import templates_are_compiled_once as templates_are_compiled_once
from tests.once.tries import tries
from tests.swarm import checks, run
from tests.swarm.day import Day
from tests.swarm.mixes import THEMES
from tests.swarm.mutants import BY_NAME, QUICK, mutated
from tests.swarm.run import first_broken, run_many

pytestmark = pytest.mark.system
DAYS = 4  # of each theme
MIXED = 6
MUTANT_DAYS = 60


@pytest.mark.parametrize("theme", THEMES)
def test_days_keep_both_promises(theme: str) -> None:
    found = [day for day in run_many(0, DAYS, theme) if day[3]]
    assert found == [], f"python -m tests.swarm --theme '{theme}' --start {found[0][0]} --days 1"


def test_so_do_days_of_any_theme() -> None:
    """The same days in each run, but with `--fresh`."""
    found = first_broken(tries.first_seed(), MIXED)
    assert found is None, f"python -m tests.swarm --start {found[0]} --days 1"


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


@pytest.mark.parametrize("mutant", QUICK)
def test_a_fault_is_found(mutant: str) -> None:
    """Those that the first days find; `make bench BENCH=swarm` looks for all of them."""
    soon = first_broken(BY_NAME[mutant].soon, 1, mutant)
    assert (soon or first_broken(0, MUTANT_DAYS, mutant)) is not None


@pytest.mark.parametrize("mutant", BY_NAME)
def test_a_fault_changes_what_is_there(mutant: str) -> None:
    """A name that has moved elsewhere would make the day fail, and not the fault."""
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
