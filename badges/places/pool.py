"""The server's side of the places protocol: one hall's pool, and the places that each kiosk holds.

A place is permission for one more person in a hall. It has exactly one owner: the pool, a kiosk
(free, or used by an entry that the server has not seen), or a stay that the server owns.
`account` is the kiosk's side. All steps are pure; kiosk, server and simulator run this same
code. Messages carry totals that only grow, so loss, repetition and reordering are harmless.
badges/README.md has the proof. Rule numbers are those of docs/design/places.md.
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
    """Names one of a hall's three pools. Ordinary and kept places go up to the capacity, override
    places from there to the fire limit.
    """

    hall_id: int
    kind: PlaceKind = PlaceKind.ORDINARY


KioskKey = tuple[str, int]  # (kiosk, generation)


class Held(Struct, frozen=True):
    """The server's copy of one kiosk's account with a hall."""

    granted: int = 0
    returned: int = 0
    handed_over: int = 0  # Entries that became stays of the server.
    # Places that an attestation gave back after a fence, less those that later records account for.
    reclaimed: int = 0
    fenced: bool = False
    trusted: int = 0  # Stays whose place the kiosk took back by itself (`may_trust`).
    # The kiosk's last sequence in the ledger when it was first attested.
    attested: int | None = None

    @property
    def held(self) -> int:
        """The places that the kiosk may hold free or have used without the server's knowledge, at
        least 0.

        An attestation may have given back more than the kiosk had left: either later entries were
        of people who had left, or the attestation was wrong. The server cannot know which, so stays
        known to be open always count in full (rule 7).
        """
        return max(0, self.unused - self.reclaimed)

    @property
    def unused(self) -> int:
        """The places that the kiosk may still have, ignoring attestations."""
        return self.granted - self.returned - self.handed_over + self.trusted


class Pool(Struct, frozen=True, dict=True):
    """The server's account of one pool of a hall. `worst_case` is the most people that can be
    inside.
    """

    capacity: int
    incarnation: int = 1
    open_stays: int = 0
    kiosks: Mapping[KioskKey, Held] = field(default_factory=dict)
    # Kiosks that must still confirm a new incarnation (rule 8).
    awaited: frozenset[KioskKey] = frozenset()

    @property
    def worst_case(self) -> int:
        return self.unspent + self.open_stays

    @cached_property
    def unspent(self) -> int:
        return sum(held.held for held in self.kiosks.values())

    @property
    def free(self) -> int:
        """The places left to grant. Negative after the capacity was lowered below the worst
        case.
        """
        return self.capacity - self.worst_case

    def enrol(self, kiosk: KioskKey) -> "Pool":
        """For a kiosk that never held a place here."""
        return self if kiosk in self.kiosks else self._with(kiosk, Held())

    def resized(self, capacity: int) -> "Pool":
        """Change the capacity. Below the worst case this is a debt, which exits repay first (rule
        6).
        """
        if capacity == self.capacity:
            return self
        pool = type(self)(capacity, self.incarnation, self.open_stays, self.kiosks, self.awaited)
        pool.__dict__.update(self.__dict__)  # The cached sum does not depend on the capacity.
        return pool

    def grant(self, kiosk: KioskKey, places: int) -> "Pool":
        """Grant up to `places` from the pool. The caller commits this before it is sent (rule
        6).
        """
        held = self.kiosks[kiosk]
        given = min(places, self.free)
        if held.fenced or self.awaited or given <= 0:
            return self
        return self._with(kiosk, replace(held, granted=held.granted + given))

    def order(self, kiosk: KioskKey, recall: int = 0) -> Order:
        """The message to a kiosk: its total of granted places, and a request to return `recall`
        places.
        """
        held = self.kiosks[kiosk]
        # Until an awaited kiosk has reported, its total here may be of an abandoned line of
        # backups: the kiosk must not get now what others were granted since.
        granted = 0 if held.fenced or kiosk in self.awaited else held.granted
        return Order(granted, max(0, held.returned + recall), self.incarnation)

    def hear(self, kiosk: KioskKey, *, granted: int, incarnation: int) -> "Pool":
        """Apply the kiosk's own total of granted places. Must precede its records.

        After a restore the kiosk may know of more grants than the server, or never have received
        some that are of a line of backups which was abandoned. Once it confirms the incarnation, no
        message can bring it these any more, so its own total is the total. If staff attested it,
        the attestation covered its grants too. The count of an attested kiosk never changes by its
        own totals, since they may come from a stolen key. For the same reason a fenced kiosk's word
        does not end the wait of a restored server (rule 8).
        """
        held = self.kiosks[kiosk]
        if incarnation == self.incarnation and kiosk in self.awaited and not held.fenced:
            pool = self._with(kiosk, replace(held, granted=granted))
            return replace(pool, awaited=self.awaited - {kiosk})
        grown = max(0, granted - held.granted)
        if not grown:
            return self
        covered = 0 if held.attested is None else grown
        held = replace(held, granted=held.granted + grown, reclaimed=held.reclaimed + covered)
        return self._with(kiosk, held)

    def hear_returned(self, kiosk: KioskKey, returned: int) -> "Pool":
        """Apply the kiosk's total of returned places. Must follow all its records of that time
        (rule 5).

        It counts at most the places that the kiosk can have. A fenced kiosk's total changes
        nothing, since its key may be stolen. Its places come back by an attestation alone (rule 7).
        """
        held = self.kiosks[kiosk]
        returned = min(returned, held.returned + max(0, held.unused))
        if held.fenced or returned <= held.returned:
            return self
        return self._with(kiosk, replace(held, returned=returned))

    def open_stay(self, kiosk: KioskKey, *, gone: bool) -> "Pool":
        """Count an entry that is new to the server.

        `gone` means that the kiosk had already taken the place back (rule 4). An entry without a
        place, from a lying kiosk, counts as a place that it did not return.
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
        """Count a stay that a nested hall's door did not count in this surrounding hall.

        That door did not know yet that the halls nest. No kiosk's place is used, so this may be a
        debt (rule 6).
        """
        return replace(self, open_stays=self.open_stays + 1)

    def close_stay(self, stay: StayRef | None = None) -> "Pool":
        """Count an exit from an open `stay`. The caller has closed the stay (rule 2).

        If the entry came after its kiosk was attested, the attestation may have given this place
        back already. It is not given back twice (rule 7).
        """
        if self.open_stays < 1:
            raise PlacesError(N_("no stay is open"))
        pool = type(self)(
            self.capacity, self.incarnation, self.open_stays - 1, self.kiosks, self.awaited
        )
        if stay is None:
            return pool
        key = (stay.kiosk, stay.generation)
        # The kiosk has no account here if its stay was only counted in (`count_in`).
        held = self.kiosks.get(key)
        if held is None or held.attested is None or stay.seq <= held.attested or held.reclaimed < 1:
            return pool
        return pool._with(key, replace(held, reclaimed=held.reclaimed - 1))

    def trust(self, kiosk: KioskKey) -> "Pool":
        """Count an exit whose place the kiosk took back by itself.

        The stay may be open here or not known yet. The place belongs to the kiosk, no matter which
        exit closes the stay.
        """
        held = self.kiosks[kiosk]
        return self._with(kiosk, replace(held, trusted=held.trusted + 1))

    def close_unproven(self, kiosk: KioskKey) -> "Pool":
        """Count an exit from a stay of the fenced `kiosk` that only this kiosk reports.

        The caller has closed the stay. The exit may be invented, so its place goes back to the
        kiosk's account, and waits there for an attestation (rule 7).
        """
        return self.close_stay().trust(kiosk)

    def fence(self, kiosk: KioskKey) -> "Pool":
        """Mark a kiosk as lost. It gets no more grants, and the places it holds stay counted (rule
        7).
        """
        return self._with(kiosk, replace(self.kiosks[kiosk], fenced=True))

    def attest(self, kiosk: KioskKey, inside: int, *, seq: int) -> "Pool":
        """Apply the staff's signed attestation about a lost kiosk.

        It states that of the people whom the kiosk admitted and whom the hall does not count as
        inside, at most `inside` are inside, and that the kiosk will admit no more. `seq` is the
        kiosk's last record in the ledger. After a restore some grants may be unknown. The
        attestation covers those too, so the hall stops waiting for this kiosk (rule 8). Otherwise
        an attestation of more people than the kiosk can have admitted changes nothing: it is
        wrong, or an old copy of the database is in use unnoticed (see `restored`).
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
        """Reset after a restore from a backup. Nothing is granted until every live kiosk has
        reported.

        `incarnation` must be higher than every earlier one. A kiosk fenced meanwhile is awaited
        until it is attested. `was_put_back`: an old copy of the database may have been in use
        unnoticed. Then a kiosk may have been fenced by a server that did not know all its grants,
        so fenced kiosks without an attestation are awaited too.
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
    """A hall's three pools, with capacities adjusted for each other (`within_limit`)."""

    ordinary: Pool
    override: Pool
    accessible: Pool

    def of(self, kind: PlaceKind) -> Pool:
        return self[kind]


def within_limit(
    ordinary: Pool, override: Pool, accessible: Pool, *, kept: int, fire_limit: int
) -> Limited:
    """Adjust the capacities of a hall's three pools for each other.

    `ordinary` has the organiser's capacity. `kept` is the number of places now kept for wheelchair
    users, 0 once they are released.

    Kept places held by kiosks or used reduce the ordinary ones, released or not. So a released
    place becomes an ordinary one only when its kiosk has returned it, and both pools together
    never exceed the capacity. Likewise ordinary places in use reduce the kept ones, so places are
    kept again as they come free (docs/design/places.md, rule 10).

    People on override places count against the capacity. So a place that comes back first covers
    the people beyond the capacity, and doors admit automatically only once fewer people are inside
    than the capacity (rule 11). Override places may then be granted for those people too.

    Override places in use limit a raised capacity. Ordinary and kept places in use limit override
    places after the capacity was lowered.
    """
    capacity = ordinary.capacity - override.open_stays
    used = accessible.worst_case
    beyond = fire_limit - max(capacity, ordinary.worst_case + used)
    within = min(capacity, fire_limit - override.worst_case)
    left = min(kept, within - ordinary.worst_case)
    return Limited(
        ordinary.resized(within - max(kept, used)),
        override.resized(beyond),
        # People inside on kept places are no debt.
        accessible.resized(max(left, accessible.open_stays)),
    )
