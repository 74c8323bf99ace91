"""Stores categories. Default ones are in badges/categories.py."""

from badges.categories import CategoryPlan
from server.storage.connection import Connection
from server.storage.localized import names_text


def put_category(db: Connection, plan: CategoryPlan) -> None:
    db.execute(
        "INSERT INTO category (category, code, names, letter, colour) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (category) DO UPDATE SET code = excluded.code, names = excluded.names,"
        " letter = excluded.letter, colour = excluded.colour",
        (plan.code, plan.key, names_text(plan.names), plan.letter, plan.colour),
    )


def add_category(db: Connection, plan: CategoryPlan) -> None:
    """Add a category, also to halls and sessions that admit all categories."""
    open_to_all = _open_to_all(db)
    put_category(db, plan)
    for table, key, numbers in open_to_all:
        db.executemany(
            f"INSERT INTO {table} ({key}, category) VALUES (?, ?)",
            [(number, plan.code) for number in numbers],
        )


def leave_halls_open_to_all(db: Connection, category: int) -> None:
    """Take a category out of halls and sessions that admit all categories, so that it can be
    removed. They still admit all.
    """
    for table, key, numbers in _open_to_all(db):
        db.executemany(
            f"DELETE FROM {table} WHERE {key} = ? AND category = ?",
            [(number, category) for number in numbers],
        )


def _open_to_all(db: Connection) -> list[tuple[str, str, list[int]]]:
    """Return tables, their keys, and the ids of halls or sessions that admit all categories."""
    found = []
    for table, key in (("hall_category", "hall_id"), ("session_category", "session_id")):
        rows = db.execute(
            f"SELECT {key} FROM {table} GROUP BY {key}"
            " HAVING COUNT(*) = (SELECT COUNT(*) FROM category)"
        )
        found.append((table, key, [row[0] for row in rows.fetchall()]))
    return found
