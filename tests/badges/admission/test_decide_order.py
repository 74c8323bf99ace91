"""The order of the checks, one by one, and the cases on both sides of each limit."""

from dataclasses import replace

import pytest

from badges.admission.decide import event_day
from badges.admission.facts import Calendar, Denied, Holder, Outer, Reason
from badges.credential.credential import Kind
from tests.badges.admission.test_decide import (
    BADGE,
    DAY,
    FACTS,
    HALL,
    HOUR,
    INSIDE,
    LATER,
    MIDNIGHT,
    NOON,
    PRESS,
    SESSION,
    SPEAKER,
    badge,
    enter,
    hall,
)

TODAY = frozenset({(BADGE.issue, 0)})
# Every possible objection to an entry at once.
EVERYTHING = replace(
    FACTS,
    hall=replace(HALL, closed=True, zones=0b10, facts_age_max_ms=1),
    holder=Holder(revoked=True, highest_issue=9, day_credentials=TODAY),
    passed_at=0,
    presence=INSIDE,
    free_places=0,
    key_expired=True,
    kiosk_retired=True,
    door_resting=True,
    facts_age_ms=None,
)
# Each check's answer, in order, and the facts that remove its reason.
IN_ORDER = [
    (
        Reason.REVOKED,
        lambda facts: replace(facts, holder=Holder(highest_issue=9, day_credentials=TODAY)),
    ),
    (Reason.SUPERSEDED, lambda facts: replace(facts, holder=Holder(day_credentials=TODAY))),
    (Reason.NOT_VALID_TODAY, lambda facts: replace(facts, calendar=FACTS.calendar)),
    (Reason.DAY_CREDENTIAL, lambda facts: replace(facts, holder=Holder())),
    (Reason.EXPIRED, lambda facts: replace(facts, key_expired=False)),
    (Reason.NOT_ENTITLED, lambda facts: replace(facts, hall=replace(facts.hall, zones=0b1))),
    (Reason.HALL_CLOSED, lambda facts: replace(facts, hall=replace(facts.hall, closed=False))),
    (Reason.BEFORE_RESTART, lambda facts: replace(facts, passed_at=None)),
    (Reason.ALREADY_INSIDE, lambda facts: replace(facts, presence=None)),
    (Reason.KIOSK_RETIRED, lambda facts: replace(facts, kiosk_retired=False)),
    (Reason.DOOR_RESTING, lambda facts: replace(facts, door_resting=False)),
    (Reason.HALL_FULL, lambda facts: replace(facts, free_places=1)),
    (Reason.FACTS_TOO_OLD, lambda facts: replace(facts, facts_age_ms=0)),
]


def test_each_reason_comes_before_all_later_ones() -> None:
    facts = replace(EVERYTHING, calendar=replace(FACTS.calendar, day_starts=(MIDNIGHT + DAY,) * 2))
    for reason, without in IN_ORDER:
        decision = enter(facts)
        assert isinstance(decision, Denied)
        assert decision.reason is reason
        facts = without(facts)
    assert not isinstance(enter(facts), Denied)


def test_full_comes_after_already_inside() -> None:
    """A person inside should learn that, and not wait for a place."""
    facts = replace(FACTS, presence=INSIDE, free_places=0)
    assert enter(facts).reason is Reason.ALREADY_INSIDE


@pytest.mark.parametrize("shut", ["kiosk_retired", "door_resting"])
def test_a_door_that_returned_its_places_gives_the_reason(shut: str) -> None:
    """A full hall, its own or an outer one, is not the cause there."""
    around = Outer(replace(HALL, hall_id=2), None, 0)
    facts = replace(FACTS, free_places=0, outer=(around,), **{shut: True})
    assert enter(facts) == Denied(Reason(shut))
    assert enter(replace(facts, **{shut: False})) == Denied(Reason.HALL_FULL)


@pytest.mark.parametrize("zones", [0b01, 0b10, 0b11, 0b111])
def test_any_zone_of_the_hall_is_enough(zones: int) -> None:
    assert not isinstance(enter(hall(zones=0b11), badge(zones=zones)), Denied)


def test_one_zone_of_several_is_enough() -> None:
    assert not isinstance(enter(hall(zones=0b10), badge(zones=0b11)), Denied)
    assert enter(hall(zones=0b100), badge(zones=0b11)).reason is Reason.NOT_ENTITLED


def test_a_holder_of_another_zone_gets_the_admitted_categories() -> None:
    facts = hall(zones=0b10, categories=frozenset({SPEAKER}))
    assert enter(facts) == Denied(Reason.NOT_ENTITLED, categories=frozenset({SPEAKER}))


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (MIDNIGHT - 1, None),
        (MIDNIGHT, 0),
        (MIDNIGHT + DAY - 1, 0),
        (MIDNIGHT + DAY, 1),
        (MIDNIGHT + 2 * DAY - 1, 1),
        (MIDNIGHT + 2 * DAY, None),
    ],
)
def test_midnight_belongs_to_the_day_that_begins(at: int, day: int | None) -> None:
    assert event_day(FACTS.calendar.day_starts, at) == day


@pytest.mark.parametrize(("valid_days", "at"), [(0b01, MIDNIGHT), (0b10, MIDNIGHT + DAY)])
def test_a_badge_is_good_from_its_day_s_first_moment(valid_days: int, at: int) -> None:
    facts = replace(hall(categories=frozenset({BADGE.category}), sessions_only=False), sessions=())
    mine = badge(valid_days=valid_days)
    assert not isinstance(enter(facts, mine, at=at), Denied)
    assert enter(facts, mine, at=at - 1).reason is Reason.NOT_VALID_TODAY
    assert enter(facts, mine, at=at + DAY).reason is Reason.NOT_VALID_TODAY


@pytest.mark.parametrize(
    ("at", "admitted"),
    [
        (SESSION.opens_at - 1, False),
        (SESSION.opens_at, True),
        (SESSION.closes_at - 1, True),
        (SESSION.closes_at, False),
    ],
)
def test_a_session_admits_from_its_opening_to_before_its_closing(at: int, admitted: bool) -> None:
    assert isinstance(enter(replace(FACTS, sessions=(SESSION,)), at=at), Denied) is not admitted


def test_the_next_session_is_named_until_it_opens() -> None:
    only = replace(FACTS, sessions=(LATER,))
    before = enter(only, at=LATER.opens_at - 1)
    assert before == Denied(Reason.HALL_CLOSED, opens_at=LATER.opens_at, session_id=6)
    assert not isinstance(enter(only, at=LATER.opens_at), Denied)


def test_a_session_that_is_over_is_not_the_nearest() -> None:
    """A speaker comes when the opening has just closed: the answer is about the next session."""
    decision = enter(badge=badge(category=SPEAKER), at=SESSION.closes_at)
    assert decision == Denied(
        Reason.NOT_ENTITLED, session_id=6, categories=frozenset({BADGE.category, PRESS})
    )


def test_before_a_session_the_answer_is_about_it_and_not_about_another_day() -> None:
    """A delegate comes ten minutes before today's session for speakers. Theirs is tomorrow."""
    at = LATER.opens_at - HOUR // 6
    today = replace(LATER, categories=frozenset({SPEAKER}))
    tomorrow = replace(
        SESSION, session_id=7, opens_at=SESSION.opens_at + DAY, closes_at=SESSION.closes_at + DAY
    )
    both = replace(FACTS, sessions=(today, tomorrow))
    mine = badge(valid_days=0b11)
    assert enter(both, mine, at=at) == Denied(
        Reason.NOT_ENTITLED,
        session_id=6,
        categories=frozenset({SPEAKER}),
        opens_at=tomorrow.opens_at,
    )
    later_today = replace(tomorrow, opens_at=at + HOUR, closes_at=at + 2 * HOUR)
    decision = enter(replace(FACTS, sessions=(today, later_today)), mine, at=at)
    assert decision == Denied(Reason.HALL_CLOSED, opens_at=later_today.opens_at, session_id=7), (
        "the holder's own session is today"
    )
    both_tomorrow = (
        replace(today, opens_at=today.opens_at + DAY, closes_at=today.closes_at + DAY),
        replace(tomorrow, opens_at=tomorrow.opens_at + 5 * HOUR),
    )
    decision = enter(replace(FACTS, sessions=both_tomorrow), mine, at=at)
    assert decision.reason is Reason.HALL_CLOSED, "nothing more opens today"


def test_a_session_of_a_day_on_which_the_badge_is_not_valid_is_not_named() -> None:
    """It would send the holder away to a door that denies them."""
    at = LATER.opens_at - HOUR // 6
    today = replace(LATER, categories=frozenset({SPEAKER}))
    tomorrow, day_after = (
        replace(
            SESSION,
            session_id=7 + days,
            opens_at=SESSION.opens_at + days * DAY,
            closes_at=SESSION.closes_at + days * DAY,
        )
        for days in (1, 2)
    )
    facts = replace(FACTS, calendar=Calendar(tuple(MIDNIGHT + day * DAY for day in range(4))))
    alone, all_days = (
        replace(facts, sessions=sessions)
        for sessions in ((tomorrow, day_after), (today, tomorrow, day_after))
    )
    cards = {
        badge(valid_days=0b001): None,
        badge(kind=Kind.DAY, valid_days=0b001): None,
        badge(valid_days=0b101): day_after,
        badge(valid_days=0b111): tomorrow,
    }
    for mine, named in cards.items():
        opens_at, session_id = (named.opens_at, named.session_id) if named else (None, None)
        assert enter(alone, mine, at=at) == Denied(
            Reason.HALL_CLOSED, opens_at=opens_at, session_id=session_id
        )
        assert enter(all_days, mine, at=at) == Denied(
            Reason.NOT_ENTITLED, opens_at=opens_at, session_id=6, categories=frozenset({SPEAKER})
        )


def test_an_invitation_to_a_later_session_is_worth_waiting_for() -> None:
    facts = replace(FACTS, holder=Holder(invited_to=frozenset({6})), sessions=(LATER,))
    decision = enter(facts, badge(category=SPEAKER))
    assert decision == Denied(Reason.HALL_CLOSED, opens_at=LATER.opens_at, session_id=6)


def test_a_hall_without_a_rule_of_its_own_is_shut_between_sessions() -> None:
    """It is not for sessions only, yet it admits no one else."""
    facts = replace(hall(sessions_only=False), sessions=(LATER,))
    decision = enter(facts)
    assert decision == Denied(Reason.HALL_CLOSED, opens_at=LATER.opens_at, session_id=6)


def test_one_place_is_enough_and_a_debt_is_none() -> None:
    assert not isinstance(enter(replace(FACTS, free_places=1)), Denied)
    for places in (0, -1):
        assert enter(replace(FACTS, free_places=places)).reason is Reason.HALL_FULL


def test_the_first_session_that_admits_is_the_one_recorded() -> None:
    both = replace(
        FACTS, sessions=(SESSION, replace(LATER, opens_at=NOON, closes_at=LATER.closes_at))
    )
    assert enter(both).session_id == 5
    assert enter(replace(both, holder=Holder(refused_from=frozenset({5})))).session_id == 6


def test_the_issue_that_is_known_is_not_superseded() -> None:
    facts = replace(FACTS, holder=Holder(highest_issue=BADGE.issue))
    assert not isinstance(enter(facts), Denied)


def test_a_hall_for_others_refuses_and_a_hall_without_rules_is_closed() -> None:
    """With nothing left on the programme."""
    others = replace(hall(categories=frozenset({SPEAKER})), sessions=())
    assert enter(others) == Denied(Reason.NOT_ENTITLED, categories=frozenset({SPEAKER}))
    by_name = replace(hall(sessions_only=False), sessions=())
    assert enter(by_name) == Denied(Reason.NOT_ENTITLED)
    assert enter(replace(FACTS, sessions=())) == Denied(Reason.HALL_CLOSED)


def test_who_the_hall_admits_gets_in_beside_a_session_of_others() -> None:
    mine = hall(categories=frozenset({SPEAKER}), sessions_only=False)
    assert not isinstance(enter(mine, badge(category=SPEAKER)), Denied)
    assert enter(mine, badge(category=PRESS)).reason is Reason.NOT_ENTITLED
    refused = replace(mine, holder=Holder(refused_from=frozenset({5})))
    assert enter(refused, badge(category=SPEAKER)).reason is Reason.NOT_ENTITLED
    elsewhere = replace(mine, holder=Holder(refused_from=frozenset({6})))
    assert not isinstance(enter(elsewhere, badge(category=SPEAKER)), Denied)


def test_a_hall_for_sessions_alone_is_shut_between_them_to_its_own_categories_too() -> None:
    mine = replace(hall(categories=frozenset({BADGE.category})), sessions=(LATER,))
    assert enter(mine) == Denied(Reason.HALL_CLOSED, opens_at=LATER.opens_at, session_id=6)


class TestRollCall:
    """At an assembly point a scan notes a person as seen. It never admits."""

    ROLLING = replace(EVERYTHING, kiosk_retired=False, roll_call=True, holder=Holder())

    def test_whatever_a_door_would_ask_besides(self) -> None:
        assert enter(self.ROLLING) == Denied(Reason.ROLL_CALL)
        willing = replace(FACTS, roll_call=True)
        assert enter(willing) == Denied(Reason.ROLL_CALL)

    @pytest.mark.parametrize(
        ("holder", "reason"),
        [
            (Holder(revoked=True), Reason.REVOKED),
            (Holder(highest_issue=9), Reason.SUPERSEDED),
            (Holder(day_credentials=TODAY), Reason.DAY_CREDENTIAL),
        ],
    )
    def test_a_card_that_another_person_may_have_shows_no_name(
        self, holder: Holder, reason: Reason
    ) -> None:
        facts = replace(FACTS, roll_call=True, holder=holder)
        assert enter(facts) == Denied(reason)

    def test_yesterdays_day_credential_shows_no_name(self) -> None:
        facts = replace(FACTS, roll_call=True)
        card = replace(BADGE, kind=Kind.DAY, valid_days=0b10)
        assert enter(facts, card) == Denied(Reason.NOT_VALID_TODAY)

    def test_todays_day_credential_is_noted(self) -> None:
        facts = replace(FACTS, roll_call=True)
        card = replace(BADGE, kind=Kind.DAY, valid_days=0b1)
        assert enter(facts, card) == Denied(Reason.ROLL_CALL)

    def test_a_retired_kiosk_gives_that_reason(self) -> None:
        facts = replace(FACTS, roll_call=True, kiosk_retired=True)
        assert enter(facts) == Denied(Reason.KIOSK_RETIRED)
        tomorrow = replace(BADGE, valid_days=0b10)
        assert enter(facts, tomorrow) == Denied(Reason.KIOSK_RETIRED)
