"""A hall's programme at its door, and the greeting of speakers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from badges.admission.facts import Direction
from badges.wire import wire
from kiosk.door.programme import (
    HOSTS_SHOWN,
    SPEAKERS_SHOWN,
    ShownSession,
    ShownSpeaker,
    Speaks,
    now_and_next,
)
from tests.kiosk.support.door_fixture import DAY_MS, NOON, Clock, LocalDoor, badge

MINUTE, HOUR = 60_000, 3_600_000
# The venue's noon, in Shanghai, is some hours away: NOON is the door's clock.
KEYNOTE, MODERATOR, GUEST = 0x21, 0x22, 0x23


def session(number: int, starts_at: int, **changes: object) -> wire.SessionFacts:
    facts: dict[str, object] = {
        "session": number,
        "titles": {"en": f"Session {number}", "zh": f"场次{number}"},
        "opens_at": starts_at - 30 * MINUTE,
        "closes_at": starts_at + HOUR,
        "categories": [1],
        "invited": [],
        "refused": [],
        "starts_at": starts_at,
        "ends_at": starts_at + HOUR,
        "kind": {"en": "Conference", "zh": "会议"},
        "hosts": [{"en": "Academy"}],
        "speakers": [wire.SpeakerFacts(name="Ada Weber", role="keynote", serial=KEYNOTE)],
    }
    return wire.SessionFacts(**{**facts, **changes})


@pytest.fixture
def door(tmp_path: Path) -> Iterator[LocalDoor]:
    opened = LocalDoor(tmp_path, Clock())
    opened.grant(5)
    yield opened
    opened.close()


def shown(door: LocalDoor, *sessions: wire.SessionFacts, at: int = NOON) -> list[tuple[str, str]]:
    door.load(sessions=list(sessions))
    assert door.replica.context is not None
    return [(entry.when, entry.titles["en"]) for entry in now_and_next(door.replica.context, at)]


def test_the_sessions_now_and_next(door: LocalDoor) -> None:
    first, second, third = (session(n, NOON + (n - 1) * 2 * HOUR) for n in (1, 2, 3))
    assert shown(door, third, first, second) == [("now", "Session 1"), ("next", "Session 2")]
    assert shown(door, first, second, at=NOON - 1) == [("next", "Session 1")]
    assert shown(door, first, second, at=NOON + HOUR) == [("next", "Session 2")]
    assert shown(door, first, at=NOON + HOUR) == []


def test_of_two_that_go_on_the_later_is_shown(door: LocalDoor) -> None:
    day = session(1, NOON - 2 * HOUR, ends_at=NOON + 2 * HOUR)
    assert shown(door, day, session(2, NOON)) == [("now", "Session 2")]


def test_all_of_it_is_there(door: LocalDoor) -> None:
    speakers = [wire.SpeakerFacts(name=f"P {n}", role="panellist") for n in range(20)]
    shown(door, session(1, NOON, speakers=speakers, hosts=[{"en": f"H {n}"} for n in range(5)]))
    (entry,) = now_and_next(door.replica.context, NOON)
    assert entry == ShownSession(
        when="now",
        titles={"en": "Session 1", "zh": "场次1"},
        starts_at=NOON,
        ends_at=NOON + HOUR,
        kind={"en": "Conference", "zh": "会议"},
        hosts=tuple({"en": f"H {n}"} for n in range(HOSTS_SHOWN)),
        speakers=tuple(ShownSpeaker(f"P {n}", "panellist") for n in range(SPEAKERS_SHOWN)),
        today=True,
        more=20 - SPEAKERS_SHOWN,
    )


def test_the_next_session_may_be_on_another_day(door: LocalDoor) -> None:
    later = session(2, NOON + DAY_MS)
    assert shown(door, session(1, NOON), later) == [("now", "Session 1")]
    assert shown(door, later) == [("next", "Session 2")]
    (entry,) = now_and_next(door.replica.context, NOON)
    assert not entry.today


def test_an_earlier_server_sends_no_programme(door: LocalDoor) -> None:
    bare = wire.SessionFacts(
        session=1,
        titles={"en": "Bare"},
        opens_at=NOON,
        closes_at=NOON + HOUR,
        categories=[1],
        invited=[],
        refused=[],
    )
    assert shown(door, bare) == []
    assert door.present(badge(KEYNOTE)).speaks is None


def test_the_programme_outlives_a_restart(door: LocalDoor) -> None:
    shown(door, session(1, NOON))
    door.restart()
    assert now_and_next(door.replica.context, NOON)[0].titles["en"] == "Session 1"
    assert door.present(badge(KEYNOTE)).speaks == Speaks("keynote", NOON)


SPEAKERS = [
    wire.SpeakerFacts(name="Ada Weber", role="keynote", serial=KEYNOTE, starts_at=NOON + HOUR),
    wire.SpeakerFacts(name="Mo Der", role="moderator", serial=MODERATOR),
    wire.SpeakerFacts(name="No Body", role="speaker"),
]


@pytest.mark.parametrize(
    ("serial", "minutes", "greeted"),
    [
        (KEYNOTE, -60, Speaks("keynote", NOON + HOUR)),  # before the session
        (KEYNOTE, 0, Speaks("keynote", NOON + HOUR)),
        (KEYNOTE, 119, Speaks("keynote", NOON + HOUR)),  # until it is over
        (KEYNOTE, 120, None),
        (MODERATOR, 0, Speaks("moderator", NOON)),  # of no talk: from the session's beginning
        (GUEST, 0, None),
    ],
)
def test_a_speaker_is_greeted_before_and_during(
    door: LocalDoor, serial: int, minutes: int, greeted: Speaks | None
) -> None:
    door.load(sessions=[session(1, NOON, ends_at=NOON + 2 * HOUR, speakers=SPEAKERS)])
    door.clock.pass_ms(minutes * MINUTE)
    assert door.present(badge(serial)).speaks == greeted


def test_the_next_of_several_talks_counts(door: LocalDoor) -> None:
    second = wire.SpeakerFacts(name="Ada Weber", role="moderator", serial=KEYNOTE)
    door.load(sessions=[session(2, NOON + 2 * HOUR, speakers=[second]), session(1, NOON)])
    assert door.present(badge(KEYNOTE)).speaks == Speaks("keynote", NOON)
    door.clock.pass_ms(HOUR)
    answer = door.present(badge(KEYNOTE), direction=Direction.EXIT)
    assert answer.speaks is None  # no greeting on the way out
    assert door.present(badge(KEYNOTE)).speaks == Speaks("moderator", NOON + 2 * HOUR)


def test_another_days_talk_is_no_greeting_yet(door: LocalDoor) -> None:
    door.load(sessions=[session(1, NOON + DAY_MS)])
    assert door.present(badge(KEYNOTE)).speaks is None


def test_a_speaker_who_is_denied_is_named_as_one(door: LocalDoor) -> None:
    """So that the steward at a full hall's door calls a person who can help."""
    door.load(sessions=[session(1, NOON)])
    for serial in range(0x40, 0x45):
        assert door.present(badge(serial)).admitted
    answer = door.present(badge(KEYNOTE))
    assert not answer.admitted
    assert answer.speaks == Speaks("keynote", NOON)


def test_a_doubtful_badge_greets_no_speaker(door: LocalDoor) -> None:
    for facts in (wire.HolderFacts(KEYNOTE, 2, False), wire.HolderFacts(KEYNOTE, 1, True)):
        door.load(sessions=[session(1, NOON)], holders=[facts])
        answer = door.present(badge(KEYNOTE))
        assert not answer.admitted
        assert answer.speaks is None
