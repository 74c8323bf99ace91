"""Copies an event from one database to another, of either engine.

Triggers and text indexes are the new database's own. No trigger runs for the copied rows.
Afterwards all rows are compared.
"""

import hashlib
import operator
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

from badges.whole_text import NUL
from server.storage import migrations
from server.storage.connection import Connection
from server.storage.disk import DatabaseError
from server.storage.durable_files import sync, sync_directory
from server.storage.opening import connect
from server.storage.postgresql import catalogue
from server.storage.postgresql.address import address_of, keep_address, read_address
from server.storage.postgresql.translation.text_search import INDEXES
from server.storage.tables import columns_of as named_columns
from server.storage.transactions import transaction

BLOCK = 2_000  # rows per statement
# Prevents writes to the old file, if still open or restored.
_NO_MORE = (
    "CREATE TRIGGER event_was_moved BEFORE INSERT ON leaf BEGIN"
    " SELECT RAISE(ABORT, 'this event was moved to another database'); END"
)
_OF_LOG = ("-wal", "-shm")  # the write-ahead log, and its index
_BOOKKEEPING = ("_sqlite_", "sqlite_", "applied_migration")

Progress = Callable[[str, int], None]  # a table, and its number of copied rows


class MovedDifferentlyError(DatabaseError):
    """Raised if the copied database differs. The old one stays in use."""


def tables_of(db: Connection) -> list[str]:
    """Each table after those that it references."""
    needed = _needed(db)
    others = {name: sorted(needed.get(name, set()) - {name}) for name in _names(db)}
    try:
        return list(TopologicalSorter(others).static_order())
    except CycleError:
        raise DatabaseError("tables refer to each other, and so can't be moved") from None


def _names(db: Connection) -> list[str]:
    if not isinstance(db, sqlite3.Connection):
        rows = db.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace ="
            " CAST(? AS regnamespace) ORDER BY relname",
            (catalogue.SCHEMA,),
        )
    else:
        rows = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    own = tuple(f"{index}_" for index in INDEXES)
    return [
        name
        for (name,) in rows
        if name not in INDEXES and not name.startswith((*_BOOKKEEPING, *own))
    ]


def _needed(db: Connection) -> dict[str, set[str]]:
    needed: dict[str, set[str]] = {}
    if not isinstance(db, sqlite3.Connection):
        pairs: Iterable[Any] = db.execute(
            "SELECT a.relname, b.relname FROM pg_constraint c JOIN pg_class a ON a.oid = c.conrelid"
            " JOIN pg_class b ON b.oid = c.confrelid WHERE c.contype = 'f'"
        ).fetchall()
    else:
        pairs = [
            (name, row[2])
            for name in _names(db)
            for row in db.execute(f'PRAGMA foreign_key_list("{name}")')
        ]
    for table, other in pairs:
        needed.setdefault(table, set()).add(other)
    return needed


def columns_of(db: Connection, table: str) -> list[str]:
    """With `rowid` if there is no primary key."""
    columns = named_columns(db, table)
    return ["rowid", *columns] if key_of(db, table) == ["rowid"] else columns


def key_of(db: Connection, table: str) -> list[str]:
    if not isinstance(db, sqlite3.Connection):
        return catalogue.key_of(db, table) or ["rowid"]
    rows = db.execute(f'PRAGMA table_info("{table}")').fetchall()
    return [row[1] for row in sorted(rows, key=lambda row: row[5]) if row[5]] or ["rowid"]


def rows_of(
    db: Connection, table: str, columns: Sequence[str], key: Sequence[str]
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield blocks of rows, in the order of the key."""
    statement = f'SELECT {", ".join(columns)} FROM "{table}" ORDER BY {", ".join(key)}'
    if not isinstance(db, sqlite3.Connection):
        yield from catalogue.in_blocks(db, statement, BLOCK)
        return
    cursor = db.execute(statement)
    while block := cursor.fetchmany(BLOCK):
        yield [tuple(row) for row in block]


class Copied(NamedTuple):
    rows: dict[str, int]  # by table
    mended: int  # rows with a NUL in a text, which PostgreSQL can't store


def copy_all(source: Connection, target: Connection, progress: Progress) -> Copied:
    """Copy every row, in the caller's transactions, without the NUL of texts.

    Raises DatabaseError, or MovedDifferentlyError if the copies differ.
    """
    tables = tables_of(target)
    unknown = set(tables_of(source)) - set(tables)
    if unknown:
        raise DatabaseError(f"these tables are not known: {', '.join(sorted(unknown))}")
    counts: dict[str, int] = {}
    mended = 0
    with _without_triggers(target, tables):
        for table in reversed(tables):
            target.execute(f'DELETE FROM "{table}"')
        for table in tables:
            columns, key = columns_of(source, table), key_of(source, table)
            counts[table] = 0
            for block in rows_of(source, table, columns, key):
                whole = _without_nul(block)
                mended += sum(map(operator.ne, block, whole))
                _add(target, table, columns, whole)
                counts[table] += len(block)
                progress(table, counts[table])
    _index_words(target)
    for table in tables:
        columns, key = columns_of(source, table), key_of(source, table)
        if _digest(source, table, columns, key) != _digest(target, table, columns, key):
            raise MovedDifferentlyError(
                f"the table {table} is not the same in the new database. Nothing was changed, and "
                "the event stays where it was."
            )
    return Copied(counts, mended)


def _without_nul(block: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [
        tuple(value.replace(NUL, "") if isinstance(value, str) else value for value in row)
        for row in block
    ]


def _add(
    db: Connection, table: str, columns: Sequence[str], block: Sequence[tuple[Any, ...]]
) -> None:
    if not isinstance(db, sqlite3.Connection):
        catalogue.insert_many(db, table, columns, block)
        return
    marks = ", ".join("?" * len(columns))
    db.executemany(f'INSERT INTO "{table}" ({", ".join(columns)}) VALUES ({marks})', block)


def _digest(
    db: Connection, table: str, columns: Sequence[str], key: Sequence[str]
) -> tuple[int, str]:
    count, digest = 0, hashlib.sha256()
    for block in rows_of(db, table, columns, key):
        for row in _without_nul(block):
            count += 1
            digest.update(repr(row).encode())
    return count, digest.hexdigest()


@contextmanager
def _without_triggers(db: Connection, tables: Sequence[str]) -> Iterator[None]:
    if not isinstance(db, sqlite3.Connection):
        for table in tables:
            db.execute(f'ALTER TABLE "{table}" DISABLE TRIGGER USER')
        yield
        for table in tables:
            db.execute(f'ALTER TABLE "{table}" ENABLE TRIGGER USER')
        return
    triggers = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        db.execute(f"DROP TRIGGER {name}")
    db.execute("PRAGMA defer_foreign_keys = ON")
    yield
    for _, sql in triggers:
        db.execute(sql)


def _index_words(db: Connection) -> None:
    if isinstance(db, sqlite3.Connection):
        for index in INDEXES:
            db.execute(f"INSERT INTO {index} ({index}) VALUES ('rebuild')")


Check = Callable[[Connection, Connection], None]


def move_to_postgresql(path: Path, given: str, progress: Progress, check: Check) -> Copied:
    """Move the event at `path` to an empty PostgreSQL database.

    `check` gets the old and new database before the switch. Until then, failures leave the event
    where it is. Raises DatabaseError and EngineError.
    """
    if address_of(path.parent) is not None:
        raise DatabaseError("this event is in PostgreSQL already. Nothing was changed.")
    address = read_address(given)
    from server.storage.postgresql import engine

    engine.check_empty(address)
    with ExitStack() as stack:
        source = stack.enter_context(closing(connect(path)))
        target = stack.enter_context(closing(engine.connect(address)))
        source.execute("BEGIN IMMEDIATE")
        try:
            migrations.migrate_like(target, source)
            with transaction(target):
                copied = copy_all(source, target, progress)
                check(source, target)
        except BaseException:
            target.settle()
            engine.drop_all(address)
            raise
        target.execute("ANALYZE")
        keep_address(path.parent, address)
        source.execute(_NO_MORE)
        source.execute("COMMIT")
    with closing(sqlite3.connect(path)) as old:
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    moved = path.with_name(f"{path.name}.moved")
    for suffix in _OF_LOG:
        beside = path.with_name(path.name + suffix)
        moved_beside = path.with_name(moved.name + suffix)
        moved_beside.unlink(missing_ok=True)  # of an earlier move
        # A program that still reads the old file keeps it, and it may have the last commits.
        if beside.exists():
            beside.replace(moved_beside)
    path.replace(moved)
    sync_directory(path.parent)
    return copied


def move_to_sqlite(path: Path, progress: Progress, check: Check) -> Copied:
    """Move an event from PostgreSQL to a file at `path`, like `move_to_postgresql`."""
    address = address_of(path.parent)
    if address is None:
        raise DatabaseError("this event is in SQLite already. Nothing was changed.")
    from server.storage.postgresql import engine

    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    try:
        with closing(engine.connect(address)) as source:
            source.execute("BEGIN IMMEDIATE")
            # Close it before opening the file again, which would drop SQLite's locks.
            with closing(sqlite3.connect(new, isolation_level=None)) as target:
                new.chmod(0o600)
                migrations.migrate_like(target, source)
                with transaction(target):
                    copied = copy_all(source, target, progress)
                    check(source, target)
            sync(new)
            # SQLite would apply a log that an earlier file left here to the new one.
            for suffix in _OF_LOG:
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            new.replace(path)
            sync_directory(path.parent)
            keep_address(path.parent, None)
            engine.put_aside(source)
            source.execute("COMMIT")
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    return copied
