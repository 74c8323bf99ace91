"""The numbers of one pool of one hall, with one door singled out.

A proof for any number of doors cannot list them. Each number that the promise needs is a sum over
doors, and each step changes one door, or two. So it is enough to know that door's numbers, and of
all others the sums (`Others`). The steps say nothing about which door it is, so what holds for this
one holds for each.

The server's numbers exist twice: as they are now, and as they were in some backup
(docs/design/places.md, rule 8). What people do changes both, since it changes what a record in the
backup means; what the server does changes the present ones alone.
"""

from typing import NamedTuple

from tests.worlds.proof.algebra import Value, choose, either, most, negated


class Disk(NamedTuple):
    """What is on the door's disk (`badges.places.account.Account`), and the truth about it."""

    got: Value  # granted places, the highest total received
    gave: Value  # returned places
    entries: Value
    credited: Value
    trusted: Value
    stopped: Value  # the kiosk knows that it is fenced
    current: Value  # it has heard the server's present incarnation
    # The truth, which no program knows:
    reach: Value  # the highest total of granted places that a message may still bring
    fresh: Value  # its people whose entries were in no message yet
    lost: Value  # the kiosk will never admit again


class Copy(NamedTuple):
    """The server's copy of the door's account (`badges.places.pool.Held`), and the truth."""

    granted: Value
    returned: Value
    handed: Value
    reclaimed: Value
    trusted: Value
    fenced: Value
    attested: Value
    awaited: Value
    # The truth:
    unheard: Value  # people inside by entries here that the server does not have
    departed: Value  # such people who have left, by an exit that is on some disk
    # Places that came back to this door although the server still counts the stays.
    early: Value
    # Stays, open at the server, of people who had left before their entry came. The entry came
    # after the kiosk was attested, so it took a place that belongs to people who are inside.
    late: Value
    omitted: Value  # people whom an attestation omitted


class Hall(NamedTuple):
    """The server's stays of the hall, and the truth about them."""

    inside: Value  # open stays of people who are inside
    left: Value  # open stays of people who have left, or never were
    uncounted: Value  # people inside whom no number counts: an exception
    twice: Value  # stays that ended twice, once of them on trust: an exception


class Others(NamedTuple):
    """Sums over all other doors."""

    held: Value
    unheard: Value
    departed: Value  # of doors that are not attested
    early: Value
    late: Value  # of doors that are attested
    omitted: Value
    awaited: Value  # whether the server waits for any of them


class Site(NamedTuple):
    """What is neither a door's nor a backup's."""

    capacity: Value
    # The capacity, or, after it was lowered, the places that were out then.
    bound: Value
    exceptions: Value  # all that were ever counted
    hands: Value  # what other doors have free or may still get


class World(NamedTuple):
    disk: Disk
    copy: Copy
    hall: Hall
    others: Others
    site: Site


def free_at_door(disk: Disk) -> Value:
    return disk.got - disk.gave - disk.entries + disk.credited + disk.trusted


def unused(copy: Copy) -> Value:
    return copy.granted - copy.returned - copy.handed + copy.trusted


def unclamped(copy: Copy) -> Value:
    """What the server believes to be at the door, if attestations were exact."""
    return unused(copy) - copy.reclaimed


def held(copy: Copy) -> Value:
    return most(0, unclamped(copy))


def open_stays(hall: Hall) -> Value:
    return hall.inside + hall.left


def ordered(copy: Copy) -> Value:
    """The total in an order to the door: nothing new while the server waits for it, or if it is
    fenced.
    """
    return choose(either(copy.awaited, copy.fenced), 0, copy.granted)


def worst_case(world: World) -> Value:
    return held(world.copy) + world.others.held + open_stays(world.hall)


def free(world: World) -> Value:
    return world.site.capacity - worst_case(world)


def is_waiting(world: World) -> Value:
    return either(world.copy.awaited, world.others.awaited)


def hands(disk: Disk) -> Value:
    """Places in hands and in flight: what the door has free, or may still get by a message."""
    return choose(disk.lost, 0, usable(disk))


def usable(disk: Disk) -> Value:
    return free_at_door(disk) + disk.reach - disk.got


def people(world: World) -> Value:
    """The people inside: out of the doors' hands, wherever they are counted."""
    away = world.copy.unheard + world.others.unheard
    return away + world.hall.inside + world.hall.uncounted


def all_out(world: World) -> Value:
    """Hands, in flight and out."""
    return hands(world.disk) + world.site.hands + people(world)


def credits(world: World) -> Value:
    """Places that are already used again although the server still counts their stays."""
    here = world.copy.early + choose(world.copy.attested, world.copy.late, 0)
    return here + world.others.early + world.others.late


def covers(world: World) -> Value:
    """What the server still counts of people who have left."""
    here = choose(world.copy.attested, 0, world.copy.departed)
    return here + world.others.departed + world.hall.left + world.hall.twice


def is_in_use(disk: Disk) -> Value:
    return negated(disk.lost)
