"""Says on which days and at which times a rule of RFC 5545 repeats something.

It walks over days and never further than the event, so that no rule, endless or impossible, takes
long. What it does not know is refused, not guessed. Times here are local, without a zone: "each day
at nine" stays nine when clocks change.
"""

import calendar
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from badges.i18n import N_, Spoken

STEPS_MAX = 2_000_000  # of all rules of a file; a day or a time is one
YEARS_BEFORE_MAX = 10  # that a rule may begin before the event
FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_NUMBERS = {
    "INTERVAL": (1, 10_000), "COUNT": (1, 100_000), "BYMONTH": (1, 12), "BYMONTHDAY": (-31, 31),
    "BYYEARDAY": (-366, 366), "BYHOUR": (0, 23), "BYMINUTE": (0, 59), "BYSETPOS": (-366, 366),
}  # fmt: skip
_KNOWN = {"FREQ", "UNTIL", "WKST", "BYDAY", *_NUMBERS}


class RuleRefusedError(Spoken, ValueError):
    """Is raised for a rule that can't be followed. The text says why, in plain words."""


@dataclass(frozen=True)
class Rule:
    """Holds a rule. An empty set of numbers does not limit anything."""

    frequency: str
    interval: int
    count: int | None
    until: datetime | None  # local
    week_start: int
    months: frozenset[int]
    month_days: frozenset[int]
    year_days: frozenset[int]
    weekdays: frozenset[tuple[int, int]]  # weekday, and which one of its month or year; 0: each
    times: tuple[time, ...]
    positions: frozenset[int]


def rule_of(parts: Mapping[str, Sequence[Any]], start: datetime, until: datetime | None) -> Rule:
    """Make the rule from the parts of an RRULE. `until` is its end in local time.

    Raises RuleRefusedError.
    """
    unknown = sorted(set(parts) - _KNOWN)
    frequency = str(_first(parts, "FREQ", "")).upper()
    if unknown or frequency not in FREQUENCIES:
        what = ", ".join(unknown)[:60] or f"FREQ={frequency[:20]}"
        raise RuleRefusedError(
            N_(
                "repeats by a rule with %(what)s, which is not followed here: write each "
                "time as an event of its own, or as RDATE"
            ),
            what=what,
        )
    numbers = {key: _numbers(parts, key) for key in _NUMBERS}
    if numbers["COUNT"] and until is not None:
        raise RuleRefusedError(N_("repeats by a rule with both COUNT and UNTIL: write one of them"))
    weekdays = frozenset(_weekday(word, frequency) for word in parts.get("BYDAY", ()))
    months, month_days = numbers["BYMONTH"], numbers["BYMONTHDAY"]
    if not (weekdays or month_days or numbers["BYYEARDAY"]):
        # The start says what the rule does not.
        if frequency == "WEEKLY":
            weekdays = frozenset({(start.weekday(), 0)})
        elif frequency in ("MONTHLY", "YEARLY"):
            month_days = frozenset({start.day})
            months = months or (frozenset({start.month}) if frequency == "YEARLY" else months)
    times = [
        start.time().replace(hour=hour, minute=minute)
        for hour in sorted(numbers["BYHOUR"] or {start.hour})
        for minute in sorted(numbers["BYMINUTE"] or {start.minute})
    ]
    return Rule(
        frequency=frequency,
        interval=max(numbers["INTERVAL"], default=1),
        count=max(numbers["COUNT"], default=None),
        until=until,
        week_start=_weekday(_first(parts, "WKST", "MO"), "WEEKLY")[0],
        months=months,
        month_days=month_days,
        year_days=numbers["BYYEARDAY"],
        weekdays=weekdays,
        times=tuple(times),
        positions=numbers["BYSETPOS"],
    )


def _first(parts: Mapping[str, Sequence[Any]], key: str, default: str) -> Any:
    return next(iter(parts.get(key, ())), default)


def _numbers(parts: Mapping[str, Sequence[Any]], key: str) -> frozenset[int]:
    least, most = _NUMBERS[key]
    found = set()
    for value in parts.get(key, ()):
        if not isinstance(value, int) or not least <= value <= most or (least < 0 and value == 0):
            raise RuleRefusedError(
                N_("repeats by a rule with %(key)s=%(value)s: mend it"),
                key=key,
                value=str(value)[:20],
            )
        found.add(int(value))
    return frozenset(found)


def _weekday(word: Any, frequency: str) -> tuple[int, int]:
    text = str(word).upper()
    ordinal = text[:-2]
    number = int(ordinal) if ordinal.lstrip("+-").isdigit() and len(ordinal) < 4 else 0
    if text[-2:] not in _WEEKDAYS or (ordinal and not number) or abs(number) > 53:
        raise RuleRefusedError(
            N_("repeats by a rule with the weekday %(text)s: mend it"), text=text[:20]
        )
    if number and frequency not in ("MONTHLY", "YEARLY"):
        raise RuleRefusedError(
            N_("repeats by a rule with %(text)s in each week: mend it"), text=text[:20]
        )
    return _WEEKDAYS.index(text[-2:]), number


@dataclass
class Budget:
    """Counts the steps of all rules of a file. However many there are, they end."""

    left: int = STEPS_MAX

    def spend(self, steps: int) -> None:
        """Raises RuleRefusedError where nothing is left."""
        self.left -= steps
        if self.left < 0:
            raise RuleRefusedError(
                N_(
                    "repeats by a rule for which no time is left: the rules of this file go "
                    "on for too long. Let them begin near the event"
                )
            )


def occurrences(
    rule: Rule, start: datetime, first: date, last: date, budget: Budget
) -> Iterator[datetime]:
    """Yield the starts on days from `first` to `last`. The start itself always is the first one.

    Raises RuleRefusedError where the rule begins too long before, or `budget` is spent.
    """
    if start.year < first.year - YEARS_BEFORE_MAX:
        raise RuleRefusedError(
            N_("repeats since %(year)s, over %(most)s years before the event: let it begin later"),
            year=start.year,
            most=YEARS_BEFORE_MAX,
        )
    if start.date() > last:
        return
    if first <= start.date():
        yield start
    left = None if rule.count is None else rule.count - 1
    for days in _periods(rule, start.date(), last):
        budget.spend(1)
        if left is None and days[-1] < first:
            continue
        if left is None and not rule.positions:
            days = [day for day in days if first <= day <= last]
        elif left is not None and not rule.positions and start.date() < days[0] <= days[-1] < first:
            # What is too early for the event is counted, and nothing else is done with it.
            early = sum(_is_day(rule, day) for day in days) * len(rule.times)
            budget.spend(len(days) + early)
            if early > left:
                return
            left -= early
            continue
        found = _of_period(rule, days)
        budget.spend(len(days) + len(found))
        for at in found:
            if at <= start:
                continue
            if (rule.until is not None and at > rule.until) or left == 0:
                return
            left = None if left is None else left - 1
            if first <= at.date() <= last:
                yield at


def _periods(rule: Rule, start: date, last: date) -> Iterator[list[date]]:
    """Yield the days of each day, week, month or year in which the rule repeats."""
    begin = start
    if rule.frequency == "WEEKLY":
        begin -= timedelta(days=(start.weekday() - rule.week_start) % 7)
    month = start.year * 12 + start.month - 1
    while True:
        if rule.frequency in ("DAILY", "WEEKLY"):
            length = 1 if rule.frequency == "DAILY" else 7
            step = timedelta(days=length * rule.interval)
            following = begin + step if last - begin >= step else None
        elif rule.frequency == "MONTHLY":
            begin = date(month // 12, month % 12 + 1, 1)
            length = calendar.monthrange(begin.year, begin.month)[1]
            month += rule.interval
            following = begin if month // 12 <= last.year else None
        else:
            begin = date(begin.year, 1, 1)
            length = 365 + calendar.isleap(begin.year)
            later = begin.year + rule.interval
            following = date(later, 1, 1) if later <= last.year else None
        yield [begin + timedelta(days=n) for n in range(length)]
        if following is None:
            return
        begin = following


def _of_period(rule: Rule, days: Sequence[date]) -> list[datetime]:
    found = [datetime.combine(day, at) for day in days if _is_day(rule, day) for at in rule.times]
    if not rule.positions:
        return found
    chosen = {n - 1 if n > 0 else len(found) + n for n in rule.positions}
    return [at for number, at in enumerate(found) if number in chosen]


def _is_day(rule: Rule, day: date) -> bool:
    if rule.months and day.month not in rule.months:
        return False
    in_month = calendar.monthrange(day.year, day.month)[1]
    if rule.month_days and not {day.day, day.day - in_month - 1} & rule.month_days:
        return False
    in_year, of_year = 365 + calendar.isleap(day.year), day.timetuple().tm_yday
    if rule.year_days and not {of_year, of_year - in_year - 1} & rule.year_days:
        return False
    return not rule.weekdays or _is_weekday(rule, day, in_month, of_year, in_year)


def _is_weekday(rule: Rule, day: date, in_month: int, of_year: int, in_year: int) -> bool:
    """Tell whether the day is one of the rule's weekdays. A numbered one counts within the month,
    and within the year where the rule is yearly and names no month.
    """
    within, length = day.day, in_month
    if rule.frequency == "YEARLY" and not rule.months:
        within, length = of_year, in_year
    numbers = {0, (within - 1) // 7 + 1, -((length - within) // 7 + 1)}
    return any((day.weekday(), number) in rule.weekdays for number in numbers)
