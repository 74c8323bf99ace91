"""Turns a code's text into an answer: open, look up, decide, commit, then answer.

An answer shown green is on disk.
"""

import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace

from badges.admission.decide import decide
from badges.admission.facts import (
    Admitted,
    Denied,
    Direction,
    Exits,
    Facts,
    Flag,
    Outer,
    Presence,
    Reason,
    Scan,
)
from badges.admission.kept import serving, usable
from badges.credential.badge_number import parse_badge_number
from badges.credential.credential import (
    Credential,
    CredentialFlag,
    ForgedError,
    NotABadgeError,
    OtherEventError,
    open_credential,
)
from badges.credential.keys import KeyRing
from badges.record import PlaceKind
from badges.wire.supervisor import PersonFacts
from badges.wire.wire import HolderName
from kiosk.clock import monotonic_ms
from kiosk.door.answer import Answer, make_answer
from kiosk.door.direction import own_direction
from kiosk.door.facts import Known, credential_of, least_free
from kiosk.door.repeats import Repeats
from kiosk.door.roll_call import RollCall
from kiosk.journal.journal import Journal
from kiosk.journal.transaction import JournalTransaction
from kiosk.journal.values import Draft, OuterDraft, PlaceWait
from kiosk.replica.door_context import DoorContext
from kiosk.replica.replica import Replica
from kiosk.steps import run
from kiosk.sync.link import PLACE_WAIT_S, Skew, steady
from kiosk.texts.messages import Code, Message

QUIET_S = 0.1  # the first part of the wait for a place, before staff see that the door waits

# Of an order or a telephone, for example.
_NUMBER = re.compile(r"[+#]?[0-9][0-9 -]{0,19}")

Lacking = Mapping[int, tuple[PlaceKind, ...]]  # by hall: the kinds of place that would serve
Waits = Generator[PlaceWait, None, Answer]  # an answer that may wait for places

_UNREADABLE = {
    NotABadgeError: Reason.NOT_A_BADGE,
    OtherEventError: Reason.OTHER_EVENT,
    ForgedError: Reason.FORGED,
}


class NotReadyError(Exception):
    """This kiosk never received facts from the server, so it knows no badge."""

    def __init__(self) -> None:
        self.message = Message(Code.NOT_READY)
        super().__init__(str(self.message))


@dataclass(frozen=True)
class ByName:
    """A person without a badge, as a supervisor looked them up."""

    holder: HolderName
    user: str  # the supervisor's id, as in records
    user_name: str


class Admitter:
    def __init__(
        self,
        journal: Journal,
        replica: Replica,
        *,
        ask_for_place: Callable[[int, PlaceKind], bool] = lambda hall, kind: False,
        skew: Callable[[], Skew | None] = lambda: None,
        is_offline: Callable[[], bool] = lambda: False,
        on_asking: Callable[[bool], None] = lambda asking: None,
        roll_call: Callable[[], RollCall | None] = lambda: None,
        monotonic: Callable[[], int] = monotonic_ms,
    ) -> None:
        """`ask_for_place` requests a place of a kind in a hall from the server. It
        returns False if none can come in time. In halls that trust exits, exits made while
        `is_offline` give their places back here. `on_asking` is called when an answer begins and
        ends to wait for other doors. `roll_call` returns the assembly point of this kiosk, where
        it notes people and opens no door. `monotonic` is in ms.
        """
        self._journal = journal
        self._replica = replica
        self._known = Known(replica)
        self._ask_for_place = ask_for_place
        self._skew = skew
        self._is_offline = is_offline
        self._on_asking = on_asking
        self._roll_call = roll_call
        self._repeats = Repeats(journal, monotonic=monotonic)

    def present(self, text: str, *, at: int, direction: Direction | None = None) -> Answer:
        """Answer one presentation, seen at `at` (Unix ms); by default in the door's own direction.

        Raises NotReadyError before the first snapshot, and JournalError if the answer can't be
        stored. Then the door stays shut.
        """
        return run(self.presented(text, at=at, direction=direction), self._journal.wait)

    def presented(self, text: str, *, at: int, direction: Direction | None = None) -> Waits:
        """The steps of `present`."""
        context = context_of(self._replica)
        badge = read_badge(context.ring, text)
        scan = Scan(badge, self._meant(direction, context), at, is_number(text))
        return (yield from self._answer(scan, context))

    def admit_by_name(
        self,
        person: PersonFacts,
        *,
        user: str,
        user_name: str,
        at: int,
        direction: Direction | None = None,
    ) -> Waits:
        """Answer for a person whom a supervisor looked up, as if their badge were shown. Raises
        like `present`.
        """
        context = context_of(self._replica)
        scan = Scan(_badge_of(person), self._meant(direction, context), at)
        named = ByName(person.holder, user, user_name)
        return (yield from self._answer(scan, context, named))

    def _meant(self, direction: Direction | None, context: DoorContext) -> Direction:
        """The direction of a presentation. At an assembly point it is an entry, so that no stay
        ends.
        """
        if self._roll_call() is not None:
            return Direction.ENTRY
        return direction or own_direction(context)

    def _answer(self, scan: Scan, context: DoorContext, named: ByName | None = None) -> Waits:
        none_before = {hall: self._journal.times_none(hall) for hall in context.halls}
        skew = self._skew()
        answer = self._attempt(scan, context, named, skew, last=False)
        if not isinstance(answer, Answer):
            yield PlaceWait(answer, none_before, QUIET_S)
            slow = self._slow(answer, none_before)
            if slow:
                # The screen still shows another person's answer, so replace it.
                self._on_asking(True)
            try:
                if slow:
                    yield PlaceWait(slow, none_before, PLACE_WAIT_S - QUIET_S)
                answer = self._attempt(scan, context, named, skew, last=True)
            finally:
                if slow:
                    self._on_asking(False)
            assert isinstance(answer, Answer)
        return answer

    def _slow(self, halls: Lacking, none_before: Mapping[int, int]) -> Lacking:
        """The halls that still wait for a place or a refusal after QUIET_S. None if any hall was
        refused, because waiting is then pointless.
        """
        none_now = {hall: self._journal.times_none(hall) for hall in halls}
        lacking = {h: kinds for h, kinds in halls.items() if not self._journal.has_place(h, kinds)}
        return lacking if all(none_now[hall] == none_before[hall] for hall in lacking) else {}

    def _attempt(
        self,
        scan: Scan,
        context: DoorContext,
        named: ByName | None,
        before: Skew | None,
        *,
        last: bool,
    ) -> Answer | Lacking:
        """The committed answer, or the halls where a place was requested and may still come.

        `before` is the clock skew when the badge was seen.
        """
        skew = steady(before, self._skew())
        with self._journal.transaction() as transaction:
            rolling = self._roll_call()
            facts = self._known.facts(scan, context, transaction, by_name=named is not None)
            passed_at = self._passed_at(scan, context, transaction)
            facts = replace(facts, roll_call=rolling is not None, passed_at=passed_at)
            decision = decide(scan, facts)
            full = isinstance(decision, Denied) and decision.reason is Reason.HALL_FULL
            if full and not last:
                lacking = _lacking(facts, scan.scanned_at)
                if self._ask(lacking):
                    return lacking
            if named is not None and isinstance(decision, Admitted):
                decision = replace(decision, flags=decision.flags | {Flag.LOOKED_UP})
            draft = Draft(
                direction=scan.direction,
                door=context.door.door,
                hall=context.hall.hall_id,
                scanned_at=scan.scanned_at,
                decision=decision,
                badge=credential_of(scan),
                by=named.user if named else None,
                skew_ms=skew.ms if skew else None,
                epoch=skew.epoch if skew else 0,
                facts_age_ms=facts.facts_age_ms,
                salted=context.salted,
            )
            if rolling is not None:
                draft = replace(draft, by=draft.by or rolling.by, note=rolling.point)
            if scan.direction is Direction.EXIT:
                draft = self._leaving(draft, context, facts)
            elif isinstance(decision, Admitted):
                draft = _entering(draft, facts)
            seq = transaction.append(draft, is_owed=self._known.is_owed(transaction)).seq
            free = least_free(context, transaction)
        if draft.badge is not None and isinstance(decision, Admitted):
            self._repeats.forget(draft.badge.serial)
        return make_answer(
            scan,
            decision,
            context,
            seq=seq,
            free=free,
            holder=named.holder if named else self._name(draft.badge),
            by=named.user_name if named else "",
        )

    def _passed_at(
        self, scan: Scan, context: DoorContext, transaction: JournalTransaction
    ) -> int | None:
        """When the badge passed here in this direction, seconds before this kiosk restarted.

        None for an entry whose stay is over.
        """
        record = self._repeats.find(scan, context.hall.hall_id)
        if record is None or record.serial is None:
            return None
        if scan.direction is Direction.ENTRY and not self._known.is_open(
            record.seq, record.serial, record.hall, transaction
        ):
            return None
        return record.scanned_at

    def _ask(self, lacking: Lacking) -> bool:
        """Request every place. False if one of the requests is pointless."""
        return all([self._ask_for_place(h, kind) for h, kinds in lacking.items() for kind in kinds])

    def _leaving(self, draft: Draft, context: DoorContext, facts: Facts) -> Draft:
        offline, repeats = self._is_offline(), facts.passed_at is not None
        outer = (
            OuterDraft(
                around.hall.hall_id,
                closes=None if repeats or around.presence is None else around.presence.stay,
                kind=_kind_of(around.presence),
                trusting=around.hall.exits is Exits.TRUSTING and offline,
            )
            for around in facts.outer
        )
        return replace(
            draft,
            kind=_kind_of(facts.presence),
            trusting=context.hall.exits is Exits.TRUSTING and offline,
            outer=tuple(outer),
        )

    def _name(self, badge: Credential | None) -> HolderName | None:
        return self._replica.name_of(badge.signature) if badge else None


def context_of(replica: Replica) -> DoorContext:
    """Raises NotReadyError."""
    if replica.context is None:
        raise NotReadyError
    return replica.context


def _own(facts: Facts) -> Outer:
    return Outer(facts.hall, facts.presence, facts.free_places, facts.free_kept)


def _lacking(facts: Facts, at: int) -> Lacking:
    """The halls without a place for an entry, with the kinds of place that serve there.

    Released places are requested as ordinary places, because they come back as such.
    """
    lacking = {}
    for hall in (_own(facts), *facts.outer):
        if not serving(hall, facts.holder, at):
            keeps = hall.hall.keeps_places and facts.holder.accessible
            lacking[hall.hall.hall_id] = (
                usable(hall.hall, facts.holder, at) if keeps else (PlaceKind.ORDINARY,)
            )
    return lacking


def _entering(draft: Draft, facts: Facts) -> Draft:
    kinds = [
        next(iter(serving(hall, facts.holder, draft.scanned_at)), PlaceKind.ORDINARY)
        for hall in (_own(facts), *facts.outer)
    ]
    outer = tuple(
        OuterDraft(around.hall.hall_id, kind=kind)
        for around, kind in zip(facts.outer, kinds[1:], strict=True)
    )
    return replace(draft, kind=kinds[0], outer=outer)


def _kind_of(presence: Presence | None) -> PlaceKind:
    """The kind of place that a stay uses; ordinary if the stay is unknown."""
    return PlaceKind.ORDINARY if presence is None else presence.kind


def is_number(text: str) -> bool:
    """Whether staff typed a number from a badge, a list or an order in place of a code. It admits
    nobody, since anyone could know it.
    """
    try:
        parse_badge_number(text)
    except ValueError:
        return _NUMBER.fullmatch(text) is not None
    return True


def read_badge(ring: KeyRing, text: str) -> Credential | Reason:
    try:
        return open_credential(ring, text)
    except (NotABadgeError, OtherEventError, ForgedError) as error:
        return _UNREADABLE[type(error)]


def _badge_of(person: PersonFacts) -> Credential:
    """The person's newest badge as the server states it. No key signed it."""
    return Credential(
        serial=person.serial,
        issue=person.issue,
        category=person.category,
        valid_days=person.valid_days,
        zones=person.zones,
        key_id=0,
        flags=CredentialFlag(person.flags & 0b11),
    )
