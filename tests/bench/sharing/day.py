"""A day at a hall's doors: arrivals above or below its capacity, doors that lose the network.

All policies meet the same day: it is drawn beforehand, from its seed alone.
"""

import math
import random
from dataclasses import dataclass
from itertools import accumulate

DOORS = 6
CAPACITY = 800
HOURS = 3
STAY_S = 2_400  # mean
UP_S, DOWN_S = 2_400, 600  # mean time of a door with and without the network
SHIFT_S = 1_200  # how often the demand moves between the doors
OUTAGE_S = 1_200  # of the whole hall
RUSH_S = 2_400  # the first people come faster
RUSH, STEADY = 0.55, 0.38  # people a second; steadily, 114 % of the hall's throughput


@dataclass(frozen=True)
class Person:
    at: int  # s
    door: int
    leaves_at: int
    leaves_by: int


@dataclass(frozen=True)
class Day:
    people: list[Person]  # in order of arrival
    links: dict[int, list[tuple[int, bool]]]  # by second: door, and whether it is connected now


def day(seed: int, *, load: float, outage: bool) -> Day:
    """`load` is the steady demand as a fraction of the hall's throughput."""
    dice = random.Random(f"{seed} {load} {outage}")
    seconds = HOURS * 3600
    links = _links(dice, seconds, outage)
    shares = _shares(dice, seconds + 6 * STAY_S)
    people = []
    scale = load * CAPACITY / STAY_S / STEADY
    for at in range(seconds):
        rate = scale * (RUSH if at < RUSH_S else STEADY)
        for _ in range(_poisson(dice, rate)):
            leaves_at = at + max(1, round(dice.expovariate(1 / STAY_S)))
            by = shares[min(leaves_at // SHIFT_S, len(shares) - 1)]
            entry, leaving = _choose(dice, shares[at // SHIFT_S]), _choose(dice, by)
            people.append(Person(at, entry, leaves_at, leaving))
    return Day(people, links)


def _shares(dice: random.Random, seconds: int) -> list[list[float]]:
    """Each door's part of the demand, one list for each time between two shifts."""
    now = [dice.random() ** 2 + 0.05 for _ in range(DOORS)]
    shares = []
    for _ in range(seconds // SHIFT_S + 1):
        now = [part * (0.3 + 1.4 * dice.random()) for part in now]
        total = sum(now)
        now = [part / total for part in now]
        shares.append(list(accumulate(now)))
    return shares


def _choose(dice: random.Random, cumulative: list[float]) -> int:
    draw = dice.random()
    return next((n for n, edge in enumerate(cumulative) if draw < edge), DOORS - 1)


def _links(dice: random.Random, seconds: int, outage: bool) -> dict[int, list[tuple[int, bool]]]:
    begins = dice.randrange(3_000, 8_000) if outage else seconds
    links: dict[int, list[tuple[int, bool]]] = {}
    up = [True] * DOORS
    for at in range(seconds):
        out = begins <= at < begins + OUTAGE_S
        for door in range(DOORS):
            drops = out or dice.random() < 1 / UP_S
            returns = not out and dice.random() < 1 / DOWN_S
            if drops if up[door] else returns:
                up[door] = not up[door]
                links.setdefault(at, []).append((door, up[door]))
    return links


def _poisson(dice: random.Random, mean: float) -> int:
    count, left = 0, dice.random()
    edge = math.exp(-mean)
    while left > edge:
        count += 1
        left *= dice.random()
    return count
