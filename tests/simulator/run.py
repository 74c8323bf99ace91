"""Runs one seed or many, perhaps in several processes."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

from badges.places.account import PlacesError
from tests.simulator.beyond import OVERRIDES, BeyondWorld
from tests.simulator.checkers import ViolationError
from tests.simulator.kept import KEPT_PLACES, KeptWorld
from tests.simulator.mutants import BY_NAME
from tests.simulator.nested import NESTED, NestedWorld, check_quiet_halls
from tests.simulator.phones import PHONES, PhoneWorld
from tests.simulator.quiet import check_quiet
from tests.simulator.rules import Rules
from tests.simulator.thieves import THIEVES, ThiefWorld, check_quiet_thieves
from tests.simulator.world import World

CHUNK = 200  # seeds


@dataclass(frozen=True)
class Violation:
    seed: int
    step: int  # one above the day's steps: when all was quiet
    last: str  # the action in that step
    theme: str
    text: str


@dataclass(frozen=True)
class Outcome:
    seeds: int
    steps: int
    seconds: float
    violation: Violation | None = None  # the first


def world_of(seed: int, mutant: str | None = None, theme: str | None = None) -> World:
    """The world of a seed. A mutant's seeds have its own theme unless another is named."""
    rules = Rules() if mutant is None else BY_NAME[mutant].rules
    if mutant is not None and theme is None:
        theme = BY_NAME[mutant].theme
    if theme == KEPT_PLACES:
        return KeptWorld(seed, rules)
    if theme == OVERRIDES:
        return BeyondWorld(seed, rules)
    if theme == PHONES:
        return PhoneWorld(seed, rules)
    if theme == THIEVES:
        return ThiefWorld(seed, rules)
    return NestedWorld(seed, rules) if theme == NESTED else World(seed, rules, theme)


def run_world(world: World, watch: Callable[[World], None] | None = None) -> str | None:
    """Run the whole day, then quiet. Returns the violation or None. `watch` is called after each
    step.
    """
    try:
        for _ in range(world.mix.steps):
            world.step()
            if watch is not None:
                watch(world)
        world.taken += 1
        world.last = "quiet"
        if isinstance(world, NestedWorld):
            check_quiet_halls(world)
        elif isinstance(world, ThiefWorld):
            check_quiet_thieves(world)
        else:
            check_quiet(world)
    except (ViolationError, PlacesError) as error:
        return str(error) or type(error).__name__
    return None


def run_seeds(
    start: int, seeds: int, mutant: str | None = None, theme: str | None = None
) -> Outcome:
    """Run seeds from `start` on, up to the first violation."""
    begun = time.perf_counter()
    steps = 0
    for seed in range(start, start + seeds):
        world = world_of(seed, mutant, theme)
        text = run_world(world)
        steps += world.taken
        if text is not None:
            violation = Violation(seed, world.taken, world.last, world.mix.theme, text)
            return Outcome(seed - start + 1, steps, time.perf_counter() - begun, violation)
    return Outcome(seeds, steps, time.perf_counter() - begun)


def run_many(
    start: int,
    seeds: int,
    mutant: str | None = None,
    theme: str | None = None,
    jobs: int = 1,
    chunk: int = CHUNK,
) -> Outcome:
    """Like `run_seeds`, in `jobs` processes. The violation is still the lowest seed's."""
    if jobs == 1:
        return run_seeds(start, seeds, mutant, theme)
    begun = time.perf_counter()
    done = steps = 0
    violation = None
    with get_context("spawn").Pool(jobs) as pool:
        run = partial(_chunk, mutant=mutant, theme=theme)
        for outcome in pool.imap(run, _chunks(start, seeds, chunk)):
            done += outcome.seeds
            steps += outcome.steps
            violation = outcome.violation
            if violation is not None:
                break
    return Outcome(done, steps, time.perf_counter() - begun, violation)


def _chunks(start: int, seeds: int, chunk: int) -> Iterator[tuple[int, int]]:
    for first in range(start, start + seeds, chunk):
        yield first, min(chunk, start + seeds - first)


def _chunk(which: tuple[int, int], mutant: str | None, theme: str | None) -> Outcome:
    return run_seeds(*which, mutant=mutant, theme=theme)
