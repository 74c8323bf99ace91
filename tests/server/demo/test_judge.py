"""The demo's judge must find each wrong answer, and no other."""

from collections.abc import Mapping, Sequence
from itertools import count

import pytest

from server.demo.forum.forum import PHONE_DOOR
from server.demo.judge import (
    Answer,
    HallRule,
    LedgerRow,
    Outage,
    Verdict,
    judge,
    match,
    percentile,
)
from server.demo.report import LiveTable, as_json, phone_json, phone_line, summary
from server.demo.script import REFUSED, Presentation, Script

EAST, WEST, NORTH = "A12-east", "A12-west", "EXPO-north"
HALLS = {
    "A12": HallRule(3, (EAST, WEST), hard_anti_passback=True),
    "EXPO": HallRule(50, (NORTH,), hard_anti_passback=False),
}
NONE: tuple[Outage, ...] = ()


class Day:
    """Presentations and answers, written in the order in which they happen."""

    def __init__(self) -> None:
        self.script: dict[str, list[Presentation]] = {EAST: [], WEST: [], NORTH: []}
        self.answers: dict[str, list[Answer]] = {EAST: [], WEST: [], NORTH: []}
        self.outages: list[Outage] = []
        self.ledger: list[LedgerRow] = []
        self._seq = count(1)

    def shown(self, door: str, serial: int | None, kind: str = "seat") -> None:
        hall = "EXPO" if door == NORTH else "A12"
        number = len(self.script[door])
        refused = REFUSED.get(kind)
        self.script[door].append(
            Presentation(door, hall, number, kind, f"text {serial}", serial, refused, None, False)
        )

    def answered(self, door: str, serial: int | None, word: str, at: int) -> None:
        admitted = word == "admitted"
        reason = None if admitted else word
        decision = "admitted" if admitted else "denied"
        answer = Answer(door, door.lower(), at, next(self._seq), decision, reason, serial, 8.0)
        self.answers[door].append(answer)
        self.ledger.append(LedgerRow(answer.kiosk, answer.seq, decision, serial))

    def happens(
        self, door: str, serial: int | None, word: str, at: int, kind: str = "seat"
    ) -> None:
        self.shown(door, serial, kind)
        self.answered(door, serial, word, at)

    @property
    def verdict(self) -> Verdict:
        return judge(self.script, self.answers, HALLS, self.outages, self.ledger)


def _filled(day: Day, at: int = 0) -> Day:
    for serial in range(3):
        day.happens(EAST if serial % 2 else WEST, serial, "admitted", at + serial * 5_000)
    return day


def test_a_day_that_went_well() -> None:
    day = _filled(Day())
    day.happens(EAST, 7, "hall_full", 20_000)
    day.happens(WEST, None, "forged", 21_000, "forged_key")
    day.happens(WEST, 1, "already_inside", 22_000, "copy")
    verdict = day.verdict
    assert verdict.good
    assert (verdict.presented, verdict.admitted) == (6, 3)
    assert dict(verdict.denied) == {"hall_full": 1, "forged": 1, "already_inside": 1}
    assert verdict.most_inside == {"A12": 3}
    assert verdict.faults == []


@pytest.mark.parametrize("kind", sorted(REFUSED))
def test_what_must_be_refused_is_wrong_when_admitted(kind: str) -> None:
    serial = None if REFUSED[kind] in ("not_a_badge", "forged", "other_event") else 9
    day = Day()
    day.happens(EAST, serial, "admitted", 1_000, kind)
    assert day.verdict.wrong == 1
    assert REFUSED[kind] in day.verdict.faults[0]


def test_another_reason_than_the_true_one_is_wrong() -> None:
    day = Day()
    day.happens(EAST, 9, "superseded", 1_000, "revoked")
    assert day.verdict.wrong == 1


def test_a_good_badge_refused_is_wrong() -> None:
    day = Day()
    day.happens(EAST, 9, "hall_full", 1_000)
    assert day.verdict.faults == ["A12-east, 1 (a good badge): hall_full instead of admitted"]


def test_no_answer_is_wrong() -> None:
    day = Day()
    day.shown(EAST, 1)
    day.happens(EAST, 2, "admitted", 5_000)
    assert day.verdict.faults == ["A12-east, 1 (a good badge): no answer"]


def test_an_answer_to_nobody_is_wrong() -> None:
    day = Day()
    day.answered(EAST, 1, "admitted", 1_000)
    day.happens(EAST, 2, "admitted", 5_000)
    assert day.verdict.faults == ["A12-east: answered admitted without a presented badge"]


def test_one_more_than_the_capacity_is_over_it() -> None:
    day = _filled(Day())
    day.happens(EAST, 7, "admitted", 20_000)
    verdict = day.verdict
    assert (verdict.over_capacity, verdict.wrong) == (1, 1)
    assert not verdict.good


def test_an_answer_to_nobody_counts_as_inside_too() -> None:
    day = _filled(Day())
    day.answered(EAST, 7, "admitted", 20_000)
    assert day.verdict.over_capacity == 1


def test_full_while_the_last_place_is_being_taken() -> None:
    day = Day()
    day.happens(EAST, 0, "admitted", 0)
    day.happens(EAST, 1, "admitted", 5_000)
    day.happens(WEST, 2, "hall_full", 10_000)
    day.happens(EAST, 3, "admitted", 10_500)
    assert day.verdict.good


def test_whoever_enters_another_hall_has_left_the_first() -> None:
    day = _filled(Day())
    day.happens(NORTH, 0, "admitted", 20_000, "guest")
    day.happens(EAST, 7, "admitted", 25_000)
    day.happens(EAST, 0, "hall_full", 30_000)
    assert day.verdict.good


def test_soft_anti_passback_admits_again() -> None:
    day = Day()
    day.happens(NORTH, 0, "admitted", 0, "guest")
    day.happens(NORTH, 0, "admitted", 9_000, "again")
    assert day.verdict.good
    assert day.verdict.most_inside == {"EXPO": 2}


COPIES: Mapping[str, tuple[int, tuple[Outage, ...], Sequence[str]]] = {
    "online": (5_000, NONE, ["already_inside"]),
    "at once": (1_000, NONE, ["admitted", "already_inside"]),
    "entered before the cut": (9_000, (Outage(WEST, 5_000, 30_000),), ["already_inside"]),
    "entered during the cut": (9_000, (Outage(WEST, -500, 30_000),), ["admitted", "hall_full"]),
    "entered as it was cut": (
        9_000, (Outage(WEST, 500, 30_000),), ["admitted", "already_inside", "hall_full"],
    ),
    "just mended": (
        9_000, (Outage(WEST, -500, 7_000),), ["admitted", "already_inside", "hall_full"],
    ),
    "mended long ago": (40_000, (Outage(WEST, -500, 7_000),), ["already_inside"]),
    "the other door cut": (9_000, (Outage(EAST, -500, 30_000),), ["admitted", "hall_full"]),
}  # fmt: skip


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.parametrize("word", ["admitted", "already_inside", "hall_full"])
def test_a_copy_at_the_other_door(name: str, word: str) -> None:
    at, outages, right = COPIES[name]
    day = Day()
    day.outages = list(outages)
    day.happens(EAST, 1, "admitted", 0)
    day.happens(WEST, 1, word, at, "copy")
    assert day.verdict.good is (word in right)


def test_the_same_door_always_knows() -> None:
    day = Day()
    day.outages = [Outage(EAST, -500, 30_000)]
    day.happens(EAST, 1, "admitted", 0)
    day.happens(EAST, 1, "admitted", 9_000, "again")
    assert day.verdict.wrong == 1


def test_full_is_right_while_places_may_be_cut_off() -> None:
    day = Day()
    day.outages = [Outage(WEST, 0, 10_000)]
    day.happens(EAST, 1, "hall_full", 5_000)
    day.happens(EAST, 2, "hall_full", 15_000)
    assert day.verdict.good
    day.happens(EAST, 3, "hall_full", 25_000)
    assert day.verdict.wrong == 1


def test_answers_while_cut_off_are_counted() -> None:
    day = Day()
    day.outages = [Outage(WEST, 0, 10_000)]
    day.happens(WEST, 1, "admitted", 5_000)
    day.happens(EAST, 2, "admitted", 6_000)
    day.happens(WEST, 3, "admitted", 11_000)
    assert day.verdict.offline_answers == 1


@pytest.mark.parametrize("spoilt", ["gone", "denied there", "another's"])
def test_a_green_scan_must_be_in_the_ledger(spoilt: str) -> None:
    day = _filled(Day())
    row = day.ledger.pop()
    if spoilt == "denied there":
        day.ledger.append(LedgerRow(row.kiosk, row.seq, "denied", row.serial))
    elif spoilt == "another's":
        day.ledger.append(LedgerRow(row.kiosk, row.seq, row.decision, 99))
    assert day.verdict.missing_from_ledger == 1
    assert not day.verdict.good


def test_answers_are_paired_with_their_badges() -> None:
    day = Day()
    for serial in (1, None, 2, None):
        day.shown(EAST, serial)
    day.answered(EAST, 1, "admitted", 0)
    day.answered(EAST, 2, "admitted", 1)
    day.answered(EAST, None, "forged", 2)
    paired = [
        (m.presentation and m.presentation.number, m.answer and m.answer.seq)
        for m in match(day.script[EAST], day.answers[EAST])
    ]
    assert paired == [(0, 1), (1, None), (2, 2), (3, 3)]


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([], 0.5, None),
        ([3.0], 0.99, 3.0),
        ([1.0, 2.0, 3.0, 4.0], 0.5, 2.0),
        ([float(n) for n in range(1, 101)], 0.99, 99.0),
        ([float(n) for n in range(1, 102)], 0.99, 100.0),
    ],
)
def test_percentiles(values: list[float], share: float, expected: float | None) -> None:
    assert percentile(values, share) == expected


def test_the_phones_answers_are_counted_apart() -> None:
    script = Script({PHONE_DOOR: (), NORTH: ()}, NORTH, 1, 2)
    day = _filled(Day())
    day.answered(NORTH, 7, "admitted", 30_000)
    assert phone_json(script, day.verdict, "") == {"presented": 0, "wrong": 0}
    verdict = day.verdict
    verdict.wrong_at[PHONE_DOOR] += 1
    assert phone_json(script, verdict, "") == {"presented": 0, "wrong": 1}
    assert verdict.wrong_at[NORTH] == 1
    assert phone_json(script, verdict, "no Chromium") == {"missing": "no Chromium"}
    assert phone_line(script, verdict, "no Chromium").endswith("none: no Chromium")
    assert phone_line(script, verdict, "").endswith("0 of those presented, 1 wrongly answered")


def test_the_summary_for_programs_and_for_people() -> None:
    day = _filled(Day())
    day.happens(EAST, 9, "admitted", 20_000, "revoked")
    fields = as_json(day.verdict, discrepancies=2)
    assert fields["presented"] == 4
    assert fields["wrong"] == 1
    assert fields["over_capacity"] == 1
    assert fields["missing_from_ledger"] == 0
    assert fields["frame_to_answer_ms"] == {"p50": 8.0, "p99": 8.0}
    text = "\n".join(summary(day.verdict, HALLS, discrepancies=2))
    assert "wrong: A12-east, 2 (a revoked badge): admitted instead of revoked" in text
    assert text.endswith("NOT as it should be.")
    assert summary(_filled(Day()).verdict, HALLS, 0)[-1] == "All as it should be."


def test_the_live_table_tells_what_was_shown_and_who_is_inside() -> None:
    day = _filled(Day())
    day.shown(EAST, None, "forged_key")
    day.answered(EAST, None, "forged", 20_000)
    table = LiveTable(day.script, HALLS, "UTC")
    rows = [
        table.row(answer, cut_off=False)
        for answer in sorted((a for d in day.answers.values() for a in d), key=lambda a: a.at)
    ]
    assert "2/3" in rows[1]
    assert rows[1].startswith("00:00:05")
    assert "forged with another key" in rows[3]
    assert "3/3" in rows[3]
    assert "offline" in table.row(day.answers[EAST][0], cut_off=True)


def _shared(day: Day) -> None:
    day.happens(EAST, 1, "admitted", 0, "shared")
    day.happens(NORTH, 1, "admitted", 10_000, "twin")
    day.happens(EAST, 1, "admitted", 20_000, "back")
    day.happens(EAST, 1, "likely_copy", 30_000, "caught")


def test_people_who_share_a_badge_are_each_inside() -> None:
    day = Day()
    _shared(day)
    day.happens(WEST, 2, "admitted", 40_000)
    day.happens(WEST, 3, "hall_full", 50_000)
    verdict = day.verdict
    assert verdict.faults == []
    assert verdict.most_inside == {"A12": 3, "EXPO": 1}
    assert (verdict.shared, verdict.caught) == (2, 1)
    lines = summary(verdict, HALLS, 2, ["A12 (scanned) kept 1, freed 0"])
    assert "by copies of one badge   2 let in, then 1 refused" in lines
    assert "places after moves       A12 (scanned) kept 1, freed 0" in lines
    assert as_json(verdict, 2)["by_copies"] == {"let_in": 2, "refused": 1}


def test_a_copy_that_is_not_caught_is_wrong() -> None:
    day = Day()
    _shared(day)
    day.happens(EAST, 1, "admitted", 40_000, "caught")
    assert day.verdict.wrong == 1


def test_a_place_that_a_copy_freed_is_over_capacity() -> None:
    day = Day()
    _shared(day)
    for number, serial in enumerate((2, 3)):
        day.happens(WEST, serial, "admitted", 40_000 + 5_000 * number)
    assert day.verdict.over_capacity == 1


@pytest.mark.parametrize(("at", "word"), [(11_000, "already_inside"), (11_000, "admitted")])
def test_a_door_that_may_not_have_heard_of_a_move(at: int, word: str) -> None:
    day = Day()
    day.happens(EAST, 1, "admitted", 0, "shared")
    day.happens(NORTH, 1, "admitted", 10_000, "twin")
    day.happens(EAST, 1, word, at, "back")
    assert day.verdict.faults == []
