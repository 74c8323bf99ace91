"""Every state of a small venue, by a walk in Python and by Spin."""

from pathlib import Path

import pytest

pytest.importorskip("z3", reason="needs z3: make proof")

from tests import tools
from tests.worlds.proof import promela, venue
from tests.worlds.proof.venue import PLANTS, VARIABLES, Size
from tests.worlds.proof.walk import compiled, walk

SMALL = Size(hall=1, room=1, grants=1, entries=1)
STATES = 16_103


def test_no_state_breaks_the_promise() -> None:
    assert walk(SMALL) == (STATES, ())


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_mistake_is_found(plant: str) -> None:
    assert walk(SMALL, plant=plant).story


@tools.needs("spin", "cc")
@pytest.mark.system
def test_a_second_engine_finds_the_same(tmp_path: Path) -> None:
    assert promela.check(SMALL, tmp_path) == (STATES, True)


@tools.needs("spin", "cc")
@pytest.mark.system
@pytest.mark.parametrize("plant", PLANTS)
def test_a_second_engine_finds_a_planted_mistake(plant: str, tmp_path: Path) -> None:
    assert not promela.check(SMALL, tmp_path, plant=plant).holds


def test_the_compiled_acts_are_the_formulas() -> None:
    """In states along a walk that takes each act when it can."""
    state = dict.fromkeys(VARIABLES, 0)
    acts = venue.acts(Size())
    taken = set()
    for _ in range(4):
        for act in acts:
            happens, changed = act.effect(as_flags(state))
            after = compiled(act)(tuple(state.values()))
            assert (after is not None) == bool(happens)
            if happens:
                state |= {name: int(value) for name, value in changed.items()}
                assert after == tuple(state.values())
                taken.add(act.name)
    assert len(taken) > len(acts) // 3


def as_flags(state: dict[str, int]) -> dict[str, int | bool]:
    return {n: bool(value) if venue.is_flag(n) else value for n, value in state.items()}
