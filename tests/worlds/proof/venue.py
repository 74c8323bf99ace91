"""A small venue of the table's steps: two doors, a hall, and a room nested in it.

The street door leads into the room, so it has an account in both; the hall's door has one. All
numbers are small, so that every state can be visited: by `walk`, and by Spin (`promela`).
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import NamedTuple

from tests.worlds.proof import steps, wrong
from tests.worlds.proof import world as numbers
from tests.worlds.proof.algebra import Value, both, choose
from tests.worlds.proof.steps import Effect, Params
from tests.worlds.proof.world import Copy, Disk, Hall, Others, Site, World

HALLS = {"hall": ("street", "side"), "room": ("street",)}  # and their doors
DOORS = {"street": ("hall", "room"), "side": ("hall",)}
# What changes here. Nobody trusts exits, lies or restores in this venue, so the rest stays 0.
DISK = ("got", "gave", "entries", "credited", "stopped", "fresh", "lost")
COPY = (
    "granted", "returned", "handed", "reclaimed", "fenced", "attested", "unheard", "departed",
    "late",
)  # fmt: skip
HALL = ("inside", "left")
FLAGS = {"stopped", "lost", "fenced", "attested"}

FULL_HALL, RECLAIM = "enters a full hall (fullhouse)", "a fence gives places back (reclaim)"
PLANTS = {name: wrong.WRONG[name][1] for name in (FULL_HALL, RECLAIM)}

Change = Callable[[World, Params], Effect]
State = Mapping[str, Value]  # by the names of `VARIABLES`


class Size(NamedTuple):
    hall: int = 2
    room: int = 1
    grants: int = 2  # the highest total of a door
    entries: int = 1  # of a door

    def __str__(self) -> str:
        doors = f"each door {self.grants} grants, {self.entries} entries"
        return f"for {self.hall} and {self.room}; {doors}"


class Act(NamedTuple):
    name: str
    # Whether it happens, and the variables that change.
    effect: Callable[[State], tuple[Value, dict[str, Value]]]


def _variables() -> Iterator[str]:
    for hall, doors in HALLS.items():
        yield from (f"{hall}_{name}" for name in HALL)
        for door in doors:
            yield from (f"{hall}_{door}_{name}" for name in (*DISK, *COPY))


VARIABLES = tuple(_variables())


def is_flag(variable: str) -> bool:
    return variable.rpartition("_")[2] in FLAGS


def view(state: State, size: Size, hall: str, door: str) -> World:
    """The hall's numbers, with this door singled out."""
    disk, copy = _door(state, hall, door)
    total = Others(0, 0, 0, 0, 0, 0, False)
    hands: Value = 0
    for other in HALLS[hall]:
        if other != door:
            its, there = _door(state, hall, other)
            total = total._replace(
                held=numbers.held(there), unheard=there.unheard, late=there.late,
                departed=choose(there.attested, 0, there.departed),
            )  # fmt: skip
            hands = numbers.hands(its)
    stays = Hall(state[f"{hall}_inside"], state[f"{hall}_left"], uncounted=0, twice=0)
    capacity = getattr(size, hall)
    return World(disk, copy, stays, total, Site(capacity, capacity, 0, hands))


def _door(state: State, hall: str, door: str) -> tuple[Disk, Copy]:
    values = {name: state[f"{hall}_{door}_{name}"] for name in (*DISK, *COPY)}
    disk = Disk(
        **{name: values[name] for name in DISK}, trusted=0, current=True, reach=values["granted"]
    )
    copy = Copy(
        **{name: values[name] for name in COPY}, trusted=0, awaited=False, early=0, omitted=0
    )
    return disk, copy


def acts(size: Size, *, plant: str = "") -> list[Act]:
    """All acts, with each value of their parameters. `plant` is one of PLANTS."""
    found: list[Act] = []
    for hall, doors in HALLS.items():
        found.append(_act(size, f"exit arrives, {hall}", steps.exit_arrives, doors[0], [hall]))
        for door in doors:
            found += _of_one_account(size, hall, door)
    for door, halls in DOORS.items():
        found += _of_a_door(size, door, halls, plant)
    return found


def _of_one_account(size: Size, hall: str, door: str) -> Iterator[Act]:
    where = f"{door} door, {hall}"
    most = range(size.grants + 1)
    yield _act(size, f"grant, {where}", _bounded(steps.grant, size), door, [hall], places=1)
    for granted, recall in product(most, most):
        yield _act(
            size, f"order {granted} {recall}, {where}", _order, door, [hall],
            granted=granted, recall=recall,
        )  # fmt: skip
    for total in most[1:]:
        yield _act(
            size, f"return {total}, {where}", steps.hear_returned, door, [hall], returned=total
        )
    yield _act(
        size, f"exit of a late entry, {where}", steps.exit_of_late_entry_arrives, door, [hall]
    )


def _of_a_door(size: Size, door: str, halls: tuple[str, ...], plant: str) -> Iterator[Act]:
    """One commit of the door's journal, or one record, counts in all of its halls."""
    enter = PLANTS[plant] if plant == FULL_HALL else steps.enter
    fence = PLANTS[plant] if plant == RECLAIM else steps.fence
    yield _act(size, f"entry, {door}", _entry(enter, size), door, halls)
    yield _act(size, f"offer, {door}", steps.offer, door, halls, left=0)
    yield _act(size, f"exit before the offer, {door}", steps.credit, door, halls)
    for where in ("here", "known"):
        yield _act(size, f"exit, {where}, {door}", _leaves(where), door, halls)
    yield _act(size, f"entry arrives, {door}", steps.entry_arrives, door, halls)
    yield _act(size, f"entry arrives late, {door}", steps.late_entry_arrives, door, halls)
    yield _act(size, f"fence, {door}", fence, door, halls)
    yield _act(size, f"stop, {door}", steps.rest, door, halls, stops=True)
    for inside in range(size.grants + 1):
        yield _act(
            size, f"attest {inside}, {door}", _true_word, door, halls, inside=inside, lost=True
        )


def _bounded(step: Change, size: Size) -> Change:
    def bounded(world: World, p: Params) -> Effect:
        happens, after = step(world, p)
        return Effect(both(happens, world.copy.granted < size.grants), after)

    return bounded


def _entry(step: Change, size: Size) -> Change:
    def bounded(world: World, p: Params) -> Effect:
        happens, after = step(world, p)
        return Effect(both(happens, world.disk.entries < size.entries), after)

    return bounded


def _order(world: World, p: Params) -> Effect:
    """Any order that was ever sent: lost ones, and late ones, too."""
    happens, after = steps.obey(world, p)
    sent = both(p.granted <= world.copy.granted, p.recall <= world.copy.granted)
    return Effect(both(happens, sent), after)


def _leaves(where: str) -> Change:
    return lambda world, p: steps.leaves(world, where, "")


def _true_word(world: World, p: Params) -> Effect:
    happens, after = steps.attest(world, p)
    return Effect(both(happens, p.inside == world.copy.unheard), after)


def _act(
    size: Size, name: str, step: Change, door: str,
    halls: tuple[str, ...] | list[str], **params: Value,
) -> Act:  # fmt: skip
    p = Params(after=True, **params)

    def effect(state: State) -> tuple[Value, dict[str, Value]]:
        happens, changed = [], {}
        for hall in halls:
            before = view(state, size, hall, door)
            condition, after = step(before, p)
            happens.append(condition)
            changed.update(_changes(hall, door, before, after))
        return both(*happens), changed

    return Act(name, effect)


def _changes(hall: str, door: str, before: World, after: World) -> dict[str, Value]:
    changed = {}
    for part, names, prefix in (
        ("disk", DISK, f"{hall}_{door}"), ("copy", COPY, f"{hall}_{door}"), ("hall", HALL, hall),
    ):  # fmt: skip
        for name in names:
            old, new = getattr(getattr(before, part), name), getattr(getattr(after, part), name)
            if new is not old:
                changed[f"{prefix}_{name}"] = new
    return changed


def holds(state: State, size: Size) -> Value:
    """The promise, in both halls."""
    promises = []
    for hall, (door, *_) in HALLS.items():
        world = view(state, size, hall, door)
        promises += [
            numbers.all_out(world) <= world.site.bound,
            numbers.people(world) <= numbers.worst_case(world),
        ]
    return both(*promises)
