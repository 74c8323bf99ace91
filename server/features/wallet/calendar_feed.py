"""Writes an attendee's programme as iCalendar (RFC 5545), for a file or a subscription.

Calendar programs accept a change only with a higher sequence number, and drop an event only if it
is cancelled. So the database stores each session's content, number of changes and last change, and
for each attendee which sessions were given, and how often each was withdrawn or restored.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from server.core.event.directory import Event
from server.core.venue import store
from server.storage.connection import Connection
from server.storage.localized import text_in

# Loading takes long, so it waits for the first calendar.
if TYPE_CHECKING:
    from icalendar import Event as CalendarEvent
    from icalendar import Timezone

SESSIONS_MAX = 1_000
REFRESH = timedelta(minutes=15)
PRODUCT = "-//Hallkeeper//Programme//EN"
# Prefixes for programs that don't show an event's status.
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
    """One event of an attendee's calendar."""

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


def entries(db: Connection, serial: int) -> dict[str, Content]:
    """Return the sessions that the attendee may enter now, by code."""
    halls = {hall.hall_id: hall.names for hall in store.halls(db)}
    return {
        row.code: Content(row.titles, halls[row.hall_id], row.starts_at, row.ends_at)
        for row in store.programme_for(db, serial, limit=SESSIONS_MAX)
    }


def is_current(db: Connection, serial: int) -> bool:
    """Return whether `refresh` would write nothing."""
    now_shown = entries(db, serial)
    shown = _shown(db, serial)
    known = _known(db)
    ids = {known[code].calendar_id for code in now_shown if code in known}
    return (
        len(ids) == len(now_shown)
        and ids == {one for one, (flips, _) in shown.items() if flips % 2 == 0}
        and all(known[code].content == content.text() for code, content in now_shown.items())
    )


def refresh(db: Connection, serial: int, now: int) -> None:
    """Store the attendee's current sessions, with the changes since the last call."""
    found = entries(db, serial)
    known = _known(db)
    for code, content in found.items():
        text = content.text()
        if code not in known:
            db.execute(
                "INSERT INTO calendar_entry (code, content, sequence, modified_at)"
                " VALUES (?, ?, 0, ?)",
                (code, text, now),
            )
        elif known[code].content != text:
            db.execute(
                "UPDATE calendar_entry SET content = ?, sequence = sequence + 1, modified_at = ?"
                " WHERE code = ?",
                (text, now, code),
            )
    known = _known(db)
    wanted = {known[code].calendar_id for code in found}
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
    """Return the attendee's stored calendar, soonest first."""
    shown = _shown(db, serial)
    found = []
    for code, known in _known(db).items():
        if known.calendar_id not in shown:
            continue
        flips, at = shown[known.calendar_id]
        titles, halls, starts_at, ends_at = json.loads(known.content)
        content = Content(titles, halls, starts_at, ends_at)
        modified_at = max(known.modified_at, at)
        found.append(Entry(code, content, known.sequence + flips, modified_at, flips % 2 == 1))
    return sorted(found, key=lambda one: (one.content.starts_at, one.code))


def calendar(event: Event, found: list[Entry], language: str) -> bytes:
    """Return the calendar as a file, in the attendee's language where texts exist."""
    from icalendar import Calendar

    zone = ZoneInfo(event.settings.time_zone)
    name = text_in(event.settings.name, language)
    made = Calendar()
    made.add("prodid", PRODUCT)
    made.add("version", "2.0")
    made.add("calscale", "GREGORIAN")
    made.add("method", "PUBLISH")
    made.add("x-wr-calname", f"{name}: {text_in(_NAMES, language)}")
    made.add("x-wr-timezone", event.settings.time_zone)
    made.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    made.add("x-published-ttl", "PT15M")
    for one in found:
        made.add_component(_event(event, one, zone, language))
    zones = [_time_zone(one) for one in sorted(made.get_missing_tzids())]
    made.subcomponents[:0] = zones
    data: bytes = made.to_ical()
    return data


@lru_cache(maxsize=16)
def _time_zone(name: str) -> "Timezone":
    """Return the calendar component of a time zone, cached: computing it takes longer than the rest
    of a calendar.
    """
    from icalendar import Timezone

    return Timezone.from_tzid(name)


def _event(event: Event, one: Entry, zone: ZoneInfo, language: str) -> "CalendarEvent":
    from icalendar import Event as CalendarEvent

    title = text_in(one.content.titles, language)
    others = [text for text in one.content.titles.values() if text and text != title]
    before = text_in(_CANCELLED, language) if one.cancelled else ""
    modified = datetime.fromtimestamp(one.modified_at / 1000, UTC).replace(microsecond=0)
    made = CalendarEvent()
    made.add("uid", f"session-{one.code}@{event.uuid}")
    made.add("dtstamp", modified)
    made.add("last-modified", modified)
    made.add("sequence", one.sequence)
    made.add("dtstart", datetime.fromtimestamp(one.content.starts_at / 1000, zone))
    made.add("dtend", datetime.fromtimestamp(one.content.ends_at / 1000, zone))
    made.add("summary", before + title)
    made.add("location", text_in(one.content.halls, language))
    if others:
        made.add("description", "\n".join(others))
    made.add("status", "CANCELLED" if one.cancelled else "CONFIRMED")
    made.add("transp", "TRANSPARENT")
    return made


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
    return {one: (0, 0) for one in plain} | {one: (flips, at) for one, flips, at in flipped}


def _shown_text(shown: Mapping[int, tuple[int, int]]) -> str:
    plain = sorted(one for one, (flips, _) in shown.items() if not flips)
    flipped = sorted((one, flips, at) for one, (flips, at) in shown.items() if flips)
    return json.dumps([plain, flipped], separators=(",", ":"))
