"""The decision as a table: each reason, its neighbours, and the details of the nearest failing
condition.
"""

from dataclasses import replace

import pytest

from badges.admission.decide import decide
from badges.admission.facts import (
    Admitted,
    AntiPassback,
    Calendar,
    Denied,
    Direction,
    Facts,
    Flag,
    Hall,
    Holder,
    Presence,
    Reason,
    Scan,
    Session,
)
from badges.credential.credential import Credential, CredentialFlag, Kind
from badges.record import StayRef

DAY = 86_400_000
HOUR = 3_600_000
MIDNIGHT = 1_700_000_000_000
NOON = MIDNIGHT + 12 * HOUR
DELEGATE, SPEAKER, PRESS = 1, 2, 4

BADGE = Credential(serial=7, issue=1, category=DELEGATE, valid_days=0b1, zones=0b1, key_id=1)
DAY_CREDENTIAL = replace(BADGE, kind=Kind.DAY)
TODAY, TOMORROW = frozenset({(1, 0)}), frozenset({(1, 1)})
SESSION = Session(5, "Opening", NOON - HOUR, NOON + HOUR, frozenset({DELEGATE}))
LATER = Session(6, "Closing", NOON + 2 * HOUR, NOON + 3 * HOUR, frozenset({DELEGATE, PRESS}))
HALL = Hall(hall_id=3, name="Hall 3", sessions_only=True)
STAY = StayRef("door-a", 1, 9)
INSIDE = Presence(STAY, since=NOON - HOUR, door="West")
FACTS = Facts(
    calendar=Calendar((MIDNIGHT, MIDNIGHT + DAY, MIDNIGHT + 2 * DAY)),
    hall=HALL,
    sessions=(SESSION, LATER),
    free_places=1,
    facts_age_ms=0,
)


def enter(facts: Facts = FACTS, badge: Credential | Reason = BADGE, at: int = NOON):
    return decide(Scan(badge, Direction.ENTRY, at), facts)


def leave(facts: Facts = FACTS, badge: Credential | Reason = BADGE):
    return decide(Scan(badge, Direction.EXIT, NOON), facts)


def hall(**changes) -> Facts:
    return replace(FACTS, hall=replace(HALL, **changes))


def holder(**changes) -> Facts:
    return replace(FACTS, holder=Holder(**changes))


def badge(**changes) -> Credential:
    return replace(BADGE, **changes)


def test_it_admits() -> None:
    assert enter() == Admitted(session_id=5)


DENIED = [
    ("not a badge", enter(badge=Reason.NOT_A_BADGE), Denied(Reason.NOT_A_BADGE)),
    ("forged", enter(badge=Reason.FORGED), Denied(Reason.FORGED)),
    ("another event's", enter(badge=Reason.OTHER_EVENT), Denied(Reason.OTHER_EVENT)),
    ("revoked", enter(holder(revoked=True)), Denied(Reason.REVOKED)),
    (
        "a new badge that was taken back",
        enter(holder(highest_issue=1, withdrawn_to=2), badge(issue=2)),
        Denied(Reason.SUPERSEDED),
    ),
    ("a higher issue is out", enter(holder(highest_issue=2)), Denied(Reason.SUPERSEDED)),
    (
        "a day credential is out today",
        enter(holder(day_credentials=frozenset({(1, 0)}))),
        Denied(Reason.DAY_CREDENTIAL),
    ),
    (
        "a day credential of another day",
        enter(badge=replace(DAY_CREDENTIAL, valid_days=0b10)),
        Denied(Reason.NOT_VALID_TODAY),
    ),
    (
        "a day credential of several days",
        enter(badge=replace(DAY_CREDENTIAL, valid_days=0b11)),
        Denied(Reason.NOT_VALID_TODAY),
    ),
    ("a likely copy", enter(holder(copied_issue=1)), Denied(Reason.LIKELY_COPY)),
    ("another day's", enter(badge=badge(valid_days=0b10)), Denied(Reason.NOT_VALID_TODAY)),
    ("before the event", enter(at=MIDNIGHT - 1), Denied(Reason.NOT_VALID_TODAY)),
    ("after the event", enter(at=MIDNIGHT + 2 * DAY), Denied(Reason.NOT_VALID_TODAY)),
    ("its key is past", enter(replace(FACTS, key_expired=True)), Denied(Reason.EXPIRED)),
    (
        "another category's session",
        enter(badge=badge(category=SPEAKER)),
        Denied(Reason.NOT_ENTITLED, session_id=5, categories=frozenset({DELEGATE})),
    ),
    (
        "entitled to the next session, not to this one",
        enter(badge=badge(category=PRESS)),
        Denied(
            Reason.NOT_ENTITLED,
            session_id=5,
            categories=frozenset({DELEGATE}),
            opens_at=LATER.opens_at,
        ),
    ),
    (
        "refused by name",
        enter(holder(refused_from=frozenset({5, 6}))),
        Denied(Reason.NOT_ENTITLED, session_id=5, categories=frozenset({DELEGATE})),
    ),
    (
        "refused by name, though the hall admits the category",
        enter(
            replace(
                hall(categories=frozenset({DELEGATE}), sessions_only=False),
                holder=Holder(refused_from=frozenset({5})),
            )
        ),
        Denied(
            Reason.NOT_ENTITLED,
            session_id=5,
            categories=frozenset({DELEGATE}),
            opens_at=LATER.opens_at,
        ),
    ),
    ("another zone's", enter(hall(zones=0b10)), Denied(Reason.NOT_ENTITLED)),
    (
        "too early",
        enter(replace(FACTS, sessions=(LATER,))),
        Denied(Reason.HALL_CLOSED, opens_at=LATER.opens_at, session_id=6),
    ),
    ("nothing more today", enter(replace(FACTS, sessions=())), Denied(Reason.HALL_CLOSED)),
    ("shut by staff", enter(hall(closed=True)), Denied(Reason.HALL_CLOSED)),
    (
        "inside already",
        enter(replace(FACTS, presence=INSIDE)),
        Denied(Reason.ALREADY_INSIDE, since=INSIDE.since, door="West"),
    ),
    (
        "admitted before a restart, whatever the anti-passback",
        enter(replace(hall(anti_passback=AntiPassback.OFF), passed_at=NOON, presence=INSIDE)),
        Denied(Reason.BEFORE_RESTART, since=NOON),
    ),
    ("full", enter(replace(FACTS, free_places=0)), Denied(Reason.HALL_FULL)),
    ("retired", enter(replace(FACTS, kiosk_retired=True)), Denied(Reason.KIOSK_RETIRED)),
    ("at an assembly point", enter(replace(FACTS, roll_call=True)), Denied(Reason.ROLL_CALL)),
    ("its shift ended", enter(replace(FACTS, door_resting=True)), Denied(Reason.DOOR_RESTING)),
    (
        "old facts",
        enter(replace(hall(facts_age_max_ms=1000), facts_age_ms=1001)),
        Denied(Reason.FACTS_TOO_OLD),
    ),
    (
        "no facts ever",
        enter(replace(hall(facts_age_max_ms=1000), facts_age_ms=None)),
        Denied(Reason.FACTS_TOO_OLD),
    ),
]

ADMITTED = [
    ("invited by name", enter(holder(invited_to=frozenset({5})), badge(category=SPEAKER)), set()),
    ("a newer issue than known", enter(holder(highest_issue=1), badge(issue=2)), set()),
    ("the hall's own rule", enter(hall(categories=frozenset({SPEAKER})), badge(category=2)), set()),
    (
        "an open hall between sessions",
        enter(
            replace(hall(categories=frozenset({DELEGATE}), sessions_only=False), sessions=(LATER,))
        ),
        set(),
    ),
    (
        "a day credential",
        enter(holder(day_credentials=TODAY), DAY_CREDENTIAL),
        {Flag.DAY_CREDENTIAL},
    ),
    (
        "a day credential that asks for an ID",
        enter(badge=replace(DAY_CREDENTIAL, flags=CredentialFlag.ATTENTION)),
        {Flag.CHECK_DAY, Flag.DAY_CREDENTIAL},
    ),
    ("a day credential is out for tomorrow", enter(holder(day_credentials=TOMORROW)), set()),
    (
        "a day credential of the badge before",
        enter(holder(day_credentials=TODAY, highest_issue=2), badge(issue=2)),
        set(),
    ),
    ("the badge before one taken back", enter(holder(highest_issue=1, withdrawn_to=2)), set()),
    (
        "the badge after one taken back",
        enter(holder(highest_issue=1, withdrawn_to=2), badge(issue=3)),
        set(),
    ),
    ("the issue after a likely copy", enter(holder(copied_issue=1), badge(issue=2)), set()),
    (
        "a likely copy where the hall is not strict",
        enter(
            replace(hall(anti_passback=AntiPassback.SOFT), holder=Holder(copied_issue=1)),
        ),
        {Flag.LIKELY_COPY},
    ),
    (
        "soft anti-passback",
        enter(replace(hall(anti_passback=AntiPassback.SOFT), presence=INSIDE)),
        {Flag.PASSBACK},
    ),
    (
        "no anti-passback",
        enter(replace(hall(anti_passback=AntiPassback.OFF), presence=INSIDE)),
        set(),
    ),
    (
        "to be escorted",
        enter(badge=badge(flags=CredentialFlag.ESCORT | CredentialFlag.ATTENTION)),
        {Flag.ESCORT, Flag.ATTENTION},
    ),
    ("facts just fresh enough", enter(replace(hall(facts_age_max_ms=9), facts_age_ms=9)), set()),
    ("at the very opening", enter(at=SESSION.opens_at), set()),
]


@pytest.mark.parametrize(("name", "answer", "expected"), DENIED, ids=[row[0] for row in DENIED])
def test_denied(name: str, answer: object, expected: Denied) -> None:
    assert answer == expected


@pytest.mark.parametrize(("name", "answer", "flags"), ADMITTED, ids=[row[0] for row in ADMITTED])
def test_admitted(name: str, answer: object, flags: set[Flag]) -> None:
    assert isinstance(answer, Admitted)
    assert answer.flags == flags


def test_every_reason_has_a_case() -> None:
    assert {row[2].reason for row in DENIED} == set(Reason)


def test_closing_is_exclusive() -> None:
    only = replace(FACTS, sessions=(SESSION,))
    assert enter(only, at=SESSION.closes_at) == Denied(Reason.HALL_CLOSED)


def test_an_exit_names_its_stay_or_the_reason_why_not() -> None:
    assert leave(replace(FACTS, presence=INSIDE)) == Admitted(closes=STAY)
    assert leave() == Admitted(flags=frozenset({Flag.NO_ENTRY}))
    assert leave(badge=Reason.FORGED) == Admitted(flags=frozenset({Flag.UNVERIFIED}))


def test_the_first_failing_check_answers() -> None:
    """Causes that the holder can't change come first; those that pass by themselves come last."""
    everything = replace(
        hall(closed=True, facts_age_max_ms=1),
        holder=Holder(revoked=True, highest_issue=9),
        presence=INSIDE,
        free_places=0,
        kiosk_retired=True,
        facts_age_ms=None,
    )
    assert enter(everything) == Denied(Reason.REVOKED)
    assert enter(replace(everything, holder=Holder())) == Denied(Reason.HALL_CLOSED)
