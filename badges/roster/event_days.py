"""Reads the event days of a person, given as numbers or as dates in their usual forms."""

import re
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Literal

from badges.i18n import N_, Count, Phrase
from badges.roster.cells import CellError, narrow
from badges.roster.problems import Choice, Finding, shown

DayOrder = Literal["day", "month", "either"]

_ALL = frozenset({"all", "all days", "every day", "全部", "全程", "全部日期", "每天"})
_TO = r"\s*(?:[-–—~～至到]|to|until)\s*"
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_MONTH_NAME = rf"(?:{'|'.join(_MONTHS)})"
_MONTH = rf"(?P<month>{_MONTH_NAME})[a-z]*\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_UNTIL = rf"{_TO}(?P<until>\d{{1,2}})(?:st|nd|rd|th)?"
_YEAR = r"(?:[-,]?\s*(?P<year>\d{4}))?"
_WEEKDAY = re.compile(
    r"[(（]?(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b[.,]?"
    r"|(?:周|星期|礼拜)[一二三四五六日天])[)）]?"
)
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
# Dates in words or with the year first, and two days of one month such as "29-30 Nov".
_DATES = tuple(
    map(
        re.compile,
        (
            r"(?P<year>\d{4})[-/.年](?P<month>\d{1,2})[-/.月](?P<day>\d{1,2})[日号]?(?:t00:00(?::00)?)?",
            rf"(?P<month>\d{{1,2}})月(?P<day>\d{{1,2}})[日号]?{_TO}(?P<until>\d{{1,2}})[日号](?!\d)",
            r"(?P<month>\d{1,2})月(?P<day>\d{1,2})[日号]?",
            rf"\b{_DAY}{_UNTIL}\s+{_MONTH}{_YEAR}",
            rf"\b{_MONTH}\s*{_DAY}{_UNTIL}\b(?!\s*{_MONTH_NAME}){_YEAR}",
            rf"\b{_DAY}[\s-]*(?:of\s+)?{_MONTH}{_YEAR}",
            rf"\b{_MONTH}\s*{_DAY}\b{_YEAR}",
        ),
    )
)
_NUMERIC = re.compile(
    r"\b(?P<first>\d{1,2})(?P<sign>[/.-])(?P<second>\d{1,2})(?P=sign)(?P<year>\d{4}|\d{2})\b"
)
# "11/30", or two days of one month such as "11/29-30".
_NO_YEAR = re.compile(
    r"(?<![\d/.])(?P<first>\d{1,2})[/.](?P<second>\d{1,2})(?:-(?P<until>\d{1,2})(?![\d/.]))?"
    r"(?!\.?\d|/)\.?"
)
# Several days of one month, such as "11月29、30日".
_LISTED = re.compile(r"(\d{1,2})月((?:\d{1,2}[日号]?[、,，和及\s]+)+\d{1,2})[日号](?![\d月])")
_NUMBERED = re.compile(r"(?:\bdays?|\bd|第)\s*(\d{1,2})\s*天?")
_HAN_NUMBERS = {f"第{han}天": f"第{n}天" for n, han in enumerate("一二三四五六七八九十", 1)}
_BETWEEN = re.compile(r"(?:[,;|、，；&+\s]|\band\b|和|及)+")
_RANGE = re.compile(r"([0-9]{1,2})(?:-([0-9]{1,2}))?")


class EventDays:
    """Reads cells such as "1,3", "1-3", "all", "29/11/2026" or "11月29日-12月1日".

    Without `first_day`, dates are refused. `order` is the organiser's answer about dates such as
    03/04/2026.
    """

    def __init__(
        self, last: int, first_day: date | None = None, order: DayOrder | None = None
    ) -> None:
        self._last = last
        self._order: DayOrder = order or "either"
        self._answered = order is not None
        self._numbers = {
            first_day + timedelta(number): number + 1 for number in range(last) if first_day
        }
        self._has_numbers = False
        self._doubtful: list[str] = []
        self._cache: dict[str, tuple[int, ...] | None] = {}

    def study(self, cells: Iterable[str]) -> None:
        """Decide from a whole column whether the day or the month comes first in its dates.

        If neither order makes all of them days of the event, `findings` has a question.
        """
        texts = [narrow(cell).casefold() for cell in cells]
        self._has_numbers = any(re.fullmatch(r"[0-9]{1,2}([-,][0-9]{1,2})*", t) for t in texts)
        dates = [
            match
            for text in texts
            for pattern in (_NUMERIC, _NO_YEAR)
            for match in pattern.finditer(text)
        ]
        if self._answered or not dates:
            return
        fits = {
            order: [self._numeric(match, order) is not None for match in dates]
            for order in ("day", "month")
        }
        whole: list[DayOrder] = [order for order in ("day", "month") if all(fits[order])]
        if whole:
            self._order = whole[0]
        elif any(fits["day"]) and any(fits["month"]):
            self._doubtful = list(dict.fromkeys(match[0] for match in dates))

    def findings(self) -> list[Finding]:
        if not self._doubtful:
            return []
        message = Phrase(
            "dates whose day and month have no common order: %(count)s",
            count=Count(len(self._doubtful)),
        )
        choices = (
            Choice("day_order", "day", Phrase("the day comes first: 03/04 is 3 April")),
            Choice("day_order", "month", Phrase("the month comes first: 03/04 is 4 March")),
            Choice("day_order", "either", Phrase("each is the one that is a day of the event")),
        )
        examples = tuple(map(shown, self._doubtful))
        return [Finding("day_order", len(self._doubtful), message, examples, choices)]

    def read(self, text: str) -> tuple[int, ...] | None:
        """The days, from 1. None: all. Raises CellError."""
        if text not in self._cache:
            self._cache[text] = self._read(text)
        return self._cache[text]

    def _read(self, text: str) -> tuple[int, ...] | None:
        plain = narrow(text).casefold()
        if plain in _ALL:
            return None
        for han, numbered in _HAN_NUMBERS.items():
            plain = plain.replace(han, numbered)
        if self._is_changed(plain):
            raise CellError(
                N_(
                    "%(text)s may be days such as 1-3 that the spreadsheet turned into a date. "
                    "Write them in a column formatted as text"
                ),
                text=shown(text),
            )
        plain = self._as_numbers(_WEEKDAY.sub(" ", plain))
        numbers: set[int] = set()
        for part in filter(None, _BETWEEN.split(re.sub(_TO, "-", plain))):
            match = _RANGE.fullmatch(part)
            first = int(match[1]) if match else 0
            end = int(match[2] or match[1]) if match else 0
            if not 1 <= first <= end <= self._last:
                raise CellError(self._refusal(), text=shown(text), last=self._last)
            numbers.update(range(first, end + 1))
        if not numbers:
            raise CellError(self._refusal(), text=shown(text), last=self._last)
        return tuple(sorted(numbers))

    def _refusal(self) -> str:
        if self._numbers:
            return N_(
                "%(text)s does not name event days from 1 to %(last)s. Write 1,2,3, dates of the "
                "event or all"
            )
        return N_(
            "%(text)s does not name event days from 1 to %(last)s. Write 1,2,3 or "
            "all, in a column formatted as text (a spreadsheet turns 1-3 into a date)"
        )

    def _is_changed(self, text: str) -> bool:
        """Whether a date may be "1-3" as a spreadsheet changes it, because others are numbers."""
        if not self._has_numbers or not _ISO_DATE.fullmatch(text):
            return False
        month, day = int(text[5:7]), int(text[8:10])
        return month <= day <= self._last

    def _as_numbers(self, text: str) -> str:
        """Replace the event's dates by their numbers. Other dates stay."""
        text = _LISTED.sub(_each_with_month, text)
        for pattern in _DATES:
            text = pattern.sub(self._numbers_of, text)
        for pattern in (_NUMERIC, _NO_YEAR):
            text = pattern.sub(
                lambda date: f" {self._numeric(date, self._order) or date[0]} ", text
            )
        return _NUMBERED.sub(r" \1 ", text).strip()

    def _numbers_of(self, date: re.Match[str]) -> str:
        parts = date.groupdict()
        name = parts["month"]
        month = int(name) if name.isdigit() else _MONTHS.index(name) + 1
        days = filter(None, (parts["day"], parts.get("until")))
        numbers = [self._number(parts.get("year"), month, int(day)) for day in days]
        return date[0] if None in numbers else f" {'-'.join(map(str, numbers))} "

    def _numeric(self, match: re.Match[str], order: DayOrder) -> str | None:
        """The day's number, or two with a hyphen."""
        date = match.groupdict()
        first, second, until = int(date["first"]), int(date["second"]), date.get("until")
        year = date.get("year")
        year = f"20{year}" if year and len(year) == 2 else year
        number = self._number(year, second, first) if order != "month" and not until else None
        if number is None and order != "day":
            number = self._number(year, first, second)
        last = self._number(year, first, int(until)) if until else number
        if number is None or last is None:
            return None
        return f"{number}-{last}" if until else str(number)

    def _number(self, year: str | None, month: int, day: int) -> int | None:
        """Without a year, that of the event is meant."""
        for at, number in self._numbers.items():
            if (at.month, at.day) == (month, day) and year in (None, str(at.year)):
                return number
        return None


def _each_with_month(match: re.Match[str]) -> str:
    return "、".join(f"{match[1]}月{day}日" for day in re.findall(r"\d+", match[2]))
