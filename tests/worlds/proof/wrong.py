"""Deliberately wrong steps, at least one for each formula. z3 must refuse each.

Many are mistakes that the simulator knows as mutants; the name in brackets is its name there.
"""

from collections.abc import Callable
from dataclasses import replace

from tests.worlds.proof import steps
from tests.worlds.proof import world as numbers
from tests.worlds.proof.algebra import both, choose, least, most, negated
from tests.worlds.proof.steps import Effect, Params, Step, add, put
from tests.worlds.proof.three_pools import Capacities, Three, limited
from tests.worlds.proof.world import World

Act = Callable[[World, Params], Effect]


def _grants_too_much(world: World, p: Params) -> Effect:
    granted = world.copy.granted + p.places
    reach = most(world.disk.reach, granted)
    happens = both(negated(numbers.is_waiting(world)), negated(world.copy.fenced))
    return Effect(happens, put(world, {"copy.granted": granted, "disk.reach": reach}))


def _grants_while_waiting(world: World, p: Params) -> Effect:
    return Effect(numbers.free(world) > 0, steps.grant(world, p).after)


def _ends_by_any_word(world: World, p: Params) -> Effect:
    after = steps.hear(world, Params(granted=p.granted, current=False)).after
    return Effect(True, put(after, {"copy.awaited": False}))


def _believes_the_backup(world: World, p: Params) -> Effect:
    happens, after = steps.hear(world, p)
    granted = most(world.copy.granted, p.granted)
    return Effect(happens, put(after, {"copy.granted": granted, "disk.reach": granted}))


def _covers_more(world: World, p: Params) -> Effect:
    """An attestation covers one more than the grants that become known after it."""
    happens, after = steps.hear(world, p)
    return Effect(both(happens, world.copy.attested), add(after, {"copy.reclaimed": 1}))


def _believes_a_fenced_return(world: World, p: Params) -> Effect:
    given_back = most(world.copy.returned, p.returned)
    return Effect(world.copy.fenced, put(world, {"copy.returned": given_back}))


def _believes_more_returns(world: World, p: Params) -> Effect:
    return Effect(p.returned > world.disk.gave, put(world, {"copy.returned": p.returned}))


def _takes_no_place(world: World, p: Params) -> Effect:
    happens = world.copy.unheard - world.disk.fresh >= 1
    return Effect(happens, add(steps.opened(world), {"copy.unheard": -1}))


def _entry_not_offered(world: World, p: Params) -> Effect:
    after = add(steps.opened(world), {"copy.unheard": -1, "hall.inside": 1})
    return Effect(world.copy.unheard >= 1, after)


def _comes_back_twice(world: World, p: Params) -> Effect:
    happens, _ = steps.exit_of_late_entry_arrives(world, p)
    return Effect(happens, add(world, {"hall.left": -1, "copy.late": -1}))


def _closes_twice(world: World, p: Params) -> Effect:
    return Effect(world.hall.left >= 2, add(world, {"hall.left": -2}))


def _uncounted_trust(world: World, p: Params) -> Effect:
    happens, after = steps.trusted_exit_arrives(world, p)
    return Effect(happens, add(after, {"copy.trusted": -1}))


def _forgets_trust(world: World, p: Params) -> Effect:
    return Effect(world.copy.early >= 1, add(world, {"copy.early": -1}))


def _frees_any_exit(world: World, p: Params) -> Effect:
    """The door takes a place back that the server frees, too."""
    happens, after = steps.leaves(world, "known", "")
    return Effect(happens, add(after, {"disk.trusted": 1}))


def _frees_at_once(world: World, p: Params) -> Effect:
    happens, after = steps.unproven_exit(world, p)
    return Effect(happens, add(after, {"copy.trusted": -1}))


def _frees_a_false_exit(world: World, p: Params) -> Effect:
    happens, after = steps.unproven_false_exit(world, p)
    return Effect(happens, add(after, {"copy.trusted": -1}))


def _reclaims(world: World, p: Params) -> Effect:
    back = most(0, numbers.held(world.copy))
    return Effect(True, add(put(world, {"copy.fenced": True}), {"copy.reclaimed": back}))


def _attests_one_less(world: World, p: Params) -> Effect:
    """Without counting whom it omits."""
    return Effect(world.copy.fenced, steps.attested(world, p.inside - 1))


def _attests_a_kiosk_at_work(world: World, p: Params) -> Effect:
    return Effect(negated(world.copy.fenced), steps.attest(world, p).after)


def _empties_one_more(world: World, p: Params) -> Effect:
    return Effect(world.hall.inside >= 2, add(world, {"hall.inside": -2}))


def _forgets_a_person(world: World, p: Params) -> Effect:
    return Effect(world.hall.uncounted >= 1, add(world, {"hall.uncounted": -1}))


def _nests_without_a_word(world: World, p: Params) -> Effect:
    return Effect(True, add(world, {"hall.uncounted": 1}))


def _adds_grants(world: World, p: Params) -> Effect:
    got = world.disk.got + p.granted
    return Effect(True, put(world, {"disk.got": got, "disk.current": True}))


def _returns_used_places(world: World, p: Params) -> Effect:
    return Effect(p.recall > world.disk.gave, put(world, {"disk.gave": p.recall}))


def _obeys_older(world: World, p: Params) -> Effect:
    return Effect(
        world.disk.current, steps.obeyed(world, Params(granted=world.disk.reach + 1, recall=0))
    )


def _enters_a_full_hall(world: World, p: Params) -> Effect:
    return Effect(numbers.free_at_door(world.disk) >= 0, steps.enter(world, p).after)


def _enters_inner_hall_only(world: World, p: Params) -> Effect:
    """The outer hall's numbers after an entry that counts in the inner hall alone."""
    return Effect(numbers.free_at_door(world.disk) < 1, add(world, {"hall.uncounted": 1}))


def _offers_too_late(world: World, p: Params) -> Effect:
    return Effect(p.left > world.disk.fresh, put(world, {"disk.fresh": p.left}))


def _credits_what_was_offered(world: World, p: Params) -> Effect:
    changes = {"disk.credited": 1, "copy.departed": -1, "hall.left": 1}
    return Effect(world.copy.departed >= 1, add(world, changes))


def _keeps_what_it_returns(world: World, p: Params) -> Effect:
    free = numbers.free_at_door(world.disk)
    return Effect(free >= 1, add(world, {"disk.gave": free + 1}))


def _trusts_twice(world: World, p: Params) -> Effect:
    return Effect(True, add(world, {"disk.trusted": 1, "copy.early": 1}))


def _resizes_what_is_out(world: World, p: Params) -> Effect:
    return Effect(True, put(world, {"site.capacity": p.capacity, "site.bound": p.capacity}))


WRONG: dict[str, tuple[str, Act]] = {
    "grants beyond the pool": ("grant", _grants_too_much),
    "grants while it waits (nobarrier)": ("grant", _grants_while_waiting),
    "lowers the bound at once": ("change of capacity", _resizes_what_is_out),
    "any word ends the wait (onetrip)": ("totals arrive", _ends_by_any_word),
    "believes an abandoned backup": ("totals arrive", _believes_the_backup),
    "an attestation covers a grant too many": ("totals arrive", _covers_more),
    "a fenced kiosk's returns free places (falsereturns)": (
        "return arrives", _believes_a_fenced_return,
    ),
    "believes returns that were not made": ("return arrives", _believes_more_returns),
    "an entry opens no stay": ("entry arrives", _takes_no_place),
    "sends before it is on disk (lateoffer)": ("entry arrives", _entry_not_offered),
    "an attested place comes back twice (attestedexit)": (
        "exit of a late entry arrives", _comes_back_twice,
    ),
    "a stay closes twice (closestwice)": ("exit arrives", _closes_twice),
    "a place on trust is not counted": ("exit on trust arrives", _uncounted_trust),
    "trust is not counted": ("trust alone arrives", _forgets_trust),
    "each exit frees a place at its door (naive)": ("exit by a scan", _frees_any_exit),
    "a fenced kiosk's exit frees its place": ("exit by a fenced kiosk", _frees_at_once),
    "a thief's exit frees a place (falseexits)": (
        "false exit by a fenced kiosk", _frees_a_false_exit,
    ),
    "a fence gives places back (reclaim)": ("fence or retire", _reclaims),
    "an attestation gives one place too many": ("attest", _attests_one_less),
    "a kiosk at work is attested": ("attest", _attests_a_kiosk_at_work),
    "an empty hall ends two stays for one": ("hall empty: one stay ends", _empties_one_more),
    "a person is counted nowhere": ("count in", _forgets_a_person),
    "nesting counts nobody": ("nest", _nests_without_a_word),
    "orders are no totals (incgrant)": ("order arrives", _adds_grants),
    "a recall takes used places": ("order arrives", _returns_used_places),
    "obeys an older order (oldgrant)": ("old order arrives", _obeys_older),
    "enters a full hall (fullhouse)": ("entry", _enters_a_full_hall),
    "counts in the inner hall alone (inneronly)": (
        "entry that counts in the inner hall alone", _enters_inner_hall_only,
    ),
    "offers after it sent": ("offer", _offers_too_late),
    "credits an offered entry (offered)": ("exit before the offer", _credits_what_was_offered),
    "keeps a place that it returns": ("rest, or stop", _keeps_what_it_returns),
    "two doors trust one exit, uncounted": (
        "second exit on trust at this door", _trusts_twice,
    ),
}  # fmt: skip


def wrong_steps() -> dict[str, Step]:
    right = {step.name: step for step in steps.STEPS}
    return {name: replace(right[of], act=act) for name, (of, act) in WRONG.items()}


# Of the three pools.


def _releases_at_once(hall: Three) -> Capacities:
    right = limited(hall)
    return right._replace(ordinary=least(hall.capacity, hall.fire_limit) - hall.open_accessible)


def _keeps_at_once(hall: Three) -> Capacities:
    return limited(hall)._replace(accessible=hall.kept)


def _forgets_overrides(hall: Three) -> Capacities:
    within = least(hall.capacity, hall.fire_limit - hall.override)
    return limited(hall)._replace(ordinary=within - most(hall.kept, hall.accessible))


def _override_for_all(hall: Three) -> Capacities:
    return limited(hall)._replace(override=hall.fire_limit - hall.ordinary - hall.open_accessible)


def _keeps_none(hall: Three) -> Capacities:
    right = limited(hall)
    return right._replace(ordinary=choose(hall.kept > 0, right.ordinary + 1, right.ordinary))


WRONG_LIMITS = {
    "kept places are released at once (releasenow)": _releases_at_once,
    "places are kept at once (keptnow)": _keeps_at_once,
    "people on override places do not come first (beyondfree)": _forgets_overrides,
    "override places ignore kept ones (keptbeyond)": _override_for_all,
    "an ordinary place too many (keptnone)": _keeps_none,
}
