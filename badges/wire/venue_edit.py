"""Edits of the venue facts that a snapshot has: found by the server, applied by kiosks.

Each edit has the digest of all venue facts afterwards. A kiosk that computes another digest takes a
whole snapshot. So an applied edit leaves a kiosk with the facts of a snapshot.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from badges.wire.wire import SessionFacts, Snapshot, SupervisorFacts, VenueEdited

# Fields of a snapshot that an edit can change. All others are equal before and after it.
_EDITABLE = (
    "categories", "hall", "door", "outer", "doors", "sessions", "supervisors", "accessible",
    "servers", "ring", "ring_number",
)  # fmt: skip

# Those that an edit brings as they are afterwards.
_WHOLE = ("categories", "hall", "door", "servers", "accessible", "ring", "ring_number")


class OtherVenueError(ValueError):
    """Raised if an edit applies to other venue facts than the given ones."""


def venue_of(snapshot: Snapshot, at: int) -> Snapshot:
    """Return a snapshot with the venue facts alone, with lists in their canonical order.

    People, places, and the position in the feed are blank. Past sessions are left out, and guests
    of sessions whose admission has closed, both as of `at` (Unix ms).
    """
    outer = [replace(facts, stays=[]) for facts in snapshot.outer_facts]
    return replace(
        snapshot,
        cursor=0,
        answered_at=0,
        incarnation=0,
        holders=[],
        stays=[],
        orders=[],
        retired=False,
        outer=outer or UNSET,
        sessions=_sessions_at(snapshot.sessions, at),
        supervisors=_by_name(snapshot.supervisors),
    )


def digest(snapshot: Snapshot, at: int) -> bytes:
    text = msgspec.json.encode(venue_of(snapshot, at), order="deterministic")
    return hashlib.sha256(text).digest()[:16]


def find_edit(before: Snapshot, after: Snapshot, at: int) -> VenueEdited | None:
    """Return the edit that changes the venue facts of `before` into those of `after`.

    None if no edit can, as between doors of different halls.
    """
    before, after = venue_of(before, at), venue_of(after, at)
    if any(
        getattr(before, field) != getattr(after, field)
        for field in Snapshot.__struct_fields__
        if field not in _EDITABLE
    ):
        return None
    halls = [[facts.hall.hall for facts in venue.outer_facts] for venue in (before, after)]
    if before.hall.hall != after.hall.hall or halls[0] != halls[1] or _loses(before, after):
        return None
    edit: dict[str, Any] = {
        field: getattr(after, field)
        for field in _WHOLE
        if getattr(before, field) != getattr(after, field)
    }
    if edit.get("accessible") is UNSET:
        edit["accessible"] = None
    if before.outer != after.outer:
        edit["outer"] = [facts.hall for facts in after.outer_facts]
    for field, values in (
        ("doors", (before.doors, after.doors)),
        ("sessions", (_sessions_of(before), _sessions_of(after))),
        ("supervisors", (_supervisors_of(before), _supervisors_of(after))),
    ):
        changed, gone = _difference(*values)
        edit[field] = changed if field == "doors" else list(changed.values())
        edit[f"{field}_gone"] = gone
    return VenueEdited(at=at, digest=digest(after, at), **edit)


def apply_edit(snapshot: Snapshot, edit: VenueEdited) -> Snapshot:
    """Raises OtherVenueError if the facts differ from the edit's digest."""
    fields: dict[str, Any] = {
        field: getattr(edit, field) for field in _WHOLE if getattr(edit, field) is not UNSET
    }
    if edit.accessible is None:
        fields["accessible"] = UNSET
    if not isinstance(edit.outer, UnsetType):
        if len(edit.outer) != len(snapshot.outer_facts):
            raise OtherVenueError("the venue's facts are those of another door")
        pairs = zip(snapshot.outer_facts, edit.outer, strict=True)
        fields["outer"] = [replace(facts, hall=hall) for facts, hall in pairs]
    sessions = _applied(
        _sessions_of(snapshot),
        {session.session: session for session in edit.sessions},
        edit.sessions_gone,
    )
    supervisors = _applied(
        _supervisors_of(snapshot),
        {supervisor.user: supervisor for supervisor in edit.supervisors},
        edit.supervisors_gone,
    )
    fields |= {
        "doors": _applied(snapshot.doors, edit.doors, edit.doors_gone),
        "sessions": _sessions_at(sessions.values(), edit.at),
        "supervisors": _by_name(supervisors.values()),
    }
    edited = replace(snapshot, **fields)
    if digest(edited, edit.at) != edit.digest:
        raise OtherVenueError("the venue's facts differ from the server's")
    return edited


def _sessions_at(sessions: Iterable[SessionFacts], at: int) -> list[SessionFacts]:
    running = (
        session if session.closes_at > at else _without_guests(session)
        for session in sessions
        if session.closes_at > at
        or (not isinstance(session.ends_at, UnsetType) and session.ends_at > at)
    )
    return sorted(running, key=lambda session: (session.opens_at, session.session))


def _without_guests(session: SessionFacts) -> SessionFacts:
    return replace(session, categories=[], invited=[], refused=[])


def _sessions_of(snapshot: Snapshot) -> dict[int, SessionFacts]:
    return {session.session: session for session in snapshot.sessions}


def _supervisors_of(snapshot: Snapshot) -> dict[int, SupervisorFacts]:
    return {supervisor.user: supervisor for supervisor in snapshot.supervisors}


def _by_name(supervisors: Iterable[SupervisorFacts]) -> list[SupervisorFacts]:
    return sorted(supervisors, key=lambda supervisor: (supervisor.name, supervisor.user))


def _loses(before: Snapshot, after: Snapshot) -> bool:
    """Whether a field is absent afterwards that an edit can't take away."""
    return any(
        getattr(before, field) is not UNSET and getattr(after, field) is UNSET
        for field in ("servers", "ring_number")
    )


def _difference(before: dict[Any, Any], after: dict[Any, Any]) -> tuple[dict[Any, Any], list[Any]]:
    changed = {key: value for key, value in after.items() if before.get(key) != value}
    return changed, [key for key in before if key not in after]


def _applied(before: dict[Any, Any], changed: dict[Any, Any], gone: list[Any]) -> dict[Any, Any]:
    return {key: value for key, value in before.items() if key not in gone} | changed
