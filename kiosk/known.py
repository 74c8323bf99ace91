"""What a door knows of one presentation: the facts that its decision rests on.

They are read in the transaction that records the decision, so that nothing changes in between.
"""

from dataclasses import replace

from badges.admission import Facts, Scan
from badges.admission.facts import Direction, Holder, Presence
from badges.credential import Credential
from kiosk.journal import Step
from kiosk.replica import Replica
from kiosk.replica_venue import Venue


class Known:
    """Of one kiosk: its journal's step first, what the server told second."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica

    def facts(self, scan: Scan, venue: Venue, step: Step, *, by_name: bool = False) -> Facts:
        """`by_name`: the server gave the badge's fields, and no key signed them."""
        badge = credential_of(scan)
        free = step.account(venue.hall.hall_id).free
        shut = step.state.fenced or step.state.resting
        facts = Facts(
            calendar=venue.calendar,
            hall=venue.hall,
            sessions=venue.sessions_at(scan.scanned_at),
            # Such a kiosk has given its places back; why it did is the better answer.
            free_places=max(free, 1) if shut else free,
            kiosk_retired=step.state.fenced,
            door_resting=step.state.resting,
            facts_age_ms=self._replica.age_ms(),
        )
        if badge is None:
            return facts
        return replace(
            facts,
            holder=self.holder(badge.serial, venue, step),
            presence=self._presence_of(scan, badge.serial, venue.hall.hall_id, step),
            key_expired=not by_name and venue.key_expired(badge.key_id, scan.scanned_at),
        )

    def holder(self, serial: int, venue: Venue, step: Step) -> Holder:
        highest, revoked = self._replica.holder(serial)
        return Holder(
            revoked=revoked,
            highest_issue=max(highest, step.seen_issue(serial)),
            copied_issue=self._replica.copied_issue(serial),
            invited_to=venue.invited.get(serial, frozenset()),
            refused_from=venue.refused.get(serial, frozenset()),
        )

    def presence(self, serial: int, hall: int, step: Step) -> Presence | None:
        """The stay that the holder is in: one that began here, else one that the server told of.

        A stay that an exit here has named is over at once, whatever the server says yet.
        """
        return self._stay(serial, hall, step, moved=False)

    def _presence_of(self, scan: Scan, serial: int, hall: int, step: Step) -> Presence | None:
        """An exit also ends a stay whose holder was seen at another hall since: by this badge
        somebody was still here, or came back without a scan.
        """
        found = self.presence(serial, hall, step)
        if found is None and scan.direction is Direction.EXIT:
            found = self._stay(serial, hall, step, moved=True)
        return found

    def _stay(self, serial: int, hall: int, step: Step, *, moved: bool) -> Presence | None:
        """The newest stay that is not over, and whose holder was seen elsewhere since or not."""
        for own in step.own_stays(serial, hall):
            seq = own.stay.seq
            if not self._replica.is_ended(seq) and self._replica.has_moved(seq) is moved:
                return Presence(
                    own.stay, since=own.since, door=str(own.door), override=own.override
                )
        for presence in self._replica.stays(serial, moved=moved):
            if not step.is_named(presence.stay):
                return presence
        return None

    def is_open(self, seq: int, serial: int, hall: int, step: Step) -> bool:
        """Whether the stay that entry `seq` here began has its place, wherever its holder is."""
        open_here = {own.stay.seq for own in step.own_stays(serial, hall)}
        return seq in open_here and not self._replica.is_ended(seq)


def credential_of(scan: Scan) -> Credential | None:
    return scan.badge if isinstance(scan.badge, Credential) else None
