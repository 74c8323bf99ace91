"""A hall's three pools together (`badges.places.pool.within_limit`, rules 10 and 11), by z3.

The proof of one pool takes any capacity. This one shows what the three capacities add up to: no
grant brings ordinary and kept places and the people on override places above the hall's capacity,
and none brings all three above the fire limit, even if all three grant by figures from before.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import z3

from tests.worlds.proof.algebra import Value, both, implies, least, most
from tests.worlds.proof.smt import Proof, question


class Three(NamedTuple):
    capacity: Value  # the organiser's
    fire_limit: Value
    kept: Value
    ordinary: Value  # worst cases
    override: Value
    accessible: Value
    open_override: Value  # open stays
    open_accessible: Value


class Capacities(NamedTuple):
    ordinary: Value
    override: Value
    accessible: Value


def limited(hall: Three) -> Capacities:
    capacity = hall.capacity - hall.open_override
    within = least(capacity, hall.fire_limit - hall.override)
    left = least(hall.kept, within - hall.ordinary)
    return Capacities(
        within - most(hall.kept, hall.accessible),
        hall.fire_limit - most(capacity, hall.ordinary + hall.accessible),
        most(left, hall.open_accessible),
    )


def any_hall() -> Three:
    return Three(*(z3.Int(f"hall.{name}") for name in Three._fields))


def possible(hall: Three) -> list[Value]:
    return [
        *(number >= 0 for number in hall),
        hall.capacity <= hall.fire_limit,
        hall.open_override <= hall.override,
        hall.open_accessible <= hall.accessible,
    ]


def prove(formula: Callable[[Three], Capacities] = limited) -> Iterator[Proof]:
    """All three grant at once, by the figures from before (`server.core.occupancy.grants.share`).
    A grant of 0 is one pool that grants nothing.
    """
    hall, free = any_hall(), formula(any_hall())
    grants = Capacities(*(z3.Int(f"grant.{name}") for name in Capacities._fields))
    used = (hall.ordinary, hall.override, hall.accessible)
    known = possible(hall)
    for given, capacity, worst in zip(grants, free, used, strict=True):
        known += [given >= 0, implies(given > 0, worst + given <= capacity)]
    after = hall._replace(
        ordinary=hall.ordinary + grants.ordinary,
        override=hall.override + grants.override,
        accessible=hall.accessible + grants.accessible,
    )
    yield question("three pools", "within_limit", known, _goal(hall, after, grants))


def _goal(hall: Three, after: Three, grants: Capacities) -> Mapping[str, Value]:
    automatic = after.ordinary + after.accessible
    granted = grants.ordinary + grants.accessible
    return {
        "people on override places come first": implies(
            granted > 0, automatic + hall.open_override <= hall.capacity
        ),
        "the fire limit": implies(
            granted + grants.override > 0, automatic + after.override <= hall.fire_limit
        ),
        "kept places are kept": implies(
            both(grants.ordinary > 0, hall.accessible <= hall.kept),
            after.ordinary + hall.kept <= hall.capacity,
        ),
    }
