"""Days of the real code keep both promises, and each fault that is put back into it is found.

`python -m tests.swarm` runs more days and names the seed of one that breaks a promise.
"""

import secrets

import pytest

from tests.swarm.mixes import THEMES
from tests.swarm.mutants import BY_NAME, QUICK
from tests.swarm.run import first_broken, run_many

pytestmark = pytest.mark.system
DAYS = 4  # of each theme
FRESH = 6
MUTANT_DAYS = 60


@pytest.mark.parametrize("theme", THEMES)
def test_days_keep_both_promises(theme: str) -> None:
    found = [day for day in run_many(0, DAYS, theme) if day[3]]
    assert found == [], f"python -m tests.swarm --theme '{theme}' --start {found[0][0]} --days 1"


def test_so_do_days_that_nobody_has_seen() -> None:
    start = secrets.randbelow(10**9)
    found = first_broken(start, FRESH)
    assert found is None, f"python -m tests.swarm --start {found[0]} --days 1"


@pytest.mark.parametrize("mutant", QUICK)
def test_a_fault_is_found(mutant: str) -> None:
    """Those that the first days find; `make bench BENCH=swarm` looks for all of them."""
    assert first_broken(0, MUTANT_DAYS, mutant) is not None


def test_the_quick_ones_are_of_the_list() -> None:
    assert set(QUICK) <= BY_NAME.keys()
