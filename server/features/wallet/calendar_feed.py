"""Writes an attendee's programme as iCalendar (RFC 5545), for a file or a subscription.

Calendar programs accept a change only with a higher sequence number, and drop an event only if
cancelled. So each session's content and number of changes are stored, with each attendee's given
sessions.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from server.core.event.directory import Event
from server.core.venue import store
from server.storage.connection import Connection
from server.storage.localized import text_in

# Loading is slow and waits for the first calendar.
if TYPE_CHECKING:
    from icalendar import Event as CalendarEvent
    from icalendar import Timezone

SESSIONS_MAX = 1_000
REFRESH = timedelta(minutes=15)
PRODUCT = "-//Hallkeeper//Programme//EN"
# For programs that don't show an event's status.
_CANCELLED = {"en": "Cancelled: ", "zh": "已取消："}
_NAMES = {"en": "my programme", "zh": "我的日程"}


@dataclass(frozen=True)
class Content:
    """A session as calendars show it. Times are Unix ms."""

    titles: Mapping[str, str]
    halls: Mapping[str, str]
    starts_at: int
    ends_at: int

    def text(self) -> str:
        """Return canonical JSON."""
        return json.dumps(
            [dict(self.titles), dict(self.halls), self.starts_at, self.ends_at],
            ensure_ascii=False,
            sort_keys=True,
        )


@dataclass(frozen=True)
class Entry:
    code: str
    content: Content
    sequence: int
    modified_at: int
    cancelled: bool


@dataclass(frozen=True)
class _Known:
    calendar_id: int
    content: str
    sequence: int
    modified_at: int


def entries(db: Connection, serial: int, day_starts: Sequence[int]) -> dict[str, Content]:
    halls = {hall.hall_id: hall.names for hall in store.halls(db)}
    return {
        row.code: Content(row.titles, halls[row.hall_id], row.starts_at, row.ends_at)
        for row in store.programme_for(db, serial, day_starts, limit=SESSIONS_MAX)
    }


def is_current(db: Connection, serial: int, day_starts: Sequence[int]) -> bool:
    """Return whether `refresh` would write nothing."""
    now_shown = entries(db, serial, day_starts)
    shown = _shown(db, serial)
    stored = _known(db)
    ids = {stored[code].calendar_id for code in now_shown if code in stored}
    return (
        len(ids) == len(now_shown)
        and ids == {calendar_id for calendar_id, (flips, _) in shown.items() if flips % 2 == 0}
        and all(stored[code].content == content.text() for code, content in now_shown.items())
    )


def refresh(db: Connection, serial: int, day_starts: Sequence[int], now: int) -> None:
    """Store the attendee's current sessions, with their changes."""
    current = entries(db, serial, day_starts)
    stored = _known(db)
    for code, content in current.items():
        text = content.text()
        if code not in stored:
            db.execute(
                "INSERT INTO calendar_entry (code, content, sequence, modified_at)"
                " VALUES (?, ?, 0, ?)",
                (code, text, now),
            )
        elif stored[code].content != text:
            db.execute(
                "UPDATE calendar_entry SET content = ?, sequence = sequence + 1, modified_at = ?"
                " WHERE code = ?",
                (text, now, code),
            )
    stored = _known(db)
    wanted = {stored[code].calendar_id for code in current}
    shown = _shown(db, serial)
    for calendar_id in wanted | shown.keys():
        flips, at = shown.get(calendar_id, (0, 0))
        if (flips % 2 == 0) != (calendar_id in wanted):
            flips, at = flips + 1, now
        shown[calendar_id] = (flips, at)
    db.execute(
        "INSERT INTO calendar_person (serial, shown) VALUES (?, ?)"
        " ON CONFLICT (serial) DO UPDATE SET shown = excluded.shown",
        (serial, _shown_text(shown)),
    )


def given(db: Connection, serial: int) -> list[Entry]:
    shown = _shown(db, serial)
    events = []
    for code, stored in _known(db).items():
        if stored.calendar_id not in shown:
            continue
        flips, at = shown[stored.calendar_id]
        titles, halls, starts_at, ends_at = json.loads(stored.content)
        content = Content(titles, halls, starts_at, ends_at)
        modified_at = max(stored.modified_at, at)
        events.append(Entry(code, content, stored.sequence + flips, modified_at, flips % 2 == 1))
    return sorted(events, key=lambda entry: (entry.content.starts_at, entry.code))


def calendar(event: Event, events: list[Entry], language: str) -> bytes:
    """Return the calendar file, in the attendee's language where possible."""
    from icalendar import Calendar

    zone = ZoneInfo(event.settings.time_zone)
    name = text_in(event.settings.name, language)
    file = Calendar()
    file.add("prodid", PRODUCT)
    file.add("version", "2.0")
    file.add("calscale", "GREGORIAN")
    file.add("method", "PUBLISH")
    file.add("x-wr-calname", f"{name}: {text_in(_NAMES, language)}")
    file.add("x-wr-timezone", event.settings.time_zone)
    file.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    file.add("x-published-ttl", "PT15M")
    for item in events:
        file.add_component(_event(event, item, zone, language))
    zones = [_time_zone(item) for item in sorted(file.get_missing_tzids())]
    file.subcomponents[:0] = zones
    data: bytes = file.to_ical()
    return data


@lru_cache(maxsize=16)
def _time_zone(name: str) -> "Timezone":
    """Return a time zone's component, cached: computing it takes longer than the rest of a
    calendar.
    """
    from icalendar import Timezone

    return Timezone.from_tzid(name)


def _event(event: Event, entry: Entry, zone: ZoneInfo, language: str) -> "CalendarEvent":
    from icalendar import Event as CalendarEvent

    title = text_in(entry.content.titles, language)
    others = [text for text in entry.content.titles.values() if text and text != title]
    before = text_in(_CANCELLED, language) if entry.cancelled else ""
    modified = datetime.fromtimestamp(entry.modified_at / 1000, UTC).replace(microsecond=0)
    component = CalendarEvent()
    component.add("uid", f"session-{entry.code}@{event.uuid}")
    component.add("dtstamp", modified)
    component.add("last-modified", modified)
    component.add("sequence", entry.sequence)
    component.add("dtstart", datetime.fromtimestamp(entry.content.starts_at / 1000, zone))
    component.add("dtend", datetime.fromtimestamp(entry.content.ends_at / 1000, zone))
    component.add("summary", before + title)
    component.add("location", text_in(entry.content.halls, language))
    if others:
        component.add("description", "\n".join(others))
    component.add("status", "CANCELLED" if entry.cancelled else "CONFIRMED")
    component.add("transp", "TRANSPARENT")
    return component


def _known(db: Connection) -> dict[str, _Known]:
    rows = db.execute(
        "SELECT code, calendar_id, content, sequence, modified_at FROM calendar_entry"
    )
    return {code: _Known(*rest) for code, *rest in rows.fetchall()}


def _shown(db: Connection, serial: int) -> dict[int, tuple[int, int]]:
    """Return for each session given to the attendee how often it was withdrawn or restored, and
    when last.
    """
    row = db.execute("SELECT shown FROM calendar_person WHERE serial = ?", (serial,)).fetchone()
    if row is None:
        return {}
    plain, flipped = json.loads(row[0])
    return dict.fromkeys(plain, (0, 0)) | {
        calendar_id: (flips, at) for calendar_id, flips, at in flipped
    }


def _shown_text(shown: Mapping[int, tuple[int, int]]) -> str:
    plain = sorted(calendar_id for calendar_id, (flips, _) in shown.items() if not flips)
    flipped = sorted(
        (calendar_id, flips, at) for calendar_id, (flips, at) in shown.items() if flips
    )
    return json.dumps([plain, flipped], separators=(",", ":"))
