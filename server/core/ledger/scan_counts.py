"""Counts what was done, for the server's figures."""

from server.storage.connection import Connection


def newest_scan(db: Connection) -> int:
    """Return the number of the newest scan, or -1 where there is none."""
    (number,) = db.execute("SELECT COALESCE(MAX(number), -1) FROM scan").fetchone()
    return int(number)


def scans_since(db: Connection, number: int) -> tuple[dict[tuple[str, str], int], int]:
    """Count the scans after a number, by decision and reason. Return the newest number, too."""
    rows = db.execute(
        "SELECT decision, COALESCE(reason, '') AS reason, COUNT(*) AS count,"
        " MAX(number) AS newest FROM scan WHERE number > ? GROUP BY 1, 2",
        (number,),
    ).fetchall()
    newest = max((row["newest"] for row in rows), default=number)
    return {(row["decision"], row["reason"]): row["count"] for row in rows}, newest
