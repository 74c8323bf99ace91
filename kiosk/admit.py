"""From a code's text to an answer: open, look up, decide, commit, and only then answer.

Everything that a decision rests on is read in the transaction that records it, so that nothing can
change between the two. The order is the promise: what is shown green is on disk.
"""

from collections.abc import Callable
from dataclasses import replace

from badges.admission import Admitted, Denied, Direction, Facts, Flag, Reason, Scan, decide
from badges.admission.facts import Decision, Holder, Presence, StayId
from badges.admission.phrases import LANGUAGES, Explanation, Language, explain
from badges.credential import (
    Credential,
    ForgedError,
    NotABadgeError,
    OtherEventError,
    open_credential,
)
from badges.keys import KeyRing
from badges.record import ScanRecord
from kiosk.answer import Answer
from kiosk.journal import Draft, Journal, Step
from kiosk.replica import Replica
from kiosk.replica_venue import Venue, text_in

PLACE_WAIT_S = 0.25
REPEAT_MS = 10_000
REPEAT_RECORDS = 64  # of the newest, in which a repeated presentation is looked for

_UNREADABLE = {
    NotABadgeError: Reason.NOT_A_BADGE,
    OtherEventError: Reason.OTHER_EVENT,
    ForgedError: Reason.FORGED,
}


class NotReadyError(Exception):
    """This kiosk has never had facts from the server, and so can't tell whose badge it sees."""

    def __init__(self) -> None:
        super().__init__(
            "This kiosk has not heard from the server yet. It admits as soon as it has: check the "
            "network."
        )


class Admitter:
    """One door. `present` may be called from several threads."""

    def __init__(
        self,
        journal: Journal,
        replica: Replica,
        *,
        ask_for_place: Callable[[int], bool] = lambda hall: False,
        skew_ms: Callable[[], int | None] = lambda: None,
    ) -> None:
        """`ask_for_place` asks the server for a place in a hall; False where that is no use now."""
        self._journal = journal
        self._replica = replica
        self._ask_for_place = ask_for_place
        self._skew_ms = skew_ms
        # The last scan of each holder before this process began, until there is a later one.
        self._before_start = {
            record.serial: record
            for record in reversed(journal.newest(REPEAT_RECORDS))
            if record.serial is not None
        }

    def present(self, text: str, *, at: int, direction: Direction | None = None) -> Answer:
        """Answer one presentation, seen at `at` (Unix ms); the door's own direction by default.

        Raises NotReadyError before the first snapshot, and JournalError where the answer can't be
        put on disk; then nobody is admitted.
        """
        venue = self._replica.venue
        if venue is None:
            raise NotReadyError
        badge = read_badge(venue.ring, text)
        scan = Scan(badge, direction or own_direction(venue), at)
        return self._repeat(scan, venue) or self._answer(scan, venue)

    def _answer(self, scan: Scan, venue: Venue) -> Answer:
        hall = venue.hall.hall_id
        none_before = self._journal.times_none(hall)
        answer = self._attempt(scan, venue, last=False)
        if answer is None:
            self._journal.wait_for_place(hall, PLACE_WAIT_S, none_before)
            answer = self._attempt(scan, venue, last=True)
            assert answer is not None
        return answer

    def _attempt(self, scan: Scan, venue: Venue, *, last: bool) -> Answer | None:
        """The answer, committed; None where a place has been asked for and may still come."""
        with self._journal.step() as step:
            facts = self._facts(scan, venue, step)
            decision = decide(scan, facts)
            full = isinstance(decision, Denied) and decision.reason is Reason.HALL_FULL
            if full and not last and self._ask_for_place(venue.hall.hall_id):
                return None
            record = step.append(
                Draft(
                    direction=scan.direction,
                    door=venue.door.door,
                    hall=venue.hall.hall_id,
                    scanned_at=scan.scanned_at,
                    decision=decision,
                    badge=_credential(scan),
                    skew_ms=self._skew_ms(),
                    facts_age_ms=facts.facts_age_ms,
                )
            )
            free = step.account(venue.hall.hall_id).free
        if record.serial is not None:
            self._before_start.pop(record.serial, None)
        return self._tell(scan, decision, record.seq, free, venue)

    def _facts(self, scan: Scan, venue: Venue, step: Step) -> Facts:
        badge = _credential(scan)
        free = step.account(venue.hall.hall_id).free
        retired = step.state.fenced
        facts = Facts(
            calendar=venue.calendar,
            hall=venue.hall,
            sessions=venue.sessions_at(scan.scanned_at),
            # A retired kiosk has given its places back; that it is retired is the better answer.
            free_places=max(free, 1) if retired else free,
            kiosk_retired=retired,
            facts_age_ms=self._replica.age_ms(),
        )
        if badge is None:
            return facts
        highest, revoked = self._replica.holder(badge.serial)
        return replace(
            facts,
            holder=Holder(
                revoked=revoked,
                highest_issue=max(highest, step.seen_issue(badge.serial)),
                invited_to=venue.invited.get(badge.serial, frozenset()),
                refused_from=venue.refused.get(badge.serial, frozenset()),
            ),
            presence=self._presence(badge.serial, venue.hall.hall_id, step),
            key_expired=venue.key_expired(badge.key_id, scan.scanned_at),
        )

    def _presence(self, serial: int, hall: int, step: Step) -> Presence | None:
        """The stay that the holder is in: one that began here, else one that the server told of.

        A stay that an exit here has named is over at once, whatever the server says yet.
        """
        for own in step.own_stays(serial, hall):
            if not self._replica.is_ended(own.stay.seq):
                return Presence(own.stay, since=own.since, door=str(own.door))
        for presence in self._replica.stays(serial):
            if not step.is_named(presence.stay):
                return presence
        return None

    def _repeat(self, scan: Scan, venue: Venue) -> Answer | None:
        """The first answer, where it was on disk and the power failed before it was seen."""
        badge = _credential(scan)
        record = self._before_start.get(badge.serial) if badge else None
        if record is None or badge is None or not _is_same(record, scan, badge):
            return None
        with self._journal.step() as step:
            free = step.account(record.hall).free
            if scan.direction is Direction.ENTRY and not self._is_open(
                record.seq, badge.serial, record.hall, step
            ):
                return None
        closes = record.closes
        decision = Admitted(
            flags=frozenset({Flag(flag) for flag in record.flags} | {Flag.REPEATED}),
            session_id=record.session,
            closes=StayId(closes.kiosk, closes.generation, closes.seq) if closes else None,
        )
        return self._tell(scan, decision, record.seq, free, venue)

    def _is_open(self, seq: int, serial: int, hall: int, step: Step) -> bool:
        open_here = {own.stay.seq for own in step.own_stays(serial, hall)}
        return seq in open_here and not self._replica.is_ended(seq)

    def _tell(self, scan: Scan, decision: Decision, seq: int, free: int, venue: Venue) -> Answer:
        badge = _credential(scan)
        return Answer(
            decision=decision,
            direction=scan.direction,
            scanned_at=scan.scanned_at,
            seq=seq,
            serial=badge.serial if badge else None,
            holder=self._replica.name_of(badge.signature) if badge else None,
            category=venue.categories.get(badge.category) if badge else None,
            free_places=free,
            door_names=venue.door.names,
            hall_names=venue.hall_names,
            explanation={
                language: _explain(scan, decision, venue, language) for language in LANGUAGES
            },
        )


def read_badge(ring: KeyRing, text: str) -> Credential | Reason:
    """The credential in `text`, verified, or why there is none."""
    try:
        return open_credential(ring, text)
    except (NotABadgeError, OtherEventError, ForgedError) as error:
        return _UNREADABLE[type(error)]


def own_direction(venue: Venue) -> Direction:
    """What a presentation at the door means when staff have not said."""
    return Direction.EXIT if venue.door.mode == "exit" else Direction.ENTRY


def _credential(scan: Scan) -> Credential | None:
    return scan.badge if isinstance(scan.badge, Credential) else None


def _is_same(record: ScanRecord, scan: Scan, badge: Credential) -> bool:
    """Whether the scan can be the presentation that `record` admitted."""
    return (
        record.act == "scan"
        and record.decision == "admitted"
        and record.direction == scan.direction
        and record.issue == badge.issue
        and 0 <= scan.scanned_at - record.scanned_at <= REPEAT_MS
    )


def _explain(scan: Scan, decision: Decision, venue: Venue, language: Language) -> Explanation:
    badge = _credential(scan)
    return explain(
        decision,
        scan.direction,
        language=language,
        time_zone=venue.time_zone,
        at=scan.scanned_at,
        categories={code: text_in(c.names, language) for code, c in venue.categories.items()},
        category=badge.category if badge else None,
        hall=text_in(venue.hall_names, language),
        sessions={key: text_in(t, language) for key, t in venue.session_titles.items()},
        doors={door: text_in(names, language) for door, names in venue.door_names.items()},
    )
