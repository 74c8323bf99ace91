"""Counts of scans for metrics."""

from server.storage.connection import Connection


def newest_scan(db: Connection) -> int:
    """Return the newest scan's number, or -1."""
    (number,) = db.execute("SELECT COALESCE(MAX(number), -1) FROM scan").fetchone()
    return int(number)


def scans_since(db: Connection, number: int) -> tuple[dict[tuple[str, str], int], int]:
    """Count scans after `number`, by decision and reason, and return the newest number."""
    rows = db.execute(
        "SELECT decision, COALESCE(reason, '') AS reason, COUNT(*) AS count,"
        " MAX(number) AS newest FROM scan WHERE number > ? GROUP BY 1, 2",
        (number,),
    ).fetchall()
    newest = max((row["newest"] for row in rows), default=number)
    return {(row["decision"], row["reason"]): row["count"] for row in rows}, newest
