"""Edits of the venue: a kiosk that applies one has the facts of a snapshot, or asks for one."""

import random
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from badges.wire import wire
from badges.wire.venue_edit import OtherVenueError, apply_edit, digest, find_edit, venue_of
from tests.kiosk.support.door_fixture import NOON, hall_facts, snapshot, stay_of
from tests.tries import tries

HOUR = 3_600_000
OUTER = hall_facts(hall=8, names={"en": "Site"})


def session(number: int, **changes: Any) -> wire.SessionFacts:
    facts: dict[str, Any] = {
        "session": number,
        "titles": {"en": f"Talk {number}", "zh": "报告"},
        "opens_at": NOON,
        "closes_at": NOON + HOUR,
        "categories": [1],
        "invited": [5, 6],
        "refused": [],
        "starts_at": NOON,
        "ends_at": NOON + 2 * HOUR,
    }
    return wire.SessionFacts(**{**facts, **changes})


def facts(**changes: Any) -> wire.Snapshot:
    return snapshot(
        **{
            "sessions": [session(number) for number in range(1, 4)],
            "supervisors": [
                wire.SupervisorFacts(1, "Mei", "hash"),
                wire.SupervisorFacts(2, "Omar", "hash"),
            ],
            "outer": [wire.OuterFacts(OUTER, [stay_of("east", 3, 9)])],
            "stays": [stay_of("south-1", 4, 77)],
            "orders": [wire.PlaceOrder(7, 5, 0, 1)],
            "holders": [wire.HolderFacts(5, 2, True)],
            **changes,
        }
    )  # fmt: skip


EDITS = [
    {"categories": [wire.CategoryFacts(1, "guest", {"en": "Guest"}, "G", "#000000")]},
    {"hall": hall_facts(closed=True)},
    {"door": wire.DoorFacts(door=70, names={"en": "Gate"}, mode="exit")},
    {"outer": [wire.OuterFacts(hall_facts(hall=8, closed=True), [])]},
    {"doors": {"70": {"en": "Gate"}, "100": {"en": "New"}}},
    {"sessions": [session(1), session(2, titles={"en": "Another"}), session(3)]},
    {"sessions": [session(1), session(3, opens_at=NOON - 1), session(4)]},
    {"sessions": []},
    {"supervisors": [wire.SupervisorFacts(1, "Mei", "another hash")]},
    {"supervisors": [wire.SupervisorFacts(2, "Zoe", "hash"), wire.SupervisorFacts(3, "Ann", "h")]},
    {"accessible": [4, 5]},
    {"servers": b"signed"},
    {},
]


@pytest.mark.parametrize("change", EDITS)
def test_an_edit_leads_to_the_facts_of_a_snapshot(change: dict[str, Any]) -> None:
    before, after = facts(), facts(**change)
    edit = find_edit(before, after, NOON)
    assert edit is not None
    sent = wire.decode_change(wire.encode_change(edit))
    assert isinstance(sent, wire.VenueEdited)
    edited = apply_edit(before, sent)
    assert venue_of(edited, NOON) == venue_of(after, NOON)
    assert (edited.stays, edited.holders, edited.orders) == (
        before.stays, before.holders, before.orders,
    )  # fmt: skip
    assert edited.outer_facts[0].stays == before.outer_facts[0].stays


def test_an_edit_has_only_the_changes() -> None:
    changed = session(2, titles={"en": "Another"})
    edit = find_edit(facts(), facts(sessions=[session(1), changed, session(3)]), NOON)
    assert edit == wire.VenueEdited(at=NOON, digest=edit.digest, sessions=[changed])
    nothing = find_edit(facts(), facts(), NOON)
    assert nothing is not None
    assert len(wire.encode_change(nothing)) < 100


def test_places_are_kept_no_more() -> None:
    edit = find_edit(facts(accessible=[4]), facts(), NOON)
    assert edit is not None
    assert apply_edit(facts(accessible=[4]), edit).accessible is UNSET


@pytest.mark.parametrize(
    "change",
    [
        {"event_name": {"en": "Another"}},
        {"time_zone": "UTC"},
        {"log_key": b"another"},
        {"hall": hall_facts(hall=9)},
        {"outer": UNSET},
        {"outer": [wire.OuterFacts(hall_facts(hall=9), [])]},
    ],
)
def test_more_than_an_edit_can_change(change: dict[str, Any]) -> None:
    assert find_edit(facts(), facts(**change), NOON) is None


def test_servers_are_not_taken_away_by_an_edit() -> None:
    assert find_edit(facts(servers=b"signed"), facts(), NOON) is None


@pytest.mark.parametrize(
    "own",
    [
        facts(sessions=[session(1), session(2)]),
        facts(hall=hall_facts(capacity=1)),
        facts(supervisors=[]),
        facts(event_name={"en": "Another"}),
        facts(outer=UNSET),
        facts(salted=True),
    ],
)
def test_a_kiosk_with_other_facts_applies_nothing(own: wire.Snapshot) -> None:
    edit = find_edit(facts(), facts(categories=[]), NOON)
    assert edit is not None
    with pytest.raises(OtherVenueError):
        apply_edit(own, edit)


def test_an_edit_of_outer_halls_is_for_a_door_that_leads_into_them() -> None:
    edit = find_edit(
        facts(), facts(outer=[wire.OuterFacts(hall_facts(hall=8, closed=True), [])]), NOON
    )
    assert edit is not None
    with pytest.raises(OtherVenueError, match="another door"):
        apply_edit(facts(outer=UNSET), edit)


def test_the_digest_is_of_the_venue_alone() -> None:
    other = facts(
        cursor=99, answered_at=NOON + 1, incarnation=3, holders=[], stays=[], orders=[],
        retired=True, outer=[wire.OuterFacts(OUTER, [])],
    )  # fmt: skip
    assert digest(other, NOON) == digest(facts(), NOON)
    assert digest(facts(outer=[]), NOON) == digest(facts(outer=UNSET), NOON)
    reordered = facts(
        sessions=[session(number) for number in (3, 1, 2)], supervisors=facts().supervisors[::-1]
    )
    assert digest(reordered, NOON) == digest(facts(), NOON)


def test_both_ends_compute_the_same_digest_in_all_versions() -> None:
    """Another one would bring kiosks of earlier versions a whole snapshot with each edit."""
    fixed = facts(ring=b"ring", log_key=b"key")
    assert digest(fixed, NOON).hex() == "bbf6eee6bc802c8b9d2e699cb8df773d"
    alone = replace(fixed, outer=UNSET)
    assert digest(alone, NOON).hex() == "5e8f5e9142282be1dc8d5de4e08df092"


class TestSessionsThatAreOver:
    """A snapshot leaves them out, and an edit does too, whenever the kiosk got its facts."""

    def test_they_go_with_the_next_edit(self) -> None:
        before = facts(sessions=[session(1, ends_at=NOON + HOUR), session(2), session(3)])
        at = NOON + HOUR
        after = facts(
            sessions=[session(2, categories=[], invited=[]), session(3, categories=[], invited=[])]
        )
        edit = find_edit(before, after, at)
        assert edit is not None
        assert edit.sessions == edit.sessions_gone == []
        assert apply_edit(before, edit).sessions == after.sessions

    def test_a_kiosk_that_took_its_snapshot_later_understands_the_edit(self) -> None:
        at = NOON + 3 * HOUR
        edit = find_edit(facts(), facts(sessions=[], hall=hall_facts(closed=True)), at)
        assert edit is not None
        assert apply_edit(facts(sessions=[]), edit).hall.closed

    def test_a_session_without_an_end_is_over_once_it_closes(self) -> None:
        endless = facts(sessions=[session(1, ends_at=UNSET)])
        assert venue_of(endless, NOON + HOUR - 1).sessions == endless.sessions
        assert venue_of(endless, NOON + HOUR).sessions == []

    def test_one_that_is_closed_has_no_guests(self) -> None:
        running = facts(sessions=[session(1, refused=[7])])
        (shown,) = venue_of(running, NOON + HOUR).sessions
        assert (shown.categories, shown.invited, shown.refused) == ([], [], [])
        assert venue_of(running, NOON + 2 * HOUR).sessions == []

    def test_the_digest_does_not_depend_on_them(self) -> None:
        at = NOON + 3 * HOUR
        assert digest(facts(), at) == digest(facts(sessions=[]), at)


def some_facts(dice: random.Random) -> dict[str, Any]:
    """Return venue facts drawn at random, of the same door."""
    numbers = dice.sample(range(1, 8), dice.randrange(6))
    users = dice.sample(range(1, 6), dice.randrange(5))
    doors = dice.sample((70, 71, 100, 9), dice.randrange(1, 5))
    return {
        "sessions": [
            session(
                number,
                opens_at=NOON + dice.randrange(-3, 3) * HOUR,
                closes_at=NOON + dice.randrange(-1, 4) * HOUR,
                ends_at=NOON + dice.randrange(-1, 4) * HOUR,
                titles={"en": dice.choice("ab")},
            )
            for number in numbers
        ],
        "supervisors": [
            wire.SupervisorFacts(user, dice.choice(["Mei", "Omar", "Zoe"]), dice.choice("ab"))
            for user in users
        ],
        "doors": {str(door): {"en": dice.choice("ab")} for door in doors},
        "hall": hall_facts(closed=dice.random() < 0.5),
        "outer": [wire.OuterFacts(hall_facts(hall=8, closed=dice.random() < 0.5), [])],
        "accessible": dice.choice([UNSET, [1], [1, 2]]),
        "servers": dice.choice([b"one", b"two"]),
    }


def test_random_edits_in_a_row_leave_the_facts_of_a_snapshot() -> None:
    first = tries.first_seed()
    for seed in range(first, first + tries(200)):
        dice = random.Random(seed)
        at, server = NOON, facts(**some_facts(dice))
        kiosk = server
        for _ in range(6):
            at += dice.randrange(HOUR)
            after = facts(**some_facts(dice))
            edit = find_edit(server, after, at)
            assert edit is not None, seed
            kiosk, server = apply_edit(kiosk, edit), after
            assert venue_of(kiosk, at) == venue_of(server, at), seed
            assert replace(kiosk, cursor=0) == replace(
                kiosk, cursor=0, **{field: getattr(venue_of(server, at), field)
                                    for field in ("sessions", "supervisors", "doors")}
            ), seed  # fmt: skip
