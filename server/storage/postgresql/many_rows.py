"""Writes several rows by one statement, whatever their number.

The rows are one parameter: a JSON array of objects that PostgreSQL reads as table rows. So the
statement stays prepared.
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
    """Return a FROM item that yields the rows of the parameter `packed`."""
    return f"json_populate_recordset(CAST(NULL AS {table}), CAST(? AS json))"


def insertion(table: str, columns: Sequence[str], numbered: str = "") -> str:
    """Return the INSERT statement. A `numbered` column continues from the highest number, which the
    table's trigger would look up for each row.
    """
    names = ", ".join(columns)
    if not numbered:
        return f"INSERT INTO {table} ({names}) SELECT {names} FROM {source(table)}"
    number = f"(SELECT COALESCE(MAX({numbered}), 0) FROM {table}) + row_number() OVER ()"
    return (
        f"INSERT INTO {table} ({numbered}, {names}) SELECT {number}, {names} FROM {source(table)}"
    )


def packed(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return rows as the parameter of `source`. Each row has the values of `columns`.

    Raises DatabaseError for a text with the character NUL.
    """
    objects = [dict(zip(columns, map(_value, row), strict=True)) for row in rows]
    text = _ENCODER.encode(objects).decode()
    if "u0000" in text and any(
        isinstance(value, str) and "\0" in value for row in rows for value in row
    ):
        raise DatabaseError(NUL)
    return text


def _value(value: Any) -> Any:
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    return int(value) if isinstance(value, bool) else value
