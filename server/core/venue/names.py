"""Names of halls, doors and categories by the ids in the log's records, which have no names.

Each export has the current ones, signed by the log's key, so two exports reveal a changed name.
"""

import json

from server.storage.connection import Connection

_COLUMNS = (("hall", "hall_id"), ("door", "door_id"), ("category", "category"))
NAMED = tuple(table for table, _ in _COLUMNS)


def names_now(db: Connection) -> dict[str, dict[str, dict[str, str]]]:
    """Return the code and the names by language of each record, by kind and id."""
    named = {}
    for table, column in _COLUMNS:
        rows = db.execute(f"SELECT {column}, code, names FROM {table} ORDER BY {column}")
        named[table] = {
            str(number): {"code": code, **json.loads(names)} for number, code, names in rows
        }
    return named
