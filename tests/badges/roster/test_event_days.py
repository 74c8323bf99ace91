"""Event days in the forms in which organisers write them."""

from datetime import date

import pytest

from badges.roster.cells import CellError
from badges.roster.event_days import EventDays
from badges.roster.table import RosterAnswers
from tests.badges.roster.rosters import read

FIRST = date(2026, 11, 29)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("1,3", (1, 3)),
        ("1-3", (1, 2, 3)),
        ("1 and 2", (1, 2)),
        ("Day 2, Day 3", (2, 3)),
        ("第一天", (1,)),
        ("29/11/2026", (1,)),
        ("11/29/2026", (1,)),
        ("29.11.26", (1,)),
        ("Nov 30", (2,)),
        ("Nov. 30th, 2026", (2,)),
        ("30-Nov-2026", (2,)),
        ("Sunday 29 November 2026", (1,)),
        ("Nov 29, Nov 30", (1, 2)),
        ("29-30 Nov", (1, 2)),
        ("Nov 29-30, 2026", (1, 2)),
        ("29 Nov to 1 Dec", (1, 2, 3)),
        ("2026-12-01", (3,)),
        ("2026/11/29-2026/11/30", (1, 2)),
        ("2026-11-30T00:00:00", (2,)),
        ("11月29日-12月1日", (1, 2, 3)),
        ("11月29-30日", (1, 2)),
        ("2026年11月30日（周一）", (2,)),
        ("11/30、12/1", (2, 3)),
        ("11/30, 12/1", (2, 3)),
        ("30/11 & 1/12", (2, 3)),
        ("11.29", (1,)),
        ("29.11., 30.11.", (1, 2)),
        ("11/29-12/1", (1, 2, 3)),
        ("11/29-30", (1, 2)),
        ("11月30日、12月1日", (2, 3)),
        ("11月29、30日", (1, 2)),
        ("11月29日、30日和12月1日", (1, 2, 3)),
        ("11/29/2026, 11/30/2026", (1, 2)),
    ],
)
def test_days_as_numbers_and_dates(text: str, days: tuple[int, ...]) -> None:
    assert EventDays(3, FIRST).read(text) == days


@pytest.mark.parametrize(
    "text",
    [
        "4",
        "0",
        "soon",
        "Nov 28",
        "03/04/2026",
        "2027-11-29",
        "1-5",
        ",",
        "29 & 30 November",
        "11/28",
        "1/3",
        "11/30/",
        "11/29-31",
    ],
)
def test_what_is_no_day_of_the_event(text: str) -> None:
    with pytest.raises(CellError, match="does not name event days from 1 to 3"):
        EventDays(3, FIRST).read(text)


def test_without_the_first_day_a_date_is_refused() -> None:
    with pytest.raises(CellError, match="a spreadsheet turns 1-3 into a date"):
        EventDays(3).read("2026-11-29")


def test_a_date_among_numbers_may_be_days_that_a_spreadsheet_changed() -> None:
    days = EventDays(3, date(2026, 1, 2))
    days.study(["1-2", "2026-01-03"])
    with pytest.raises(CellError, match="may be days such as 1-3"):
        days.read("2026-01-03")
    assert EventDays(3, date(2026, 1, 2)).read("2026-01-03") == (2,)


def test_the_order_of_day_and_month_is_that_of_the_whole_column() -> None:
    days = EventDays(2, date(2026, 4, 3))
    days.study(["03/04/2026", "04/04/2026"])
    assert days.findings() == []
    assert (days.read("03/04/2026"), days.read("04/04/2026")) == ((1,), (2,))
    with pytest.raises(CellError):
        days.read("04/03/2026")


def test_dates_without_a_year_have_an_order_too() -> None:
    days = EventDays(2, date(2026, 4, 3))
    days.study(["3/4", "4/4"])
    assert days.findings() == []
    assert (days.read("3/4"), days.read("4/4")) == ((1,), (2,))


def test_dates_without_a_common_order_are_asked() -> None:
    text = "name,category,days\nAnna,press,03/04/2026\nBo,press,04/03/2026\n"
    event = {"days": 2, "first_day": date(2026, 4, 3)}
    (asked,) = read(text, **event).findings
    assert asked.kind == "day_order"
    assert [choice.value for choice in asked.choices] == ["day", "month", "either"]
    rows = read(text, answers=RosterAnswers(day_order="either"), **event).rows
    assert [row.days for row in rows] == [(1,), (1,)]
    (problem,) = read(text, answers=RosterAnswers(day_order="day"), **event).problems
    assert (problem.line, problem.column) == (3, "days")
