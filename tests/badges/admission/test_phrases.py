"""Every answer is a plain sentence in both languages, at the venue's own time."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest

from badges.admission.facts import Admitted, Decision, Denied, Direction, Flag, Reason
from badges.admission.phrases import Explanation, Language, Tone, explain, tone
from badges.admission.sentences import FLAGS, REFUSALS
from kiosk.texts import catalogue

ZURICH = ZoneInfo("Europe/Zurich")
AT = round(datetime(2026, 9, 21, 13, 33, 20, tzinfo=ZURICH).timestamp() * 1000)
MINUTE = 60_000
CATEGORIES = {
    "en": {1: "Delegate", 2: "Speaker", 4: "Press", 5: "Staff", 6: "VIP"},
    "zh": {1: "代表", 2: "演讲嘉宾", 4: "媒体", 5: "工作人员", 6: "贵宾"},
}
HALL = {"en": "Hall 7", "zh": "7号厅"}


def explained(
    decision: Decision,
    language: Language = "en",
    direction: Direction = Direction.ENTRY,
    *,
    at: int = AT,
    category: int | None = 1,
    hall: str | None = None,
) -> Explanation:
    return explain(
        decision,
        direction,
        language=language,
        words=catalogue.ANSWERS.get(language),
        time_zone="Europe/Zurich",
        at=at,
        categories=CATEGORIES[language],
        category=category,
        hall=HALL[language] if hall is None else hall,
        sessions={5: "Keynote"},
        doors={"3": "North door"},
    )


def not_entitled(*categories: int, **more: Any) -> Denied:
    return Denied(Reason.NOT_ENTITLED, categories=frozenset(categories), **more)


def closed(opens_at: int | None = None, session_id: int | None = None) -> Denied:
    return Denied(Reason.HALL_CLOSED, opens_at=opens_at, session_id=session_id)


ENGLISH = [
    (Denied(Reason.FORGED), "This badge is not genuine"),
    (Denied(Reason.REVOKED), "This badge was revoked"),
    (Denied(Reason.HALL_FULL), "Hall 7: no place left here"),
    (not_entitled(2, 4), "Hall 7 admits speakers and press"),
    (not_entitled(2, 4, 6), "Hall 7 admits speakers, press and VIPs"),
    (not_entitled(5), "Hall 7 admits staff"),
    (not_entitled(2, session_id=5), "Keynote admits speakers"),
    (not_entitled(session_id=5), "Keynote is by invitation"),
    (not_entitled(session_id=8), "Hall 7 is by invitation"),
    (not_entitled(1, 2), "This badge does not open Hall 7"),  # shut by a zone or a refusal
    (not_entitled(99), "This badge does not open Hall 7"),  # a category without a name
    (closed(), "Hall 7 is closed"),
    (closed(AT + 700_000), "Opens 13:45, in 12 minutes"),
    (closed(AT + 700_000, 5), "Opens 13:45, in 12 minutes: Keynote"),
    (closed(AT + 1), "Opens 13:33, in 1 minute"),
    (closed(AT + 60 * MINUTE), "Opens 14:33, in 1 hour"),
    (closed(AT + 125 * MINUTE), "Opens 15:38, in 2 hours 5 minutes"),
    (closed(AT + 12 * 60 * MINUTE), "Opens tomorrow at 01:33"),
    (closed(AT + 3 * 1440 * MINUTE), "Opens Thu 24 Sep at 13:33"),
    (Denied(Reason.ALREADY_INSIDE), "Already inside"),
    (Denied(Reason.ALREADY_INSIDE, since=AT - 28 * MINUTE), "Already inside since 13:05"),
    (
        Denied(Reason.ALREADY_INSIDE, since=AT - 1440 * MINUTE, door="3"),
        "Already inside since Sun 20 Sep 13:33, by North door",
    ),
    (Denied(Reason.ALREADY_INSIDE, door="East"), "Already inside, by East"),
    (Admitted(), "Welcome to Hall 7"),
    (Admitted(session_id=5), "Keynote"),
    (
        Admitted(flags=frozenset({Flag.ESCORT, Flag.ATTENTION})),
        "This badge asks for attention. Enters only with an escort",
    ),
]


@pytest.mark.parametrize(("decision", "reason"), ENGLISH, ids=[reason for _, reason in ENGLISH])
def test_reason_in_english(decision: Decision, reason: str) -> None:
    assert explained(decision).reason == reason


CHINESE = [
    (not_entitled(2, 4), "7号厅仅限演讲嘉宾、媒体进入"),
    (closed(AT + 700_000, 5), "13:45开放，还有12分钟：Keynote"),
    (closed(AT + 125 * MINUTE), "15:38开放，还有2小时5分钟"),
    (closed(AT + 3 * 1440 * MINUTE), "9月24日周四13:33开放"),
    (Denied(Reason.ALREADY_INSIDE, since=AT - 28 * MINUTE, door="East"), "13:05已从East入场"),
    (Denied(Reason.HALL_FULL), "7号厅：此处已无名额"),
    (Admitted(), "欢迎来到7号厅"),
]


@pytest.mark.parametrize(("decision", "reason"), CHINESE, ids=[reason for _, reason in CHINESE])
def test_reason_in_chinese(decision: Decision, reason: str) -> None:
    assert explained(decision, "zh").reason == reason


def test_holders_own_session_is_the_next_step() -> None:
    denied = not_entitled(2, session_id=5, opens_at=AT + 90 * MINUTE)

    assert explained(denied).reason == "Keynote admits speakers"
    own = "The holder's own session here opens"
    assert explained(denied).next_step == f"{own} 15:03, in 1 hour 30 minutes"
    chinese = "持证人可参加的下一场次15:03开放入场，还有1小时30分钟"
    assert explained(denied, "zh").next_step == chinese
    denied = not_entitled(2, session_id=5, opens_at=AT + 24 * 60 * MINUTE)
    assert explained(denied).next_step == f"{own} tomorrow at 13:33"
    assert explained(denied, "zh").next_step == "持证人可参加的下一场次明天13:33开放入场"
    denied = not_entitled(2, session_id=5, opens_at=AT + 48 * 60 * MINUTE)
    assert explained(denied).next_step == f"{own} Wed 23 Sep at 13:33"


@pytest.mark.parametrize("language", CATEGORIES)
@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("hall", ["", "Hall {7} <b>"])
def test_every_decision_has_words(language: Language, direction: Direction, hall: str) -> None:
    decisions: list[Decision] = [Denied(reason) for reason in Reason]
    decisions += [Admitted(), *(Admitted(flags=frozenset({flag})) for flag in Flag)]
    for decision in decisions:
        words = explained(decision, language, direction, hall=hall)
        assert words.word
        assert words.reason
        assert words.reason[0] == words.reason[0].upper()
        assert "{" not in words.reason.replace(hall or "\0", "")
        if isinstance(decision, Denied) and direction is Direction.ENTRY:
            assert words.next_step, decision.reason


def test_every_reason_and_flag_has_a_sentence() -> None:
    assert FLAGS.keys() == set(Flag)
    assert REFUSALS.keys() == set(Reason)
    assert all(words for refusal in REFUSALS.values() for words in refusal)


WORDS = [
    (Admitted(), Direction.ENTRY, Tone.ADMIT, "ADMIT", "请进"),
    (Denied(Reason.REVOKED), Direction.ENTRY, Tone.DENY, "DENIED", "禁止入内"),
    (Denied(Reason.BEFORE_RESTART), Direction.ENTRY, Tone.SAME, "SAME PERSON?", "同一人？"),
    (Denied(Reason.FACTS_TOO_OLD), Direction.ENTRY, Tone.ELSEWHERE, "OTHER DOOR", "请走其他入口"),
    (
        Admitted(flags=frozenset({Flag.ESCORT, Flag.ATTENTION})),
        Direction.ENTRY,
        Tone.LOOK,
        "ESCORT?",
        "有人陪同？",
    ),
    (
        Admitted(flags=frozenset({Flag.ESCORT})),
        Direction.EXIT,
        Tone.GOODBYE,
        "GOODBYE",
        "再见",
    ),
    (
        Admitted(flags=frozenset({Flag.PASSBACK})),
        Direction.ENTRY,
        Tone.LOOK,
        "ADMIT & CHECK",
        "请进·请核对",
    ),
    (Admitted(), Direction.EXIT, Tone.GOODBYE, "GOODBYE", "再见"),
    (Admitted(flags=frozenset({Flag.UNVERIFIED})), Direction.EXIT, Tone.GOODBYE, "GOODBYE", "再见"),
]


@pytest.mark.parametrize(("decision", "direction", "expected", "english", "chinese"), WORDS)
def test_tone_and_word(
    decision: Decision, direction: Direction, expected: Tone, english: str, chinese: str
) -> None:
    assert tone(decision, direction) is expected
    assert explained(decision, "en", direction).word == english
    assert explained(decision, "zh", direction).word == chinese


@pytest.mark.parametrize("language", CATEGORIES)
def test_no_two_colours_have_the_same_words(language: Language) -> None:
    colours = {Tone.LOOK: "yellow", Tone.SAME: "yellow"}
    decisions: list[Decision] = [Denied(reason) for reason in Reason]
    decisions += [Admitted(), Admitted(kept_place=True)]
    decisions += [Admitted(flags=frozenset({flag})) for flag in Flag]
    seen: dict[str, str] = {}
    for decision in decisions:
        answer_tone = tone(decision, Direction.ENTRY)
        colour = colours.get(answer_tone, answer_tone)
        words = explained(decision, language)
        for text in filter(None, (words.word, words.reason, words.next_step)):
            assert seen.setdefault(text, colour) == colour, text


def test_the_name_is_compared_once() -> None:
    copied = explained(Admitted(flags=frozenset({Flag.LIKELY_COPY, Flag.PASSBACK})))
    assert copied == explained(Admitted(flags=frozenset({Flag.LIKELY_COPY})))
    assert copied.next_step.startswith("Compare the name with an ID. Same: let in, then the badge")


def test_a_wheelchair_user_beside_kept_places_needs_a_supervisor() -> None:
    wheelchair = "Wheelchair user: call a supervisor. Others: ask to"
    kept = Denied(Reason.HALL_FULL, kept=2)
    assert explained(kept).next_step == f"{wheelchair} wait"
    until = Denied(Reason.HALL_FULL, kept=2, kept_until=AT + MINUTE)
    assert explained(until).next_step == f"{wheelchair} come back then"
    assert explained(until, "zh").next_step == "轮椅使用者：呼叫主管。其他人：请届时再来"


def test_an_admission_before_a_restart_has_its_age() -> None:
    again = Denied(Reason.BEFORE_RESTART, since=AT - 6_900)
    assert explained(again).reason == "Yes: let in. No: stop, call a supervisor"
    assert explained(again).next_step.startswith("Admitted and counted 6 s ago")
    assert explained(again, "zh").next_step.startswith("6秒前已放行并计数")
    later = Denied(Reason.BEFORE_RESTART, since=AT + 1)
    assert explained(later).next_step.startswith("Admitted and counted 0 s ago")


def test_an_exit_without_a_valid_badge_is_marked() -> None:
    unverified = Admitted(flags=frozenset({Flag.UNVERIFIED}))

    assert explained(unverified, "en", Direction.EXIT).reason == "Exit recorded; not a valid badge"


def test_a_repeated_exit_after_a_restart_is_marked() -> None:
    again = Admitted(flags=frozenset({Flag.REPEATED}))

    assert (
        explained(again, "en", Direction.EXIT).reason == "Exit recorded before this kiosk restarted"
    )
    assert explained(again, "zh", Direction.EXIT).reason == "本验证机重启前已记录离场"


def test_times_are_the_venues() -> None:
    opens_at = AT + 700_000
    there = explain(
        closed(opens_at),
        Direction.ENTRY,
        language="en",
        words=catalogue.ANSWERS.get("en"),
        time_zone=ZoneInfo("Asia/Shanghai"),
        at=AT,
        categories={},
    )

    assert there.reason == "Opens 19:45, in 12 minutes"


def test_wait_across_the_end_of_summer_time() -> None:
    """The clock shows two hours more, but three hours pass."""
    at = round(datetime(2026, 10, 25, 1, 30, tzinfo=ZURICH).timestamp() * 1000)

    assert explained(closed(at + 180 * MINUTE), at=at).reason == "Opens 03:30, in 3 hours"


def test_unknown_zone_is_an_error() -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        explain(
            Admitted(),
            Direction.ENTRY,
            language="en",
            words=catalogue.ANSWERS.get("en"),
            time_zone="Mars/Olympus",
            at=AT,
            categories={},
        )
