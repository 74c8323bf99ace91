"""Stores categories. Those that every event begins with stand in badges/categories.py."""

from badges.categories import CategoryPlan
from server.storage.connection import Connection
from server.storage.localized import names_text


def put_category(db: Connection, plan: CategoryPlan) -> None:
    """Add a category, or change the one with this code number."""
    db.execute(
        "INSERT INTO category (category, code, names, letter, colour) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (category) DO UPDATE SET code = excluded.code, names = excluded.names,"
        " letter = excluded.letter, colour = excluded.colour",
        (plan.code, plan.key, names_text(plan.names), plan.letter, plan.colour),
    )
