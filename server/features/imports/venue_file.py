"""Reads a venue file (categories, zones, halls, doors, sessions, programme) in TOML or XLSX.

All faults are reported at once. `venue_import` checks references against the event.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from badges.categories import CategoryPlan
from badges.i18n import N_, Count, Phrase, phrase_of
from badges.settings_check import unknown_key
from server.core.event.calendar import day_starts
from server.core.event.settings import EventSettings
from server.core.venue import fields as venue_fields
from server.core.venue.capacity_reasons import Measures
from server.core.venue.fields import Field, ValueRefusedError
from server.features.imports.programme import fields as programme
from server.features.imports.programme.plan import Programme
from server.features.imports.venue_plan import (
    KINDS,
    DoorPlan,
    HallPlan,
    SessionPlan,
    Venue,
    VenueError,
    ZonePlan,
    located,
    without_place,
)
from server.features.imports.venue_xlsx import Entry, Found, is_workbook, read_workbook

FILE_BYTES_MAX = 10_000_000
ENTRIES_MAX = 20_000  # of each kind
CAPACITY_MAX = 1_000_000
OPENS_BEFORE_MIN = 30
WALK_MAX_S = 3600
AREA_MAX_M2 = 10_000_000
WIDTH_MAX_M = 10_000
LANES_MAX = 10_000
_DAY_MIN = 24 * 60
_MINUTE_MS = 60_000
_ALL_ZONES_MAX = 31

P = TypeVar("P")

_NAMED = {"name": Field(venue_fields.text, True), "name_zh": Field(venue_fields.text)}
_TITLED = {"title": Field(venue_fields.text, True), "title_zh": Field(venue_fields.text)}
_MINUTES = Field(venue_fields.whole(0, _DAY_MIN))
_CODE = Field(venue_fields.code, True)
_MEASURES = {
    "floor_m2": Field(venue_fields.measure(1, AREA_MAX_M2)),
    "m2_per_person": Field(venue_fields.measure(0.1, 100)),
    "seats": Field(venue_fields.whole(0, CAPACITY_MAX)),
    "exit_width_m": Field(venue_fields.measure(0, WIDTH_MAX_M)),
    "exit_steps_width_m": Field(venue_fields.measure(0, WIDTH_MAX_M)),
    "entry_lanes": Field(venue_fields.whole(0, LANES_MAX)),
    "fill_min": Field(venue_fields.measure(1, _DAY_MIN)),
    "clear_min": Field(venue_fields.measure(1, 60)),
    "emergency_min": Field(venue_fields.measure(1, 60)),
}


def _fields(zone: ZoneInfo) -> dict[str, dict[str, Field]]:
    """Return the keys of a venue file, by kind."""
    time = Field(venue_fields.local_time(zone), True)
    return {
        "category": {
            "code": Field(venue_fields.whole(0, 255), True),
            "key": Field(venue_fields.key, True),
            "letter": Field(venue_fields.letter, True),
            "colour": Field(venue_fields.colour, True),
            **_NAMED,
        },
        "zone": {"bit": Field(venue_fields.whole(0, _ALL_ZONES_MAX), True), "code": _CODE},
        **programme.before_sessions(),
        "hall": {
            "code": _CODE,
            "capacity": Field(venue_fields.whole(0, CAPACITY_MAX), True),
            "fire_limit": Field(venue_fields.whole(0, CAPACITY_MAX)),
            "parent": Field(venue_fields.code),
            "categories": Field(venue_fields.category_choice),
            "zones": Field(venue_fields.listed(venue_fields.code)),
            "sessions_only": Field(venue_fields.yes_or_no),
            "anti_passback": Field(venue_fields.choice("off", "soft", "hard")),
            "exits": Field(venue_fields.choice("strict", "trusting")),
            "leaving": Field(venue_fields.choice("scanned", "inferred")),
            "walk_s": Field(venue_fields.whole(0, WALK_MAX_S)),
            "facts_age_max_min": Field(venue_fields.whole(1, 7 * _DAY_MIN)),
            **_MEASURES,
            "accessible_places": Field(venue_fields.whole(0, CAPACITY_MAX)),
            "accessible_until_min": _MINUTES,
            **_NAMED,
        },
        "door": {
            "code": _CODE,
            "hall": _CODE,
            "mode": Field(venue_fields.choice("entry", "exit", "both")),
            "from": Field(venue_fields.come_from),
            **_NAMED,
        },
        "session": {
            "code": _CODE,
            "hall": _CODE,
            "activity": Field(venue_fields.code),
            "starts": time,
            "ends": time,
            "opens_before_min": _MINUTES,
            "closes_after_min": _MINUTES,
            "categories": Field(venue_fields.category_choice),
            "invited": Field(venue_fields.listed(venue_fields.attendee)),
            "refused": Field(venue_fields.listed(venue_fields.attendee)),
            **_TITLED,
        },
        **programme.after_sessions(zone),
    }


def columns() -> dict[str, dict[str, Field]]:
    """Return the keys of each kind of a venue file, in order."""
    return _fields(ZoneInfo("UTC"))


def read_venue(data: bytes, name: str, settings: EventSettings) -> Venue:
    """Read the venue from a TOML or XLSX file called `name`, with local times in the event's zone.

    Raises VenueError with every problem.
    """
    if len(data) > FILE_BYTES_MAX:
        raise VenueError(
            [
                Phrase(
                    "%(name)s has over %(most)s bytes: that is no venue file",
                    name=name,
                    most=Count(FILE_BYTES_MAX),
                )
            ]
        )
    fields = _fields(ZoneInfo(settings.time_zone))
    kinds = tuple(fields)
    workbook = is_workbook(data)
    read = read_workbook(data, name, kinds) if workbook else Found(_toml(data, name, kinds))
    entries = read.entries
    reader = _Reader(fields, settings, list(read.problems))
    for kind, things in entries.items():
        if len(things) > ENTRIES_MAX:
            raise VenueError(
                [
                    Phrase(
                        "%(name)s has over %(most)s of [[%(kind)s]]",
                        name=name,
                        most=Count(ENTRIES_MAX),
                        kind=kind,
                    )
                ]
            )
    venue = Venue(
        categories=reader.all("category", entries, _category),
        zones=reader.all("zone", entries, _zone),
        halls=reader.all("hall", entries, reader.hall),
        doors=reader.all("door", entries, _door),
        sessions=reader.all("session", entries, reader.session),
        programme=_programme(reader, entries),
        notes=tuple(read.notes),
        rows=reader.rows if workbook else {},
    )
    if not any(entries.values()):
        reader.problems.append(
            Phrase(
                "%(name)s has none of %(known)s",
                name=name,
                known=", ".join(f"[[{kind}]]" for kind in kinds),
            )
        )
    if reader.problems:
        raise VenueError(reader.problems)
    return venue


def read_one(kind: str, values: Mapping[str, Any], settings: EventSettings) -> Venue:
    """Read one thing from `values`, by the rules of a venue file. Empty texts are ignored.

    Raises VenueError with every problem; each starts with its key, if it has one.
    """
    given = {key: value for key, value in values.items() if value != ""}
    reader = _Reader(_fields(ZoneInfo(settings.time_zone)), settings, [])
    entries = {kind: [Entry(kind, given)]}
    venue = Venue(
        categories=reader.all("category", entries, _category),
        zones=reader.all("zone", entries, _zone),
        halls=reader.all("hall", entries, reader.hall),
        doors=reader.all("door", entries, _door),
        sessions=reader.all("session", entries, reader.session),
        programme=_programme(reader, entries),
    )
    if reader.problems:
        raise VenueError([without_place(problem) for problem in reader.problems])
    return venue


def _programme(reader: "_Reader", entries: Mapping[str, list[Entry]]) -> Programme:
    return Programme(
        organisations=reader.all("organisation", entries, programme.organisation),
        activity_kinds=reader.all("activity_kind", entries, programme.activity_kind),
        activities=reader.all("activity", entries, programme.activity),
        speakers=reader.all("speaker", entries, programme.speaker),
        areas=reader.all("area", entries, programme.area),
        exhibitors=reader.all("exhibitor", entries, programme.exhibitor),
        stands=reader.all("stand", entries, programme.stand),
    )


def _toml(data: bytes, name: str, kinds: tuple[str, ...]) -> dict[str, list[Entry]]:
    try:
        document = tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise VenueError(
            [Phrase("%(name)s is not UTF-8 text: save it as UTF-8", name=name)]
        ) from None
    except RecursionError:
        raise VenueError(
            [Phrase("%(name)s has lists in lists without end: that is no venue", name=name)]
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise VenueError(
            [Phrase("%(name)s is not TOML: %(why)s", name=name, why=phrase_of(error))]
        ) from None
    problems = []
    entries: dict[str, list[Entry]] = {}
    for kind, tables in document.items():
        if kind not in kinds:
            problems.append(located(name, unknown_key(kind, kinds)))
        elif not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            problems.append(
                Phrase(
                    "%(name)s: write each %(kind)s under its own [[%(kind)s]]", name=name, kind=kind
                )
            )
        else:
            entries[kind] = [
                Entry(_toml_place(kind, n, table), table) for n, table in enumerate(tables, 1)
            ]
    if problems:
        raise VenueError(problems)
    return entries


def _toml_place(kind: str, number: int, table: Mapping[str, Any]) -> str:
    code = table.get("code")
    if isinstance(code, (str, int)):
        return Phrase(
            "%(kind)s %(number)s (%(code)s)",
            kind=KINDS[kind],
            number=number,
            code=str(code)[:32],
        )
    return Phrase("%(kind)s %(number)s", kind=KINDS[kind], number=number)


@dataclass
class _Reader:
    """Converts entries to plans and collects their problems."""

    fields: Mapping[str, Mapping[str, Field]]
    settings: EventSettings
    problems: list[str]
    rows: dict[tuple[str, str], str] = field(default_factory=dict)  # by kind and code

    def all(
        self,
        kind: str,
        entries: Mapping[str, list[Entry]],
        make: Callable[[Mapping[str, Any]], P],
    ) -> tuple[P, ...]:
        """Return the plans of one kind."""
        plans = []
        met: dict[str, str] = {}
        for entry in entries.get(kind, ()):
            before = len(self.problems)
            values = self._values(kind, entry)
            self.rows[kind, str(values.get("key", values.get("code")))] = entry.place
            self.problems += self._repeated(entry.place, values, met)
            if len(self.problems) > before or entry.unread:
                continue
            try:
                plans.append(make(values))
            except ValueRefusedError as error:
                self.problems.append(located(entry.place, error.phrase))
        return tuple(plans)

    def _values(self, kind: str, entry: Entry) -> dict[str, Any]:
        fields = self.fields[kind]
        values = {}
        for key, value in entry.values.items():
            if key not in fields:
                self.problems.append(located(entry.place, unknown_key(key, tuple(fields))))
                continue
            try:
                values[key] = fields[key].read(value)
            except ValueRefusedError as error:
                self.problems.append(
                    located(entry.place, Phrase("%(key)s %(what)s", key=key, what=error.phrase))
                )
        for key, entry_field in fields.items():
            if entry_field.required and key not in entry.values and key not in entry.unread:
                self.problems.append(located(entry.place, Phrase("%(key)s is missing", key=key)))
        return values

    def _repeated(
        self, place: str, values: Mapping[str, Any], met: dict[str, str]
    ) -> Iterator[str]:
        for key in ("code", "key", "bit", "letter"):
            if key in values:
                label = f"{key} {str(values[key]).casefold()}"
                first = met.setdefault(label, place)
                if first != place:
                    yield located(
                        place, Phrase("the same %(key)s as %(first)s", key=key, first=first)
                    )

    def hall(self, values: Mapping[str, Any]) -> HallPlan:
        capacity = values["capacity"]
        fire_limit = values.get("fire_limit", capacity)
        if fire_limit < capacity:
            raise ValueRefusedError(
                N_("%(key)s %(number)s is above %(other)s %(most)s"),
                key="capacity",
                number=capacity,
                other="fire_limit",
                most=fire_limit,
            )
        if ("floor_m2" in values) != ("m2_per_person" in values):
            raise ValueRefusedError(
                N_("%(key)s and %(other)s go together: write both"),
                key="floor_m2",
                other="m2_per_person",
            )
        accessible = values.get("accessible_places", 0)
        if accessible > capacity:
            raise ValueRefusedError(
                N_("%(key)s %(number)s is above %(other)s %(most)s: they are part of it"),
                key="accessible_places",
                number=accessible,
                other="capacity",
                most=capacity,
            )
        if "accessible_until_min" in values and not accessible:
            raise ValueRefusedError(
                N_("%(key)s needs %(other)s: say how many places are kept"),
                key="accessible_until_min",
                other="accessible_places",
            )
        sessions_only = values.get("sessions_only", False)
        age_min = values.get("facts_age_max_min")
        return HallPlan(
            code=values["code"],
            names=venue_fields.names(values, "name"),
            parent=values.get("parent"),
            capacity=capacity,
            fire_limit=fire_limit,
            categories=values.get("categories", () if sessions_only else None),
            zones=values.get("zones", ()),
            sessions_only=sessions_only,
            anti_passback=values.get("anti_passback", "hard"),
            exits=values.get("exits", "strict"),
            leaving=values.get("leaving", "scanned"),
            walk_s=values.get("walk_s"),
            facts_age_max_ms=None if age_min is None else age_min * _MINUTE_MS,
            measures=Measures(**{key: values[key] for key in _MEASURES if key in values}),
            accessible_places=accessible,
            accessible_until_min=values.get("accessible_until_min"),
        )

    def session(self, values: Mapping[str, Any]) -> SessionPlan:
        starts, ends = values["starts"], values["ends"]
        if ends <= starts:
            raise ValueRefusedError(
                N_("%(key)s is not after %(other)s"), key="ends", other="starts"
            )
        days = day_starts(self.settings)
        if not days[0] <= starts < days[-1]:
            raise ValueRefusedError(
                N_("%(key)s outside the event, which is %(days)s days from %(first_day)s"),
                key="starts",
                days=self.settings.days,
                first_day=self.settings.first_day,
            )
        if "invited" in values and "categories" not in values:
            raise ValueRefusedError(
                N_("say who may come besides the invited: categories = [] or more")
            )
        return SessionPlan(
            code=values["code"],
            hall=values["hall"],
            titles=venue_fields.names(values, "title"),
            starts_at=starts,
            ends_at=ends,
            opens_at=starts - values.get("opens_before_min", OPENS_BEFORE_MIN) * _MINUTE_MS,
            closes_at=ends + values.get("closes_after_min", 0) * _MINUTE_MS,
            categories=values.get("categories"),
            invited=values.get("invited", ()),
            refused=values.get("refused", ()),
            activity=values.get("activity"),
        )


def _category(values: Mapping[str, Any]) -> CategoryPlan:
    names = venue_fields.names(values, "name")
    return CategoryPlan(values["code"], values["key"], names, values["letter"], values["colour"])


def _zone(values: Mapping[str, Any]) -> ZonePlan:
    return ZonePlan(values["bit"], values["code"])


def _door(values: Mapping[str, Any]) -> DoorPlan:
    mode, come_from = values.get("mode", "both"), values.get("from")
    return DoorPlan(
        values["code"], values["hall"], venue_fields.names(values, "name"), mode, come_from
    )
