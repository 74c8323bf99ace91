"""Writes the pieces of SQL for which SQLite and PostgreSQL have no common wording.

Stores write SQL that both accept, and take the rest from here. Each function returns text for a
statement, in SQLite's words. PostgreSQL has a function of the same name (`postgresql/functions.py`)
or other words (`postgresql/translation/words.py`). No argument may come from a user.
"""

import json
from collections.abc import Iterable, Sequence

NO_LIMIT = 2**63 - 1  # a value for `LIMIT ?`


def greatest(first: str, second: str) -> str:
    """SQL: the greater of two non-NULL values."""
    return f"MAX({first}, {second})"


def least(first: str, second: str) -> str:
    """SQL: the smaller of two non-NULL values."""
    return f"MIN({first}, {second})"


def differs(first: str, second: str) -> str:
    """SQL condition: two values differ. NULL counts as a value."""
    return f"{first} IS NOT {second}"


def same_letters(column: str) -> str:
    """SQL condition: a text column equals the parameter, ignoring the case of A to Z.

    The index `attendee_email` has the same expression.
    """
    return f"lower({column}) = lower(?)"


def by_letters(column: str) -> str:
    """SQL to order by a text column, ignoring the case of A to Z."""
    return f"lower({column})"


def contains(text: str) -> str:
    """SQL condition: a text contains the parameter."""
    return f"instr({text}, ?) > 0"


def indexed(serial: str, index: str) -> str:
    """SQL condition: a row's text index (`search_word` or `search_inside`) matches the parameter,
    which `word`, `threes`, `every` and `either` build.
    """
    return f"{serial} IN (SELECT rowid FROM {index} WHERE {index} MATCH ?)"


def word(text: str, *, begins: bool = False, columns: Sequence[str] = ()) -> str:
    """Return an index query for a word or prefix, in any of the columns. Words of `search_word`
    contain only letters and digits.
    """
    where = f"{{{' '.join(columns)}}} : " if columns else ""
    quoted = text.replace('"', '""')
    return f'{where}"{quoted}"{"*" if begins else ""}'


def threes(text: str) -> str:
    """Return a query of `search_inside` for all three-letter sequences of a text. Not every match
    contains the text.
    """
    return every([word(text[at : at + 3]) for at in range(max(1, len(text) - 2))])


def nobody() -> str:
    """SQL: a different negative number for each row, which is no badge's number."""
    return "-1 - ABS(random() % 2147483647)"


def without_the_deleted(index: str) -> str:
    """SQL statement that removes deleted rows from a text index."""
    return f"INSERT INTO {index} ({index}) VALUES ('optimize')"


def every(asked: Sequence[str]) -> str:
    """Combine index queries with AND."""
    return " AND ".join(f"({query})" for query in dict.fromkeys(asked))


def either(asked: Sequence[str]) -> str:
    return " OR ".join(f"({query})" for query in dict.fromkeys(asked))


def one_of(column: str) -> str:
    """SQL condition: a column is one of many values. The single parameter is `many(values)`."""
    return f"{column} IN (SELECT value FROM json_each(?))"


def many(values: Iterable[int]) -> str:
    return json.dumps(list(values))


def in_json(body: str, *path: str) -> str:
    """SQL: the value at a path in a column of JSON bytes, as a number or text.

    The indexes of acts in the entry log have the same expression.
    """
    return f"json_extract(CAST({body} AS TEXT), '$.{'.'.join(path)}')"


def rows_as_json(columns: str, source: str) -> str:
    """SQL: all rows of `source` (the text after FROM) as one JSON array of arrays.

    SQLite releases the interpreter lock between two rows, and the reader then waits for it each
    time; a single text needs one wait.
    """
    return f"(SELECT json_group_array(json_array({columns})) FROM {source})"


def stay_over_at(stay: str = "") -> str:
    """SQL: the time at which a stay ended, but not before its start (if two clocks disagree); a
    huge number if open. `stay` is the table's alias with a full stop.

    The index `stay_serial` has the same expression.
    """
    return f"MAX({stay}opened_at, COALESCE({stay}closed_at, 9223372036854775807))"


def by_index(name: str) -> str:
    """SQL, after a table's name, that requires an index. SQLite fails if it can't be used."""
    return f"INDEXED BY {name}"


def temporary_trigger(name: str, table: str, event: str, when: str, statement: str) -> str:
    """SQL statement that creates a trigger of this connection alone. It executes `statement` after
    each `event` on a row for which `when` holds.
    """
    return (
        f"CREATE TEMP TRIGGER {name} AFTER {event} ON main.{table}"
        f" WHEN {when} BEGIN {statement}; END"
    )


def insertion_order(table: str) -> str:
    """SQL: a row's number, ascending by insertion, in a table without deletions."""
    return f"{table}.rowid"
