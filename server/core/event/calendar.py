from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from server.core.event.settings import EventSettings

LAST_MS = 253_370_764_800_000  # The beginning of 9999, the last year of Python's calendar.


def day_starts(settings: EventSettings) -> tuple[int, ...]:
    """Return the local midnights of the event's days, and the one after the last (Unix ms)."""
    zone = ZoneInfo(settings.time_zone)
    days = (settings.first_day + timedelta(days=n) for n in range(settings.days + 1))
    midnights = (datetime(day.year, day.month, day.day, tzinfo=zone) for day in days)
    return tuple(int(midnight.timestamp()) * 1000 for midnight in midnights)


@dataclass(frozen=True)
class Clock:
    """Formats times (Unix ms) in the venue's time zone."""

    zone: ZoneInfo

    def local(self, at: int) -> datetime:
        """Return the local time. Accepts any integer, since a kiosk's clock may be wrong or
        forged.
        """
        return datetime.fromtimestamp(min(max(at, 0), LAST_MS) / 1000, self.zone)

    def time(self, at: int) -> str:
        return self.local(at).strftime("%H:%M:%S")

    def minute(self, at: int) -> str:
        return self.local(at).strftime("%H:%M")

    def day(self, at: int) -> str:
        return self.local(at).strftime("%a %d %b")

    def moment(self, at: int) -> str:
        return self.local(at).strftime("%a %d %b %H:%M:%S")

    def iso(self, at: int) -> str:
        """Format a time in ISO 8601 with the zone's offset, to the millisecond."""
        return self.local(at).isoformat(timespec="milliseconds")

    def parse(self, text: str) -> int:
        """Return the Unix ms of a local date and time from a form. Raises ValueError."""
        local = datetime.fromisoformat(text)
        if local.tzinfo is not None or not 1970 < local.year < 2200:
            raise ValueError("not a local time of an event")
        return int(local.replace(tzinfo=self.zone).astimezone(UTC).timestamp() * 1000)


def ago(then: int | None, now: int) -> str:
    """Return roughly how long ago `then` was, such as "5 min ago"."""
    if then is None:
        return "never"
    return span(max(0, now - then)) + " ago"


def span(length_ms: int) -> str:
    """Format a duration in its largest unit, such as "3 h"."""
    seconds = abs(length_ms) // 1000
    for unit_s, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= unit_s:
            return f"{seconds // unit_s} {unit}"
    return f"{seconds} s"
