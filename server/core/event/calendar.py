"""Reads instants by the venue's clocks, and says when the event's days begin."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from server.core.event.settings import EventSettings

LAST_MS = 253_370_764_800_000  # The beginning of 9999, the last year that a calendar here knows.


def day_starts(settings: EventSettings) -> tuple[int, ...]:
    """Return the local midnights in Unix ms. There is one for each day of the event, and the one
    after the last.
    """
    zone = ZoneInfo(settings.time_zone)
    days = (settings.first_day + timedelta(days=n) for n in range(settings.days + 1))
    midnights = (datetime(day.year, day.month, day.day, tzinfo=zone) for day in days)
    return tuple(int(midnight.timestamp()) * 1000 for midnight in midnights)


@dataclass(frozen=True)
class Clock:
    """Shows instants (Unix ms) as the venue's clocks show them."""

    zone: ZoneInfo

    def local(self, at: int) -> datetime:
        """Return the local time. Any instant is taken, even from a kiosk with a wrong clock or in
        wrong hands.
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

    def machine(self, at: int) -> str:
        """Return the instant in ISO 8601 with the zone's offset, to the millisecond."""
        return self.local(at).isoformat(timespec="milliseconds")

    def parse(self, text: str) -> int:
        """Return the instant of a local date and time as forms send it. Raises ValueError."""
        local = datetime.fromisoformat(text)
        if local.tzinfo is not None or not 1970 < local.year < 2200:
            raise ValueError("not a local time of an event")
        return int(local.replace(tzinfo=self.zone).astimezone(UTC).timestamp() * 1000)


def ago(then: int | None, now: int) -> str:
    """Say how long ago it was, roughly. Staff need no more at a glance."""
    if then is None:
        return "never"
    return span(max(0, now - then)) + " ago"


def span(length_ms: int) -> str:
    """Say a duration in the largest unit that fits."""
    seconds = abs(length_ms) // 1000
    for unit_s, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= unit_s:
            return f"{seconds // unit_s} {unit}"
    return f"{seconds} s"
