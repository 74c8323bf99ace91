"""The formulas beside the code: both take the same random numbers, and must give the same.

The numbers are any, also such as the invariant forbids, so that each branch is taken.
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

from badges.places.account import Account, NoPlaceError, Order, PlacesError
from badges.places.pool import Held, Pool, within_limit
from badges.record import StayRef
from tests.worlds.proof import steps, three_pools
from tests.worlds.proof import world as numbers
from tests.worlds.proof.steps import Effect, Params, add
from tests.worlds.proof.world import Copy, Disk, Hall, Others, Site, World

HERE, ELSEWHERE = ("here", 1), ("elsewhere", 1)
ATTESTED_AT = 5
AFTER, BEFORE = StayRef(*HERE, 6), StayRef(*HERE, 5)
INCARNATION = 3


class Sides(NamedTuple):
    """The same numbers as the code has them."""

    account: Account
    pool: Pool


def as_code(world: World) -> Sides:
    disk, copy, others = world.disk, world.copy, world.others
    account = Account(
        granted=disk.got, returned=disk.gave, entries=disk.entries, credited=disk.credited,
        incarnation=INCARNATION if disk.current else INCARNATION - 1, fenced=disk.stopped,
        trusted=disk.trusted,
    )  # fmt: skip
    held = Held(
        granted=copy.granted, returned=copy.returned, handed_over=copy.handed,
        reclaimed=copy.reclaimed, fenced=copy.fenced, trusted=copy.trusted,
        attested=ATTESTED_AT if copy.attested else None,
    )  # fmt: skip
    awaited = {HERE: copy.awaited, ELSEWHERE: others.awaited}
    pool = Pool(
        world.site.capacity, INCARNATION, numbers.open_stays(world.hall),
        {HERE: held, ELSEWHERE: Held(granted=others.held)},
        frozenset(kiosk for kiosk, waits in awaited.items() if waits),
    )  # fmt: skip
    return Sides(account, pool)


class Pair(NamedTuple):
    """A formula, and the code that it describes. An effect that does not happen changes nothing."""

    formula: Callable[[World, Params], Effect]
    code: Callable[[Sides, Params], Sides]


def _pool(change: Callable[[Pool, Params], Pool]) -> Callable[[Sides, Params], Sides]:
    return lambda sides, p: sides._replace(pool=change(sides.pool, p))


def _account(change: Callable[[Account, Params], Account]) -> Callable[[Sides, Params], Sides]:
    return lambda sides, p: sides._replace(account=change(sides.account, p))


def _effect(change: Callable[[World, Params], World]) -> Callable[[World, Params], Effect]:
    return lambda world, p: Effect(True, change(world, p))


def _incarnation(current: bool) -> int:
    return INCARNATION if current else INCARNATION - 1


def _attest(pool: Pool, p: Params) -> Pool:
    return pool.attest(HERE, p.inside, seq=ATTESTED_AT)


def _ends(world: World, p: Params) -> Effect:
    stays = numbers.open_stays(world.hall) >= 1
    return Effect(stays, add(steps.closed(world, p), {"hall.left": -1}))


def _restored(world: World, p: Params) -> World:
    waits = world.copy.awaited or not world.copy.fenced
    if p.put_back:
        waits = waits or not world.copy.attested
    others = world.others._replace(awaited=True)
    return world._replace(copy=world.copy._replace(awaited=waits), others=others)


def _unproven(world: World, p: Params) -> Effect:
    stays = numbers.open_stays(world.hall) >= 1
    return Effect(stays, add(world, {"hall.left": -1, "copy.trusted": 1}))


def _credit(world: World, p: Params) -> Effect:
    disk = world.disk
    return Effect(disk.credited < disk.entries, add(world, {"disk.credited": 1}))


def _obey(world: World, p: Params) -> Effect:
    """`Account.obey` itself: `kiosk/journal/orders.py` keeps orders from a fenced kiosk."""
    after = steps.obeyed(world, p)
    current = p.current or world.disk.current
    return Effect(p.current or not world.disk.current, steps.put(after, {"disk.current": current}))


def _elsewhere(pool: Pool, p: Params) -> Pool:
    return pool.grant(ELSEWHERE, p.places)


PAIRS: Mapping[str, Pair] = {
    "grant": Pair(steps.grant, _pool(lambda pool, p: pool.grant(HERE, p.places))),
    "grant elsewhere": Pair(steps.grant_elsewhere, _pool(_elsewhere)),
    "resized": Pair(steps.resize, _pool(lambda pool, p: pool.resized(p.capacity))),
    "hear": Pair(
        steps.hear,
        _pool(
            lambda pool, p: pool.hear(HERE, granted=p.granted, incarnation=_incarnation(p.current))
        ),
    ),
    "hear_returned": Pair(
        _effect(lambda world, p: steps.returned(world, p.returned)),
        _pool(lambda pool, p: pool.hear_returned(HERE, p.returned)),
    ),
    "open_stay": Pair(
        _effect(lambda world, p: add(steps.opened(world), {"hall.inside": 1})),
        _pool(lambda pool, p: pool.open_stay(HERE, gone=False)),
    ),
    "open_stay, gone": Pair(
        _effect(lambda world, p: world), _pool(lambda pool, p: pool.open_stay(HERE, gone=True))
    ),
    "close_stay": Pair(_ends, _pool(lambda pool, p: pool.close_stay(AFTER if p.after else BEFORE))),
    "close_unproven": Pair(_unproven, _pool(lambda pool, p: pool.close_unproven(HERE))),
    "count_in": Pair(
        _effect(lambda world, p: add(world, {"hall.inside": 1})),
        _pool(lambda pool, p: pool.count_in()),
    ),
    "trust": Pair(steps.false_trust, _pool(lambda pool, p: pool.trust(HERE))),
    "fence": Pair(steps.fence, _pool(lambda pool, p: pool.fence(HERE))),
    "attest": Pair(steps.attest, _pool(_attest)),
    "restored": Pair(
        _effect(_restored),
        _pool(lambda pool, p: pool.restored(INCARNATION, was_put_back=p.put_back)),
    ),
    "enter": Pair(
        lambda world, p: steps.enter(steps.put(world, {"disk.lost": False}), p),
        _account(lambda account, p: account.enter()),
    ),
    "credit": Pair(_credit, _account(lambda account, p: account.credit())),
    "trust at the door": Pair(
        _effect(lambda world, p: steps.took_back(world, "this door")),
        _account(lambda account, p: account.trust()),
    ),
    "obey": Pair(
        _obey,
        _account(
            lambda account, p: account.obey(Order(p.granted, p.recall, _incarnation(p.current)))
        ),
    ),
    "rest": Pair(
        _effect(lambda world, p: steps.rest(world, Params(stops=False)).after),
        _account(lambda account, p: account.rest()),
    ),
    "fence at the door": Pair(
        _effect(lambda world, p: steps.rest(world, Params(stops=True)).after),
        _account(lambda account, p: account.fence()),
    ),
}


def random_world(random: random.Random) -> World:
    number, flag = _numbers(random), _flags(random)
    disk = Disk(*number(5), *flag(2), *number(2), *flag(1))
    copy = Copy(*(*number(3), random.randint(-3, 6), *number(1), *flag(3), *number(5)))
    hall = Hall(*number(4))
    others = Others(*number(6), *flag(1))
    return World(disk, copy, hall, others, Site(random.randint(0, 45), *number(3)))


def _numbers(random: random.Random) -> Callable[[int], list[int]]:
    return lambda count: [int(random.random() * 7) for _ in range(count)]


def _flags(random: random.Random) -> Callable[[int], list[bool]]:
    return lambda count: [random.random() < 0.5 for _ in range(count)]


def random_params(random: random.Random) -> Params:
    amounts = ("places", "capacity", "granted", "returned", "inside", "recall")
    flags = ("current", "after", "put_back", "lost")
    return Params(
        **{name: int(random.random() * 9) for name in amounts},
        **{name: random.random() < 0.5 for name in flags},
    )


class DisagreementError(AssertionError):
    """A formula and the code gave different numbers."""


def agree(name: str, world: World, p: Params) -> bool:
    """Whether the step happened. Raises DisagreementError."""
    pair, before = PAIRS[name], as_code(world)
    happens, after = pair.formula(world, p)
    expected = as_code(after) if happens else before
    try:
        given = pair.code(before, p)
    except (NoPlaceError, PlacesError):
        given = before
    if given != expected:
        raise DisagreementError(f"{name}, {p}, {world}: the code gives {given}, not {expected}")
    _worst_case_agrees(world, before.pool)
    return given != before


def _worst_case_agrees(world: World, pool: Pool) -> None:
    figures = (pool.worst_case, pool.free, pool.kiosks[HERE].held, pool.order(HERE).granted)
    formulas = (
        numbers.worst_case(world), numbers.free(world), numbers.held(world.copy),
        numbers.ordered(world.copy),
    )  # fmt: skip
    if figures != formulas:
        raise DisagreementError(f"{world}: the code gives {figures}, not {formulas}")


def compare(states: int, seed: int = 0) -> Counter[str]:
    """Return how often each step changed something. Raises DisagreementError."""
    chance, happened = random.Random(seed), Counter[str]()
    names = list(PAIRS)
    for number in range(states):
        name = names[number % len(names)]
        happened[name] += agree(name, random_world(chance), random_params(chance))
        if number % 10 == 0:
            _limits_agree(chance)
    return happened


def _limits_agree(random: random.Random) -> None:
    hall = three_pools.Three(*(int(random.random() * 12) for _ in three_pools.Three._fields))
    pools = (
        Pool(hall.capacity, 1, 0, {HERE: Held(hall.ordinary)}),
        Pool(0, 1, hall.open_override, {HERE: Held(hall.override - hall.open_override)}),
        Pool(0, 1, hall.open_accessible, {HERE: Held(hall.accessible - hall.open_accessible)}),
    )
    if min(hall.override - hall.open_override, hall.accessible - hall.open_accessible) < 0:
        return  # such a hall cannot be
    limited = within_limit(*pools, kept=hall.kept, fire_limit=hall.fire_limit)
    given = tuple(pool.capacity for pool in limited)
    if given != tuple(three_pools.limited(hall)):
        raise DisagreementError(f"{hall}: the code gives {given}")
