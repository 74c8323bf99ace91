"""Reads a schedule of frab or pretalx, in JSON or XML (https://c3voc.de/schedule).

XML is first converted to the JSON's shape.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from badges.i18n import Phrase, joined, phrase_of
from badges.whole_text import LONE
from server.core.event.settings import EventSettings
from server.features.imports.programme.codes import stable_code
from server.features.imports.programme.formats.draft import Draft, DraftPerson, Found
from server.features.imports.programme.formats.format import Format
from server.features.imports.programme.formats.schedule_xml import XmlRefusedError, read_xml
from server.features.imports.programme.formats.times import (
    TimeRefusedError,
    clock_on,
    duration_ms,
    instant,
    iso_time,
)
from server.features.imports.venue_plan import VenueError, located

# An event's imported properties, and those that matter only to the writing system.
_TAKEN = {"date", "start", "duration", "room", "title", "subtitle", "track", "type", "language",
          "persons"}  # fmt: skip
_OF_ITS_SYSTEM = {"id", "guid", "code", "slug", "url", "origin_url", "feedback_url"}
_PERSON_TAKEN = {"name", "public_name", "full_public_name", "email", "role", "id", "code", "guid",
                 "url"}  # fmt: skip
_ROLES = (
    ("moderator", "moderator"), ("chair", "moderator"), ("keynote", "keynote"),
    ("panel", "panellist"),
)  # fmt: skip


def read_frab_json(data: bytes, name: str, settings: EventSettings) -> Found:
    """Read a schedule in JSON. Raises VenueError if it is not one."""
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise VenueError(
            [
                Phrase(
                    "%(name)s is not UTF-8 text (first at byte %(start)s)",
                    name=name,
                    start=error.start + 1,
                )
            ]
        ) from None
    except RecursionError:
        raise VenueError(
            [Phrase("%(name)s has lists nested too deeply: it is not a schedule", name=name)]
        ) from None
    except ValueError as error:
        raise VenueError(
            [Phrase("%(name)s is not JSON: %(why)s", name=name, why=phrase_of(error))]
        ) from None
    _refuse_lone(document, name)
    schedule = document.get("schedule") if isinstance(document, dict) else None
    conference = schedule.get("conference") if isinstance(schedule, dict) else None
    if not isinstance(conference, dict):
        raise VenueError(
            [
                Phrase(
                    "%(name)s has no schedule.conference: it is not a frab or pretalx schedule",
                    name=name,
                )
            ]
        )
    return _Reader(conference, name, ZoneInfo(settings.time_zone)).read()


def _refuse_lone(document: object, name: str) -> None:
    """Refuse escapes of lone surrogates, such as `\\ud800`, which no database stores."""
    text = json.dumps(document, ensure_ascii=False)
    lone = LONE.search(text)
    if lone is not None:
        raise VenueError(
            [
                Phrase(
                    "%(name)s has %(code)s after %(before)s, which is no character: type that text"
                    " again",
                    name=name,
                    code=f"U+{ord(lone[0]):04X}",
                    before=repr(text[max(0, lone.start() - 20) : lone.start()]),
                )
            ]
        )


def read_frab_xml(data: bytes, name: str, settings: EventSettings) -> Found:
    """Read a schedule in XML. Raises VenueError if it is not one."""
    try:
        conference = read_xml(data)
    except XmlRefusedError as error:
        raise VenueError([joined(" ", [name, error.phrase])]) from None
    return _Reader(conference, name, ZoneInfo(settings.time_zone)).read()


class _Reader:
    def __init__(self, conference: dict[str, Any], name: str, zone: ZoneInfo) -> None:
        self.conference = conference
        self.name = name
        self.zone = zone
        self.found = Found()
        self.met: Counter[str] = Counter()

    def read(self) -> Found:
        self.zone = self._own_zone()
        for day, room, event in self._events():
            try:
                draft = self._draft(day, room, event)
            except TimeRefusedError as error:
                self.found.problems.append(located(_place(event), phrase_of(error)))
                continue
            if draft is not None:
                self.found.drafts.append(draft)
        return self.found

    def _own_zone(self) -> ZoneInfo:
        """Return the zone of times without a zone."""
        named = _text(self.conference.get("time_zone_name"))
        if not named:
            return self.zone
        try:
            return ZoneInfo(named)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            note = Phrase(
                "%(name)s: the time zone %(named)s is unknown; the event's is used",
                name=self.name,
                named=repr(named[:40]),
            )
            self.found.notes.append(note)
            return self.zone

    def _events(self) -> Iterator[tuple[dict[str, Any], str, dict[str, Any]]]:
        days = self.conference.get("days")
        if not isinstance(days, list):
            raise VenueError(
                [Phrase("%(name)s has no list of days: it is not a schedule", name=self.name)]
            )
        for number, day in enumerate(days, 1):
            rooms = day.get("rooms") if isinstance(day, dict) else None
            if not isinstance(rooms, dict):
                self.found.problems.append(
                    Phrase("day %(number)s: has no rooms by their names", number=number)
                )
                continue
            for room, events in rooms.items():
                if not isinstance(events, list):
                    problem = Phrase(
                        "day %(number)s, room %(room)s: has no list of events",
                        number=number,
                        room=repr(room[:40]),
                    )
                    self.found.problems.append(problem)
                    continue
                for event in events:
                    if isinstance(event, dict):
                        yield day, room, event
                    else:
                        problem = Phrase(
                            "day %(number)s, room %(room)s: contains an item that is not an event",
                            number=number,
                            room=repr(room[:40]),
                        )
                        self.found.problems.append(problem)

    def _draft(self, day: dict[str, Any], room: str, event: dict[str, Any]) -> Draft | None:
        place, number = _place(event), _text(event.get("id"))
        guid = _text(event.get("guid")) or (f"event-{number}" if number else "")
        if not guid:
            problem = Phrase(
                "%(place)s: has neither guid nor id, so a later import could not recognise it",
                place=place,
            )
            self.found.problems.append(problem)
            return None
        starts_at = self._starts(day, event)
        self.met[guid] += 1
        times = self.met[guid]
        for key, value in event.items():
            if key not in _TAKEN | _OF_ITS_SYSTEM and value not in (None, "", [], {}, False):
                self.found.leave(str(key)[:40])
        title, subtitle = _text(event.get("title")), _text(event.get("subtitle"))
        kind = _text(event.get("type"))
        return Draft(
            place=place,
            code=stable_code(guid, f"-{times}" if times > 1 else ""),
            activity=stable_code(_text(event.get("code")) or guid),
            title=f"{title} – {subtitle}" if title and subtitle else title,
            room=_text(event.get("room")) or room.strip(),
            starts_at=starts_at,
            ends_at=starts_at + duration_ms(_text(event.get("duration"))),
            kinds=(kind,) if kind else (),
            theme=_text(event.get("track")),
            language=_text(event.get("language")),
            people=tuple(self._people(event.get("persons"), kind)),
        )

    def _starts(self, day: dict[str, Any], event: dict[str, Any]) -> int:
        date = _text(event.get("date"))
        if "T" in date or " " in date:
            return instant(iso_time(date), self.zone)
        own = clock_on(
            date or _text(day.get("date")),
            _text(event.get("start")),
            "" if date else _text(day.get("day_start")),
        )
        return instant(own, self.zone)

    def _people(self, value: Any, kind: str) -> Iterator[DraftPerson]:
        for item in value if isinstance(value, list) else ():
            person = item if isinstance(item, dict) else {"name": item}
            names = (person.get(key) for key in ("name", "public_name", "full_public_name"))
            name = next(filter(None, map(_text, names)), "")
            email = _text(person.get("email"))
            if not name and not email:
                continue
            for key, content in person.items():
                if key not in _PERSON_TAKEN and content not in (None, "", [], {}, False):
                    self.found.leave(Phrase("%(key)s of persons", key=str(key)[:40]))
            yield DraftPerson(
                name=name or email,
                email=email,
                code=_text(person.get("code")) or _text(person.get("id")),
                guid=_text(person.get("guid")).lower(),
                role=_role(_text(person.get("role"))) or _role(kind),
            )


def _role(word: str) -> str:
    low = word.casefold()
    return next((role for part, role in _ROLES if part in low), "")


def _place(event: dict[str, Any]) -> str:
    title = _text(event.get("title"))
    return (
        Phrase("event %(title)s", title=repr(title[:60]))
        if title
        else Phrase("event %(what)s", what=_text(event.get("id"))[:20] or "?")
    )


def _text(value: Any) -> str:
    """Return a text with single spaces. Of texts by language, use English, else the first."""
    if isinstance(value, dict):
        value = value.get("en") or next(iter(value.values()), "")
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return ""
    try:
        return " ".join(str(value).split())
    except ValueError:  # an integer with thousands of digits
        return ""


JSON = Format("frab-json", "frab/pretalx JSON", ".json", b"{", read_frab_json)
XML = Format("frab-xml", "frab/pretalx XML", ".xml", b"<", read_frab_xml)
