"""Keeps which server of its line this database belongs to, and how it was restored.

A restore from a backup makes the next server of the line, with a higher incarnation.
"""

from typing import NamedTuple

from server.storage.connection import Connection
from server.storage.tables import keep_setting

# These facts as pieces of a larger statement.
INCARNATION = "COALESCE((SELECT value FROM setting WHERE key = 'incarnation'), '1')"
WITHOUT_ACTS = "EXISTS (SELECT 1 FROM setting WHERE key = 'without_acts')"
GRANTS_FROM = "COALESCE((SELECT value FROM setting WHERE key = 'grants_from'), '0')"


class EventState(NamedTuple):
    """Holds what the database keeps of its restores."""

    incarnation: int  # It is higher after each restore from a backup.
    restored_without_acts: bool  # see `was_restored_without_acts`
    grants_from: int  # see `grant_nothing_until`


def event_state(db: Connection) -> EventState:
    """Read these facts with one statement."""
    sql = (
        "SELECT key, value FROM setting WHERE key IN ('incarnation', 'without_acts', 'grants_from')"
    )
    found: dict[str, str] = dict(db.execute(sql).fetchall())
    return EventState(
        int(found.get("incarnation", 1)),
        "without_acts" in found,
        int(found.get("grants_from", 0)),
    )


def incarnation(db: Connection) -> int:
    """Return the server's incarnation, which is higher after each restore from a backup."""
    return event_state(db).incarnation


def was_restored_without_acts(db: Connection) -> bool:
    """Tell whether the database was restored without the acts of a second disk.

    Then a kiosk may hold places in halls where it has no account here, for it may have been moved
    since the backup. No hall gives out any before all are heard, and accounts that they tell of are
    opened.
    """
    return event_state(db).restored_without_acts


def await_all_everywhere(db: Connection) -> None:
    """Note that the database was restored without acts (see `was_restored_without_acts`)."""
    keep_setting(db, "without_acts", "1")


def grant_nothing_until(db: Connection, at: int) -> None:
    """Have no hall give out places before a time (Unix ms), because the kiosks must be heard
    first.
    """
    keep_setting(db, "grants_from", str(at))
