"""Says what a venue file that was sent would change, before anything is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from badges.categories import CategoryPlan
from server.editing import last_edit
from server.editing.previews import programme_things
from server.editing.things import VENUE_KINDS, Thing, Values, local_text, measured, values_of
from server.editing.words import Difference, differences, name_of
from server.event.settings import EventSettings
from server.feed import changes
from server.setup import venue_file, venue_import
from server.setup.venue_check import VenueCheck
from server.setup.venue_fields import ALL, OUTSIDE
from server.setup.venue_plan import CategoryChoice, DoorPlan, HallPlan, SessionPlan, Venue
from server.storage.connection import Connection
from server.venue import store

CHANGED_SHOWN = 300
ADDED_SHOWN = 100
_PLURALS = {"category": "categories", "hall": "halls", "door": "doors", "session": "sessions"}
_MINUTE_MS = 60_000


class VenueChangedError(ValueError):
    """Is raised where somebody changed the venue since the preview. Nothing was imported."""


@dataclass(frozen=True)
class ChangedThing:
    """Holds what becomes of a thing that is in the event."""

    kind: str
    code: str
    name: str
    changes: list[Difference]


@dataclass(frozen=True)
class VenuePreview:
    """Holds what a venue file would change, by kind. With `problems` nothing can be imported."""

    problems: Sequence[str]
    notes: tuple[str, ...]
    added: dict[str, list[str]]
    changed: list[ChangedThing]
    unchanged: dict[str, int]
    absent: dict[str, list[str]]  # codes, of kinds that the file has
    guests: int
    mark: str

    @property
    def does_nothing(self) -> bool:
        return not (self.changed or self.guests or any(self.added.values()))


def preview_file(db: Connection, data: bytes, name: str, settings: EventSettings) -> "VenuePreview":
    """Read a venue file and compare it with the event. Raises VenueError."""
    return preview(db, venue_file.read_venue(data, name, settings), settings)


def read_file(_: Connection, data: bytes, name: str, settings: EventSettings) -> Venue:
    """Read a venue file, in the shape of what a process of its own does. Raises VenueError."""
    return venue_file.read_venue(data, name, settings)


def preview(db: Connection, venue: Venue, settings: EventSettings) -> VenuePreview:
    """Compare a venue file with the event. This writes nothing."""
    zone = ZoneInfo(settings.time_zone)
    stored = {one.code: one.key for one in store.categories(db)}
    keys = stored | {one.code: one.key for one in venue.categories}
    added: dict[str, list[str]] = {}
    changed: list[ChangedThing] = []
    unchanged: dict[str, int] = {}
    absent: dict[str, list[str]] = {}

    def compare(kind: str, code: str, old: Values | None, new: Values) -> None:
        found = [] if old is None else differences(old, new)
        if old is None:
            added.setdefault(kind, []).append(f"{name_of(new)} ({code})")
        elif found:
            changed.append(ChangedThing(kind, code, name_of(old), found))
        else:
            unchanged[kind] = unchanged.get(kind, 0) + 1

    for kind in VENUE_KINDS:
        plans = getattr(venue, _PLURALS[kind])
        for plan in plans:
            new = plan_values(plan, zone, keys)
            code = plan.code if kind != "category" else stored.get(plan.code, plan.key)
            compare(kind, code, values_of(db, Thing(kind, code), zone, list(keys.values())), new)
        if plans:
            filed = {one.key if kind == "category" else one.code for one in plans}
            known = [row[0] for row in db.execute(f"SELECT code FROM {kind} ORDER BY code")]
            absent[kind] = [code for code in known if code not in filed]
    for kind in programme_things.KINDS:
        plans = getattr(venue.programme, programme_things.PLURALS[kind])
        for plan in plans:
            old = programme_things.stored_values(db, kind, plan.code)
            compare(kind, plan.code, old, programme_things.filed_values(plan))
    for code, names in _speakers(venue).items():
        there = values_of(db, Thing("speakers", code), zone)
        before = [f"{row[2]} ({row[3]})" for row in there["speakers"]] if there else []
        compare("speakers", code, {"code": code, "speakers": before},
                {"code": code, "speakers": names})  # fmt: skip
    zones = [one.code for one in venue.zones if one.code not in store.zones(db)]
    if zones:
        added["zone"] = zones
    guests = sum(len(one.invited) + len(one.refused) for one in venue.sessions)
    seen = {
        "added": added, "absent": absent, "guests": guests,
        "changed": [(one.kind, one.code, list(map(str, one.changes))) for one in changed],
    }  # fmt: skip
    return VenuePreview(
        problems=VenueCheck(db, venue).problems(),
        notes=venue.notes,
        added=added,
        changed=changed,
        unchanged=unchanged,
        absent=absent,
        guests=guests,
        mark=last_edit.mark_of(seen),
    )


def _speakers(venue: Venue) -> dict[str, list[str]]:
    """Return who speaks at each session that the file has speakers of, in words."""
    found: dict[str, list[str]] = {}
    for plan in venue.programme.speakers:
        who = f"{plan.speaker.name} ({plan.speaker.role})"
        found.setdefault(plan.session, []).append(who)
    return found


def take(
    db: Connection, venue: Venue, settings: EventSettings, name: str, *,
    mark: str, remove_sessions: bool, by: str, now: int,
) -> None:  # fmt: skip
    """Write what was previewed.

    What is more often a slip than meant is `advice`, which needs nobody to wait for it. Raises
    VenueError, or VenueChangedError where the preview would differ by now.
    """
    found = preview(db, venue, settings)
    if found.mark != mark:
        raise VenueChangedError("Somebody has changed the venue since. Look at it again.")
    since = changes.cursor(db)
    venue_import.import_venue(db, venue, by=by, now=now)
    gone = found.absent.get("session", []) if remove_sessions else []
    for session in store.sessions(db):
        if session.code in gone:
            store.remove_session(db, session.session_id, by=by, now=now)
    counts = [
        f"{sum(map(len, found.added.values())):,} things added",
        f"{len(found.changed):,} changed",
    ]
    if gone:
        counts.append(f"{len(gone):,} sessions removed")
    last_edit.keep_words(db, f"{name}: {', '.join(counts)}", since, by=by, now=now)


def plan_values(plan: Any, zone: ZoneInfo, keys: Mapping[int, str]) -> Values:
    """Return a plan of a venue file as the values that things of the event have.

    `keys` are the categories, by number, as they are once the file is imported.
    """
    if isinstance(plan, CategoryPlan):
        return {"code": plan.code, "key": plan.key, "letter": plan.letter, "colour": plan.colour,
                **_named(plan.names, "name")}  # fmt: skip
    if isinstance(plan, HallPlan):
        return _hall(plan, keys)
    if isinstance(plan, DoorPlan):
        found: Values = {"code": plan.code, "hall": plan.hall, **_named(plan.names, "name"),
                         "mode": plan.mode}  # fmt: skip
        return found if plan.come_from is None else found | {"from": plan.come_from or OUTSIDE}
    assert isinstance(plan, SessionPlan)
    activity = {} if plan.activity is None else {"activity": plan.activity}
    return activity | {
        "code": plan.code,
        "hall": plan.hall,
        **_named(plan.titles, "title"),
        "starts": local_text(plan.starts_at, zone),
        "ends": local_text(plan.ends_at, zone),
        "opens_before_min": (plan.starts_at - plan.opens_at) // _MINUTE_MS,
        "closes_after_min": (plan.closes_at - plan.ends_at) // _MINUTE_MS,
        "categories": _choice(plan.categories, keys),
    }


def _hall(plan: HallPlan, keys: Mapping[int, str]) -> Values:
    found: Values = {
        "code": plan.code,
        **_named(plan.names, "name"),
        "capacity": plan.capacity,
        "fire_limit": plan.fire_limit,
        "categories": _choice(plan.categories, keys),
        "sessions_only": plan.sessions_only,
        "anti_passback": plan.anti_passback,
        "exits": plan.exits,
        "leaving": plan.leaving,
    }
    if plan.parent is not None:
        found["parent"] = plan.parent
    if plan.zones:
        found["zones"] = list(plan.zones)
    if plan.accessible_places:
        found["accessible_places"] = plan.accessible_places
    if plan.accessible_until_min is not None:
        found["accessible_until_min"] = plan.accessible_until_min
    if plan.walk_s is not None:
        found["walk_s"] = plan.walk_s
    if plan.facts_age_max_ms is not None:
        found["facts_age_max_min"] = plan.facts_age_max_ms // _MINUTE_MS
    return found | measured(plan.measures)


def _named(names: Mapping[str, str], key: str) -> Values:
    return {key: names["en"], **({f"{key}_zh": names["zh"]} if names.get("zh") else {})}


def _choice(choice: CategoryChoice, keys: Mapping[int, str]) -> str | list[str]:
    chosen = (
        set(keys.values())
        if choice is None
        else {keys[one] if isinstance(one, int) and one in keys else str(one) for one in choice}
    )
    if chosen == set(keys.values()):
        return ALL
    known = [keys[number] for number in sorted(keys)]
    return [key for key in known if key in chosen] + sorted(chosen - set(known))
