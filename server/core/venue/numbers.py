"""Numbers of halls, doors, sessions and categories. Badges, scans and acts carry them, so nothing
gets the number of another thing that was removed.
"""

from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.storage import dialect
from server.storage.connection import Connection

_ACTS = {
    "hall": Act.HALL_REMOVED,
    "door": Act.DOOR_REMOVED,
    "session": Act.SESSION_REMOVED,
    "category": Act.CATEGORY_REMOVED,
}
NUMBERED = frozenset(_ACTS) - {"category"}  # by the server; a category's number is in its plan


def note_removed(db: Connection, kind: str, number: int, code: str, *, by: str, now: int) -> None:
    """Record a removal in the entry log."""
    entry_log.act(db, by, _ACTS[kind], {kind: number, "code": code}, now)


def removed(db: Connection, kind: str) -> dict[int, str | None]:
    """Return the codes of removed things by number. A code is None if an earlier version removed
    the thing.
    """
    rows = db.execute(
        f"SELECT {dialect.in_json('body', 'subject', kind)} AS number,"
        f" {dialect.in_json('body', 'subject', 'code')} AS code FROM leaf"
        f" WHERE {entry_log.ACTS} AND {dialect.in_json('body', 'act')} = ? ORDER BY leaf.number",
        (_ACTS[kind],),
    )
    return {int(row["number"]): row["code"] for row in rows.fetchall()}


def new_number(db: Connection, kind: str, code: str) -> int:
    """Return the number that a removed thing of this code had, so that it has its scans again. If
    there was none, return one that nothing had. `kind` is one of NUMBERED.
    """
    gone = removed(db, kind)
    for number, former in gone.items():
        if former == code:
            return number
    (highest,) = db.execute(f"SELECT COALESCE(MAX({kind}_id), 0) FROM {kind}").fetchone()
    return max([int(highest), *gone]) + 1
