"""Each step that the code has, as a change of the numbers of `World`. The one table of the proof.

A step has a condition under which it happens and the numbers afterwards. `truth` is its effect on
the numbers of a backup: none, unless people moved. Rule numbers are those of docs/design/places.md.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from types import SimpleNamespace
from typing import NamedTuple

from tests.worlds.proof import world as numbers
from tests.worlds.proof.algebra import (
    Value,
    both,
    choose,
    either,
    least,
    most,
    negated,
)
from tests.worlds.proof.world import World

Params = SimpleNamespace


class Effect(NamedTuple):
    happens: Value
    after: World


@dataclass(frozen=True)
class Step:
    name: str
    code: str  # what it is in the real code
    act: Callable[[World, Params], Effect]
    amounts: tuple[str, ...] = ()  # parameters that are numbers, at least 0
    flags: tuple[str, ...] = ()
    truth: Callable[[World, Params], Effect] | None = None
    message: str = ""  # "order" or "batch", whose content the step takes


def add(world: World, changes: Mapping[str, Value]) -> World:
    for name, change in changes.items():
        part, field = name.split(".")
        group = getattr(world, part)
        group = group._replace(**{field: getattr(group, field) + change})
        world = world._replace(**{part: group})
    return world


def put(world: World, values: Mapping[str, Value]) -> World:
    for name, value in values.items():
        part, field = name.split(".")
        group = getattr(world, part)._replace(**{field: value})
        world = world._replace(**{part: group})
    return world


# The server's steps.


def grant(world: World, p: Params) -> Effect:
    copy = world.copy
    given = least(p.places, numbers.free(world))
    happens = both(negated(copy.fenced), negated(numbers.is_waiting(world)), given > 0)
    granted = copy.granted + given
    reach = most(world.disk.reach, granted)
    return Effect(happens, put(world, {"copy.granted": granted, "disk.reach": reach}))


def grant_elsewhere(world: World, p: Params) -> Effect:
    given = least(p.places, numbers.free(world))
    happens = both(negated(numbers.is_waiting(world)), given > 0)
    return Effect(happens, add(world, {"others.held": given, "site.hands": given}))


def resize(world: World, p: Params) -> Effect:
    bound = most(p.capacity, numbers.all_out(world))
    return Effect(True, put(world, {"site.capacity": p.capacity, "site.bound": bound}))


def hear(world: World, p: Params) -> Effect:
    """The door's total of granted places, and whether it has heard the present incarnation."""
    copy = world.copy
    ends = both(copy.awaited, p.current, negated(copy.fenced))
    granted = choose(ends, p.granted, most(copy.granted, p.granted))
    covered = choose(both(copy.attested, negated(ends)), granted - copy.granted, 0)
    awaited = both(copy.awaited, negated(ends))
    after = put(world, {"copy.granted": granted, "copy.awaited": awaited})
    return Effect(True, add(after, {"copy.reclaimed": covered}))


def false_totals(world: World, p: Params) -> Effect:
    """A fenced kiosk may claim any grants: it makes no room, and gets nothing."""
    happens, after = hear(world, p)
    return Effect(both(happens, world.copy.fenced), after)


def hear_returned(world: World, p: Params) -> Effect:
    after = returned(world, p.returned)
    honest = p.returned <= world.disk.gave
    return Effect(both(honest, after.copy.returned > world.copy.returned), after)


def returned(world: World, total: Value) -> World:
    """A fenced kiosk's total changes nothing."""
    copy = world.copy
    known = least(total, copy.returned + most(0, numbers.unused(copy)))
    known = choose(copy.fenced, copy.returned, most(copy.returned, known))
    return put(world, {"copy.returned": known})


def false_return(world: World, p: Params) -> Effect:
    """A thief with the key of a kiosk that is not fenced: an exception, and counted."""
    after = returned(world, p.returned)
    lie = after.copy.returned - world.copy.returned
    return Effect(
        lie > 0, add(after, {"copy.early": lie, "hall.twice": lie, "site.exceptions": lie})
    )


def opened(world: World) -> World:
    """`Pool.open_stay`, without saying whether the person is inside."""
    kept = choose(numbers.unused(world.copy) > 0, 0, 1)
    return add(world, {"copy.returned": 0 - kept, "copy.handed": 1})


def entry_arrives(world: World, p: Params) -> Effect:
    """The record of an entry whose person is inside."""
    happens = world.copy.unheard - world.disk.fresh >= 1
    return Effect(happens, add(opened(world), {"copy.unheard": -1, "hall.inside": 1}))


def late_entry_arrives(world: World, p: Params) -> Effect:
    """The record of an entry whose person has left: the exit's record was faster."""
    late = choose(world.copy.attested, 1, 0)
    changes = {"copy.departed": -1, "copy.late": late, "hall.left": 1}
    return Effect(world.copy.departed >= 1, add(opened(world), changes))


def false_entry(world: World, p: Params) -> Effect:
    """A stolen kiosk's entry of nobody. It uses one of the kiosk's places."""
    return Effect(True, add(opened(world), {"copy.early": 1, "hall.left": 1}))


def closed(world: World, p: Params) -> World:
    """`Pool.close_stay` of a stay of this door. `p.after` is whether its entry came after the
    attestation.
    """
    copy = world.copy
    again = both(copy.attested, p.after, copy.reclaimed >= 1)
    return add(world, {"copy.reclaimed": choose(again, -1, 0)})


def exit_arrives(world: World, p: Params) -> Effect:
    """An exit that a door's record names, and on which no place came back early."""
    happens = both(is_open_and_left(world), numbers.credits(world) < numbers.covers(world))
    return Effect(happens, omits(add(closed(world, p), {"hall.left": -1})))


def exit_of_late_entry_arrives(world: World, p: Params) -> Effect:
    happens = both(world.copy.attested, world.copy.late >= 1)
    p = Params(after=True)
    return Effect(happens, omits(add(closed(world, p), {"hall.left": -1, "copy.late": -1})))


def second_exit_arrives(world: World, p: Params) -> Effect:
    """A stay ends although a door took its place back already: by another exit, by staff who saw
    the hall empty, or by an inference. An exception of trusting exits, and counted.
    """
    after = add(closed(world, p), {"hall.left": -1, "hall.twice": 1, "site.exceptions": 1})
    return Effect(is_open_and_left(world), omits(after))


def is_open_and_left(world: World) -> Value:
    return world.hall.left >= 1 + world.copy.late + world.others.late


def trusted_exit_arrives(world: World, p: Params) -> Effect:
    """The record of an exit on trust at this door, which also closes the stay."""
    changes = {"copy.trusted": 1, "copy.early": -1, "hall.left": -1}
    return Effect(both(is_open_and_left(world), world.copy.early >= 1), add(world, changes))


def trust_arrives(world: World, p: Params) -> Effect:
    """The same, if the stay is closed already or its entry is not known yet."""
    return Effect(world.copy.early >= 1, add(world, {"copy.trusted": 1, "copy.early": -1}))


def false_trust(world: World, p: Params) -> Effect:
    """A stolen kiosk's exit that claims a place. The claim makes no room."""
    return Effect(True, add(world, {"copy.trusted": 1}))


def unproven_exit(world: World, p: Params) -> Effect:
    """A true exit that only the fenced kiosk itself reports (`Pool.close_unproven`)."""
    attested = world.copy.attested
    changes = {"copy.trusted": 1, "copy.departed": 1, "hall.left": -1}
    happens = both(world.copy.fenced, negated(attested), is_open_and_left(world))
    return Effect(happens, add(world, changes))


def unproven_exit_after_attestation(world: World, p: Params) -> Effect:
    changes = {"copy.trusted": 1, "hall.left": -1, "copy.late": choose(p.after, -1, 0)}
    spare = numbers.credits(world) < numbers.covers(world)
    counted = choose(p.after, world.copy.late >= 1, both(is_open_and_left(world), spare))
    return Effect(both(world.copy.attested, counted), add(world, changes))


def unproven_false_exit(world: World, p: Params) -> Effect:
    """A thief ends the stay of a person who is inside. The place waits at the kiosk's account."""
    changes = {"copy.trusted": 1, "copy.unheard": 1, "hall.inside": -1}
    return Effect(both(world.copy.fenced, world.hall.inside >= 1), add(world, changes))


def false_exit(world: World, p: Params) -> Effect:
    """The same before the kiosk is fenced: an exception, and counted. Likewise a move that counts
    as leaving, of a person who is still inside.
    """
    changes = {"hall.inside": -1, "hall.uncounted": 1, "site.exceptions": 1}
    return Effect(world.hall.inside >= 1, omits(add(closed(world, p), changes)))


def fence(world: World, p: Params) -> Effect:
    """Fence or retire. A kiosk that is enrolled again is a new door with zeros."""
    return Effect(True, put(world, {"copy.fenced": True}))


def attest(world: World, p: Params) -> Effect:
    """At most `p.inside` are inside. `p.lost`: the kiosk will indeed admit no more."""
    copy = world.copy
    after = attested(world, p.inside)
    after = put(after, {"disk.lost": either(world.disk.lost, p.lost)})
    changed = both(copy.fenced, either(copy.awaited, p.inside <= numbers.held(copy)))
    # Trusting exits: its stays that ended elsewhere count no longer, but their places came back.
    twice = most(0, numbers.credits(after) - numbers.covers(after))
    after = add(after, {"hall.twice": twice, "site.exceptions": twice})
    return Effect(changed, omits(after))


def attested(world: World, inside: Value) -> World:
    copy = world.copy
    surplus = numbers.unclamped(copy) - inside
    surplus = choose(copy.awaited, surplus, most(0, surplus))
    values = {"copy.attested": True, "copy.awaited": False}
    return add(put(world, values), {"copy.reclaimed": surplus})


def omits(world: World) -> World:
    """Count whom an attestation omitted."""
    copy = world.copy
    known = numbers.unclamped(copy) + copy.omitted + copy.late + copy.early
    missing = most(0, copy.unheard + numbers.hands(world.disk) - known)
    missing = choose(copy.attested, missing, 0)
    return add(world, {"copy.omitted": missing, "site.exceptions": missing})


def hall_is_empty(world: World, p: Params) -> Effect:
    """One stay ends of a person who had left without a scan."""
    return Effect(world.hall.inside >= 1, omits(add(closed(world, p), {"hall.inside": -1})))


def count_in(world: World, p: Params) -> Effect:
    """`Pool.count_in`: a person whom a nested hall's door did not count here."""
    changes = {"hall.uncounted": -1, "hall.inside": 1}
    return Effect(world.hall.uncounted >= 1, add(world, changes))


def nest(world: World, p: Params) -> Effect:
    """A hall becomes nested in this one, with a person inside: an exception, and counted."""
    where = {True: {"hall.inside": 1}, False: {"hall.uncounted": 1}}
    after = choose_world(p.known, add(world, where[True]), add(world, where[False]))
    return Effect(True, add(after, {"site.exceptions": 1}))


# The door's steps.


def obey(world: World, p: Params) -> Effect:
    """An order of the present incarnation."""
    after = obeyed(world, p)
    sent = choose(world.copy.awaited, 0, world.copy.granted)
    reach = least(world.disk.reach, most(after.disk.got, sent))
    return Effect(
        negated(world.disk.stopped), put(after, {"disk.current": True, "disk.reach": reach})
    )


def obey_older(world: World, p: Params) -> Effect:
    """An order from before a restore, which the door has not heard of."""
    happens = both(negated(world.disk.stopped), negated(world.disk.current))
    return Effect(happens, obeyed(world, p))


def obeyed(world: World, p: Params) -> World:
    disk = world.disk
    got = most(disk.got, p.granted)
    free = numbers.free_at_door(disk) + got - disk.got
    back = most(0, least(p.recall - disk.gave, free))
    return put(world, {"disk.got": got, "disk.gave": disk.gave + back})


def enter(world: World, p: Params) -> Effect:
    disk = world.disk
    happens = both(negated(disk.stopped), negated(disk.lost), numbers.free_at_door(disk) >= 1)
    changes = {"disk.entries": 1, "disk.fresh": 1, "copy.unheard": 1}
    return Effect(happens, add(world, changes))


def offer(world: World, p: Params) -> Effect:
    """Entries go into a message. On disk before the message leaves."""
    return Effect(p.left <= world.disk.fresh, put(world, {"disk.fresh": p.left}))


def credit(world: World, p: Params) -> Effect:
    """An exit of an entry that was never offered (rule 3). It will be sent as gone."""
    changes = {"disk.credited": 1, "disk.fresh": -1, "copy.unheard": -1}
    return Effect(world.disk.fresh >= 1, add(world, changes))


def rest(world: World, p: Params) -> Effect:
    """The door's shift ends, or it learns that it is fenced (`p.stops`)."""
    free = most(0, numbers.free_at_door(world.disk))
    stopped = either(world.disk.stopped, p.stops)
    return Effect(True, add(put(world, {"disk.stopped": stopped}), {"disk.gave": free}))


# Exits. A person leaves by a scan: where the server counts them decides what changes.

PLACES = ("fresh", "here", "elsewhere", "elsewhere, attested", "known", "uncounted")
# Where the server counts the person now, and where in a backup.
WHERE = (
    ("fresh", "fresh"),
    *product(("here", "known", "uncounted"), repeat=2),
    *(
        pair
        for pair in product(PLACES[2:], repeat=2)
        if any(where.startswith("elsewhere") for where in pair)
    ),
)


def leaves(world: World, where: str, credited: str) -> Effect:
    """An exit is on a disk. `credited` is the door that took the place back on trust, if any."""
    copy, hall = world.copy, world.hall
    back = int(bool(credited))
    changes: dict[str, Value]
    if where in ("fresh", "here"):
        happens = copy.unheard - (0 if where == "fresh" else world.disk.fresh) >= 1
        # After an attestation the place is the kiosk's no more, so it covers the early one.
        owed = choose(copy.attested, 0 - back, 0)
        departed = choose(both(copy.attested, bool(back)), 0, 1)
        changes = {"copy.unheard": -1, "copy.departed": departed, "copy.early": owed}
    elif where == "elsewhere":
        happens = world.others.unheard >= 1
        changes = {"others.unheard": -1, "others.departed": 1}
    elif where == "elsewhere, attested":
        happens = world.others.unheard >= 1
        changes = {"others.unheard": -1, "others.early": -back}
    elif where == "known":
        happens = hall.inside >= 1
        changes = {"hall.inside": -1, "hall.left": 1}
    else:
        happens = hall.uncounted >= 1
        changes = {"hall.uncounted": -1, "hall.twice": back}
    return Effect(happens, early(add(world, changes), credited))


def early(world: World, credited: str) -> World:
    if not credited:
        return world
    return add(world, {"copy.early" if credited == "this door" else "others.early": 1})


def took_back(world: World, credited: str) -> World:
    if not credited:
        return world
    return add(world, {"disk.trusted" if credited == "this door" else "site.hands": 1})


def exits() -> Iterator[Step]:
    for (now, backup), credited in product(WHERE, ("", "this door", "another door")):
        if now == "fresh" and credited:
            continue  # the door takes this place back without trust (`credit`)

        def act(world: World, p: Params, where: str = now, credited: str = credited) -> Effect:
            happens, after = leaves(world, where, credited)
            if where == "fresh":
                after = add(after, {"disk.fresh": -1})
                happens = both(happens, world.disk.fresh >= 1)
            return Effect(happens, took_back(after, credited))

        def truth(world: World, p: Params, where: str = backup, credited: str = credited) -> Effect:
            return leaves(world, where, credited)

        how = f"on trust at {credited}" if credited else "by a scan"
        yield Step(f"exit {how}", "JournalTransaction.append, Account.trust", act, truth=truth)


def double_trust(credited: str) -> Step:
    """Two doors close one stay, the second one on trust: an exception, and counted."""

    def act(world: World, p: Params) -> Effect:
        happens, after = truth(world, p)
        return Effect(happens, add(took_back(after, credited), {"site.exceptions": 1}))

    def truth(world: World, p: Params) -> Effect:
        return Effect(True, add(early(world, credited), {"hall.twice": 1}))

    return Step(f"second exit on trust at {credited}", "may_trust", act, truth=truth)


def enters_elsewhere(world: World, p: Params) -> Effect:
    """An entry at another door."""
    changes = {"site.hands": -1, "others.unheard": 1}
    return Effect(world.site.hands >= 1, add(world, changes))


def true_for(changes: Mapping[str, Value]) -> Callable[[World, Params], Effect]:
    return lambda world, p: Effect(True, add(world, changes))


def empty_halls() -> Iterator[Step]:
    for where in PLACES[1:]:

        def truth(world: World, p: Params, where: str = where) -> Effect:
            return leaves(world, where, "")

        yield Step(
            "hall empty: one stay ends", "hall_control.clear", hall_is_empty,
            flags=("after",), truth=truth,
        )  # fmt: skip


def choose_world(condition: Value, yes: World, no: World) -> World:
    groups = [
        type(one)(*(choose(condition, a, b) for a, b in zip(one, other, strict=True)))
        for one, other in zip(yes, no, strict=True)
    ]
    return World(*groups)


def enters_uncounted(world: World, p: Params) -> Effect:
    """An entry into a nested hall by a door that does not know of this one around it: an exception,
    and counted.
    """
    return Effect(True, add(world, {"hall.uncounted": 1, "site.exceptions": 1}))


COUNTED_ELSEWHERE = true_for({"hall.uncounted": 1})

STEPS = (
    Step("grant", "Pool.grant", grant, amounts=("places",)),
    Step("grant to another door", "Pool.grant", grant_elsewhere, amounts=("places",)),
    Step("change of capacity", "Pool.resized", resize, amounts=("capacity",)),
    Step("totals arrive", "Pool.hear", hear, ("granted",), ("current",), message="batch"),
    Step("totals of a thief", "Pool.hear", false_totals, ("granted",), ("current",)),
    Step("return arrives", "Pool.hear_returned", hear_returned, ("returned",)),
    Step("return of a thief", "Pool.hear_returned", false_return, ("returned",)),
    Step("entry arrives", "Pool.open_stay", entry_arrives),
    Step("entry arrives after its exit", "Pool.open_stay", late_entry_arrives),
    Step("entry of a thief", "Pool.open_stay", false_entry),
    Step("exit arrives", "Pool.close_stay", exit_arrives, flags=("after",)),
    Step("exit of a late entry arrives", "Pool.close_stay", exit_of_late_entry_arrives),
    Step("second end of a stay", "Pool.close_stay", second_exit_arrives, flags=("after",)),
    Step("exit on trust arrives", "Pool.close_stay, Pool.trust", trusted_exit_arrives),
    Step("trust alone arrives", "Pool.trust", trust_arrives),
    Step("trust of a thief", "Pool.trust", false_trust),
    Step("exit by a fenced kiosk", "Pool.close_unproven", unproven_exit),
    Step(
        "exit by an attested kiosk", "Pool.close_unproven",
        unproven_exit_after_attestation, flags=("after",),
    ),
    Step("false exit by a fenced kiosk", "Pool.close_unproven", unproven_false_exit),
    Step("false exit, or a move", "Pool.close_stay", false_exit, flags=("after",)),
    Step("fence or retire", "Pool.fence", fence),
    Step("attest", "Pool.attest", attest, ("inside",), ("lost",)),
    *empty_halls(),
    Step("count in", "Pool.count_in", count_in),
    Step("nest", "nesting_accounts.settle", nest, flags=("known",), truth=COUNTED_ELSEWHERE),
    Step("entry that counts in the inner hall alone", "JournalTransaction.append",
         enters_uncounted, truth=COUNTED_ELSEWHERE),
    Step("order arrives", "Account.obey", obey, ("granted", "recall"), message="order"),
    Step("old order arrives", "Account.obey", obey_older, ("granted", "recall"),
         message="old order"),
    Step("entry", "Account.enter", enter, truth=true_for({"copy.unheard": 1})),
    Step("entry at another door", "Account.enter", enters_elsewhere,
         truth=true_for({"others.unheard": 1})),
    Step("offer", "Journal.offer", offer, ("left",)),
    Step("exit before the offer", "Account.credit", credit,
         truth=true_for({"copy.unheard": -1})),
    Step("rest, or stop", "Account.rest, Account.fence", rest, flags=("stops",)),
    *exits(),
    double_trust("this door"),
    double_trust("another door"),
)  # fmt: skip
