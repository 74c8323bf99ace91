"""Reads a programme from iCalendar (RFC 5545), with time zones and repeated events.

An event becomes an activity, and each of its times a session. Codes derive from the UID. Deep
nesting is refused before parsing, because it slows `icalendar`.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from badges.i18n import N_, Count, Phrase
from server.core.event.calendar import day_starts
from server.core.event.settings import EventSettings
from server.features.imports.programme.codes import stable_code
from server.features.imports.programme.formats.draft import SESSIONS_MAX, Draft, DraftPerson, Found
from server.features.imports.programme.formats.format import Format
from server.features.imports.programme.formats.recurrence import (
    Budget,
    RuleRefusedError,
    occurrences,
    rule_of,
)
from server.features.imports.programme.formats.times import (
    DURATION_MAX_H,
    YEARS,
    TimeRefusedError,
    instant,
)
from server.features.imports.venue_plan import VenueError, located

DEPTH_MAX = 10
LINES_MAX = 200_000
ZONE_RULES_MAX = 60  # each may take a second
OCCURRENCES_MAX = 1_000  # of one event
DURATION_MAX = timedelta(hours=DURATION_MAX_H)
_BEGIN_OR_END = re.compile(rb"^(BEGIN|END):", re.IGNORECASE | re.MULTILINE)
_FOLD = re.compile(r"\r?\n[ \t]")
_ZONE = re.compile(r"^BEGIN:VTIMEZONE(.*?)^END:VTIMEZONE", re.I | re.M | re.S)
_ZONE_RULE = re.compile(r"^RRULE[^:\r\n]*:([^\r\n]*)", re.I | re.M)
_YEARLY = re.compile(r"FREQ=YEARLY(;(BYMONTH|BYMONTHDAY|BYDAY|UNTIL|INTERVAL|WKST)=[^;]*)*")
_TAKEN = {
    "UID", "SUMMARY", "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID",
    "STATUS", "LOCATION", "CATEGORIES", "ORGANIZER", "ATTENDEE",
}  # fmt: skip
# Properties without information about the event.
_OF_ITS_SYSTEM = {
    "DTSTAMP", "CREATED", "LAST-MODIFIED", "SEQUENCE", "CLASS", "TRANSP", "PRIORITY", "BEGIN",
    "END",
}  # fmt: skip
_ROLES = {"CHAIR", "REQ-PARTICIPANT"}  # of people expected to come


def read_ical(data: bytes, name: str, settings: EventSettings) -> Found:
    """Read the events of a calendar. Raises VenueError if it is not one."""
    # Imported here because loading is slow and calendars are rare.
    import icalendar

    depth = 0
    for mark in _BEGIN_OR_END.findall(data):
        depth += 1 if mark.upper() == b"BEGIN" else -1
        if depth > DEPTH_MAX:
            raise VenueError(
                [Phrase("%(name)s has parts nested too deeply: it is not a calendar", name=name)]
            )
    if data.count(b"\n") > LINES_MAX:
        raise VenueError(
            [Phrase("%(name)s has over %(most)s lines: split it", name=name, most=Count(LINES_MAX))]
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise VenueError(
            [
                Phrase(
                    "%(name)s is not UTF-8 text (first at line %(line)s): save it so",
                    name=name,
                    line=line,
                )
            ]
        ) from None
    _check_zones(text, name)
    try:
        calendars = icalendar.Calendar.from_ical(text, multiple=True)
    except OSError:  # the TZID names a folder of zones
        raise VenueError(
            [Phrase("%(name)s is not iCalendar: a TZID does not name a time zone", name=name)]
        ) from None
    # icalendar raises an AttributeError for VALUE=a,b.
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise VenueError(
            [Phrase("%(name)s is not iCalendar: %(why)s", name=name, why=str(error)[:200])]
        ) from None
    chosen = [calendar for calendar in calendars if calendar.name == "VCALENDAR"]
    if not chosen:
        raise VenueError([Phrase("%(name)s is not iCalendar: it has no VCALENDAR", name=name)])
    return _Reader(settings, name).read(chosen)


def _check_zones(text: str, name: str) -> None:
    """Raise VenueError for zones with too many or non-yearly rules, which take too long to
    expand.
    """
    rules = [
        rule.upper()
        for zone in _ZONE.findall(_FOLD.sub("", text))
        for rule in _ZONE_RULE.findall(zone)
    ]
    odd = [rule for rule in rules if not _YEARLY.fullmatch(rule)]
    if odd:
        raise VenueError(
            [
                Phrase(
                    "%(name)s has a time zone with the unsupported rule %(odd)s",
                    name=name,
                    odd=odd[0][:60],
                )
            ]
        )
    if len(rules) > ZONE_RULES_MAX or text.upper().count("BEGIN:VTIMEZONE") > ZONE_RULES_MAX:
        raise VenueError(
            [
                Phrase(
                    "%(name)s has over %(most)s time zones or rules of them",
                    name=name,
                    most=ZONE_RULES_MAX,
                )
            ]
        )


@dataclass
class _Series:
    """One UID's components: the event, and the times that differ."""

    main: list[Any] = field(default_factory=list)
    changed: list[Any] = field(default_factory=list)


class _Reader:
    def __init__(self, settings: EventSettings, name: str) -> None:
        self.name = name
        self.zone = ZoneInfo(settings.time_zone)
        self.days = day_starts(settings)
        # One more day at both ends, since the file's time zone may differ.
        self.first = settings.first_day - timedelta(days=1)
        self.last = settings.first_day + timedelta(days=settings.days)
        self.found = Found()
        self.budget = Budget()
        self.met: Counter[str] = Counter()

    def read(self, calendars: Sequence[Any]) -> Found:
        series: dict[str, _Series] = {}
        for calendar in calendars:
            called_off = str(calendar.get("METHOD", "")).upper() == "CANCEL"
            for part in calendar.subcomponents:
                if part.name == "VEVENT":
                    self._sort(part, series, called_off)
                elif part.name != "VTIMEZONE":
                    self.found.leave(str(part.name)[:40])
        for uid, parts in series.items():
            try:
                self._read_series(uid, parts)
            except (TimeRefusedError, RuleRefusedError) as error:
                self.found.problems.append(
                    located(_place((parts.main or parts.changed)[0]), error.phrase)
                )
        return self.found

    def _sort(self, part: Any, series: dict[str, "_Series"], called_off: bool) -> None:
        place, uid = _place(part), str(part.get("UID", "")).strip()
        for key, value in part.property_items(recursive=False):
            if key not in _TAKEN | _OF_ITS_SYSTEM and value.to_ical().strip():
                self.found.leave(str(key)[:40])
        for inner in part.subcomponents:
            self.found.leave(str(inner.name)[:40])
        if part.errors:
            errors = (
                located(key or Phrase("a line"), str(message)[:120]) for key, message in part.errors
            )
            self.found.problems += [located(place, error) for error in errors]
        elif not uid:
            told_why = Phrase("has no UID, so a later import could not recognise it")
            self.found.problems.append(located(place, told_why))
        else:
            if called_off:
                part["STATUS"] = "CANCELLED"
            kept = series.setdefault(uid, _Series())
            (kept.changed if "RECURRENCE-ID" in part else kept.main).append(part)

    def _read_series(self, uid: str, parts: _Series) -> None:
        """Add one event's drafts. Raises TimeRefusedError and RuleRefusedError."""
        if len(parts.main) > 1:
            problem = Phrase(
                "%(main)s: its UID is there %(count)s times: keep one",
                main=_place(parts.main[0]),
                count=len(parts.main),
            )
            self.found.problems.append(problem)
            return
        repeated = any(key in part for part in parts.main for key in ("RRULE", "RDATE"))
        changed: dict[int, Any] = {}
        for part in parts.changed:
            if str(_one(part, "RECURRENCE-ID").params.get("RANGE", "")).upper() == "THISANDFUTURE":
                raise RuleRefusedError(
                    N_("changes this and all later times: write a separate event")
                )
            changed[self._instant(_one(part, "RECURRENCE-ID"))] = part
        suffixes: dict[int, str] = {}
        drafts_before = len(self.found.drafts) + len(self.found.cancelled)
        for part in parts.main:
            length = self._length(part)
            for at in (
                self._times(part, suffixes) if repeated else [self._instant(_one(part, "DTSTART"))]
            ):
                if at not in changed and (not repeated or self._in_event(at)):
                    self._add(part, uid, suffixes.get(at, ""), at, at + length)
        for original, part in changed.items():
            suffix = suffixes.get(original) or self._suffix(original)
            if parts.main and original == self._instant(_one(parts.main[0], "DTSTART")):
                suffix = ""
            starts_at = self._instant(_one(part, "DTSTART"))
            if self._in_event(starts_at) or not repeated:
                self._add(part, uid, suffix, starts_at, starts_at + self._length(part))
        if repeated and drafts_before == len(self.found.drafts) + len(self.found.cancelled):
            raise RuleRefusedError(N_("repeats, but never on a day of the event"))

    def _in_event(self, at: int) -> bool:
        return self.days[0] <= at < self.days[-1]

    def _suffix(self, at: int) -> str:
        return datetime.fromtimestamp(at / 1000, UTC).astimezone(self.zone).strftime("-%Y%m%d")

    def _add(self, part: Any, uid: str, suffix: str, starts_at: int, ends_at: int) -> None:
        code = stable_code(uid, suffix)
        if str(part.get("STATUS", "")).upper() == "CANCELLED":
            self.found.cancelled.append(code)
            return
        if len(self.found.drafts) >= SESSIONS_MAX:
            raise VenueError(
                [
                    Phrase(
                        "%(name)s has over %(most)s sessions",
                        name=self.name,
                        most=Count(SESSIONS_MAX),
                    )
                ]
            )
        people, hosts, rooms = self._people(part)
        words = [
            str(word) for categories in _several(part, "CATEGORIES") for word in categories.cats
        ]
        self.found.drafts.append(
            Draft(
                place=_place(part),
                code=code,
                activity=stable_code(uid),
                title=_text(part, "SUMMARY"),
                room=_text(part, "LOCATION") or next(iter(rooms), ""),
                starts_at=starts_at,
                ends_at=ends_at,
                kinds=tuple(filter(None, (" ".join(word.split()) for word in words))),
                people=people,
                hosts=hosts,
            )
        )

    def _times(self, part: Any, suffixes: dict[int, str]) -> list[int]:
        """Return a repeated event's times (Unix ms) near the event's days, and set each one's
        suffix.

        Times excluded by EXDATE get a suffix too, so that the others keep theirs. The first has
        none.
        """
        start, zone = self._local(_one(part, "DTSTART"))
        locals_ = {start}
        for rule in _several(part, "RRULE"):
            repetition = rule_of(rule, start, self._until(rule, zone))
            for local in occurrences(repetition, start, self.first, self.last, self.budget):
                locals_.add(local)
                if len(locals_) > OCCURRENCES_MAX:
                    raise RuleRefusedError(
                        N_("repeats over %(most)s times in the event"), most=Count(OCCURRENCES_MAX)
                    )
        instants = {instant(local.replace(tzinfo=zone), self.zone) for local in locals_}
        for extra in _several(part, "RDATE"):
            if str(extra.params.get("VALUE", "")).upper() == "PERIOD":
                raise RuleRefusedError(N_("repeats by an RDATE with PERIOD: write separate events"))
            instants |= {self._instant_of(entry.dt, extra.params) for entry in extra.dts}
        first, of_day = instant(start.replace(tzinfo=zone), self.zone), Counter[str]()
        for at in sorted(instants):
            day = self._suffix(at)
            of_day[day] += 1
            suffixes[at] = "" if at == first else day
            if of_day[day] > 1:
                suffixes[at] = f"{day}-{of_day[day]}"
        left_out = {
            self._instant_of(entry.dt, gone.params)
            for gone in _several(part, "EXDATE")
            for entry in gone.dts
        }
        days_out = {
            entry.dt
            for gone in _several(part, "EXDATE")
            for entry in gone.dts
            if not isinstance(entry.dt, datetime)
        }
        return [at for at in sorted(instants - left_out) if self._date(at, zone) not in days_out]

    def _date(self, at: int, zone: Any) -> date:
        return datetime.fromtimestamp(at / 1000, UTC).astimezone(zone).date()

    def _until(self, rule: Any, zone: Any) -> datetime | None:
        value = next(iter(rule.get("UNTIL", ())), None)
        if isinstance(value, datetime) and value.tzinfo and value.year in YEARS:
            return value.astimezone(zone).replace(tzinfo=None)
        if isinstance(value, datetime):
            return value.replace(tzinfo=None)  # e.g. the last second of the year 9999
        return datetime.combine(value, time.max) if isinstance(value, date) else None

    def _length(self, part: Any) -> int:
        """Return the duration in ms. Raises TimeRefusedError."""
        begin = self._instant(_one(part, "DTSTART"))
        if "DTEND" in part:
            length = self._instant(_one(part, "DTEND")) - begin
        elif "DURATION" in part:
            duration = _one(part, "DURATION").dt
            if not isinstance(duration, timedelta) or abs(duration) > DURATION_MAX:
                raise TimeRefusedError(N_("has an invalid DURATION"))
            length = int(duration.total_seconds()) * 1000
        elif not isinstance(_one(part, "DTSTART").dt, datetime):
            length = 24 * 3_600_000
        else:
            raise TimeRefusedError(N_("has neither DTEND nor DURATION"))
        if length <= 0:
            raise TimeRefusedError(N_("ends before it starts"))
        return length

    def _instant(self, value: Any) -> int:
        return self._instant_of(value.dt, value.params)

    def _instant_of(self, value: Any, params: Any) -> int:
        local, zone = self._zoned(value, params)
        return instant(local.replace(tzinfo=zone), self.zone)

    def _local(self, value: Any) -> tuple[datetime, Any]:
        return self._zoned(value.dt, value.params)

    def _zoned(self, value: Any, params: Any) -> tuple[datetime, Any]:
        """Return the local time and zone. A date means midnight at the venue."""
        if not isinstance(value, datetime):
            if not isinstance(value, date):
                raise TimeRefusedError(
                    N_("has %(value)s instead of a time"), value=repr(str(value)[:40])
                )
            return datetime.combine(value, time()), self.zone
        if value.tzinfo is not None:
            return value.replace(tzinfo=None), value.tzinfo
        if "TZID" in params:
            named = str(params["TZID"])[:40]
            raise TimeRefusedError(
                N_("is in the time zone %(named)s, which is unknown"),
                named=repr(named),
            )
        return value, self.zone

    def _people(
        self, part: Any
    ) -> tuple[tuple[DraftPerson, ...], tuple[tuple[str, str], ...], list[str]]:
        people: list[DraftPerson] = []
        hosts = [(_called(contact), "lead") for contact in _several(part, "ORGANIZER")]
        rooms: list[str] = []
        for contact in _several(part, "ATTENDEE"):
            kind = str(contact.params.get("CUTYPE", "INDIVIDUAL")).upper()
            role = str(contact.params.get("ROLE", "REQ-PARTICIPANT")).upper()
            if kind in ("ROOM", "RESOURCE"):
                rooms += [_called(contact)] if kind == "ROOM" else []
            elif kind == "GROUP":
                hosts.append((_called(contact), "co_host"))
            elif (
                role not in _ROLES or str(contact.params.get("PARTSTAT", "")).upper() == "DECLINED"
            ):
                self.found.leave(Phrase("optional ATTENDEE"))
            else:
                mail = str(contact).strip()
                email = mail[7:] if mail[:7].lower() == "mailto:" else ""
                named = "moderator" if role == "CHAIR" else ""
                people.append(DraftPerson(name=_called(contact), email=email, role=named))
        return tuple(people), tuple(hosts), rooms


def _several(part: Any, key: str) -> list[Any]:
    value = part.get(key, [])
    return value if isinstance(value, list) else [value]


def _one(part: Any, key: str) -> Any:
    """Return a property that must occur once. Raises TimeRefusedError."""
    values = _several(part, key)
    if len(values) != 1:
        raise TimeRefusedError(
            N_("has several %(key)s") if values else N_("has no %(key)s"), key=key
        )
    return values[0]


def _called(address: Any) -> str:
    name = " ".join(str(address.params.get("CN", "")).split())
    return name or str(address).strip().removeprefix("mailto:").removeprefix("MAILTO:")


def _text(part: Any, key: str) -> str:
    return " ".join(str(next(iter(_several(part, key)), "")).split())


def _place(part: Any) -> str:
    title = _text(part, "SUMMARY")
    return (
        Phrase("event %(title)s", title=repr(title[:60]))
        if title
        else Phrase("event %(what)s", what=repr(_text(part, "UID")[:60]))
    )


FORMAT = Format("ical", "iCalendar (BEGIN:VCALENDAR)", ".ics", b"BEGIN:VCALENDAR", read_ical)
