"""Keeps the server's places. It has one hall's pool, and what each kiosk holds of it. `account` is
the other end.

A place is a permission for one more person in a hall. It is held by exactly one owner, which is the
server's pool, a kiosk (free, or used by an entry that the server has not seen), or a stay that the
server owns. Both ends are values whose steps are pure. The kiosk, the server and the simulator run
these steps, not copies of them. Every message carries totals that only grow, so loss, repetition
and reordering are harmless. badges/README.md has the proof, and docs/design/places.md has the rules
that are cited here by number.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace

from badges.i18n import N_
from badges.places.account import Order, PlacesError
from badges.record import PlaceKind, StayRef


class PoolKey(NamedTuple):
    """Names one of a hall's pools. Ordinary places and those that are kept go up to its capacity,
    and override places lie between that and the fire limit.
    """

    hall_id: int
    kind: PlaceKind = PlaceKind.ORDINARY


KioskKey = tuple[str, int]  # (kiosk, generation)


class Held(Struct, frozen=True):
    """Holds the server's side of one kiosk's account with a hall."""

    granted: int = 0
    returned: int = 0
    handed_over: int = 0  # Entries that the server turned into stays of its own.
    # Places that an attestation gave back after a fence and no later record accounts for.
    reclaimed: int = 0
    fenced: bool = False
    trusted: int = 0  # Stays whose place the server took back by itself (`may_trust`).
    # The kiosk's last sequence in the ledger when it was first attested.
    attested: int | None = None

    @property
    def held(self) -> int:
        """Return how many places the kiosk may hold free, or have used unseen, never less than 0.

        A word of staff may have given back more than the kiosk had left: then entries have turned
        up of people who had left, or the word was wrong. Which of the two it was nobody knows, so
        stays that are known to be open always count in full (rule 7).
        """
        return max(0, self.unused - self.reclaimed)

    @property
    def unused(self) -> int:
        """Return how many of the places that the kiosk was given it may still have, whatever was
        attested.
        """
        return self.granted - self.returned - self.handed_over + self.trusted


class Pool(Struct, frozen=True, dict=True):
    """Holds the server's account of one hall. `worst_case` is the most people that can be
    inside.
    """

    capacity: int
    incarnation: int = 1
    open_stays: int = 0
    kiosks: Mapping[KioskKey, Held] = field(default_factory=dict)
    # Kiosks that must still echo a new incarnation (rule 8).
    awaited: frozenset[KioskKey] = frozenset()

    @property
    def worst_case(self) -> int:
        return self.unspent + self.open_stays

    @cached_property
    def unspent(self) -> int:
        """Return how many places kiosks hold together."""
        return sum(held.held for held in self.kiosks.values())

    @property
    def free(self) -> int:
        """Return how many places there are to give. It is negative after the capacity was lowered
        below what is out.
        """
        return self.capacity - self.worst_case

    def enrol(self, kiosk: KioskKey) -> "Pool":
        """Add a kiosk that has never held a place here."""
        return self if kiosk in self.kiosks else self._with(kiosk, Held())

    def resized(self, capacity: int) -> "Pool":
        """Set another capacity. Where it is below what is out there is a debt, which exits repay
        first (rule 6).
        """
        if capacity == self.capacity:
            return self
        pool = type(self)(capacity, self.incarnation, self.open_stays, self.kiosks, self.awaited)
        pool.__dict__.update(self.__dict__)  # What was added up does not rest on the capacity.
        return pool

    def grant(self, kiosk: KioskKey, places: int) -> "Pool":
        """Give up to `places` from the pool. The caller commits this before it is sent (rule 6)."""
        held = self.kiosks[kiosk]
        given = min(places, self.free)
        if held.fenced or self.awaited or given <= 0:
            return self
        return self._with(kiosk, replace(held, granted=held.granted + given))

    def order(self, kiosk: KioskKey, recall: int = 0) -> Order:
        """Return the message to a kiosk. It has its total of grants, and asks for `recall` places
        back.
        """
        held = self.kiosks[kiosk]
        return Order(held.granted, max(0, held.returned + recall), self.incarnation)

    def hear(self, kiosk: KioskKey, *, granted: int, incarnation: int) -> "Pool":
        """Take in a kiosk's own total of grants, before its records. That total outlives a restored
        backup.

        Grants that were unknown when the kiosk was attested were attested with the rest. If it was
        attested to more than they explain, the rest was taken on trust, and its records tell. A
        total of an older incarnation may lack grants, so it explains none of the rest.
        """
        held = self.kiosks[kiosk]
        pool = self
        grown = max(0, granted - held.granted)
        if held.attested is not None and (grown or held.reclaimed < 0):
            least = 0 if incarnation == self.incarnation else held.reclaimed + grown
            held = replace(held, reclaimed=max(least, held.reclaimed + grown))
        if grown or held is not self.kiosks[kiosk]:
            pool = pool._with(kiosk, replace(held, granted=held.granted + grown))
        if incarnation == self.incarnation and kiosk in self.awaited:
            pool = replace(pool, awaited=self.awaited - {kiosk})
        return pool

    def hear_returned(self, kiosk: KioskKey, returned: int, *, incarnation: int) -> "Pool":
        """Take in a kiosk's total of returned places, after all its records of that time (rule 5).

        It never counts more than the kiosk can have, whatever it says. Places that an attestation
        already gave back are not given back twice (rule 7). Of an attested kiosk that speaks in an
        older incarnation it is not known what else it was granted, so all that it returned may be
        among those.
        """
        held = self.kiosks[kiosk]
        returned = min(returned, held.returned + max(0, held.unused))
        if returned <= held.returned:
            return self
        reclaimed = held.reclaimed - (returned - held.returned)
        if held.attested is None or incarnation == self.incarnation:
            reclaimed = max(0, reclaimed)
        return self._with(kiosk, replace(held, returned=returned, reclaimed=reclaimed))

    def open_stay(self, kiosk: KioskKey, *, gone: bool) -> "Pool":
        """Take in an entry record that is seen for the first time.

        `gone` means that the kiosk had taken the place back already (rule 4). An entry without a
        place, by a kiosk that lies, is on a place that it did not return.
        """
        if gone:
            return self
        held = self.kiosks[kiosk]
        kept = 0 if held.unused > 0 else 1
        taken = Held(
            held.granted, held.returned - kept, held.handed_over + 1, held.reclaimed,
            held.fenced, held.trusted, held.attested,
        )  # fmt: skip
        kiosks = {**self.kiosks, kiosk: taken}
        return type(self)(
            self.capacity, self.incarnation, self.open_stays + 1, kiosks, self.awaited
        )

    def count_in(self) -> "Pool":
        """Count one more stay, of somebody in a hall inside this one.

        The door there did not count it here, because it had not heard that the halls nest. No
        door's place is used, so this may be a debt (rule 6).
        """
        return replace(self, open_stays=self.open_stays + 1)

    def close_stay(self, stay: StayRef | None = None) -> "Pool":
        """Take in an exit that names `stay`, which is open here. The caller has closed it (rule 2).

        If its entry came after its kiosk was attested, the attestation may have given this very
        place back. Then it is not given back twice (rule 7).
        """
        if self.open_stays < 1:
            raise PlacesError(N_("no stay is open"))
        pool = type(self)(
            self.capacity, self.incarnation, self.open_stays - 1, self.kiosks, self.awaited
        )
        if stay is None:
            return pool
        key = (stay.kiosk, stay.generation)
        # The kiosk has no account where its stay was only counted in (`count_in`).
        held = self.kiosks.get(key)
        if held is None or held.attested is None or stay.seq <= held.attested or held.reclaimed < 1:
            return pool
        return pool._with(key, replace(held, reclaimed=held.reclaimed - 1))

    def trust(self, kiosk: KioskKey) -> "Pool":
        """Take in an exit whose place the kiosk took back though the stay was open here, or has yet
        to be seen here.

        The place is the kiosk's, whoever closes the stay.
        """
        held = self.kiosks[kiosk]
        return self._with(kiosk, replace(held, trusted=held.trusted + 1))

    def fence(self, kiosk: KioskKey) -> "Pool":
        """Mark a kiosk as lost. It gets no more grants, and what it holds stays counted (rule
        7).
        """
        return self._with(kiosk, replace(self.kiosks[kiosk], fenced=True))

    def attest(self, kiosk: KioskKey, inside: int, *, seq: int) -> "Pool":
        """Take in the word that staff have signed about a lost kiosk.

        Of the people that it let in and the ledger does not know of, at most `inside` are inside,
        and it will let in no more. `seq` is the kiosk's last sequence in the ledger. After a
        restore the kiosk's grants may be unknown. The word stands for them too, so the hall need
        not wait for it (rule 8). Otherwise a word about more people than the kiosk can have let in
        changes nothing. Either it is wrong, or the database was put back and nobody knows yet (see
        `restored`).
        """
        held = self.kiosks[kiosk]
        if not held.fenced:
            raise PlacesError(N_("only a fenced kiosk can be attested"))
        surplus = held.unused - held.reclaimed - inside
        if kiosk not in self.awaited:
            if inside > held.held:
                return self
            surplus = max(0, surplus)
        attested = seq if held.attested is None else held.attested
        held = replace(held, reclaimed=held.reclaimed + surplus, attested=attested)
        return replace(self._with(kiosk, held), awaited=self.awaited - {kiosk})

    def restored(self, incarnation: int, *, was_put_back: bool = False) -> "Pool":
        """Begin again after a restore from a backup. Nothing is granted until every live kiosk has
        echoed.

        `incarnation` must be above every one that was ever in use. A kiosk that was fenced
        meanwhile stays awaited until it is attested or heard. `was_put_back` tells that this state
        may have gone on as an old copy before anybody knew. Then a kiosk may have been fenced by a
        server that did not know all of its grants, so a fenced kiosk that was not attested is
        awaited too.
        """
        unsure = {
            key
            for key, held in self.kiosks.items()
            if not held.fenced or (was_put_back and held.attested is None)
        }
        return replace(self, incarnation=incarnation, awaited=self.awaited | unsure)

    def _with(self, kiosk: KioskKey, held: Held) -> "Pool":
        kiosks = {**self.kiosks, kiosk: held}
        return type(self)(self.capacity, self.incarnation, self.open_stays, kiosks, self.awaited)


class Limited(NamedTuple):
    """Holds a hall's pools, each with what the others leave it."""

    ordinary: Pool
    override: Pool
    accessible: Pool

    def of(self, kind: PlaceKind) -> Pool:
        """Return the pool of that kind of place."""
        return self[kind]


def within_limit(
    ordinary: Pool, override: Pool, accessible: Pool, *, kept: int, fire_limit: int
) -> Limited:
    """Return a hall's three pools, each with what the others leave it.

    `ordinary` comes with the organiser's capacity, and `kept` of it are kept now, which is 0 once
    they are released. What is out of the kept places holds ordinary ones back, whether or not they
    are released. So a released place is an ordinary one only after its door has given it back, and
    the two pools together never pass the capacity. What is out of the ordinary places holds kept
    ones back in the same way, so a place is kept again as it comes free (docs/design/places.md,
    rule 10).

    People who are inside on override places count against the capacity. So a place that comes back
    goes first to who is inside beyond it, and doors admit by themselves only once fewer people are
    inside than it allows (rule 11). Override places may then be given out for those people, too.

    Override places that are out hold the capacity back after it was raised, and what is out of the
    capacity holds override places back after it was lowered.
    """
    capacity = ordinary.capacity - override.open_stays
    used = accessible.worst_case
    beyond = fire_limit - max(capacity, ordinary.worst_case + used)
    within = min(capacity, fire_limit - override.worst_case)
    left = min(kept, within - ordinary.worst_case)
    return Limited(
        ordinary.resized(within - max(kept, used)),
        override.resized(beyond),
        # People who are inside on kept places are no debt.
        accessible.resized(max(left, accessible.open_stays)),
    )
