"""Previews an import exactly, by executing it and rolling back."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from server.core.event.settings import EventSettings
from server.core.venue import store
from server.features.imports.venue_advice import advice
from server.features.imports.venue_import import import_venue
from server.features.imports.venue_plan import Venue
from server.features.imports.venue_state import State, state
from server.features.imports.writer import ImportedVenue
from server.storage.connection import Connection
from server.storage.database import Database


@dataclass(frozen=True)
class Thing:
    kind: str
    code: str
    name: str


@dataclass(frozen=True)
class Change:
    """A change of one field. Missing values are ""."""

    kind: str
    code: str
    field: str
    old: str
    new: str


@dataclass(frozen=True)
class Preview:
    added: tuple[Thing, ...]
    changed: tuple[Change, ...]
    removed: tuple[Thing, ...]
    missing: tuple[Thing, ...]
    unchanged: int
    warnings: tuple[str, ...]
    # Identifies this preview, down to added things' fields, whether or not missing sessions are
    # removed.
    mark: str

    @property
    def empty(self) -> bool:
        return not (self.added or self.changed or self.removed)


def take_over(
    db: Connection, venue: Venue, *, by: str, now: int, remove_sessions: bool
) -> ImportedVenue:
    """Import a venue; `remove_sessions` removes missing ones.

    `db` is in a transaction. Raises VenueError, with nothing changed.
    """
    result = import_venue(db, venue, by=by, now=now)
    gone = set(result.absent.get("sessions", ())) if remove_sessions else set()
    if gone:
        for session in store.sessions(db):
            if session.code in gone:
                store.remove_session(db, session.session_id, by=by, now=now)
    return result


def preview(
    database: Database,
    venue: Venue,
    settings: EventSettings,
    *,
    by: str,
    now: int,
    remove_sessions: bool = False,
) -> Preview:
    """Return an import's effects without changes. Raises VenueError like it.

    Blocks other writes meanwhile.
    """

    def step(db: Connection) -> None:
        effects = compared(db, venue, settings, by=by, now=now, remove_sessions=remove_sessions)
        raise _TakenBackError(effects)

    try:
        database.write(step, long=True)
    except _TakenBackError as done:
        return done.preview
    raise AssertionError("the step always raises")


def compared(
    db: Connection,
    venue: Venue,
    settings: EventSettings,
    *,
    by: str,
    now: int,
    remove_sessions: bool,
) -> Preview:
    """Import a venue; return the effects. Raises VenueError, with nothing changed."""
    before = state(db, settings)
    result = take_over(db, venue, by=by, now=now, remove_sessions=remove_sessions)
    after = state(db, settings)
    warnings = (*venue.notes, *advice(db, venue, settings))
    return _compared(before, after, result, remove_sessions, warnings)


class _TakenBackError(Exception):
    """Rolls back the transaction, and carries the result."""

    def __init__(self, effects: Preview) -> None:
        super().__init__("taken back")
        self.preview = effects


def _compared(
    before: State,
    after: State,
    result: ImportedVenue,
    remove_sessions: bool,
    warnings: tuple[str, ...],
) -> Preview:
    missing = [
        Thing(kind, code, _name(after.get((kind, code), {})))
        for kind, codes in result.absent.items()
        if kind != "categories" and not (kind == "sessions" and remove_sessions)
        for code in codes
    ]
    removed = tuple(Thing(*key, _name(before[key])) for key in before if key not in after)
    changed = {
        key: (before.get(key), fields) for key, fields in after.items() if before.get(key) != fields
    }
    lacking = sorted({(thing.kind, thing.code) for thing in (*removed, *missing)})
    return Preview(
        added=tuple(Thing(*key, _name(after[key])) for key in after if key not in before),
        changed=tuple(
            Change(*key, field, before[key].get(field, ""), after[key].get(field, ""))
            for key in after
            if key in before and before[key] != after[key]
            for field in {**before[key], **after[key]}
            if before[key].get(field, "") != after[key].get(field, "")
        ),
        removed=removed,
        missing=tuple(missing),
        unchanged=sum(result.unchanged.values()),
        warnings=warnings,
        mark=hashlib.sha256(repr((changed, lacking)).encode()).hexdigest()[:16],
    )


def _name(fields: Mapping[str, str]) -> str:
    return next((text for field, text in fields.items() if field.startswith(("name", "title"))), "")
