"""The facts of a decision, read in the transaction that records it, so that nothing changes in
between.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from badges.admission.facts import Direction, Facts, Hall, Holder, Outer, Presence, Scan
from badges.credential.credential import Credential
from badges.record import PlaceKind, StayRef
from kiosk.journal.transaction import JournalTransaction
from kiosk.replica.door_context import DoorContext
from kiosk.replica.replica import Replica

# Kinds of place for an override, in this order.
OVERRIDE_SERVES = (PlaceKind.ORDINARY, PlaceKind.OVERRIDE)


class Known:
    """A kiosk's facts: those of its journal first, then the server's."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica

    def facts(
        self,
        scan: Scan,
        context: DoorContext,
        transaction: JournalTransaction,
        *,
        by_name: bool,
    ) -> Facts:
        """`by_name`: the badge's fields come from the server, and no key signed them."""
        badge = credential_of(scan)
        serial = None if badge is None else badge.serial
        facts = Facts(
            calendar=context.calendar,
            hall=context.hall,
            sessions=context.sessions_at(scan.scanned_at),
            free_places=transaction.account(context.hall.hall_id).free,
            free_kept=free_kept(context.hall, transaction),
            kiosk_retired=transaction.state.fenced,
            door_resting=transaction.state.resting,
            facts_age_ms=self._replica.age_ms(),
        )
        here, leaving = None, scan.direction is Direction.EXIT
        if serial is not None:
            here = self.presence(serial, context.hall.hall_id, transaction, leaving=leaving)
        if context.outer:
            like = None if here is None else here.stay
            outer = []
            for hall in context.outer:
                there = None
                if serial is not None:
                    there = self.presence(serial, hall.hall_id, transaction, like, leaving=leaving)
                free = transaction.account(hall.hall_id).free
                outer.append(Outer(hall, there, free, free_kept(hall, transaction)))
            facts = replace(facts, outer=tuple(outer))
        if badge is None:
            return facts
        return replace(
            facts,
            holder=self.holder(badge.serial, context, transaction),
            presence=here,
            key_expired=not by_name and context.key_expired(badge.key_id, scan.scanned_at),
        )

    def holder(self, serial: int, context: DoorContext, transaction: JournalTransaction) -> Holder:
        highest, revoked = self._replica.holder(serial)
        withdrawn_to, seen = self._replica.withdrawn_to(serial), transaction.seen_issue(serial)
        return Holder(
            revoked=revoked,
            highest_issue=highest if seen <= withdrawn_to else max(highest, seen),
            withdrawn_to=withdrawn_to,
            copied_issue=self._replica.copied_issue(serial),
            day_credentials=frozenset(
                self._replica.day_credentials(serial) | transaction.seen_days(serial)
            ),
            invited_to=context.invited.get(serial, frozenset()),
            refused_from=context.refused.get(serial, frozenset()),
            accessible=serial in context.accessible,
        )

    def presence(
        self,
        serial: int,
        hall: int,
        transaction: JournalTransaction,
        like: StayRef | None = None,
        *,
        leaving: bool = False,
    ) -> Presence | None:
        """The holder's stay, begun here or else reported by the server.

        A stay closed by an exit here is over at once, even if the server still reports it. If
        `like` is a stay, the stay of the same entry in this hall comes first. With `leaving`, a
        stay also counts if its holder was seen at another hall since: a person with this badge
        was still here, or came back without a scan.
        """
        first, moved = None, (False, True) if leaving else (False,)
        for presence in self._presences(serial, hall, transaction, moved=moved):
            if like is None or presence.stay == like:
                return presence
            first = first or presence
        return first

    def _presences(
        self, serial: int, hall: int, transaction: JournalTransaction, *, moved: Iterable[bool]
    ) -> Iterator[Presence]:
        """The stays that are not over.

        `moved` is the order of stays whose holder was seen at another hall since (True) and of
        others (False).
        """
        for elsewhere in moved:
            for own in transaction.own_stays(serial, hall):
                seq = own.stay.seq
                ended = self._replica.is_ended(seq, hall)
                if not ended and self._replica.has_moved(seq, hall) is elsewhere:
                    yield Presence(own.stay, since=own.since, door=str(own.door), kind=own.kind)
            for presence in self._replica.stays(serial, hall, moved=elsewhere):
                if not transaction.is_named(presence.stay, hall):
                    yield presence

    def is_open(self, seq: int, serial: int, hall: int, transaction: JournalTransaction) -> bool:
        open_here = {own.stay.seq for own in transaction.own_stays(serial, hall)}
        return seq in open_here and not self._replica.is_ended(seq, hall)

    def is_owed(self, transaction: JournalTransaction) -> Callable[[int], bool]:
        """A function that returns whether this door knows of a person in a hall on an override
        place.

        A returned ordinary place then covers that person (docs/design/places.md, rule 11).
        """

        def is_owed(hall: int) -> bool:
            own = transaction.own_beyond(hall)
            if any(not self._replica.is_ended(seq, hall) for seq in own):
                return True
            others = self._replica.beyond(hall)
            return any(not transaction.is_named(stay, hall) for stay in others)

        return is_owed


def free_kept(hall: Hall, transaction: JournalTransaction) -> int:
    if not hall.keeps_places:
        return 0
    return transaction.account(hall.hall_id, PlaceKind.ACCESSIBLE).free


def least_free(context: DoorContext, transaction: JournalTransaction) -> tuple[int, int]:
    """The fewest free places at this door among the halls that an entry here enters, with that
    hall's id.
    """
    return min(
        ((transaction.account(hall).free, hall) for hall in context.halls),
        key=lambda pair: pair[0],
    )


def least_left(context: DoorContext, left: Mapping[int, int]) -> tuple[int | None, int]:
    """The fewest places left in a whole hall that an entry here enters, and that hall.

    `left` has the places by hall. Without a report, places are None.
    """
    reports = [(left[hall], hall) for hall in context.halls if hall in left]
    return min(reports, key=lambda report: report[0], default=(None, context.hall.hall_id))


def limit_left(
    context: DoorContext, left: Mapping[int, int], beyond: Mapping[int, int]
) -> int | None:
    """How many more people overrides may admit up to the legal limit, in the hall that has the
    fewest; None without the server's reports of all halls that an entry here enters.
    """
    if not all(hall in left and hall in beyond for hall in context.halls):
        return None
    return min(left[hall] + beyond[hall] for hall in context.halls)


def limit_here(context: DoorContext, transaction: JournalTransaction) -> int:
    """How many more people overrides may admit with the places that this door holds."""
    return min(
        sum(transaction.account(hall, kind).free for kind in OVERRIDE_SERVES)
        for hall in context.halls
    )


def credential_of(scan: Scan) -> Credential | None:
    return scan.badge if isinstance(scan.badge, Credential) else None
