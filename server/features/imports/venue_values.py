"""Reads one thing of the venue from a form's or file's values."""

from collections.abc import Collection, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from badges.categories import CategoryPlan
from badges.i18n import N_, Phrase
from badges.settings_check import unknown_key
from server.core.event.calendar import day_starts
from server.core.event.settings import EventSettings
from server.core.venue import fields as venue_fields
from server.core.venue.capacity_reasons import Measures
from server.core.venue.fields import Field, ValueRefusedError
from server.features.imports.programme import fields as programme
from server.features.imports.venue_plan import (
    DoorPlan,
    HallPlan,
    Kind,
    SessionPlan,
    VenueError,
    ZonePlan,
)

CAPACITY_MAX = 1_000_000
OPENS_BEFORE_MIN = 30
WALK_MAX_S = 3600
AREA_MAX_M2 = 10_000_000
WIDTH_MAX_M = 10_000
LANES_MAX = 10_000
_DAY_MIN = 24 * 60
_MINUTE_MS = 60_000
_ALL_ZONES_MAX = 31

_NAMED = venue_fields.in_either_language("name")
_TITLED = venue_fields.in_either_language("title")
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


def _category(values: Mapping[str, Any], _: EventSettings) -> CategoryPlan:
    names = venue_fields.names(values, "name")
    return CategoryPlan(values["code"], values["key"], names, values["letter"], values["colour"])


def _zone(values: Mapping[str, Any], _: EventSettings) -> ZonePlan:
    return ZonePlan(values["bit"], values["code"])


def _hall(values: Mapping[str, Any], _: EventSettings) -> HallPlan:
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
            N_("%(key)s needs %(other)s: give the number of places kept"),
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


def _door(values: Mapping[str, Any], _: EventSettings) -> DoorPlan:
    mode, come_from = values.get("mode", "both"), values.get("from")
    return DoorPlan(
        values["code"], values["hall"], venue_fields.names(values, "name"), mode, come_from
    )


def _session(values: Mapping[str, Any], settings: EventSettings) -> SessionPlan:
    starts, ends = values["starts"], values["ends"]
    if ends <= starts:
        raise ValueRefusedError(N_("%(key)s is not after %(other)s"), key="ends", other="starts")
    days = day_starts(settings)
    if not days[0] <= starts < days[-1]:
        raise ValueRefusedError(
            N_("%(key)s outside the event, which is %(days)s days from %(first_day)s"),
            key="starts",
            days=settings.days,
            first_day=settings.first_day,
        )
    if "invited" in values and "categories" not in values:
        raise ValueRefusedError(
            N_("state who else is admitted besides the invited: categories = [] or more")
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


KINDS: Mapping[str, Kind] = {
    "category": Kind(
        lambda _: {
            "code": Field(venue_fields.whole(0, 255), True),
            "key": Field(venue_fields.key, True),
            "letter": Field(venue_fields.letter, True),
            "colour": Field(venue_fields.colour, True),
            **_NAMED,
        },
        _category,
    ),
    "zone": Kind(
        lambda _: {"bit": Field(venue_fields.whole(0, _ALL_ZONES_MAX), True), "code": _CODE}, _zone
    ),
    **{kind: programme.KINDS[kind] for kind in ("organisation", "activity_kind", "activity")},
    "hall": Kind(
        lambda _: {
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
        _hall,
    ),
    "door": Kind(
        lambda _: {
            "code": _CODE,
            "hall": _CODE,
            "mode": Field(venue_fields.choice("entry", "exit", "both")),
            "from": Field(venue_fields.come_from),
            **_NAMED,
        },
        _door,
    ),
    "session": Kind(
        lambda zone: {
            "code": _CODE,
            "hall": _CODE,
            "activity": Field(venue_fields.code),
            "starts": Field(venue_fields.local_time(zone), True),
            "ends": Field(venue_fields.local_time(zone), True),
            "opens_before_min": _MINUTES,
            "closes_after_min": _MINUTES,
            "categories": Field(venue_fields.category_choice),
            "invited": Field(venue_fields.listed(venue_fields.attendee)),
            "refused": Field(venue_fields.listed(venue_fields.attendee)),
            **_TITLED,
        },
        _session,
    ),
    **{kind: programme.KINDS[kind] for kind in ("speaker", "area", "exhibitor", "stand")},
}


def read_values(
    fields: Mapping[str, Field], given: Mapping[str, Any], unread: Collection[str] = ()
) -> tuple[dict[str, Any], list[str]]:
    """Return the converted values, and the problems. `unread` keys have a known problem."""
    values, problems = {}, []
    for key, value in given.items():
        if key not in fields:
            problems.append(unknown_key(key, tuple(fields)))
            continue
        try:
            values[key] = fields[key].read(value)
        except ValueRefusedError as error:
            problems.append(Phrase("%(key)s %(what)s", key=key, what=error.phrase))
    for key, field in fields.items():
        other = field.required_without
        if {key, other} & {*given, *unread}:
            continue
        if other:
            problems.append(
                Phrase("%(key)s is missing: write it, or %(other)s", key=key, other=other)
            )
        elif field.required:
            problems.append(Phrase("%(key)s is missing", key=key))
    return values, problems


def read_plan(kind: str, given: Mapping[str, Any], settings: EventSettings) -> Any:
    """Return one thing's plan. Empty texts are ignored.

    Raises VenueError with every problem, each starting with its key, if any.
    """
    fields = KINDS[kind].fields(ZoneInfo(settings.time_zone))
    filled = {key: value for key, value in given.items() if value != ""}
    values, problems = read_values(fields, filled)
    if problems:
        raise VenueError(problems)
    try:
        return KINDS[kind].plan(values, settings)
    except ValueRefusedError as error:
        raise VenueError([error.phrase]) from None
