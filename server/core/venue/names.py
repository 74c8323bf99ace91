"""Says what halls, doors and categories are called, by the ids that the log's records have.

Names are no part of the log. An export has them as they were when it was made, signed by the log's
key, and so two exports show a name that was changed between them.
"""

import json

from server.storage.connection import Connection

_COLUMNS = (("hall", "hall_id"), ("door", "door_id"), ("category", "category"))
NAMED = tuple(table for table, _ in _COLUMNS)


def names_now(db: Connection) -> dict[str, dict[str, dict[str, str]]]:
    """Return code and names (by language) of each hall, door and category, by its id."""
    found = {}
    for table, column in _COLUMNS:
        rows = db.execute(f"SELECT {column}, code, names FROM {table} ORDER BY {column}")
        found[table] = {
            str(number): {"code": code, **json.loads(names)} for number, code, names in rows
        }
    return found
