"""Stores the incarnation of this database, and how it was restored.

Each restore from a backup increases the incarnation.
"""

from typing import NamedTuple

from server.storage.connection import Connection
from server.storage.tables import keep_setting

# SQL expressions of these values, for larger statements.
INCARNATION = "COALESCE((SELECT value FROM setting WHERE key = 'incarnation'), '1')"
WITHOUT_ACTS = "EXISTS (SELECT 1 FROM setting WHERE key = 'without_acts')"
GRANTS_FROM = "COALESCE((SELECT value FROM setting WHERE key = 'grants_from'), '0')"


class EventState(NamedTuple):
    incarnation: int  # increases with each restore from a backup
    restored_without_acts: bool  # see `was_restored_without_acts`
    grants_from: int  # see `grant_nothing_until`


def event_state(db: Connection) -> EventState:
    sql = (
        "SELECT key, value FROM setting WHERE key IN ('incarnation', 'without_acts', 'grants_from')"
    )
    settings: dict[str, str] = dict(db.execute(sql).fetchall())
    return EventState(
        int(settings.get("incarnation", 1)),
        "without_acts" in settings,
        int(settings.get("grants_from", 0)),
    )


def incarnation(db: Connection) -> int:
    return event_state(db).incarnation


def was_restored_without_acts(db: Connection) -> bool:
    """Return whether the database was restored without the second disk's critical acts.

    Then a kiosk moved since the backup may hold places in halls where it has no account here. No
    hall grants places until all kiosks have reported, and missing accounts are opened.
    """
    return event_state(db).restored_without_acts


def await_all_everywhere(db: Connection) -> None:
    keep_setting(db, "without_acts", "1")


def grant_nothing_until(db: Connection, at: int) -> None:
    """Stop all halls from granting places until a time (Unix ms), because kiosks must report
    first.
    """
    keep_setting(db, "grants_from", str(at))
