"""Walks through all states of a world, breadth first, each once."""

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from badges.places.account import PlacesError
from tests.worlds import acts, canonical, oracles
from tests.worlds.oracles import BrokenPromiseError
from tests.worlds.state import Act, State
from tests.worlds.world import World, WorldPlan

Story = tuple[Act, ...]


@dataclass
class Outcome:
    """What a walk found. `depth` is the number of acts up to which every sequence was taken."""

    world: str
    depth: int = 0
    states: int = 1
    steps: int = 0
    seconds: float = 0.0
    megabytes: int = 0
    broken: str = ""
    story: Story = ()
    by_depth: list[int] = field(default_factory=list)

    @property
    def row(self) -> str:
        verdict = f"BROKEN: {self.broken}" if self.broken else "kept"
        return (
            f"{self.world:18} depth {self.depth:2}  {self.states:8,} states  {self.steps:9,} acts"
            f"  {self.seconds:7.0f} s  {self.megabytes:5,} MB  {verdict}"
        )


def explore(
    plan: WorldPlan,
    *,
    depth: int,
    seconds: float = 1e9,
    tell: Callable[[Outcome], None] = lambda _: None,
    settle_every: int = 10,
) -> Outcome:
    """Walk until `depth` acts, the time, or the first broken promise."""
    world, outcome = World(plan), Outcome(plan.name)
    begun = time.perf_counter()
    with world.clocks():
        first = world.first()
        for act in plan.begins:
            first = acts.done(world, first, act)
        seen = {canonical.digest(world, first)}
        frontier: list[tuple[State, Story]] = [(first, ())]
        try:
            for reached in range(1, depth + 1):
                frontier = _next(world, frontier, seen, outcome, begun + seconds, settle_every)
                outcome.by_depth.append(len(frontier))
                outcome.depth, outcome.states = reached, len(seen)
                _measure(outcome, begun)
                tell(outcome)
                if not frontier:
                    break
        except TimeoutError:
            outcome.states = len(seen)
        except _Found as found:
            outcome.broken, outcome.story = str(found), found.story
            outcome.depth, outcome.states = len(found.story), len(seen)
    _measure(outcome, begun)
    return outcome


class _Found(Exception):
    def __init__(self, broken: Exception, story: Story) -> None:
        super().__init__(str(broken))
        self.story = story


def _next(
    world: World, frontier: list[tuple[State, Story]], seen: set[bytes], outcome: Outcome,
    until: float, settle_every: int,
) -> list[tuple[State, Story]]:  # fmt: skip
    """All new states that one act makes. Raises TimeoutError, or _Found."""
    found: list[tuple[State, Story]] = []
    for state, story in frontier:
        for act in acts.acts_of(world, state):
            if time.perf_counter() > until:
                raise TimeoutError
            outcome.steps += 1
            told = (*story, act)
            try:
                after = acts.done(world, state, act)
                oracles.check(world, after)
                key = canonical.digest(world, after)
                if key in seen:
                    continue
                seen.add(key)
                if len(seen) % settle_every == 0:
                    oracles.check_settled(world, after)
            except (BrokenPromiseError, PlacesError) as error:
                # A pool that refuses its own server's step has lost count before.
                raise _Found(error, told) from None
            found.append((after, told))
    world.forget_chunks([state for state, _ in found])
    return found


def _measure(outcome: Outcome, begun: float) -> None:
    outcome.seconds = time.perf_counter() - begun
    outcome.megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
