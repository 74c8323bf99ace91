"""Wrong protocols, each one rule away from the right one. The checkers must kill every one.

The first thirteen led to the rules; the others violate their assumptions. `theme` is the mix of
faults in which a mutant is searched; it is part of its seeds.
"""

from dataclasses import dataclass

from msgspec.structs import replace

from badges.places.account import Account, Order, may_credit, may_trust
from badges.places.pool import Held, KioskKey, Limited, Pool, within_limit
from badges.record import StayRef
from tests.simulator.rules import Rules


@dataclass(frozen=True)
class Mutant:
    name: str
    fault: str
    theme: str
    rules: Rules


def _held(pool: Pool, kiosk: KioskKey, held: Held) -> Pool:
    return replace(pool, kiosks={**pool.kiosks, kiosk: held})


# Of the door's account.


class Careless(Account):
    def credit(self) -> Account:
        return replace(self, credited=self.credited + 1)


class Adding(Account):
    def obey(self, order: Order) -> Account:
        taken = replace(self, granted=self.granted + order.granted, incarnation=order.incarnation)
        back = max(0, min(order.recall - taken.returned, taken.free))
        return replace(taken, returned=taken.returned + back)


class Obedient(Account):
    def obey(self, order: Order) -> Account:
        return super().obey(replace(order, incarnation=max(order.incarnation, self.incarnation)))


class LastWord(Account):
    def obey(self, order: Order) -> Account:
        if order.incarnation < self.incarnation:
            return self
        return Account.obey(replace(self, granted=order.granted), order)


class Generous(Account):
    def obey(self, order: Order) -> Account:
        taken = super().obey(order)
        return replace(taken, returned=max(taken.returned, min(order.recall, taken.granted)))


class Crowded(Account):
    def enter(self) -> Account:
        if self.fenced or self.free < 0:
            return super().enter()
        return replace(self, entries=self.entries + 1)


# Of the server's pool.


class Reclaiming(Pool):
    def fence(self, kiosk: KioskKey) -> Pool:
        held = self.kiosks[kiosk]
        reclaimed = held.reclaimed + max(0, held.held)
        return _held(self, kiosk, replace(held, fenced=True, reclaimed=reclaimed))


class OldCapacity(Pool):
    """The debt after a lowered capacity is taken from the next total of grants."""

    def grant(self, kiosk: KioskKey, places: int) -> Pool:
        held = self.kiosks[kiosk]
        if held.fenced or self.awaited or self.free >= 0:
            return super().grant(kiosk, places)
        granted = max(0, held.granted + self.free)
        return _held(self, kiosk, replace(held, granted=granted))


class Indebted(Pool):
    """A debt does not stop grants."""

    def grant(self, kiosk: KioskKey, places: int) -> Pool:
        held = self.kiosks[kiosk]
        if held.fenced or self.awaited or self.free >= 0:
            return super().grant(kiosk, places)
        return _held(self, kiosk, replace(held, granted=held.granted + 1))


class Twice(Pool):
    def hear_returned(self, kiosk: KioskKey, returned: int) -> Pool:
        held = self.kiosks[kiosk]
        return _held(self, kiosk, replace(held, returned=max(held.returned, returned)))


class BelievesFenced(Pool):
    def hear(self, kiosk: KioskKey, *, granted: int, incarnation: int) -> Pool:
        heard = super().hear(kiosk, granted=granted, incarnation=incarnation)
        if incarnation == self.incarnation:
            heard = replace(heard, awaited=heard.awaited - {kiosk})
        return heard


class BelievesStopped(Pool):
    """A fenced kiosk's total of returned places frees them."""

    def hear_returned(self, kiosk: KioskKey, returned: int) -> Pool:
        held = self.kiosks[kiosk]
        back = min(returned, held.returned + max(0, held.unused))
        return _held(self, kiosk, replace(held, returned=max(held.returned, back)))


class NoBarrier(Pool):
    def restored(self, incarnation: int, *, was_put_back: bool = False) -> Pool:
        restored = super().restored(incarnation, was_put_back=was_put_back)
        return replace(restored, awaited=frozenset())


class ForgetsFenced(Pool):
    def restored(self, incarnation: int, *, was_put_back: bool = False) -> Pool:
        forgetful = replace(self, awaited=frozenset())
        return Pool.restored(forgetful, incarnation, was_put_back=was_put_back)


class Deaf(Pool):
    def hear(self, kiosk: KioskKey, *, granted: int, incarnation: int) -> Pool:
        return super().hear(kiosk, granted=0, incarnation=incarnation)


class OneTrip(Pool):
    def hear(self, kiosk: KioskKey, *, granted: int, incarnation: int) -> Pool:
        return super().hear(kiosk, granted=granted, incarnation=self.incarnation)


class GrantsToFenced(Pool):
    def grant(self, kiosk: KioskKey, places: int) -> Pool:
        held = self.kiosks[kiosk]
        given = min(places, self.free)
        if self.awaited or given <= 0:
            return self
        return _held(self, kiosk, replace(held, granted=held.granted + given))

    def order(self, kiosk: KioskKey, recall: int = 0) -> Order:
        held = self.kiosks[kiosk]
        return Order(held.granted, max(0, held.returned + recall), self.incarnation)


class Hasty(Pool):
    """An attestation counts from the server's knowledge, even after a restore."""

    def attest(self, kiosk: KioskKey, inside: int, *, seq: int) -> Pool:
        heard = replace(self, awaited=self.awaited - {kiosk})
        return Pool.attest(heard, kiosk, inside, seq=seq)


class Surprised(Pool):
    """Grants that become known after the attestation count again."""

    def hear(self, kiosk: KioskKey, *, granted: int, incarnation: int) -> Pool:
        held = self.kiosks[kiosk]
        blank = _held(self, kiosk, replace(held, attested=None))
        heard = Pool.hear(blank, kiosk, granted=granted, incarnation=incarnation)
        return _held(heard, kiosk, replace(heard.kiosks[kiosk], attested=held.attested))


class LastAttested(Pool):
    def attest(self, kiosk: KioskKey, inside: int, *, seq: int) -> Pool:
        blank = _held(self, kiosk, replace(self.kiosks[kiosk], attested=None))
        return Pool.attest(blank, kiosk, inside, seq=seq)


class TakesAnyWord(Pool):
    """An attestation of more people than known places counts as far as known."""

    def attest(self, kiosk: KioskKey, inside: int, *, seq: int) -> Pool:
        most = max(0, self.kiosks[kiosk].held)
        word = inside if kiosk in self.awaited else min(inside, most)
        return super().attest(kiosk, word, seq=seq)


class GoneTwice(Pool):
    def open_stay(self, kiosk: KioskKey, *, gone: bool) -> Pool:
        return super().open_stay(kiosk, gone=False)


class Forgiving(Pool):
    """An attested kiosk's debt makes room for others: W may be less than the open stays."""

    @property
    def worst_case(self) -> int:
        owed = (max(0, held.reclaimed - held.unused) for held in self.kiosks.values())
        return super().worst_case - sum(owed)


# Of the pools of a hall that keeps places.


def releases_at_once(
    ordinary: Pool, override: Pool, accessible: Pool, *, kept: int, fire_limit: int
) -> Limited:
    """Released places are granted as ordinary ones while doors still have them."""
    limited = within_limit(ordinary, override, accessible, kept=kept, fire_limit=fire_limit)
    if kept:
        return limited
    return limited._replace(ordinary=ordinary.resized(ordinary.capacity - accessible.open_stays))


def keeps_at_once(
    ordinary: Pool, override: Pool, accessible: Pool, *, kept: int, fire_limit: int
) -> Limited:
    """Places are kept again while people or doors still have them as ordinary ones."""
    limited = within_limit(ordinary, override, accessible, kept=kept, fire_limit=fire_limit)
    return limited._replace(accessible=accessible.resized(min(kept, ordinary.capacity)))


def keeps_beyond(
    ordinary: Pool, override: Pool, accessible: Pool, *, kept: int, fire_limit: int
) -> Limited:
    """Kept places are added to the capacity."""
    return Limited(ordinary, override, accessible.resized(kept))


def keeps_none_back(
    ordinary: Pool, override: Pool, accessible: Pool, *, kept: int, fire_limit: int
) -> Limited:
    """Ordinary places are reduced only by kept places that are out, not by those that are kept."""
    limited = within_limit(ordinary, override, accessible, kept=kept, fire_limit=fire_limit)
    within = ordinary.capacity - accessible.worst_case
    return limited._replace(ordinary=ordinary.resized(within))


# Of the pools of a hall with override places.


def goes_to_anybody(
    ordinary: Pool, override: Pool, accessible: Pool, *, kept: int, fire_limit: int
) -> Limited:
    """A returned place is free for anyone, even if people are inside beyond the capacity."""
    limited = within_limit(ordinary, override, accessible, kept=kept, fire_limit=fire_limit)
    within = min(ordinary.capacity, fire_limit - override.worst_case)
    return limited._replace(ordinary=ordinary.resized(within - accessible.worst_case))


def beyond_once_more(
    ordinary: Pool, override: Pool, accessible: Pool, *, kept: int, fire_limit: int
) -> Limited:
    """Each person beyond the capacity frees an override place before one came back."""
    limited = within_limit(ordinary, override, accessible, kept=kept, fire_limit=fire_limit)
    beyond = fire_limit - ordinary.capacity + override.open_stays
    return limited._replace(override=override.resized(beyond))


# Of the door's right to a place.


def credits_all(stay: StayRef | None, **facts: object) -> bool:
    return True


def credits_offered(stay: StayRef | None, *, offered: int, **facts: object) -> bool:
    return may_credit(stay, offered=0, **facts)  # type: ignore[arg-type]


def credits_any_generation(stay: StayRef | None, *, generation: int, **facts: object) -> bool:
    own = stay.generation if stay is not None else generation
    return may_credit(stay, generation=own, **facts)  # type: ignore[arg-type]


def trusts_unnamed(stay: StayRef | None, **facts: object) -> bool:
    return stay is None or may_trust(stay, **facts)  # type: ignore[arg-type]


NETWORK, LOST, RESTORES = "network", "lost doors", "restores"
PUT_BACK = "put back silently"
LOST_THEN = "put back, and doors lost then"
WRONG_WORDS = "wrong words"
BOTH, CLOCKS, TRUSTING, DISKS = "restores and lost doors", "clocks", "trusting", "old disks"
COPIES, EPOCHS = "copies", "the server's clock"
NESTED, KEPT_PLACES = "nested halls", "kept places"
OVERRIDES, PHONES = "override places", "phones"
THIEVES = "thieves"
ATTESTED, FOUND = "attested", "attested, and restores"

MUTANTS = (
    Mutant("naive", "any exit gives its door a place", NETWORK,
           Rules(may_credit=credits_all, account=Careless)),
    Mutant("incgrant", "orders are increments", NETWORK,
           Rules(account=Adding, orders_are_totals=False)),
    Mutant("reclaim", "a fence brings a lost door's places back", LOST, Rules(pool=Reclaiming)),
    Mutant("bybadge", "an exit without a stay closes one of the badge", NETWORK,
           Rules(closes_by_badge=True)),
    Mutant("offered", "a door credits stays that it has offered", NETWORK,
           Rules(may_credit=credits_offered)),
    Mutant("oldcap", "a debt is taken from the total of grants", NETWORK, Rules(pool=OldCapacity)),
    Mutant("split", "gone is told only if the exit is in the same batch", NETWORK,
           Rules(gone_whole_journal=False)),
    Mutant("twice", "returned after attested: both count", LOST, Rules(pool=Twice)),
    Mutant("nobarrier", "a restored server grants at once", RESTORES, Rules(pool=NoBarrier)),
    Mutant("noA", "a door's own total of grants is not heard", RESTORES, Rules(pool=Deaf)),
    Mutant("oldgrant", "orders of an earlier incarnation are obeyed", RESTORES,
           Rules(account=Obedient)),
    Mutant("onetrip", "any word of a door ends the wait for it", RESTORES, Rules(pool=OneTrip)),
    Mutant("forgetfence", "a second restore forgets a lost door that was awaited", BOTH,
           Rules(pool=ForgetsFenced)),
    Mutant("fullhouse", "an entry without a free place", NETWORK, Rules(account=Crowded)),
    Mutant("lastword", "the last order counts, not the highest", NETWORK, Rules(account=LastWord)),
    Mutant("generous", "recalled places are returned though used", NETWORK,
           Rules(account=Generous)),
    Mutant("indebted", "grants go on while there is a debt", NETWORK, Rules(pool=Indebted)),
    Mutant("gonetwice", "the server takes over a stay that is gone", NETWORK,
           Rules(pool=GoneTwice)),
    Mutant("closestwice", "each exit that names a stay closes it", NETWORK,
           Rules(stay_closes_once=False)),
    Mutant("repeats", "a repeated batch counts again", NETWORK,
           Rules(in_order_once=False, notices_forks=False)),
    Mutant("earlylight", "green before the commit", NETWORK, Rules(commit_before_light=False)),
    Mutant("lateoffer", "offered is kept in memory", NETWORK, Rules(offered_is_durable=False)),
    Mutant("earlyorder", "a grant leaves before its commit", NETWORK,
           Rules(commit_before_order=False)),
    Mutant("grantsfenced", "a fenced door is granted more", BOTH,
           Rules(pool=GrantsToFenced, grants_to_stopped=True)),
    Mutant("nogeneration", "stays of two generations are one", LOST,
           Rules(stay_has_generation=False)),
    Mutant("heirloom", "a door credits an earlier generation's stay", LOST,
           Rules(may_credit=credits_any_generation)),
    Mutant("mixedorders", "a door obeys its successor's orders", LOST,
           Rules(own_orders_only=False)),
    Mutant("attestedexit", "an attested place comes back by its exit too", ATTESTED,
           Rules(names_attested=False)),
    Mutant("lastattested", "a second attestation forgets what the first covered", ATTESTED,
           Rules(pool=LastAttested)),
    Mutant("forgiving", "staff's word is set against people who are known to be inside",
           WRONG_WORDS, Rules(pool=Forgiving)),
    Mutant("hasty", "an attestation trusts a restored server's totals", FOUND,
           Rules(pool=Hasty)),
    Mutant("surprised", "grants heard after an attestation count again", FOUND,
           Rules(pool=Surprised)),
    Mutant("keepsacked", "a door sends nothing twice to a restored server", RESTORES,
           Rules(sends_again=False)),
    Mutant("stalefeed", "a door follows a restored server's feed from where it was", RESTORES,
           Rules(snapshot_after_restore=False)),
    Mutant("forgetsexits", "an exit that arrives before its entry is forgotten", RESTORES,
           Rules(remembers_early_exits=False)),
    Mutant("anyclock", "moves are inferred by clocks that may be wrong", CLOCKS,
           Rules(infers_from_sure_clocks=False)),
    Mutant("movefrees", "a move frees a place where scanned exits alone do", COPIES,
           Rules(move_keeps_place=False)),
    Mutant("uncounted", "moves that freed a place are not counted", COPIES,
           Rules(counts_moves=False)),
    Mutant("hastyfrees", "a move faster than people walk frees a place", COPIES,
           Rules(hasty_frees_nothing=False)),
    Mutant("copyfrees", "the move of a likely copy frees a place", COPIES,
           Rules(copy_frees_nothing=False)),
    Mutant("movedexit", "an exit frees the place that a move freed before", COPIES,
           Rules(frees_once=False)),
    Mutant("oneepoch", "times by two clocks of the server are compared", EPOCHS,
           Rules(orders_in_one_epoch=False)),
    Mutant("meansany", "an exit that names no stay ends a later one", NETWORK,
           Rules(exit_means_earlier=False)),
    Mutant("sameline", "two restores of one backup have one incarnation, and no mark tells",
           RESTORES, Rules(fresh_incarnation=False, shows_marks=False)),
    Mutant("oneacts", "staff's acts are not on a second disk", BOTH,
           Rules(acts_on_second_disk=False)),
    Mutant("untold", "places taken on trust are not told", TRUSTING, Rules(counts_trusted=False)),
    Mutant("trustsall", "a place for an exit that names nothing", TRUSTING,
           Rules(may_trust=trusts_unnamed)),
    Mutant("blind", "a journal that was set back is not noticed", DISKS,
           Rules(notices_forks=False)),
    Mutant("unshown", "a door does not show how far the server had come", PUT_BACK,
           Rules(shows_marks=False)),
    Mutant("unmarked", "a server that was put back believes no mark", PUT_BACK,
           Rules(believes_marks=False)),
    Mutant("ungranted", "nor a grant that it signed and does not know", PUT_BACK,
           Rules(believes_grants=False)),
    Mutant("onerun", "a mark is compared with how far the server is by now", PUT_BACK,
           Rules(knows_its_runs=False)),
    Mutant("openback", "a server that noticed it grants at once", PUT_BACK,
           Rules(pool=NoBarrier)),
    Mutant("oldfence", "who was fenced before it was noticed is not awaited", LOST_THEN,
           Rules(doubts_fences=False)),
    Mutant("anyword", "staff's word counts as far as an old copy knows of places", LOST_THEN,
           Rules(pool=TakesAnyWord)),
    Mutant("namestwice", "a door takes the place of one stay on trust twice", TRUSTING,
           Rules(remembers_named=False)),
    Mutant("inneronly", "an entry from outside counts in the room alone", NESTED,
           Rules(enters_outer=False)),
    Mutant("halffull", "a place of the room is enough", NESTED, Rules(needs_all_places=False)),
    Mutant("torn", "a power cut leaves one of two halls' entries", NESTED,
           Rules(one_commit=False)),
    Mutant("forgetsouter", "an exit to outside ends the stay in the room alone", NESTED,
           Rules(exits_outer=False)),
    Mutant("outertwice", "an exit gives the place of the hall around back twice", NESTED,
           Rules(outer_credited_once=False, account=Careless)),
    Mutant("gonetoo", "what is gone in the room is gone in the hall around", NESTED,
           Rules(gone_by_hall=False)),
    Mutant("releasenow", "released places are granted before their doors gave them back",
           KEPT_PLACES, Rules(within_limit=releases_at_once)),
    Mutant("keptnow", "places are kept again before others gave them back", KEPT_PLACES,
           Rules(within_limit=keeps_at_once)),
    Mutant("keptbeyond", "kept places come on top of the capacity", KEPT_PLACES,
           Rules(within_limit=keeps_beyond)),
    Mutant("keptnone", "ordinary places are granted out of those that are kept", KEPT_PLACES,
           Rules(within_limit=keeps_none_back)),
    Mutant("keptforall", "a door spends kept places on anybody", KEPT_PLACES,
           Rules(keeps_for_some=False)),
    Mutant("otherpool", "an exit gives its place back to the other pool", KEPT_PLACES,
           Rules(credits_own_pool=False, account=Careless)),
    Mutant("onepool", "a door takes an order of kept places as of ordinary ones", KEPT_PLACES,
           Rules(tells_pool=False)),
    Mutant("openkept", "a restored server grants kept places at once", KEPT_PLACES,
           Rules(awaits_in_all_pools=False)),
    Mutant("beyondfree", "a place that comes back is anybody's, whoever is beyond the capacity",
           OVERRIDES, Rules(within_limit=goes_to_anybody)),
    Mutant("beyondtwice", "who is beyond the capacity frees an override place at once",
           OVERRIDES, Rules(within_limit=beyond_once_more)),
    Mutant("creditsowed", "a door takes places back that are for people beyond the capacity",
           OVERRIDES, Rules(leaves_owed=False)),
    Mutant("keepsowed", "an override calls no places back from other doors", OVERRIDES,
           Rules(calls_back_owed=False)),
    Mutant("uncapped", "a phone is granted as many places as any door", PHONES,
           Rules(caps_phones=False)),
    Mutant("greenalone", "a phone without storage shows green before the server has the scan",
           PHONES, Rules(green_when_heard=False)),
    Mutant("twins", "two copies of one phone go on side by side", PHONES,
           Rules(notices_forks=False)),
    Mutant("falsereturns", "a fenced kiosk's total of returned places frees them", THIEVES,
           Rules(pool=BelievesStopped)),
    Mutant("fencedword", "a fenced kiosk's word ends the wait of a restored server", THIEVES,
           Rules(pool=BelievesFenced)),
    Mutant("falseexits", "exits of a fenced or retired kiosk free places", THIEVES,
           Rules(stopped_frees_nothing=False)),
)  # fmt: skip

BY_NAME = {mutant.name: mutant for mutant in MUTANTS}
