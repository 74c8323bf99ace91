from typing import Any

from badges.transparency.chain import chain_start
from server.core.second_disk.critical_tables import KEPT, Kept
from server.storage import dialect
from server.storage.connection import Connection
from server.storage.errors import ConstraintError
from server.storage.transactions import undone_alone

_OF_HOLDERS = frozenset(
    {"badge", "withdrawn_badge", "day_credential", "attendee", "unknown_holder"}
)
_REVOKED = next(kept for kept in KEPT if kept.table == "attendee")


def merge(db: Connection, rows: dict[str, list[dict[str, Any]]]) -> tuple[dict[str, int], int]:
    """Add critical acts to a restored database. Return the number of new or changed rows by table,
    and of rows that did not fit.

    Attestations and clearings are left out: staff must repeat them, and until then those places
    count as used.
    """
    gained: dict[str, int] = {}
    skipped = 0
    unknown = _unknown_holders(db)
    for kept in KEPT:
        columns = kept.columns(db)
        waiting = [{n: v for n, v in row.items() if n in columns} for row in rows[kept.table]]
        taken, failed = _take_all(db, kept, waiting)
        # A hall may come before its surrounding hall, which it refers to.
        while failed and len(failed) < len(waiting):
            waiting = failed
            more, failed = _take_all(db, kept, waiting)
            taken += more
        skipped += len(failed)
        if taken:
            gained[kept.table] = taken
    # The backup may have a badge that was taken back later.
    db.execute(
        "DELETE FROM badge WHERE EXISTS (SELECT 1 FROM withdrawn_badge w"
        " WHERE w.serial = badge.serial AND w.issue = badge.issue)"
    )
    if _unknown_holders(db) > unknown:
        gained["unknown_holder"] = _unknown_holders(db) - unknown
    for kiosk, generation in db.execute(
        "SELECT kiosk, generation FROM kiosk WHERE head IS NULL AND identity IS NOT NULL"
    ).fetchall():
        db.execute(
            "UPDATE kiosk SET head = ? WHERE kiosk = ? AND generation = ?",
            (chain_start(kiosk, generation), kiosk, generation),
        )
    return gained, skipped


def _take_all(
    db: Connection, kept: Kept, rows: list[dict[str, Any]]
) -> tuple[int, list[dict[str, Any]]]:
    """Return the number of changed rows, and those that did not fit."""
    taken, failed = 0, []
    for row in rows:
        try:
            with undone_alone(db):
                taken += _take(db, kept, row)
        except ConstraintError:
            failed.append(row)
    return taken, failed


def _take(db: Connection, kept: Kept, row: dict[str, Any]) -> bool:
    if kept.table in _OF_HOLDERS and not _is_known(db, row["serial"]):
        if kept.table == "withdrawn_badge":
            # Doors can't be told which one is valid: both become void.
            row = {**row, "issue": row["issue"] + 1}
        _keep_unknown(db, row)
        return False
    # This backup does know the holder.
    if kept.table == "unknown_holder":
        kept, row = _REVOKED, {"serial": row["serial"], "revoked_at": row["revoked_at"]}
        if row["revoked_at"] is None:
            return False
    where = " AND ".join(f"{name} = :{name}" for name in kept.key)
    others = [name for name in row if name not in kept.key]
    differs = " OR ".join(dialect.differs(name, f":{name}") for name in others)
    differing = db.execute(f"SELECT {differs} FROM {kept.table} WHERE {where}", row).fetchone()
    if differing is None:
        # Its places have changed since, so its kiosk must report first.
        if kept.table == "place_account":
            row = {**row, "awaited": 1}
        names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
        db.execute(f"INSERT INTO {kept.table} ({names}) VALUES ({marks})", row)
        return True
    if differing[0]:
        sets = ", ".join(f"{name} = :{name}" for name in others)
        db.execute(f"UPDATE {kept.table} SET {sets} WHERE {where}", row)
    return bool(differing[0])


def _is_known(db: Connection, serial: int) -> bool:
    query = "SELECT 1 FROM attendee WHERE serial = ?"
    return db.execute(query, (serial,)).fetchone() is not None


def _keep_unknown(db: Connection, row: dict[str, Any]) -> None:
    """Store the revocation or reissue of a badge whose holder is not in the database.

    Acts lack the roster, so people registered after the backup are missing. Their revoked and
    replaced badges must stay invalid.
    """
    issue = dialect.greatest("unknown_holder.highest_issue", "excluded.highest_issue")
    db.execute(
        "INSERT INTO unknown_holder (serial, highest_issue, revoked_at) VALUES (?, ?, ?)"
        f" ON CONFLICT (serial) DO UPDATE SET highest_issue = {issue},"
        " revoked_at = COALESCE(excluded.revoked_at, unknown_holder.revoked_at)",
        (row["serial"], row.get("issue", row.get("highest_issue", 1)), row.get("revoked_at")),
    )


def _unknown_holders(db: Connection) -> int:
    (count,) = db.execute("SELECT COUNT(*) FROM unknown_holder").fetchone()
    return int(count)
