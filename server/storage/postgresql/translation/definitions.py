"""Writes definitions of tables, indexes and triggers for PostgreSQL.

It knows those of schema.sql and of later steps, and refuses all others.
"""

import re
from collections.abc import Sequence

from server.storage.postgresql.translation.text_search import INDEXES, text_index
from server.storage.postgresql.translation.tokens import (
    Tokens,
    closing,
    parts,
    text_of,
    tokens_of,
    words,
)
from server.storage.postgresql.translation.words import in_postgresql

_TYPES = {
    "INTEGER": ("bigint",),
    "TEXT": ("text", "COLLATE", '"C"'),
    "BLOB": ("bytea",),
    "REAL": ("double", "precision"),
}
_TRIGGER = re.compile(
    r"CREATE (TEMP )?TRIGGER (\w+) (AFTER .+? ON [\w .]+?)(?: WHEN (.+?))? BEGIN (.+) END"
)
_CONSTRAINTS = {"PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "CONSTRAINT"}


class UntranslatedError(Exception):
    """Raised for a SQLite definition that has no translation."""


def definition(statement: str) -> Sequence[str]:
    """Raises UntranslatedError."""
    tokens = tokens_of(in_postgresql(statement))
    kind = words(tokens, 0, 2)
    if kind[1:] == ("TEMP",):
        kind = (kind[0], *words(tokens, 2, 1))
    if kind == ("CREATE", "TABLE"):
        return _table(tokens)
    if kind in (("CREATE", "INDEX"), ("CREATE", "UNIQUE")):
        return [_index(tokens)]
    if kind == ("CREATE", "VIRTUAL"):
        return [_text_index(tokens, statement)]
    if kind == ("CREATE", "TRIGGER"):
        return _trigger(text_of(tokens))
    if kind == ("DROP", "TRIGGER"):
        # Dropping its function drops the trigger, without the table's name.
        return [f"DROP FUNCTION trigger_{tokens[-1]}() CASCADE"]
    if kind in (("DROP", "INDEX"), ("DROP", "TABLE")):
        return [text_of(tokens)]
    if kind == ("ALTER", "TABLE"):
        return [_altered(tokens)]
    raise UntranslatedError(f"this is not known for PostgreSQL: {statement}")


def _table(tokens: Tokens) -> list[str]:
    begin = tokens.index("(")
    name = tokens[begin - 1].strip('"')
    temporary = begin > 3
    items, numbered, has_key = [], "", False
    for item in parts(tokens[begin + 1 : closing(tokens, begin)]):
        has_key = has_key or "PRIMARY KEY" in text_of(item)
        if item[0].upper() in _CONSTRAINTS:
            items.append(text_of(item))
            continue
        if words(item, 1, 3) == ("INTEGER", "PRIMARY", "KEY"):
            numbered = item[0]
            item = [token for token in item if token.upper() != "AUTOINCREMENT"]
        items.append(_column(item))
    if not has_key and not temporary:
        # SQLite numbers such rows by insertion.
        numbered = "rowid"
        items.append("rowid bigint NOT NULL UNIQUE")
    head = text_of(tokens[:begin])
    return [f"{head} ({', '.join(items)})", *(_numbers(name, numbered) if numbered else ())]


def _column(item: Tokens) -> str:
    name, kind, *rest = item
    if kind.upper() not in _TYPES or "COLLATE" in map(str.upper, rest):
        raise UntranslatedError(f"PostgreSQL lacks the type of the column {text_of(item)}")
    return text_of([name, *_TYPES[kind.upper()], *rest])


def _numbers(table: str, column: str) -> tuple[str, str]:
    """Return the function and trigger that number rows as SQLite does: the highest number plus
    one.
    """
    return (
        f"CREATE FUNCTION number_of_{table}() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN"
        f" NEW.{column} := (SELECT COALESCE(max({column}), 0) + 1 FROM {table});"
        " RETURN NEW; END $body$",
        f"CREATE TRIGGER number_of_{table} BEFORE INSERT ON {table} FOR EACH ROW"
        f" WHEN (NEW.{column} IS NULL) EXECUTE FUNCTION number_of_{table}()",
    )


def _index(tokens: Tokens) -> str:
    begin = tokens.index("(")
    end = closing(tokens, begin)
    # PostgreSQL requires brackets around an expression.
    columns = [
        text_of(item) if len(item) == 1 else f"({text_of(item)})"
        for item in parts(tokens[begin + 1 : end])
    ]
    return f"{text_of(tokens[:begin])} ({', '.join(columns)}) {text_of(tokens[end + 1 :])}"


def _text_index(tokens: Tokens, statement: str) -> str:
    if words(tokens, 5, 1) != ("FTS5",):
        raise UntranslatedError(f"no virtual table but those of FTS5 is known: {statement}")
    begin = statement.index("(")
    return text_index(tokens[3], statement[begin + 1 : statement.rindex(")")]).definition


def _trigger(text: str) -> list[str]:
    trigger = _TRIGGER.fullmatch(text)
    if trigger is None:
        raise UntranslatedError(f"this trigger is not known for PostgreSQL: {text}")
    temporary, name, event, condition, body = trigger.groups()
    if any(f"INSERT INTO {index} " in body for index in INDEXES):
        return []  # PostgreSQL updates an index over an expression itself.
    when = ""
    if temporary:
        # PostgreSQL has no triggers of one connection. This one acts only in connections that
        # have the temporary table.
        body = f"IF to_regclass('pg_temp.{body.split()[2]}') IS NOT NULL THEN {body} END IF;"
    if condition and "SELECT" in condition:
        # WHEN must not contain a query.
        body = f"IF {condition} THEN {body} END IF;"
    elif condition:
        when = f" WHEN ({condition})"
    return [
        f"CREATE OR REPLACE FUNCTION trigger_{name}() RETURNS trigger LANGUAGE plpgsql AS"
        f" $body$ BEGIN {body} RETURN NULL; END $body$",
        f"CREATE OR REPLACE TRIGGER {name} {event.replace('main . ', '')} FOR EACH ROW{when}"
        f" EXECUTE FUNCTION trigger_{name}()",
    ]


def _altered(tokens: Tokens) -> str:
    change = words(tokens, 3, 2)
    if change == ("ADD", "COLUMN"):
        return f"{text_of(tokens[:5])} {_column(tokens[5:])}"
    if change in (
        ("DISABLE", "TRIGGER"), ("ENABLE", "TRIGGER"),
        ("DROP", "COLUMN"), ("RENAME", "COLUMN"), ("RENAME", "TO"),
    ):  # fmt: skip
        return text_of(tokens)
    raise UntranslatedError(f"this is not known for PostgreSQL: {text_of(tokens)}")
