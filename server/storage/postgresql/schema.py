"""Creates and upgrades an event's tables in PostgreSQL, by SQLite's migrations.

They run in an in-memory SQLite database. A new event gets its translated tables, an existing event
the translated statements of each later migration.

Other servers work meanwhile. A step waits at most LOCK_MS for a table's lock, since all others wait
behind it, and then tries again. Indexes are made CONCURRENTLY, which blocks no writer.
"""

import functools
import random
import re
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, NamedTuple

from server.storage import traced
from server.storage.errors import EngineError, is_busy
from server.storage.postgresql.catalogue import SCHEMA
from server.storage.postgresql.connection import PostgresConnection
from server.storage.postgresql.engine import LOCK_TIMEOUT_MS
from server.storage.postgresql.functions import FUNCTIONS
from server.storage.postgresql.translation.definitions import UntranslatedError, definition
from server.storage.postgresql.translation.statements import translated
from server.storage.postgresql.translation.tokens import tokens_of, words
from server.storage.traced import Run
from server.storage.transactions import transaction

APPLIED = "applied_migration"
EXPANDED = "applied_migration_expand"  # see server/storage/migrations.py
LOCK_MS = 300
TRY_S = 60.0
_PAUSE_S = (0.2, 1.0)
_INDEX_LOCK = 0x48414C4C_494E4458  # an advisory lock: one program makes indexes
_MAKES_INDEX = re.compile(r"CREATE (UNIQUE )?INDEX (?P<name>\w+) ")
_OURS = {"_sqlite_migrations", "sqlite_sequence"}
_RECORD = "CREATE TABLE IF NOT EXISTS {} (name text PRIMARY KEY, place bigint NOT NULL)"


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
        statements.append(_RECORD.format(APPLIED))
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
    texts = [translated(statement).text for statement in traced.statements_of(run, before, step)]
    return [text for text in texts if text]


def applied(connection: PostgresConnection, table: str = APPLIED) -> list[str]:
    """Empty without an event."""
    if not _one_value(connection, f"SELECT to_regclass('{SCHEMA}.{table}') IS NOT NULL"):
        return []
    rows = connection.raw.execute(f"SELECT name FROM {SCHEMA}.{table} ORDER BY place")
    return [row[0] for row in rows]


class _Step(NamedTuple):
    name: str
    table: str  # where it is recorded
    statements: Sequence[str]

    @property
    def makes_indexes(self) -> bool:
        """Of tables that exist already."""
        return bool(self.statements) and all(map(_MAKES_INDEX.match, self.statements))


def bring_up(
    connection: PostgresConnection,
    run: Run,
    names: Sequence[str],
    expanding: Collection[str] = (),
    check: Callable[[Any, str], object] = lambda connection, name: None,
) -> None:
    """Apply the named steps that are not applied yet: to a new event in one transaction, else each
    in its own. Those of `expanding` are recorded apart. `check` is called in the transaction of a
    later step, before it, with its name.

    Without changes it takes no lock, so that read-only commands work while a writer holds it.
    Raises EngineError.
    """
    tables = {name: EXPANDED if name in expanding else APPLIED for name in names}
    if not applied(connection):
        _create(connection, run, tables)
    for name, table in tables.items():
        had = _recorded(connection)
        if name in had:
            continue
        step = _Step(name, table, statements_of(run, had, name))
        if step.makes_indexes:
            _make_indexes(connection, step)
        else:
            _add(connection, step, check)


def _create(connection: PostgresConnection, run: Run, tables: Mapping[str, str]) -> None:
    """Do nothing if another program has created the event meanwhile."""
    with transaction(connection):
        if applied(connection):
            return
        connection.script(";\n".join(made_anew(run, tuple(tables))))
        for name, table in tables.items():
            _record(connection, name, table)


def _add(connection: PostgresConnection, step: _Step, check: Callable[[Any, str], object]) -> None:
    began = time.monotonic()
    while True:
        try:
            with transaction(connection):
                connection.script(f"SET LOCAL lock_timeout = {LOCK_MS}")
                check(connection, step.name)
                if step.name not in _recorded(connection):
                    for statement in step.statements:
                        connection.script(statement)
                    _record(connection, step.name, step.table)
            return
        except EngineError as error:
            if not is_busy(error) or time.monotonic() - began > TRY_S:
                raise
        time.sleep(random.uniform(*_PAUSE_S))


def _make_indexes(connection: PostgresConnection, step: _Step) -> None:
    """Outside of a transaction, as PostgreSQL requires. It waits for all older transactions."""
    connection.script("SET lock_timeout = 0")
    # To wait in a statement would block the program that makes them, which waits for statements.
    while not _one_value(connection, f"SELECT pg_try_advisory_lock({_INDEX_LOCK})"):
        time.sleep(random.uniform(*_PAUSE_S))
    try:
        if step.name in _recorded(connection):
            return
        for statement in step.statements:
            named = _MAKES_INDEX.match(statement)
            assert named is not None
            # An attempt that was interrupted leaves an unusable index.
            connection.script(f"DROP INDEX CONCURRENTLY IF EXISTS {named['name']}")
            connection.script(statement.replace("INDEX", "INDEX CONCURRENTLY", 1))
        with transaction(connection):
            _record(connection, step.name, step.table)
    finally:
        connection.script(f"SELECT pg_advisory_unlock({_INDEX_LOCK})")
        connection.script(f"SET lock_timeout = {LOCK_TIMEOUT_MS}")


def _record(connection: PostgresConnection, name: str, table: str) -> None:
    connection.script(_RECORD.format(table))
    place = len(_recorded(connection))
    connection.raw.execute(f"INSERT INTO {table} VALUES ($1, $2)", (name, place))


def _recorded(connection: PostgresConnection) -> list[str]:
    return [*applied(connection), *applied(connection, EXPANDED)]


def _one_value(connection: PostgresConnection, query: str) -> Any:
    return next(iter(connection.raw.execute(query)))[0]
