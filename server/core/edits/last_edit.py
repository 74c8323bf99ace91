"""Stores each user's last changes through pages, for undo, the newest first. Undo fails if a
colleague has changed the record since.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any
from zoneinfo import ZoneInfo

from badges.i18n import N_, Spoken, restored, stored
from badges.wire import wire
from server.core.edits.things import Thing, values_of
from server.core.edits.words import named
from server.core.entry_log import act_changes, entry_log
from server.core.entry_log.act_changes import Change
from server.core.feed import changes
from server.storage.connection import Connection

EDITS_MAX = 20  # kept for each user
_UNDO = "[]"  # the records of an undo; other changes that can't be undone have none


class EditError(Spoken, ValueError):
    pass


@dataclass
class Note:
    """Receives the description of a change. Without a description, no change is stored."""

    what: str = ""


@dataclass(frozen=True)
class LastEdit:
    number: int
    by: str
    at: int
    what: str
    cursor: int | None  # The feed's cursor of the change, for doors; None if they need not know.
    hall_id: int | None  # the hall whose doors need the change; None for all
    changes: tuple[Change, ...] = ()  # of records; empty if it can't be undone
    is_undo: bool = False

    @property
    def mark(self) -> str:
        text = f"{self.number} {self.at} {self.cursor} {self.what}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def mark_of(values: Mapping[str, Any] | None) -> str:
    """Return a hash of a record's values, to detect changes since a page was rendered."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@contextmanager
def kept(
    db: Connection, zone: ZoneInfo, things: Sequence[Thing], *, by: str, now: int,
    hall_id: int | None = None,
) -> Iterator[Note]:  # fmt: skip
    """Store the change that the block makes to these records, so that `by` may undo it.

    The block puts a description into the note. `hall_id` is the only hall whose doors need the
    change.
    """
    note, since, acts = Note(), changes.cursor(db), entry_log.size(db)
    before = [values_of(db, thing, zone) for thing in things]
    yield note
    if note.what:
        after = [values_of(db, thing, zone) for thing in things]
        changed = [
            Change(thing.kind, thing.key, old, new)
            for thing, old, new in zip(things, before, after, strict=True)
            if old != new
        ]
        text = json.dumps(list(map(asdict, changed)), ensure_ascii=False) if changed else None
        _keep(db, note.what, text, since, by=by, now=now, hall_id=hall_id)
        act_changes.keep(db, act_changes.acts_since(db, acts), changed)


def keep_words(
    db: Connection, description: str, since: int, *, by: str, now: int, hall_id: int | None = None,
    is_undo: bool = False,
) -> None:  # fmt: skip
    """Store a change that can't be undone, to show how many doors have it.

    Changes before it can be undone only if it is an undo itself. `since` is the position in the
    feed before the change.
    """
    things = _UNDO if is_undo else None
    _keep(db, description, things, since, by=by, now=now, hall_id=hall_id)


def last_edit(db: Connection, by: str) -> LastEdit | None:
    """Return the user's newest change unless dismissed."""
    return next(_edits(db, by), None)


def last_edits(db: Connection, by: str) -> list[LastEdit]:
    """Return the user's changes that are kept and not dismissed, the newest first."""
    return list(_edits(db, by))


def next_undo(db: Connection, by: str) -> LastEdit | None:
    """Return the user's newest change that is no undo, or None if it can't be undone."""
    edit = next((edit for edit in _edits(db, by) if not edit.is_undo), None)
    return edit if edit and edit.changes else None


def dismiss(db: Connection, by: str) -> None:
    """Offer the user's changes no more."""
    db.execute("UPDATE page_edit SET dismissed = 1 WHERE made_by = ?", (by,))


def forget(db: Connection, edit: LastEdit) -> None:
    """Delete an undone change, so that the one before it can be undone."""
    db.execute("DELETE FROM page_edit WHERE edit_id = ?", (edit.number,))


def _edits(db: Connection, by: str) -> Iterator[LastEdit]:
    rows = db.execute(
        "SELECT * FROM page_edit WHERE made_by = ? AND dismissed = 0 ORDER BY edit_id DESC", (by,)
    ).fetchall()
    for row in rows:
        changed = tuple(Change(**values) for values in json.loads(row["things"] or "[]"))
        text = restored(row["what"])
        yield LastEdit(
            row["edit_id"], by, row["made_at"], text, row["cursor"], row["hall_id"], changed,
            row["things"] == _UNDO,
        )  # fmt: skip


def undoable(db: Connection, by: str, mark: str, zone: ZoneInfo) -> LastEdit:
    """Raises EditError if the change's hash is not `mark`, or its records changed since."""
    edit = next_undo(db, by)
    if edit is None or edit.mark != mark:
        raise EditError(N_("Nothing was undone: this is not your last change any more."))
    for change in edit.changes:
        if values_of(db, Thing(change.kind, change.key), zone) != change.after:
            raise EditError(
                N_(
                    "Nothing was undone: another user has changed %(what)s since. "
                    "Check it and change it by hand."
                ),
                what=named(change.kind, change.after or change.before or {}),
            )
    return edit


def _keep(
    db: Connection, description: str, things: str | None, since: int, *, by: str, now: int,
    hall_id: int | None,
) -> None:  # fmt: skip
    if hall_id is None:
        hall_id = _only_hall(db, since)
    db.execute(
        "INSERT INTO page_edit (made_by, made_at, what, cursor, hall_id, things)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (by, now, stored(description), _newest(db, since, hall_id), hall_id, things),
    )
    db.execute(
        "DELETE FROM page_edit WHERE made_by = ? AND edit_id NOT IN (SELECT edit_id FROM page_edit"
        " WHERE made_by = ? ORDER BY edit_id DESC LIMIT ?)",
        (by, by, EDITS_MAX),
    )


def _only_hall(db: Connection, since: int) -> int | None:
    """Return the hall that all changes after `since` are limited to, or None."""
    rows = db.execute(
        "SELECT DISTINCT hall_id FROM change WHERE cursor > ? AND kiosk IS NULL AND body = ?",
        (since, wire.encode_change(wire.VenueChanged())),
    ).fetchall()
    return rows[0][0] if len(rows) == 1 else None


def _newest(db: Connection, since: int, hall_id: int | None) -> int | None:
    """Return the feed position of the newest change after `since` that concerns the hall's doors,
    or None.
    """
    heard = "kiosk IS NULL AND (hall_id IS NULL OR hall_id = ?)"
    (newest,) = db.execute(
        f"SELECT MAX(cursor) FROM change WHERE cursor > ? AND {heard}", (since, hall_id)
    ).fetchone()
    return None if newest is None else int(newest)
