"""Converts times of programme files to Unix ms."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from badges.i18n import N_, Spoken

_DURATION = re.compile(r"(\d{1,4}):([0-5]\d)(?::[0-5]\d)?")
DURATION_MAX_H = 16 * 24
YEARS = range(1900, 3000)  # Keeps arithmetic within the range of Python's dates.


class TimeRefusedError(Spoken, ValueError):
    """A time that can't be used."""


def instant(value: datetime, zone: ZoneInfo) -> int:
    """Return a time in Unix ms; without a zone it is local to the venue.

    Raises TimeRefusedError for a time skipped by daylight saving time, and years out of range.
    """
    if value.year not in YEARS:
        raise TimeRefusedError(N_("%(value)s is out of range"), value=f"{value:%Y-%m-%d}")
    aware = value if value.tzinfo is not None else value.replace(tzinfo=zone)
    utc = aware.astimezone(UTC)
    again = utc.astimezone(aware.tzinfo).replace(tzinfo=None)
    if again != aware.replace(tzinfo=None):
        raise TimeRefusedError(
            N_("%(value)s does not exist: the clocks change then"), value=f"{value:%Y-%m-%d %H:%M}"
        )
    return int(utc.timestamp()) * 1000


def iso_time(text: str) -> datetime:
    """Read a date with time in ISO 8601. Raises TimeRefusedError."""
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        raise TimeRefusedError(
            N_("%(text)s is not a time such as 2026-05-04T09:00:00"), text=repr(text[:40])
        ) from None


def clock_on(day: str, clock: str, day_start: str) -> datetime:
    """Return `clock` (09:30) on `day` (2026-05-04).

    A time before `day_start`, if set, belongs to the next morning. Raises TimeRefusedError.
    """
    padded = f"0{clock.strip()}" if clock.strip()[1:2] == ":" else clock.strip()
    time = iso_time(f"{day.strip()}T{padded}")
    if day_start and time.time() < iso_time(day_start).time():
        time += timedelta(days=1)
    return time


def duration_ms(text: str) -> int:
    """Read a duration such as "01:30" (hours, minutes). Raises TimeRefusedError."""
    match = _DURATION.fullmatch(text.strip())
    minutes = int(match[1]) * 60 + int(match[2]) if match else 0
    if not 0 < minutes <= DURATION_MAX_H * 60:
        raise TimeRefusedError(N_("%(text)s is not a duration such as 01:30"), text=repr(text[:20]))
    return minutes * 60_000
