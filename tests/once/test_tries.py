"""That a search by chance is tried less often with `--quick` alone (tests/once/tries.py)."""

import pytest

from tests.once.tries import Tries, tries


def test_all_of_them() -> None:
    assert Tries()(200) == 200
    assert list(Tries().seeds(3)) == [0, 1, 2]


@pytest.mark.parametrize(("full", "quick"), [(200, 50), (7, 1), (4, 1), (3, 1), (1, 1)])
def test_a_quarter_and_at_least_one(full: int, quick: int) -> None:
    assert Tries(quick=True)(full) == quick
    assert list(Tries(quick=True).seeds(full)) == list(range(quick))


def test_the_run_says_which(pytestconfig: pytest.Config) -> None:
    assert tries.quick is pytestconfig.getoption("--quick")
