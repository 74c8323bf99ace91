"""Writes several rows of a table by one statement, which is the same however many they are.

The rows are one value, a JSON array of objects, which PostgreSQL reads as rows of the table. So the
statement stays prepared, and nothing has to be sent for each value.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from server.storage.disk import DatabaseError

NUL = (
    "a text has the character NUL in it, which PostgreSQL does not keep. Nothing was changed. "
    "Take it out of the text."
)
_ENCODER = msgspec.json.Encoder()


def source(table: str) -> str:
    """Write what rows `packed` are read from, as rows of the table."""
    return f"json_populate_recordset(CAST(NULL AS {table}), CAST(? AS json))"


def insertion(table: str, columns: Sequence[str], numbered: str = "") -> str:
    """Write the statement that adds rows. A column that is `numbered` gets numbers from the highest
    on, as the table's trigger would give them, which asks for the highest once for each row.
    """
    names = ", ".join(columns)
    if not numbered:
        return f"INSERT INTO {table} ({names}) SELECT {names} FROM {source(table)}"
    number = f"(SELECT COALESCE(MAX({numbered}), 0) FROM {table}) + row_number() OVER ()"
    return (
        f"INSERT INTO {table} ({numbered}, {names}) SELECT {number}, {names} FROM {source(table)}"
    )


def packed(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return rows as the parameter of `source`. Each has the values of `columns`.

    Raises DatabaseError where a text has the character NUL.
    """
    made = [dict(zip(columns, map(_value, row), strict=True)) for row in rows]
    text = _ENCODER.encode(made).decode()
    if "u0000" in text and any(isinstance(one, str) and "\0" in one for row in rows for one in row):
        raise DatabaseError(NUL)
    return text


def _value(value: Any) -> Any:
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    return int(value) if isinstance(value, bool) else value
