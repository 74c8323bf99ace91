"""The explorer itself: it walks, and it finds a break that was mended once."""

from dataclasses import replace

import pytest

from tests.swarm.mutants import put_in
from tests.worlds import mends
from tests.worlds.acts import told
from tests.worlds.explore import explore
from tests.worlds.plans import BY_NAME, PLANS


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
def test_a_world_is_walked(plan) -> None:
    outcome = explore(plan, depth=1)
    assert outcome.broken == ""
    assert outcome.states > 3


def test_a_mend_that_is_taken_out_is_missed() -> None:
    """With the shortest story: three people, and the third finds a place too many."""
    mend = mends.BY_NAME["inneronly"]
    with put_in(mend):
        outcome = explore(BY_NAME[mend.theme], depth=4)
    assert "people in hall A of 2" in outcome.broken
    assert [told(act) for act in outcome.story] == [
        "a person comes to a1-1",
        "a person comes to a1-1",
        "a person comes to b1-1",
    ]


def test_a_pool_that_refuses_a_step_is_a_break() -> None:
    """A door that is away reports an entry and its exit at once, and the stay closes twice."""
    mend = mends.BY_NAME["twice"]
    plan = BY_NAME[mend.theme]
    away = (("cut", "a1-1"), ("enter", "a1-1", "0"), ("leave", "a1-1", "0"))
    with put_in(mend):
        outcome = explore(replace(plan, begins=plan.begins + away), depth=1)
    assert outcome.broken == "no stay is open"
    assert outcome.story == (("back", "a1-1"),)


def test_an_interrupted_walk_goes_on(tmp_path) -> None:
    """It finds as many states as one that was never interrupted."""
    plan = replace(BY_NAME["network"], acts={"enter": 99, "leave": 1, "cut": 1, "back": 1})
    whole = explore(plan, depth=2)
    file = tmp_path / "walk.db"
    for _ in range(whole.states):
        outcome = explore(plan, depth=2, seconds=0, file=file)  # one state
        if outcome.depth == 2:
            break
    assert (outcome.depth, outcome.states) == (2, whole.states)
    assert outcome.by_depth == whole.by_depth
