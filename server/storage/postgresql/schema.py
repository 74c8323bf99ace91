"""Creates and upgrades an event's tables in PostgreSQL, by SQLite's migrations.

They run in an in-memory SQLite database. A new event gets its translated tables, an existing event
the translated statements of each later migration.
"""

import functools
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any

from server.storage.postgresql.catalogue import SCHEMA
from server.storage.postgresql.connection import PostgresConnection
from server.storage.postgresql.functions import FUNCTIONS
from server.storage.postgresql.translation.definitions import UntranslatedError, definition
from server.storage.postgresql.translation.statements import translated
from server.storage.postgresql.translation.tokens import tokens_of, words

# Runs the named migrations in an in-memory SQLite database.
Run = Callable[[sqlite3.Connection, Sequence[str]], None]
APPLIED = "applied_migration"
_CHANGES = [(word,) for word in ("CREATE", "DROP", "ALTER", "INSERT", "UPDATE", "DELETE")]
_OURS = {"_sqlite_migrations", "sqlite_sequence", APPLIED}


@functools.lru_cache(maxsize=4)
def made_anew(run: Run, names: tuple[str, ...]) -> tuple[str, ...]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as model:
        run(model, names)
        objects = model.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL"
            " ORDER BY rowid"
        ).fetchall()
        virtual = {name for kind, name, _, sql in objects if kind == "table" and _is_virtual(sql)}
        ours = [
            (kind, name, sql)
            for kind, name, table, sql in objects
            if (table not in _OURS and not any(name.startswith(f"{index}_") for index in virtual))
            or kind == "trigger"
        ]
        tables = {name: sql for kind, name, sql in ours if kind == "table" and name not in virtual}
        statements = [f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}", FUNCTIONS]
        statements.append(f"CREATE TABLE {APPLIED} (name text PRIMARY KEY, place bigint NOT NULL)")
        for name in _ordered(model, tables):
            statements += definition(tables[name])
        statements += [row for name in tables for row in _rows(model, name)]
        for kind in ("index", "virtual", "trigger"):
            for other, name, sql in ours:
                if kind == ("virtual" if name in virtual else other):
                    statements += definition(sql)
    return tuple(statements)


def _is_virtual(sql: str) -> bool:
    return words(tokens_of(sql), 1, 1) == ("VIRTUAL",)


def _ordered(model: sqlite3.Connection, tables: Iterable[str]) -> Iterator[str]:
    left = {
        table: {row[2] for row in model.execute(f'PRAGMA foreign_key_list("{table}")')} - {table}
        for table in tables
    }
    while left:
        ready = [table for table, needed in left.items() if not needed & left.keys()]
        if not ready:
            raise UntranslatedError(f"these tables refer to each other: {sorted(left)}")
        for table in ready:
            del left[table]
            yield table


def _rows(model: sqlite3.Connection, table: str) -> Iterator[str]:
    cursor = model.execute(f'SELECT * FROM "{table}"')
    names = ", ".join(column[0] for column in cursor.description)
    for row in cursor:
        values = ", ".join(_literal(value) for value in row)
        yield f'INSERT INTO "{table}" ({names}) VALUES ({values})'


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, int | float):
        return str(value)
    raise UntranslatedError("a migration adds a row with bytes in it")


def statements_of(run: Run, before: Sequence[str], step: str) -> list[str]:
    heard: list[str] = []
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as model:
        run(model, tuple(before))
        model.set_trace_callback(heard.append)
        run(model, (*before, step))
        model.set_trace_callback(None)
    kept = []
    for statement in heard:
        tokens = tokens_of(statement)
        about_itself = not {"_sqlite_migrations", "sqlite_schema"}.isdisjoint(
            token.strip('"[]') for token in tokens
        )
        changes = words(tokens, 0, 1) in _CHANGES
        if changes and not about_itself and not statement.startswith("--"):
            kept.append(translated(statement).text)
    return [statement for statement in kept if statement]


def applied(connection: PostgresConnection) -> list[str]:
    """Empty without an event."""
    there = connection.raw.execute(f"SELECT to_regclass('{SCHEMA}.{APPLIED}') IS NOT NULL")
    if not next(iter(there))[0]:
        return []
    rows = connection.raw.execute(f"SELECT name FROM {SCHEMA}.{APPLIED} ORDER BY place")
    return [row[0] for row in rows]


def bring_up(connection: PostgresConnection, run: Run, names: Sequence[str]) -> None:
    """Create or upgrade the tables in one transaction.

    Without changes it takes no lock, so that read-only commands work while a writer holds it.
    Raises EngineError.
    """
    if set(names) <= set(applied(connection)):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        had = applied(connection)
        if not had:
            connection.script(";\n".join(made_anew(run, tuple(names))))
        for place, name in enumerate(names):
            if had and name not in had:
                for statement in statements_of(run, names[:place], name):
                    connection.script(statement)
            if name not in had:
                connection.raw.execute(f"INSERT INTO {APPLIED} VALUES ($1, $2)", (name, place))
        connection.execute("COMMIT")
    except BaseException:
        connection.settle()
        raise
