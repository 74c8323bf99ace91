"""The cases in which a promise is not kept, each played alone and counted (docs/promises.md).

A day counts if its case came up, and is over if more people were inside than the capacity (after it
was lowered: than the last worst case), or if greens were lost with a disk.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from tests.simulator.beyond import BeyondWorld
from tests.simulator.checkers import Truth
from tests.simulator.door_side import ModelDoor
from tests.simulator.phones import PhoneWorld, is_phone
from tests.simulator.rules import Rules
from tests.simulator.server_side import ModelServer
from tests.simulator.thieves import ThiefWorld
from tests.simulator.world import World

CHUNK = 100  # seeds
RULES = Rules()


@dataclass(frozen=True)
class KnownException:
    """`over` returns the day's people or greens beyond the promise (0 or less: kept), or None if
    the case did not come up. `times` as many days as of the others are played, where it is rare.
    """

    name: str
    world: Callable[[int], Any]
    over: Callable[[Any], int | None]
    unit: str = "people"
    times: int = 1


@dataclass(frozen=True)
class Count:
    days: int = 0  # on which the case came up
    over: int = 0  # of these
    most: int = 0

    def __add__(self, other: "Count") -> "Count":
        most = max(self.most, other.most)
        return Count(self.days + other.days, self.over + other.over, most)


class CopiedKioskWorld(PhoneWorld):
    """A kiosk's disk is copied. Unlike a phone it may hold all places of the hall."""

    def __init__(self, seed: int, rules: Rules) -> None:
        super().__init__(seed, rules)
        self.cap = self.mix.capacity_max


class Uncertain(Truth):
    """Only measures: a thief at work breaks every bound."""

    def check(self, server: ModelServer) -> None:
        self.after(server)
        self.over = max(self.over, len(self.inside) - self.limit)


class UnfencedThiefWorld(ThiefWorld):
    """The thief lies before staff know of the theft, when the server still believes the kiosk."""

    def __init__(self, seed: int, rules: Rules) -> None:
        super().__init__(2 * seed, rules)  # even seeds: without a database that is put back
        self.truth = Uncertain(self.mix.capacity, trusting=False)
        self.lied = False

    def stop(self, door: ModelDoor) -> None:
        """Nobody has noticed yet."""

    def lies_freely(self, door: ModelDoor) -> bool:
        self.lied = True
        return True


class NestedAwayWorld(World):
    """A room is nested in the hall while its door is away. Until the door hears of it, the people
    whom it lets into the room take no place of the hall.

    The room's door is none of `doors`, which lead into the hall alone.
    """

    def __init__(self, seed: int, rules: Rules) -> None:
        super().__init__(seed, rules, "network")
        self.room_size = self.random.choice((1, 2, 5))
        self.room: set[int] = set()  # the people inside
        self.counted: set[int] = set()  # of these, by the hall's pool
        self.nested = self.heard = False
        self.most = 0  # people in the hall beyond its capacity

    def _steps(self) -> Any:
        more = {"room_enter": 20, "room_leave": 10, "nest": 1, "room_hears": 1}
        steps = [(name, getattr(self, name)) for name, n in more.items() for _ in range(n)]
        return [*super()._steps(), *steps]

    def step(self) -> None:
        super().step()
        if self.nested:
            people = len(self.truth.inside) + len(self.room)
            self.most = max(self.most, people - self.mix.capacity)

    def capacity(self, door: ModelDoor) -> None:
        """It stays the same, so that the excess is clear."""

    def room_enter(self, door: ModelDoor) -> None:
        if len(self.room) < self.room_size and not self.heard:
            self.room.add(self.new_uid())

    def room_leave(self, door: ModelDoor) -> None:
        if self.room:
            uid = self.random.choice(sorted(self.room))
            self.room.discard(uid)
            # While the door is away, the server learns of it later.
            if self.heard:
                self._count_out(uid)

    def nest(self, door: ModelDoor) -> None:
        self.nested = True

    def room_hears(self, door: ModelDoor) -> None:
        """The door is back: its scans reach the server, which counts these people in."""
        if self.nested and not self.heard:
            self.heard = True
            for uid in self.room:
                self.server.pool = self.server.pool.count_in()
                self.counted.add(uid)
            # They may be a debt, which exits repay.
            self.truth.limit = max(self.truth.limit, self.server.pool.worst_case)

    def _count_out(self, uid: int) -> None:
        if uid in self.counted:
            self.counted.discard(uid)
            self.server.pool = self.server.pool.close_stay()


def _over(world: World) -> int:
    return world.truth.over


def _of_phones(world: World) -> int | None:
    return _missing(world, [door for door in world.doors if door.destroyed and is_phone(door)])


def _of_kiosks(world: World) -> int | None:
    return _missing(world, [door for door in world.doors if door.destroyed])


def _of_copies(world: PhoneWorld) -> int | None:
    return _missing(world, [door for door in world.doors if door.forked])


def _missing(world: World, lost: list[ModelDoor]) -> int | None:
    """The entries on these disks that are in no ledger."""
    if not lost:
        return None
    return sum(
        record.kind == "entry" and record.uid not in world.server.ledger[door.key]
        for door in lost
        for record in door.records
    )


def _copied(world: PhoneWorld) -> int | None:
    return _over(world) if world.copied and not world.set_back else None


def _trusted(world: World) -> int | None:
    trusted = any(door.account.trusted for door in world.doors)
    return _over(world) if trusted and not world.mix.inferred else None


def _flat(theme: str) -> Callable[[int], World]:
    return lambda seed: World(seed, RULES, theme)


def _when(happened: Callable[[Any], object]) -> Callable[[World], int | None]:
    return lambda world: _over(world) if happened(world) else None


EXCEPTIONS = (
    KnownException(
        "an override that an offline door has not heard of",
        lambda seed: BeyondWorld(seed, RULES, "network"),
        lambda world: world.beyond,
    ),
    KnownException(
        "entering another hall counts as leaving (inferred)",
        _flat("copies"),
        _when(lambda world: world.mix.inferred and world.truth.after_move),
        times=4,
    ),
    KnownException("trusting exits", _flat("trusting"), _trusted),
    KnownException(
        "a room nested in a hall while its door is away",
        lambda seed: NestedAwayWorld(seed, RULES),
        lambda world: world.most if world.nested else None,
    ),
    KnownException("a copied phone", lambda seed: PhoneWorld(seed, RULES), _copied),
    KnownException("a copied kiosk's disk", lambda seed: CopiedKioskWorld(seed, RULES), _copied),
    KnownException(
        "a kiosk's disk set back", _flat("old disks"), _when(lambda world: world.truth.rolled_back)
    ),
    KnownException(
        "a server's database put back by hand",
        _flat("put back silently"),
        _when(lambda world: world.cuts),
    ),
    KnownException(
        "a backup that was made of such a database",
        _flat("put back, and doors lost then"),
        _when(lambda world: world.truth.unasked),
    ),
    KnownException(
        "a stolen kiosk that lies before it is fenced",
        lambda seed: UnfencedThiefWorld(seed, RULES),
        _when(lambda world: world.lied),
    ),
    KnownException(
        "a wrong attestation", _flat("wrong words"), _when(lambda world: world.truth.misjudged)
    ),
    KnownException(
        "a phone's storage lost",
        lambda seed: PhoneWorld(seed, RULES),
        _of_phones,
        "greens",
    ),
    KnownException("a kiosk's disk lost", _flat("lost doors"), _of_kiosks, "greens"),
    KnownException(
        "the greens of a fenced copy",
        lambda seed: PhoneWorld(seed, RULES),
        _of_copies,
        "greens",
    ),
)


def count(number: int, start: int, seeds: int) -> Count:
    """Play the days of one exception, by its place in `EXCEPTIONS`. Raises ViolationError if a day
    exceeds the exception's own bound.
    """
    known, counted = EXCEPTIONS[number], Count()
    for seed in range(start, start + seeds):
        world = known.world(seed)
        for _ in range(world.mix.steps):
            world.step()
        over = known.over(world)
        if over is not None:
            counted += Count(1, int(over > 0), max(over, 0))
    return counted


def count_all(start: int, seeds: int, jobs: int = 1) -> Iterator[tuple[KnownException, Count]]:
    """Yield each exception with its count."""
    with get_context("spawn").Pool(jobs) as pool:
        for number, known in enumerate(EXCEPTIONS):
            end = start + seeds * known.times
            parts = [(number, first, min(CHUNK, end - first)) for first in range(start, end, CHUNK)]
            yield known, sum(pool.starmap(count, parts), Count())
