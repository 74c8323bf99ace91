"""Writes the pieces of SQL for which SQLite and PostgreSQL have no common wording.

Stores write SQL that both accept, and take the rest from here. Each function returns text for a
statement, in SQLite's words. PostgreSQL has a function of the same name (`postgresql/functions.py`)
or other words (`postgresql/translation/words.py`). No argument may come from a user.
"""

import json
from collections.abc import Iterable, Sequence


def greatest(first: str, second: str) -> str:
    """Write the greater of two values, of which neither is NULL."""
    return f"MAX({first}, {second})"


def least(first: str, second: str) -> str:
    """Write the smaller of two values, of which neither is NULL."""
    return f"MIN({first}, {second})"


def differs(first: str, second: str) -> str:
    """Write the condition that two values differ, where NULL is a value like others."""
    return f"{first} IS NOT {second}"


def same_letters(column: str) -> str:
    """Write the condition that a text column is the parameter, whatever the case of its letters.

    It is worded as in the index `attendee_email`, which so serves it.
    """
    return f"lower({column}) = lower(?)"


def by_letters(column: str) -> str:
    """Write an order by a text column, whatever the case of its letters."""
    return f"lower({column})"


def contains(text: str) -> str:
    """Write the condition that a text holds the parameter."""
    return f"instr({text}, ?) > 0"


def indexed(serial: str, index: str) -> str:
    """Write the condition that a row's index of words (`search_word` or `search_inside`) has what
    the parameter asks. That is made by `word`, `threes`, `every` and `either`.
    """
    return f"{serial} IN (SELECT rowid FROM {index} WHERE {index} MATCH ?)"


def word(text: str, *, begins: bool = False, columns: Sequence[str] = ()) -> str:
    """Return what asks an index for a word, or for words that begin so, in any of the columns.

    A word of `search_word` has letters and digits alone.
    """
    where = f"{{{' '.join(columns)}}} : " if columns else ""
    quoted = text.replace('"', '""')
    return f'{where}"{quoted}"{"*" if begins else ""}'


def threes(text: str) -> str:
    """Return what asks `search_inside` for a text, by each three neighbours in it.

    A row that has all of these need not have the text.
    """
    return every([word(text[at : at + 3]) for at in range(max(1, len(text) - 2))])


def nobody() -> str:
    """Write a number below 0, another one for each row, which is the number of no badge."""
    return "-1 - ABS(random() % 2147483647)"


def without_the_deleted(index: str) -> str:
    """Return the statement after which a text index has nothing of rows that were deleted."""
    return f"INSERT INTO {index} ({index}) VALUES ('optimize')"


def every(asked: Sequence[str]) -> str:
    """Return what asks an index for rows that have all of what is asked."""
    return " AND ".join(f"({one})" for one in dict.fromkeys(asked))


def either(asked: Sequence[str]) -> str:
    """Return what asks an index for rows that have any of what is asked."""
    return " OR ".join(f"({one})" for one in dict.fromkeys(asked))


def one_of(column: str) -> str:
    """Write the condition that a column is among many values, whose one parameter is `many`."""
    return f"{column} IN (SELECT value FROM json_each(?))"


def many(values: Iterable[int]) -> str:
    """Return the parameter of `one_of`."""
    return json.dumps(list(values))


def in_json(body: str, *path: str) -> str:
    """Write the value at a path of names in a column of JSON bytes, as a number or a text.

    It is worded as in the indexes of the entry log's acts, which so serve it.
    """
    return f"json_extract(CAST({body} AS TEXT), '$.{'.'.join(path)}')"


def rows_as_json(columns: str, source: str) -> str:
    """Write one text with all rows of `source`. It is a JSON array that holds an array for each
    row.

    `source` is what stands after FROM. Between two rows SQLite lets other threads run, and whoever
    reads many rows waits each time. For a single text it waits once.
    """
    return f"(SELECT json_group_array(json_array({columns})) FROM {source})"


def stay_over_at(stay: str = "") -> str:
    """Write when a stay was over. Where, by two clocks, it ended before it began, that is when it
    began. For an open stay it is the end of time. `stay` is its table's alias and a full stop.

    The index `stay_serial` has the same wording, and so can be used for it.
    """
    return f"MAX({stay}opened_at, COALESCE({stay}closed_at, 9223372036854775807))"


def by_index(name: str) -> str:
    """Write, after a table's name, that the index is to be used. Without it the statement fails."""
    return f"INDEXED BY {name}"


def temporary_trigger(name: str, table: str, event: str, when: str, statement: str) -> str:
    """Write the statement that makes a trigger of this connection alone.

    After each `event` on a row of the table for which `when` holds, `statement` is executed.
    """
    return (
        f"CREATE TEMP TRIGGER {name} AFTER {event} ON main.{table}"
        f" WHEN {when} BEGIN {statement}; END"
    )


def insertion_order(table: str) -> str:
    """Write the number of a row, which is one more for each row, in a table from which no row is
    deleted.
    """
    return f"{table}.rowid"
