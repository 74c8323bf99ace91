"""Visits every state of the small venue.

The acts are compiled once from the same formulas, which is 20 times faster than to work them out
for each state.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from tests.worlds.proof.algebra import Text, Value, written
from tests.worlds.proof.venue import VARIABLES, Act, Size, acts, holds, is_flag

State = tuple[int, ...]


class Walk(NamedTuple):
    states: int
    story: tuple[str, ...]  # the shortest one that breaks the promise; empty if none does


def walk(size: Size, *, plant: str = "") -> Walk:
    moves = [(act.name, compiled(act)) for act in acts(size, plant=plant)]
    kept = compiled_claim(size)
    start = tuple(0 for _ in VARIABLES)
    came_from: dict[State, tuple[State, str] | None] = {start: None}
    layer = [start]
    while layer:
        following = []
        for state in layer:
            for name, move in moves:
                reached = move(state)
                if reached is None or reached in came_from:
                    continue
                came_from[reached] = (state, name)
                if not kept(reached):
                    return Walk(len(came_from), _story(came_from, reached))
                following.append(reached)
        layer = following
    return Walk(len(came_from), ())


def _story(came_from: Mapping[State, tuple[State, str] | None], reached: State) -> tuple[str, ...]:
    names = []
    while (step := came_from[reached]) is not None:
        reached, name = step
        names.append(name)
    return tuple(reversed(names))


def compiled(act: Act) -> Callable[[State], State | None]:
    happens, changed = act.effect(texts(Text))
    after = ", ".join(written(changed.get(name, Text(name))) for name in VARIABLES)
    return _function(f"({after}) if {written(happens)} else None")


def compiled_claim(size: Size) -> Callable[[State], bool]:
    return _function(written(holds(texts(Text), size)))


def texts(kind: type[Text]) -> dict[str, Value]:
    """The variables as text. A flag is compared, since a step may ask for it alone."""
    return {name: kind(f"({name} == 1)" if is_flag(name) else name) for name in VARIABLES}


def _function(text: str) -> Callable:
    names: dict[str, Callable] = {}
    lines = (f"def function(state):\n {', '.join(VARIABLES)}, = state\n return {text}\n",)
    exec("".join(lines), names)  # the text is our own
    return names["function"]
