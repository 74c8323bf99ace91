"""Adds, changes and removes single things of the venue."""

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from badges.i18n import N_, Phrase, Translated
from server.core.edits import last_edit, programme_things
from server.core.edits.last_edit import EditError, mark_of
from server.core.edits.things import NothingThereError, Thing, Values, guest, number_of, values_of
from server.core.edits.words import KINDS, differences, named, told
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.settings import EventSettings
from server.core.feed import changes
from server.core.occupancy import hall_control, nesting_accounts
from server.core.people import search
from server.core.staff.confirmations import require_shown
from server.core.venue import numbers, store
from server.core.venue.categories import leave_halls_open_to_all
from server.features.imports import venue_import, venue_plan
from server.features.imports.venue_check import VenueCheck
from server.features.imports.venue_plan import (
    NO_ACTIVITY,
    SessionPlan,
    Venue,
    VenueError,
    located,
)
from server.features.imports.venue_values import read_plan
from server.storage import errors
from server.storage.connection import Connection

SOMEBODY_ELSE = N_("Someone else has changed this in the meantime. Check it again.")
_NOT_IN_A_CODE = re.compile(r"[^a-z0-9]+")


def save(
    db: Connection, settings: EventSettings, thing: Thing, values: Mapping[str, Any], *,
    seen: str, by: str, now: int,
) -> str:  # fmt: skip
    """Add or change a thing. Return a description of the change, or "".

    `seen` is the mark of the original values. Raises VenueError, or EditError if changed since.
    """
    zone = ZoneInfo(settings.time_zone)
    before = values_of(db, thing, zone)
    if last_edit.mark_of(before) != seen:
        there = N_("This code is already used.") if before else N_("It is gone.")
        raise EditError(SOMEBODY_ELSE if before and seen != last_edit.mark_of(None) else there)
    with last_edit.kept(db, zone, [thing], by=by, now=now) as note:
        note.what = put(db, settings, thing, values, by=by, now=now)
    return note.what


def put(
    db: Connection, settings: EventSettings, thing: Thing, values: Mapping[str, Any], *,
    by: str, now: int,
) -> str:  # fmt: skip
    """Add or change a thing, and describe the change. Raises VenueError."""
    zone = ZoneInfo(settings.time_zone)
    before = values_of(db, thing, zone)
    plan = read_plan(thing.kind, values, settings)
    if isinstance(plan, SessionPlan) and "activity" not in values:
        plan = replace(plan, activity=NO_ACTIVITY)  # None would keep the session's own.
    venue = Venue.of({thing.kind: [plan]})
    _check(db, settings, venue, thing, before)

    def log() -> None:
        subject = _subject(db, thing)
        after = values_of(db, thing, zone) or {}
        if before is not None:
            subject["columns"] = ",".join(
                difference.key for difference in differences(before, after)
            )
        entry_log.act(db, by, Act.VENUE_EDITED, subject, now)

    result = venue_import.take_venue(db, venue, log, by=by, now=now)
    after = values_of(db, thing, zone) or {}
    if not result.changed:
        return ""
    if before is None:
        return Phrase("%(thing)s: added", thing=named(thing.kind, after))
    return located(named(thing.kind, after), told(differences(before, after)))


def set_capacity(
    db: Connection, settings: EventSettings, hall_id: int, capacity: int, *, by: str, now: int
) -> None:
    """Set a hall's capacity, with undo. Raises CapacityError, UnknownHallError."""
    hall = store.hall(db, hall_id)
    zone = ZoneInfo(settings.time_zone)
    things = [Thing("hall", hall.code)]
    with last_edit.kept(db, zone, things, by=by, now=now, hall_id=hall_id) as note:
        hall_control.set_capacity(db, hall_id, capacity, by=by, now=now)
        if capacity != hall.capacity:
            name = Translated(hall.names)
            note.what = Phrase(
                "Hall %(name)s: capacity %(before)s → %(capacity)s",
                name=name,
                before=hall.capacity,
                capacity=capacity,
            )


def named_to_remove(db: Connection, settings: EventSettings, thing: Thing) -> list[str]:
    """Return the keys of what a removal takes out: the thing, a session's speakers and guests, as
    they are now.
    """
    zone = ZoneInfo(settings.time_zone)
    values = [(each, values_of(db, each, zone)) for each in _removed_with(db, thing)]
    return [f"{each.kind} {mark_of(found)} {each.key}" for each, found in values if found]


def _removed_with(db: Connection, thing: Thing) -> list[Thing]:
    if thing.kind != "session":
        return [thing]
    guests = [guest(thing.key, serial) for serial in _guests(db, thing.key)]
    return [thing, Thing("speakers", thing.key), *guests]


def _removal_words(key: str) -> str:
    """How people call a key of `named_to_remove`. The text may be anything."""
    kind, _mark, code = (*key.split(" ", 2), "", "")[:3]
    return named(kind, {"code": code}) if kind in KINDS else key[:60]


def remove(
    db: Connection, settings: EventSettings, thing: Thing, shown: Collection[str], *, by: str,
    now: int,
) -> str:  # fmt: skip
    """Remove a thing, with undo, and describe it.

    `shown` are the keys of what was confirmed (`named_to_remove`). Raises ShownChangedError if the
    removal would take out anything else, and EditError if something refers to the thing.
    """
    zone = ZoneInfo(settings.time_zone)
    before = values_of(db, thing, zone)
    if before is None:
        raise EditError(N_("It is gone already."))
    require_shown(shown, named_to_remove(db, settings, thing), _removal_words)
    things = _removed_with(db, thing)
    with last_edit.kept(db, zone, things, by=by, now=now) as note:
        take_away(db, thing, by=by, now=now)
        note.what = Phrase("%(thing)s: removed", thing=named(thing.kind, before))
    return note.what


def take_away(db: Connection, thing: Thing, *, by: str, now: int) -> None:
    """Delete a thing of the venue. Raises EditError if something refers to it."""
    subject = _subject(db, thing)
    key = subject[thing.kind]
    if thing.kind == "session":
        store.remove_session(db, number_of(db, "session", thing.key), by=by, now=now)
        return
    if _scanned(db, thing):
        raise EditError(
            N_("This %(kind)s has scans, so it stays. Close it instead."),
            kind=venue_plan.KINDS[thing.kind],
        )
    before = nesting_accounts.paths(db)
    try:
        if thing.kind == "category":
            leave_halls_open_to_all(db, number_of(db, "category", thing.key))
        for statement in _TAKEN[thing.kind]:
            db.execute(statement, (key,))
    except errors.ConstraintError:
        raise EditError(_IN_USE[thing.kind]) from None
    nesting_accounts.settle(db, before)
    search.fold(db, search.FOLDED_TOGETHER)
    changes.publish_venue(db)
    if isinstance(key, int):
        numbers.note_removed(db, thing.kind, key, thing.key, by=by, now=now)
    else:  # a thing of the programme
        entry_log.act(db, by, Act.PROGRAMME_REMOVED, subject, now)


def new_code(db: Connection, kind: str, name: str) -> str:
    """Make an unused code from a name."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().casefold()
    stem = _NOT_IN_A_CODE.sub("-", plain).strip("-")[:24].strip("-") or kind
    taken = {row[0].casefold() for row in db.execute(f"SELECT code FROM {kind}")}
    numbered = (stem, *(f"{stem}-{number}" for number in range(2, len(taken) + 3)))
    return next(code for code in numbered if code not in taken)


def new_category_number(db: Connection) -> int:
    """Return the lowest number that no category has or had. Raises EditError."""
    taken = {category.code for category in store.categories(db)}
    taken |= numbers.removed(db, "category").keys()
    lowest = next((number for number in range(256) if number not in taken), None)
    if lowest is None:
        raise EditError(N_("There are already 256 categories, the maximum."))
    return lowest


# The deletions of a thing, itself last; other references prevent it. Programme things are given by
# code, others by number.
_TAKEN = {
    "category": ("DELETE FROM category WHERE category = ?",),
    "hall": (
        "DELETE FROM hall_category WHERE hall_id = ?",
        "DELETE FROM hall_screen WHERE hall_id = ?",
        "DELETE FROM hall WHERE hall_id = ?",
    ),
    "door": ("DELETE FROM door_from WHERE door_id = ?", "DELETE FROM door WHERE door_id = ?"),
    "organisation": (
        "UPDATE attendee SET organisation_id = NULL WHERE organisation_id ="
        " (SELECT organisation_id FROM organisation WHERE code = ?)",
        "DELETE FROM organisation WHERE code = ?",
    ),
    "activity_kind": ("DELETE FROM activity_kind WHERE code = ?",),
    "activity": (
        "DELETE FROM activity_host WHERE activity_id ="
        " (SELECT activity_id FROM activity WHERE code = ?)",
        "DELETE FROM activity WHERE code = ?",
    ),
    "area": ("DELETE FROM area WHERE code = ?",),
    "exhibitor": ("DELETE FROM exhibitor WHERE code = ?",),
    "stand": ("DELETE FROM stand WHERE code = ?",),
}
_IN_USE = {
    "category": N_(
        "Nothing was removed: people have this category, or a hall or session admits it."
    ),
    "hall": N_(
        "Nothing was removed: it still has a door, a session, an area, a hall inside it, or a "
        "kiosk's places."
    ),
    "door": N_("Nothing was removed: a kiosk is or was at work there."),
    "organisation": N_("Nothing was removed: it still hosts an activity, or exhibits."),
    "activity_kind": N_("Nothing was removed: an activity is still of this kind."),
    "activity": N_("Nothing was removed: it still has a session."),
    "area": N_("Nothing was removed: it still has a stand."),
    "exhibitor": N_("Nothing was removed: it still has a stand."),
    "stand": N_("Nothing was removed: something still refers to it."),
}


def _subject(db: Connection, thing: Thing) -> dict[str, str | int | None]:
    if thing.kind not in programme_things.KINDS:
        return {thing.kind: number_of(db, thing.kind, thing.key)}
    if values_of(db, thing, ZoneInfo("UTC")) is None:
        raise NothingThereError(f"{thing.kind} {thing.key}")
    return {thing.kind: thing.key}


def _check(
    db: Connection, settings: EventSettings, venue: Venue, thing: Thing, before: Values | None
) -> None:
    """Raise VenueError for the problems of the changed venue.

    A hall is checked with its sessions, and vice versa. Problems from before the edit are ignored.
    """
    zone = ZoneInfo(settings.time_zone)
    beside = _beside(db, settings, venue, zone)
    wrong = VenueCheck(db, _with(venue, beside)).problems()
    if wrong and before is not None:
        stood = _as_it_stands(thing.kind, before, settings)
        wrong = [
            problem
            for problem in wrong
            if problem not in VenueCheck(db, _with(stood, beside)).problems()
        ]
    if wrong:
        raise VenueError(wrong)


def _with(venue: Venue, beside: Venue) -> Venue:
    return replace(
        venue, halls=venue.halls or beside.halls, sessions=venue.sessions or beside.sessions
    )


def _beside(db: Connection, settings: EventSettings, venue: Venue, zone: ZoneInfo) -> Venue:
    halls = [
        _as_it_stands("hall", values_of(db, Thing("hall", part.hall), zone), settings)
        for part in venue.sessions
    ]
    codes = [
        row[0]
        for plan in venue.halls
        for row in db.execute(
            "SELECT s.code FROM session s JOIN hall h USING (hall_id) WHERE h.code = ?",
            (plan.code,),
        )
    ]
    sessions = [
        _as_it_stands("session", values_of(db, Thing("session", code), zone), settings)
        for code in codes
    ]
    return Venue(
        halls=tuple(plan for part in halls for plan in part.halls),
        sessions=tuple(plan for part in sessions for plan in part.sessions),
    )


def _as_it_stands(kind: str, values: Values | None, settings: EventSettings) -> Venue:
    """Return the stored thing as a venue, an empty one if a file can't express it."""
    try:
        return Venue() if values is None else Venue.of({kind: [read_plan(kind, values, settings)]})
    except VenueError:
        return Venue()


def _guests(db: Connection, session_code: str) -> list[int]:
    rows = db.execute(
        "SELECT serial FROM session_guest JOIN session USING (session_id) WHERE code = ?",
        (session_code,),
    )
    return [row[0] for row in rows]


def _scanned(db: Connection, thing: Thing) -> bool:
    if thing.kind not in ("hall", "door"):
        return False
    query = f"SELECT 1 FROM scan WHERE {thing.kind}_id = ? LIMIT 1"
    return db.execute(query, (number_of(db, thing.kind, thing.key),)).fetchone() is not None
