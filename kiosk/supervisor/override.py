"""Overrides of a denial, and annulments of an admission.

Both are new records, with supervisor and reason. An override takes an ordinary place if the door
has one free, else an override place between the hall's capacity and its fire limit.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from msgspec import UnsetType

from badges.admission.decide import asked_by
from badges.admission.facts import Admitted, AntiPassback, Decision, Direction, Flag, Reason, Scan
from badges.credential.credential import Credential, Kind
from badges.record import PlaceKind, ScanRecord, StayRef
from badges.wire.wire import HolderName
from kiosk.door.admit import Waits, context_of
from kiosk.door.answer import Answer, explain_in, make_answer
from kiosk.door.facts import OVERRIDE_SERVES, Known, least_free
from kiosk.journal.journal import Journal
from kiosk.journal.transaction import JournalTransaction
from kiosk.journal.values import Draft, OuterDraft, PlaceWait
from kiosk.replica.door_context import DoorContext
from kiosk.replica.replica import Replica
from kiosk.supervisor.texts import SupervisorError, annul_words, override_words
from kiosk.sync.link import Skew
from kiosk.texts.catalogue import each

WAIT_S = 1.0  # for a place
ANNUL_MS = 15 * 60_000
LAST_RECORDS = 64  # the newest records that are searched for the last admission

# These denials can't be overridden: there is no valid holder, or the kiosk may admit nobody.
NEVER = frozenset(
    {
        Reason.NOT_A_BADGE,
        Reason.FORGED,
        Reason.OTHER_EVENT,
        Reason.KIOSK_RETIRED,
        Reason.DOOR_RESTING,
        Reason.ROLL_CALL,
    }
)


@dataclass(frozen=True)
class Word:
    """The supervisor who overrules the door, and the reason."""

    user: str  # as in records
    name: str
    note: str


class OverrideHandler:
    def __init__(
        self,
        journal: Journal,
        replica: Replica,
        *,
        ask_for_place: Callable[[int], bool] = lambda hall: False,
        skew: Callable[[], Skew | None] = lambda: None,
    ) -> None:
        self._journal = journal
        self._replica = replica
        self._known = Known(replica)
        self._ask_for_place = ask_for_place
        self._skew = skew

    def override(self, denied: Answer, word: Word, *, at: int) -> Waits:
        """Raises SupervisorError, NotReadyError or JournalError."""
        context, badge = context_of(self._replica), denied.badge
        if badge is None:
            raise SupervisorError("not_overridable")
        admitted = self._enter(context, badge, word, at)
        if admitted is None:
            lacking = [h for h in context.halls if not self._journal.has_place(h, OVERRIDE_SERVES)]
            # False if the server can't be reached.
            if all([self._ask_for_place(hall) for hall in lacking]):
                yield PlaceWait(dict.fromkeys(lacking, OVERRIDE_SERVES), None, WAIT_S)
                admitted = self._enter(context, badge, word, at)
        if admitted is None:
            raise SupervisorError("no_place")
        decision, seq, free = admitted
        scan = Scan(badge, Direction.ENTRY, at)
        answer = make_answer(
            scan, decision, context, seq=seq, free=free, holder=denied.holder, by=word.name
        )
        words = each(
            lambda lang: override_words(
                lang, explain_in(lang, scan, decision, context), answer.tone, word.name, word.note
            )
        )
        return replace(answer, act="override", explanation=words)

    def _enter(
        self, context: DoorContext, badge: Credential, word: Word, at: int
    ) -> tuple[Decision, int, tuple[int, int]] | None:
        """Returns the committed decision, its sequence and the places left; None if a hall has no
        place.

        Each hall by itself uses an ordinary place if there is one.
        """
        skew = self._skew()
        with self._journal.transaction() as transaction:
            kinds = _kinds(transaction, context.halls)
            if kinds is None:
                return None
            decision = Admitted(flags=self._flags(badge, context, transaction))
            outer = (hall.hall_id for hall in context.outer)
            record = transaction.append(
                Draft(
                    direction=Direction.ENTRY,
                    door=context.door.door,
                    hall=context.hall.hall_id,
                    scanned_at=at,
                    decision=decision,
                    badge=badge,
                    act="override",
                    by=word.user,
                    note=word.note,
                    kind=kinds[context.hall.hall_id],
                    skew_ms=skew.ms if skew else None,
                    epoch=skew.epoch if skew else 0,
                    facts_age_ms=self._replica.age_ms(),
                    outer=tuple(OuterDraft(h, kind=kinds[h]) for h in outer),
                    salted=context.salted,
                )
            )
            return decision, record.seq, least_free(context, transaction)

    def _flags(
        self, badge: Credential, context: DoorContext, transaction: JournalTransaction
    ) -> frozenset[Flag]:
        flags = set()
        if badge.issue <= self._replica.copied_issue(badge.serial):
            flags.add(Flag.LIKELY_COPY)
        watched = [hall for hall in context.outer if hall.anti_passback is not AntiPassback.OFF]
        for hall in (context.hall, *watched):
            if self._known.presence(badge.serial, hall.hall_id, transaction) is not None:
                flags.add(Flag.PASSBACK)
        return frozenset(flags | asked_by(badge))

    def last_entry(self) -> ScanRecord | None:
        return next(self._entries(), None)

    def _entries(self) -> Iterator[ScanRecord]:
        """Recent admissions here, the newest first."""
        for record in self._journal.newest(LAST_RECORDS):
            if record.direction == "entry" and record.decision == "admitted":
                yield record

    def may_annul(self, entry: ScanRecord, at: int) -> str:
        """Return "" if an admission here can be annulled, else the code of the reason."""
        if abs(at - entry.scanned_at) > ANNUL_MS:
            return "too_late"
        with self._journal.transaction() as transaction:
            return "" if self._stands(entry, transaction) else "already_over"

    def _stands(self, entry: ScanRecord, transaction: JournalTransaction) -> bool:
        assert entry.serial is not None
        return self._known.is_open(entry.seq, entry.serial, entry.hall, transaction)

    def annul(self, seq: int, word: Word, *, holder: HolderName | None, at: int) -> Answer:
        """Annul the last admission, `seq`. Its place is free again.

        Raises SupervisorError, NotReadyError or JournalError.
        """
        entry = self.last_entry()
        if entry is None:
            raise SupervisorError("nothing_to_annul")
        if entry.seq != seq:
            raise SupervisorError("not_last")
        return self._annul(entry, word, holder=holder, at=at)

    def withdraw(self, seq: int, word: Word, *, at: int) -> Answer:
        """Annul an admission for which no light was shown. Later admissions stay valid.

        Raises as `annul`.
        """
        entry = next((entry for entry in self._entries() if entry.seq == seq), None)
        if entry is None:
            raise SupervisorError("nothing_to_annul")
        return self._annul(entry, word, holder=None, at=at)

    def _annul(
        self, entry: ScanRecord, word: Word, *, holder: HolderName | None, at: int
    ) -> Answer:
        context = context_of(self._replica)
        refused = self.may_annul(entry, at)
        if refused:
            raise SupervisorError(refused)
        badge, skew = _badge_of(entry), self._skew()
        stay = StayRef(entry.kiosk, entry.generation, entry.seq)
        decision = Admitted(closes=stay)
        with self._journal.transaction() as transaction:
            if not self._stands(entry, transaction):
                raise SupervisorError("already_over")
            record = transaction.append(
                Draft(
                    direction=Direction.EXIT,
                    door=entry.door,
                    hall=entry.hall,
                    scanned_at=at,
                    decision=decision,
                    badge=badge,
                    act="annul",
                    by=word.user,
                    note=word.note,
                    skew_ms=skew.ms if skew else None,
                    epoch=skew.epoch if skew else 0,
                    facts_age_ms=self._replica.age_ms(),
                    outer=tuple(OuterDraft(outer.hall, closes=stay) for outer in entry.outer_halls),
                    salted=context.salted,
                ),
                is_owed=self._known.is_owed(transaction),
            )
            free = least_free(context, transaction)
        scan = Scan(badge, Direction.EXIT, record.scanned_at)
        answer = make_answer(
            scan, decision, context, seq=record.seq, free=free, holder=holder, by=word.name
        )
        time = context.local_time(entry.scanned_at)
        words = each(lambda lang: annul_words(lang, time, word.name, word.note))
        return replace(answer, act="annul", explanation=words)


def _kinds(transaction: JournalTransaction, halls: Iterable[int]) -> dict[int, PlaceKind] | None:
    """The kind of place to take in each hall; None if a hall has none.

    Raises SupervisorError if this kiosk may admit nobody.
    """
    if transaction.state.fenced:
        raise SupervisorError("kiosk_retired")
    if transaction.state.resting:
        raise SupervisorError("resting")
    kinds = {}
    for hall in halls:
        free = (kind for kind in OVERRIDE_SERVES if transaction.account(hall, kind).free > 0)
        kind = next(free, None)
        if kind is None:
            return None
        kinds[hall] = kind
    return kinds


def _badge_of(entry: ScanRecord) -> Credential:
    """The credential of an entry's holder, as far as its record has it."""
    assert entry.serial is not None
    of_day = not isinstance(entry.day, UnsetType)
    return Credential(
        serial=entry.serial,
        issue=entry.issue or 1,
        category=entry.category or 0,
        valid_days=0 if isinstance(entry.day, UnsetType) else 1 << entry.day,
        zones=0,
        key_id=0,
        kind=Kind.DAY if of_day else Kind.PRINTED,
    )
