"""Stores each user's last change through pages, and undoes it.

It is undone only if everything is still as the change left it, so a colleague's later change is
never lost.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from badges.i18n import N_, Spoken, restored, stored
from server.core.edits.things import Thing, Values, values_of
from server.core.edits.words import named
from server.core.entry_log import act_changes, entry_log
from server.core.entry_log.act_changes import Change
from server.core.feed import changes
from server.storage.connection import Connection


class EditError(Spoken, ValueError):
    """Raised if a change can't be made or undone. The text states the reason and the remedy."""


@dataclass
class Note:
    """Takes the description of a change. Without one, nothing is stored."""

    what: str = ""


@dataclass(frozen=True)
class Kept:
    """A record before and after a change. None means that it did not exist."""

    thing: Thing
    before: Values | None
    after: Values | None


@dataclass(frozen=True)
class LastEdit:
    """A user's last change."""

    by: str
    at: int
    what: str
    cursor: int | None  # The feed's cursor of the change, for doors; None if they need not know.
    hall_id: int | None  # the hall whose doors need the change; None for all
    things: tuple[Kept, ...] = field(default=())  # empty if it can't be undone

    @property
    def mark(self) -> str:
        """Return a short id of this change."""
        return hashlib.sha256(f"{self.at} {self.cursor} {self.what}".encode()).hexdigest()[:16]


def mark_of(values: Mapping[str, Any] | None) -> str:
    """Return a hash of a record, to detect changes since a page was rendered."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@contextmanager
def kept(
    db: Connection, zone: ZoneInfo, things: Sequence[Thing], *, by: str, now: int,
    hall_id: int | None = None,
) -> Iterator[Note]:  # fmt: skip
    """Store the change made within this block, so that `by` may undo it.

    The block puts a description into the note. `hall_id` is the one hall whose doors need the
    change.
    """
    note, since, acts = Note(), changes.cursor(db), entry_log.size(db)
    before = [values_of(db, thing, zone) for thing in things]
    yield note
    if note.what:
        after = [values_of(db, thing, zone) for thing in things]
        found = [Kept(*one) for one in zip(things, before, after, strict=True) if one[1] != one[2]]
        _keep(db, note.what, found, since, by=by, now=now, hall_id=hall_id)
        told = [Change(one.thing.kind, one.thing.key, one.before, one.after) for one in found]
        act_changes.keep(db, act_changes.acts_since(db, acts), told)


def keep_words(
    db: Connection, what: str, since: int, *, by: str, now: int, hall_id: int | None = None
) -> None:
    """Store a change that can't be undone, to show how many doors have it.

    `since` is the feed's cursor before the change.
    """
    _keep(db, what, [], since, by=by, now=now, hall_id=hall_id)


def last_edit(db: Connection, by: str) -> LastEdit | None:
    """Return a user's last change, or None."""
    row = db.execute("SELECT * FROM page_edit WHERE made_by = ?", (by,)).fetchone()
    if row is None:
        return None
    found = json.loads(row["things"]) if row["things"] else []
    things = tuple(
        Kept(Thing(one["kind"], one["key"]), one["before"], one["after"]) for one in found
    )
    what = restored(row["what"])
    return LastEdit(by, row["made_at"], what, row["cursor"], row["hall_id"], things)


def undoable(db: Connection, by: str, mark: str, zone: ZoneInfo) -> LastEdit:
    """Return the user's last change if nobody has changed the same records since. Raises
    EditError.
    """
    found = last_edit(db, by)
    if found is None or not found.things or found.mark != mark:
        raise EditError(N_("Nothing was undone: this is not your last change any more."))
    for one in found.things:
        if values_of(db, one.thing, zone) != one.after:
            raise EditError(
                N_(
                    "Nothing was undone: somebody has changed the same since (%(what)s). "
                    "Look at it and change it by hand."
                ),
                what=named(one.thing.kind, one.after or one.before or {}),
            )
    return found


def _keep(
    db: Connection, what: str, things: Sequence[Kept], since: int, *, by: str, now: int,
    hall_id: int | None,
) -> None:  # fmt: skip
    kept_things = [
        {"kind": one.thing.kind, "key": one.thing.key, "before": one.before, "after": one.after}
        for one in things
    ]
    text = json.dumps(kept_things, ensure_ascii=False) if kept_things else None
    db.execute(
        "INSERT INTO page_edit (made_by, made_at, what, cursor, hall_id, things)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (made_by) DO UPDATE SET made_at = excluded.made_at,"
        " what = excluded.what, cursor = excluded.cursor, hall_id = excluded.hall_id,"
        " things = excluded.things",
        (by, now, stored(what), _newest(db, since, hall_id), hall_id, text),
    )


def _newest(db: Connection, since: int, hall_id: int | None) -> int | None:
    """Return the newest change after `since` for all doors, or for those of the hall."""
    heard = "kiosk IS NULL AND (hall_id IS NULL OR hall_id = ?)"
    (found,) = db.execute(
        f"SELECT MAX(cursor) FROM change WHERE cursor > ? AND {heard}", (since, hall_id)
    ).fetchone()
    return None if found is None else int(found)
