"""Steps that the tests of the stores share."""

import os
import sqlite3
from collections.abc import Callable
from typing import Any

from badges.roster.reader import Roster
from badges.wire import wire
from server.core.event.directory import Event
from server.core.feed.changes import changes_after
from server.features.imports import roster_import, venue_import
from server.features.imports.roster_import import ImportResult
from server.features.imports.roster_questions import ImportAnswers
from server.features.imports.writer import ImportedVenue
from server.storage.database import Database
from server.storage.postgresql import moving
from server.storage.tables import tables
from tests.server.conftest import NOW, roster_of, venue_of

_RULES_VERSION = """INSERT INTO "setting" VALUES('rules_version',"""


def load_roster(
    database: Database,
    text: str | Roster,
    *,
    skip_bad: bool = False,
    random: Callable[[int], bytes] = os.urandom,
    **answers: Any,
) -> ImportResult:
    """Import a roster, with answers to its open questions."""
    read = roster_of(text) if isinstance(text, str) else text
    given = ImportAnswers(**answers)
    return database.write(
        lambda db: roster_import.import_roster(
            db, read, skip_bad=skip_bad, by="test", now=NOW, random=random, answers=given
        )
    )


def load_venue(event: Event, database: Database, text: str) -> ImportedVenue:
    """Import a venue."""
    plan = venue_of(event, text)
    return database.write(lambda db: venue_import.import_venue(db, plan, by="test", now=NOW))


def attendees(database: Database) -> list[dict]:
    """All rows, by external id."""
    return list(tables(database.reader).query("SELECT * FROM attendee ORDER BY external_id"))


def dump(database: Database) -> list[str]:
    """The whole database as lines like SQL, except the version of its rules.

    Two dumps are equal if all tables, indexes and rows are. Python's own `iterdump` writes
    executable SQL, and takes five times as long.
    """
    with database.reading() as db:
        if is_sqlite := isinstance(db, sqlite3.Connection):
            schema = db.execute(
                "SELECT type, name, sql FROM sqlite_schema ORDER BY name"
            ).fetchall()
            lines = [row["sql"] for row in schema if row["sql"] is not None]
            names = [row["name"] for row in schema if _has_rows(row)]
        else:
            lines, names = [], moving.tables_of(db)
        for name in names:
            begins = f'INSERT INTO "{name}" VALUES'
            rows = db.execute(f'SELECT * FROM "{name}"').fetchall()
            lines += [f"{begins}{tuple(row)!r}" for row in rows]
    kept = [line for line in lines if not line.startswith(_RULES_VERSION)]
    return kept if is_sqlite else sorted(kept)


def _has_rows(row: sqlite3.Row) -> bool:
    """Whether it holds rows itself. The rows of a search index are in separate tables."""
    return row["type"] == "table" and not row["sql"].startswith("CREATE VIRTUAL")


def everything(database: Database) -> str:
    """The content of all tables, with bytes as hexadecimal digits and as possible text."""
    with database.reading() as db:
        rows = [
            row for name in moving.tables_of(db) for row in db.execute(f'SELECT * FROM "{name}"')
        ]
    return "\n".join(
        f"{value.hex()} {value!r}" if isinstance(value, bytes) else str(value)
        for row in rows
        for value in tuple(row)
    )


def changes(database: Database, after: int = 0) -> list[wire.Change]:
    """The changes sent to kiosks after that cursor."""
    published = changes_after(database.reader, after)
    return [wire.decode_change(change.body) for change in published]
