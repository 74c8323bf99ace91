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
    tables = (("hall_category", "hall_id"), ("session_category", "session_id"))
    open_to_all = {
        (table, key): db.execute(
            f"SELECT {key} FROM {table} GROUP BY {key}"
            " HAVING COUNT(*) = (SELECT COUNT(*) FROM category)"
        ).fetchall()
        for table, key in tables
    }
    put_category(db, plan)
    for (table, key), rows in open_to_all.items():
        db.executemany(
            f"INSERT INTO {table} ({key}, category) VALUES (?, ?)",
            [(row[0], plan.code) for row in rows],
        )
