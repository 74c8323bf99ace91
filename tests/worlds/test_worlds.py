"""The explorer itself: it walks, and it finds a break that was mended once."""

from dataclasses import replace

import pytest

from tests.simulator import mutants as simulated
from tests.swarm import mutants as swarmed
from tests.swarm.mutants import put_in
from tests.worlds import coverage, mends
from tests.worlds.acts import told
from tests.worlds.explore import explore
from tests.worlds.plans import BY_NAME, PLANS
from tests.worlds.run import OtherWalkError


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
def test_a_world_is_walked(plan) -> None:
    outcome = explore(plan, depth=1)
    assert outcome.broken == ""
    assert outcome.states > 3


def test_listed_and_generated_worlds_hold_every_pair_of_kinds() -> None:
    """With at most ten kinds each, and with those without which they can't happen."""
    generated = coverage.generated()
    assert coverage.missing([*PLANS, *generated], 2) == set()
    for plan in generated:
        kinds = frozenset(plan.acts)
        assert coverage.with_needs(kinds) == kinds
        assert len(kinds) <= coverage.MOST_KINDS


@pytest.mark.parametrize("plan", coverage.generated()[::6], ids=lambda plan: plan.name)
def test_a_generated_world_is_walked(plan) -> None:
    outcome = explore(plan, depth=1)
    assert outcome.broken == ""
    assert outcome.states > 3


def test_a_mend_that_is_taken_out_is_missed() -> None:
    """With the shortest story: three people, and the third finds a place too many."""
    mend = mends.BY_NAME["inneronly"]
    with put_in(mend.mutant):
        outcome = explore(mend.plan, depth=4)
    assert "people in hall A of 2" in outcome.broken
    assert [told(act) for act in outcome.story] == [
        "a person comes to a1-1",
        "a person comes to a1-1",
        "a person comes to b1-1",
    ]


def test_a_pool_that_refuses_a_step_is_a_break() -> None:
    """A door that is away reports an entry and its exit at once, and the stay closes twice."""
    mend = mends.BY_NAME["closestwice"]
    leave = ("leave", "a1-1", "0")
    with put_in(mend.mutant):
        outcome = explore(replace(mend.plan, begins=(*mend.plan.begins, leave)), depth=1)
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


def test_a_walk_of_other_code_or_acts_does_not_go_on(tmp_path, monkeypatch) -> None:
    plan, file = BY_NAME["network"], tmp_path / "walk.db"
    states = explore(plan, depth=1, file=file).states
    with pytest.raises(OtherWalkError, match="other acts"):
        explore(BY_NAME["nested"], depth=1, file=file)
    with monkeypatch.context() as patched:
        patched.setattr("tests.worlds.explore.code_digest", lambda: "another")
        with pytest.raises(OtherWalkError, match="other code"):
            explore(plan, depth=1, file=file)
    assert explore(plan, depth=1, file=file).states == states


@pytest.mark.parametrize("name", ["reclaim", "forgiving", "gone", "blind", "creditsowed"])
def test_a_mend_that_is_taken_out_is_missed_soon(name) -> None:
    mend = mends.BY_NAME[name]
    with put_in(mend.mutant):
        outcome = explore(mend.plan, depth=2, settle_every=1)
    assert outcome.broken


def test_each_fault_of_simulator_and_swarm_is_searched_or_has_a_reason() -> None:
    searched = set(mends.BY_NAME)
    excused = {name for names in mends.NOT_SEARCHED.values() for name in names.split()}
    assert searched & excused == set()
    known = {*simulated.BY_NAME, *swarmed.BY_NAME}
    assert known - searched - excused == set()
