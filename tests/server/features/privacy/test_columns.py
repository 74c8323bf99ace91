"""Each database column is declared personal or not."""

import re

import pytest

from server.features.privacy.columns import TABLES, Erasure, Table
from server.features.privacy.person import tables_of_people
from server.storage.connection import Connection
from server.storage.database import Database

# Both engines' tables come from one text; this reads SQLite's list of them.
pytestmark = pytest.mark.sqlite_alone

# Text indexes keep their words in tables of their own, which are deleted with them.
DERIVED = re.compile(r"search_(word|inside)_(config|data|idx|docsize|content)|.*sqlite.*")


def columns(db: Connection) -> dict[str, set[str]]:
    names = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return {
        name: {row[1] for row in db.execute(f"PRAGMA table_info({name})")}
        for name in names
        if not DERIVED.fullmatch(name)
    }


def names(table: Table) -> set[str]:
    return set(f"{table.personal} {table.pseudonymous} {table.notes} {table.none}".split())


def test_every_column_is_classified(database: Database) -> None:
    there = columns(database.reader)
    unknown = {
        name: sorted(held - names(TABLES[name]) if name in TABLES else held)
        for name, held in there.items()
    }
    assert {name: held for name, held in unknown.items() if held} == {}, (
        "say in server/features/privacy/columns.py what these tell of an attendee, and what"
        " becomes of them when a person is erased"
    )


def test_what_is_classified_is_there(database: Database) -> None:
    there = columns(database.reader)
    assert sorted(TABLES.keys() - there.keys()) == []
    gone = {name: names(table) - there[name] for name, table in TABLES.items()}
    assert {name: held for name, held in gone.items() if held} == {}


def test_no_column_is_two_kinds() -> None:
    for name, table in TABLES.items():
        listed = f"{table.personal} {table.pseudonymous} {table.notes} {table.none}".split()
        assert len(listed) == len(set(listed)), name


def test_telling_tables_say_what_becomes_of_their_rows(database: Database) -> None:
    for name, table in TABLES.items():
        tells = bool(table.personal or table.pseudonymous)
        assert tells == (table.erasure is not None), name
    for name in tables_of_people(database.reader):
        assert "serial" in TABLES[name].pseudonymous.split(), name


def test_columns_with_words_say_why_they_name_nobody(database: Database) -> None:
    for name, table in TABLES.items():
        with_words = words_of(database.reader, name) & set(table.none.split())
        assert bool(with_words) == bool(table.because), (
            f"{name}: say in `because` why {sorted(with_words)} have no attendee's data, or list"
            " them as personal or notes"
        )


def test_notes_can_be_emptied(database: Database) -> None:
    for name, table in TABLES.items():
        assert set(table.notes.split()) <= words_of(database.reader, name), name


def words_of(db: Connection, table: str) -> set[str]:
    """The columns that may hold words, or bytes that may be words."""
    rows = db.execute(f"PRAGMA table_info({table})")
    return {row["name"] for row in rows if row["type"] in ("TEXT", "BLOB")}


def test_references_of_numbered_tables_hold_without_a_person(database: Database) -> None:
    for name, table in TABLES.items():
        if table.erasure is Erasure.NUMBERED:
            keys = database.reader.execute(f"PRAGMA foreign_key_list({name})").fetchall()
            assert "serial" not in {row["from"] for row in keys}, name


def test_a_new_column_would_be_noticed(database: Database) -> None:
    """The first test's result for a database with one more column."""
    database.write(lambda db: db.execute("ALTER TABLE badge ADD COLUMN nick_name TEXT"))
    held = columns(database.reader)["badge"] - names(TABLES["badge"])
    assert held == {"nick_name"}
