"""z3 proves the counter for any number of doors, and refuses deliberately wrong steps."""

from collections.abc import Iterable

import pytest

pytest.importorskip("z3", reason="needs z3: make proof")

from tests.worlds.proof import smt, three_pools, wrong
from tests.worlds.proof.algebra import choose
from tests.worlds.proof.steps import STEPS, Step


def test_each_step_keeps_the_invariant() -> None:
    refused = [proof for proof in (*smt.prove(), *three_pools.prove()) if proof.refused]
    assert refused == []


def test_each_step_can_happen() -> None:
    """Or its proof would say nothing."""
    impossible = [step.name for step in STEPS if not smt.possible(step)]
    assert impossible == []


@pytest.mark.parametrize("name", wrong.WRONG)
def test_a_wrong_step_is_refused(name: str) -> None:
    assert smt.keeps(wrong.wrong_steps()[name]).refused


@pytest.mark.parametrize("name", wrong.WRONG_LIMITS)
def test_wrong_limits_are_refused(name: str) -> None:
    (proof,) = three_pools.prove(wrong.WRONG_LIMITS[name])
    assert proof.refused


def test_wrong_restores_are_refused() -> None:
    assert smt.restores(barrier=False).refused
    assert smt.restores(keeps_old_orders=True).refused


def test_orders_while_the_server_waits_are_refused() -> None:
    """They brought places of an abandoned line of backups to their door."""
    order, _ = smt.sends(lambda copy: choose(copy.fenced, 0, copy.granted))
    assert order.refused


def test_each_part_of_the_code_has_a_wrong_step() -> None:
    assert parts(STEPS) - parts(wrong.wrong_steps().values()) == set()


def parts(steps: Iterable[Step]) -> set[str]:
    return {part for step in steps for part in step.code.split(", ")}
