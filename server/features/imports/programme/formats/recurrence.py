"""Lists the times at which an RFC 5545 rule repeats an event, using `dateutil`.

Unsupported or excessive rules are refused. Times are local: "every day at nine" remains nine
o'clock in daylight saving time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, date, datetime, timedelta
from typing import Any

from dateutil.rrule import rrulestr

from badges.i18n import N_, Spoken

STEPS_MAX = 2_000_000  # of all rules of a file
EMPTY_STEPS = 100_000  # for a rule without further times, per value of the rule
YEARS_BEFORE_MAX = 10  # between a rule's begin and the event
FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
# dateutil searches up to the year 9999. The calendar repeats every 400 years, so rules are moved
# into the last 400, which shortens the search.
_ALIKE_YEARS, _ALIKE_DAYS = 400, 146_097
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_NUMBERS = {
    "INTERVAL": (1, 10_000), "COUNT": (1, 100_000), "BYMONTH": (1, 12), "BYMONTHDAY": (-31, 31),
    "BYYEARDAY": (-366, 366), "BYHOUR": (0, 23), "BYMINUTE": (0, 59), "BYSETPOS": (-366, 366),
}  # fmt: skip
_KNOWN = {"FREQ", "UNTIL", "WKST", "BYDAY", *_NUMBERS}


class RuleRefusedError(Spoken, ValueError):
    """A rule that is not supported."""


@dataclass(frozen=True)
class Rule:
    """`text` is the rule without COUNT and UNTIL. `begin` starts its first period."""

    text: str
    begin: datetime
    count: int | None
    until: datetime | None  # local


def rule_of(parts: Mapping[str, Sequence[Any]], start: datetime, until: datetime | None) -> Rule:
    """Return an RRULE's parts as a rule. `until` is its local end.

    Raises RuleRefusedError.
    """
    unknown = sorted(set(parts) - _KNOWN)
    frequency = str(next(iter(parts.get("FREQ", ())), "")).upper()
    if unknown or frequency not in FREQUENCIES:
        unsupported = ", ".join(unknown)[:60] or f"FREQ={frequency[:20]}"
        raise RuleRefusedError(
            N_(
                "repeats by a rule with %(what)s, which is not supported: write each time as a "
                "separate event, or as RDATE"
            ),
            what=unsupported,
        )
    values: dict[str, list[Any]] = {
        key: numbers for key in _NUMBERS if (numbers := _numbers(parts, key))
    }
    count = max(values.pop("COUNT", []), default=None)
    if count and until is not None:
        raise RuleRefusedError(N_("repeats by a rule with both COUNT and UNTIL: keep one of them"))
    values["FREQ"] = [frequency]
    values["INTERVAL"] = [max(values.get("INTERVAL", [1]))]
    values["WKST"] = [_weekday(next(iter(parts.get("WKST", ())), "MO"), "WEEKLY")]
    values["BYDAY"] = [_weekday(word, frequency) for word in parts.get("BYDAY", ())]
    begin = start
    if frequency == "WEEKLY":
        if not values.keys() & {"BYMONTHDAY", "BYYEARDAY"} and not values["BYDAY"]:
            values["BYDAY"] = [_WEEKDAYS[start.weekday()]]
        # dateutil omits the first week's days before the start.
        begin -= timedelta(days=(start.weekday() - _WEEKDAYS.index(values["WKST"][0])) % 7)
    text = ";".join(
        f"{key}={','.join(map(str, entries))}" for key, entries in values.items() if entries
    )
    return Rule(text, begin, count, until)


def _numbers(parts: Mapping[str, Sequence[Any]], key: str) -> list[int]:
    least, most = _NUMBERS[key]
    numbers = []
    for value in parts.get(key, ()):
        if not isinstance(value, int) or not least <= value <= most or (least < 0 and value == 0):
            raise RuleRefusedError(
                N_("repeats by a rule with %(key)s=%(value)s: correct it"),
                key=key,
                value=str(value)[:20],
            )
        numbers.append(int(value))
    return numbers


def _weekday(word: Any, frequency: str) -> str:
    text = str(word).upper()
    ordinal = text[:-2]
    number = int(ordinal) if ordinal.lstrip("+-").isdigit() and len(ordinal) < 4 else 0
    if text[-2:] not in _WEEKDAYS or (ordinal and not number) or abs(number) > 53:
        raise RuleRefusedError(
            N_("its repeat rule has an unknown weekday, %(text)s: correct it"), text=text[:20]
        )
    if number and frequency not in ("MONTHLY", "YEARLY"):
        raise RuleRefusedError(
            N_("repeats by a rule with %(text)s in each week: correct it"), text=text[:20]
        )
    return text


@dataclass
class Budget:
    """Limits the steps of all rules of a file."""

    left: int = STEPS_MAX

    def spend(self, steps: int) -> None:
        """Raises RuleRefusedError if no steps are left."""
        self.left -= steps
        if self.left < 0:
            raise RuleRefusedError(
                N_(
                    "repeats by a rule that takes too long: the rules of this file have too "
                    "many times. Let them begin near the event"
                )
            )


def occurrences(
    rule: Rule, start: datetime, first: date, last: date, budget: Budget
) -> Iterator[datetime]:
    """Yield the starts on the days `first` to `last`, including `start` itself.

    Raises RuleRefusedError if the rule begins too many years before, or `budget` is used up.
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
    if rule.count == 1:
        return
    budget.spend(1)
    shift = timedelta(days=(MAXYEAR - last.year) // _ALIKE_YEARS * _ALIKE_DAYS)
    shifted = rrulestr(rule.text, dtstart=rule.begin + shift)
    later = (at - shift for at in shifted if at - shift > start)
    for number, at in enumerate(later, start=2):
        budget.spend(1)
        if at.date() > last or (rule.until and at > rule.until):
            return
        if first <= at.date():
            yield at
        if number == rule.count:
            return
    budget.spend(EMPTY_STEPS * (1 + rule.text.count(",")))
