"""The invariant: true at the start, kept by each step, and it implies the promise.

`CLAIMS` is what the promise says. The rest makes it inductive, as badges/README.md explains in
words.
"""

from collections.abc import Mapping

from tests.worlds.proof import world as numbers
from tests.worlds.proof.algebra import Value, both, either, implies, negated
from tests.worlds.proof.world import World


def claims(world: World) -> Mapping[str, Value]:
    """What is promised."""
    site = world.site
    return {
        "hands + in flight + out <= the bound": (
            numbers.all_out(world) <= site.bound + site.exceptions
        ),
        "people inside <= the bound": numbers.people(world) <= site.bound + site.exceptions,
        "a door's free places >= 0": numbers.free_at_door(world.disk) >= 0,
        "people inside <= what the page says": implies(
            negated(numbers.is_waiting(world)),
            numbers.people(world) <= numbers.worst_case(world) + site.exceptions,
        ),
    }


def invariant(world: World) -> Mapping[str, Value]:
    """For the server's present numbers, or for those of a backup."""
    disk, copy, hall, site = world.disk, world.copy, world.hall, world.site
    return {
        "out": numbers.all_out(world) <= site.bound + site.exceptions,
        "bound": site.bound >= site.capacity,
        "exceptions": (
            hall.twice + copy.omitted + world.others.omitted + hall.uncounted <= site.exceptions
        ),
        "numbers": both(*(number >= 0 for number in never_negative(world))),
        "free": numbers.free_at_door(disk) >= 0,
        "flight": both(disk.got <= disk.reach, numbers.ordered(copy) <= disk.reach),
        "fresh": disk.fresh <= copy.unheard,
        "heard": implies(negated(either(copy.awaited, copy.attested)), disk.reach <= copy.granted),
        "attested": both(
            implies(copy.attested, both(copy.fenced, negated(copy.awaited))),
            implies(
                negated(copy.attested),
                both(copy.late == 0, copy.reclaimed == 0),
            ),
        ),
        "entries": (
            disk.entries - disk.credited - copy.handed + copy.trusted - disk.trusted + copy.early
            >= copy.unheard + copy.departed
        ),
        # The server believes at least as much at this door as there is.
        "held": (
            numbers.unused(copy) + disk.reach - copy.granted + copy.early
            >= copy.unheard + copy.departed + numbers.usable(disk)
        ),
        "held after an attestation": implies(
            copy.attested,
            numbers.unclamped(copy) + copy.omitted + copy.late + copy.early
            >= copy.unheard + numbers.hands(disk),
        ),
        # A place that is used again early is still counted where it was.
        "credits": numbers.credits(world) <= numbers.covers(world),
        "late": copy.late + world.others.late <= hall.left,
    }


def of_the_present(world: World) -> Mapping[str, Value]:
    """Of the server's present numbers alone. A door that has heard the present incarnation obeys
    no older order.
    """
    disk, copy = world.disk, world.copy
    return {"two trips": implies(both(copy.awaited, disk.current), disk.reach <= disk.got)}


def of_a_backup(now: World, backup: World) -> Mapping[str, Value]:
    """Between the two: a fence is on a second disk, so it is never forgotten; and both count the
    same people.
    """
    return {
        "fences": both(
            implies(backup.copy.fenced, now.copy.fenced),
            implies(negated(backup.copy.fenced), backup.copy.awaited),
        ),
        "same people": numbers.people(now) == numbers.people(backup),
    }


def of_the_others(world: World) -> Value:
    """The sum of "held" over the other doors: for them it was shown when they were this door."""
    others = world.others
    return both(
        implies(
            negated(others.awaited),
            others.held + others.early + others.late + others.omitted
            >= others.unheard + others.departed + world.site.hands,
        ),
        *(number >= 0 for number in (*others[:3], others.late, others.omitted, world.site.hands)),
    )


def never_negative(world: World) -> tuple[Value, ...]:
    disk, copy = world.disk, world.copy
    return (
        disk.got, disk.gave, disk.entries, disk.credited, disk.trusted, disk.fresh,
        copy.granted, copy.handed, copy.trusted, copy.unheard, copy.departed, copy.late,
        copy.omitted, *world.hall, world.site.exceptions, world.site.capacity,
    )  # fmt: skip
