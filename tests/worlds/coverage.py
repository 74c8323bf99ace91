"""Which pairs and triples of kinds of acts some world holds together, and worlds for the others.

A walk to a depth takes every order of the kinds of its world that may happen in it.
"""

from collections.abc import Iterable
from itertools import combinations

from tests.worlds import plans
from tests.worlds.acts import KINDS
from tests.worlds.world import UNLIMITED, WorldPlan

Kinds = frozenset[str]
MOST_KINDS = 10

# What must have happened before an act of this kind may.
NEEDS = {
    "back": "cut",
    "leave": "enter",
    "slip": "enter",
    "no light out": "enter",
    "leave again": "no light out",
    "annul": "enter",
    "old disk": "keep disk",
    "put back": "back up",
    "restore": "back up",
    "attest": "fence, switch off",
    "attest wrongly": "fence",
    "lie": "steal, fence",
    "lie less": "steal, fence",
    "false exit": "steal, fence, enter",
    "send empty": "open empty",
    "nest": "unnest",
    "open line": "muster, leave",
    "tick": "open line",
    "end muster": "muster",
    "reopen": "close",
    "drop key": "new key",
    "arrive": "delay",
    "send attest": "open attest",
    "open attest": "switch off",
    "disk back": "disk away",
}


def missing(worlds: Iterable[WorldPlan], size: int) -> set[Kinds]:
    """The sets of so many kinds that no world holds together."""
    held = {
        frozenset(kinds)
        for world in worlds
        for kinds in combinations(world.acts, size)
    }  # fmt: skip
    return {frozenset(kinds) for kinds in combinations(KINDS, size)} - held


def with_needs(kinds: Kinds) -> Kinds:
    """These kinds, and those without which they can't happen."""
    needed = {need for kind in kinds for need in NEEDS.get(kind, "").split(", ") if need}
    return kinds if needed <= kinds else with_needs(kinds | needed)


def generated() -> list[WorldPlan]:
    """Worlds that hold the pairs which those of `plans` don't, in the venue with a nested hall."""
    left = missing(plans.PLANS, 2)
    worlds: list[WorldPlan] = []
    while left:
        kinds = with_needs(frozenset({"enter"}) | min(left, key=sorted))
        while better := _fitting(kinds, left):
            kinds = better
        left -= {frozenset(pair) for pair in combinations(kinds, 2)}
        worlds.append(_world(f"pairs {len(worlds) + 1}", kinds))
    return worlds


def _fitting(kinds: Kinds, left: set[Kinds]) -> Kinds | None:
    """These kinds and the one more that adds the most pairs of `left`, if there is room."""
    larger = [with_needs(kinds | {kind}) for kind in KINDS if kind not in kinds]
    fitting = [more for more in larger if len(more) <= MOST_KINDS]
    return max(fitting, key=lambda more: sum(pair <= more for pair in left), default=None)


def _world(name: str, kinds: Kinds) -> WorldPlan:
    acts = {kind: UNLIMITED if kind == "enter" else 1 for kind in KINDS if kind in kinds}
    copies = (0,) if "copy" in kinds else ()
    return WorldPlan(name, plans.NESTED, acts, copies, plans.GRANTED_INNER)


def table() -> str:
    """What is held, by the worlds that are listed and with those that are generated."""
    lines = []
    for name, worlds in (
        ("listed", list(plans.PLANS)),
        ("with generated", [*plans.PLANS, *generated()]),
    ):
        counts = []
        for size, word in ((2, "pairs"), (3, "triples")):
            every = sum(1 for _ in combinations(KINDS, size))
            counts.append(f"{word} {every - len(missing(worlds, size)):,} of {every:,}")
        lines.append(f"{name:15} {len(worlds):3} worlds  {', '.join(counts)}")
    absent = sorted(", ".join(sorted(pair)) for pair in missing(plans.PLANS, 2))
    return "\n".join([*lines, "Pairs that no listed world holds:", *absent])
