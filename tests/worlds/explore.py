"""Walks through all states of a world, breadth first, each once."""

import resource
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

import msgspec

from badges.places.account import PlacesError
from tests.worlds import acts, canonical, oracles
from tests.worlds.run import Run, code_digest
from tests.worlds.state import Act, BrokenPromiseError, State
from tests.worlds.world import World, WorldPlan

Story = tuple[Act, ...]
TELL_S = 10.0
MOST_STATES = 5_000_000  # about 1 GB of memory


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
    left: int = 0  # states of this depth from which the walk has not gone on

    @property
    def row(self) -> str:
        verdict = f"BROKEN: {self.broken}" if self.broken else "kept"
        return (
            f"{self.world:18} depth {self.depth:2}  {self.states:9,} states"
            f"  {self.steps:10,} acts  {self.seconds:7,.0f} s  {self.megabytes:5,} MB  {verdict}"
        )

    @property
    def progress(self) -> str:
        """`left` states take about as long each as those before."""
        walked = max(1, self.states - self.left - (self.by_depth or [0])[-1])
        a_second = self.states / max(self.seconds, 0.001)
        ends = self.seconds / walked * self.left
        return f"{self.row}  {a_second:,.0f} states/s  depth {self.depth + 1} in {ends:,.0f} s"


def explore(
    plan: WorldPlan, *, depth: int, seconds: float = 1e9, file: Path | None = None,
    tell: Callable[[Outcome], None] = lambda _: None, settle_every: int = 10,
) -> Outcome:  # fmt: skip
    """Walk until `depth` acts, the time, or the first broken promise. With a `file` the walk of
    an earlier call goes on. Raises OtherWalkError.
    """
    with closing(Run(file)) as run:
        run.require("acts", repr(plan))
        if file is not None:
            run.require("code", code_digest())
        world = World(plan, run.db)
        with world.clocks():
            walk = Walk(world, run, seconds=seconds, tell=tell, settle_every=settle_every)
            walk.go(depth)
        return walk.outcome


class _FoundError(Exception):
    def __init__(self, broken: Exception, story: Story) -> None:
        super().__init__(str(broken))
        self.story = story


class Walk:
    def __init__(
        self, world: World, run: Run, *, seconds: float, tell: Callable[[Outcome], None],
        settle_every: int,
    ) -> None:  # fmt: skip
        self.world = world
        self.run = run
        self._tell = tell
        self._settle_every = settle_every
        known = run.fact("outcome")
        if known is None:
            self.outcome = Outcome(world.plan.name)
            self._begin()
        else:
            self.outcome = msgspec.json.decode(known, type=Outcome)
        self._began = time.perf_counter() - self.outcome.seconds
        self._until = time.perf_counter() + seconds
        self._told = 0.0

    def _begin(self) -> None:
        first = self.world.first()
        for act in self.world.plan.begins:
            first = acts.done(self.world, first, act)
        self.run.add(first, canonical.digest(self.world, first), 0, None, ())

    def go(self, depth: int) -> None:
        outcome, run = self.outcome, self.run
        try:
            while run.depth is not None and run.depth < depth and not outcome.broken:
                self._layer(run.depth)
        except TimeoutError:
            pass
        except _FoundError as found:
            outcome.broken, outcome.story = str(found), found.story
            outcome.depth = len(found.story)
        finally:
            self._measure()  # also after Ctrl-C

    def _layer(self, depth: int) -> None:
        """Do all acts in all states of this depth. Raises TimeoutError, or _FoundError."""
        waiting = self.run.waiting(depth)
        for done, number in enumerate(waiting, 1):
            self._walk_on(number, depth)
            now = time.perf_counter()
            self.outcome.left = len(waiting) - done
            is_over = now > self._until or len(self.run.seen) > MOST_STATES
            if is_over and done < len(waiting):
                raise TimeoutError
            if now > self._told + TELL_S:
                self._told = now
                self._measure()
                self._tell(self.outcome)
        outcome = self.outcome
        outcome.by_depth.append(len(self.run.seen) - 1 - sum(outcome.by_depth))
        outcome.depth, outcome.left = depth + 1, outcome.by_depth[-1]
        self.world.forget(self.run.parts())
        self._measure()
        self._tell(outcome)

    def _walk_on(self, number: int, depth: int) -> None:
        state = self.run.state(number)
        for act in acts.acts_of(self.world, state):
            self.outcome.steps += 1
            try:
                after = self._after(state, act)
            except (BrokenPromiseError, PlacesError) as error:
                # A pool that refuses its own server's step has lost count before.
                raise _FoundError(error, (*self.run.story(number), act)) from None
            if after is not None:
                self.run.add(*after, depth + 1, number, act)
        self.run.walked(number)

    def _after(self, state: State, act: Act) -> tuple[State, bytes] | None:
        """The new state, if it is new."""
        after = acts.done(self.world, state, act)
        oracles.check(self.world, after)
        digest = canonical.digest(self.world, after)
        if digest in self.run.seen:
            return None
        if len(self.run.seen) % self._settle_every == 0:
            oracles.check_settled(self.world, after)
        return after, digest

    def _measure(self) -> None:
        outcome = self.outcome
        outcome.states = len(self.run.seen)
        outcome.seconds = time.perf_counter() - self._began
        outcome.megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        self.run.set_fact("outcome", msgspec.json.encode(asdict(outcome)).decode())
        self.run.keep()
