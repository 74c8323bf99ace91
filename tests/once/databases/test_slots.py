"""That the next test's database is what its event begins with (tests/once/databases/slots.py)."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from server.storage.database import Database
from server.storage.sqlite.engine import SqliteEngine
from tests.once.databases.slots import KeptReader, KeptWriter, Slots

TABLES = "CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT"


def made(path: Path, rows: int) -> bytes:
    """The file of a database with so many rows, of a tenth of a page each."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(TABLES)
        db.executemany(
            "INSERT INTO setting VALUES (?, ?)", [(f"{n:04}", "x" * 400) for n in range(rows)]
        )
    return path.read_bytes()


def rows_in(database: Database) -> list[tuple[str, str]]:
    with database.reading() as db:
        return [tuple(row) for row in db.execute("SELECT key, value FROM setting ORDER BY key")]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return made(tmp_path_factory.mktemp("small") / "x.db", 3)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return made(tmp_path_factory.mktemp("large") / "x.db", 900)


@pytest.fixture
def slots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slots]:
    kept = Slots(tmp_path / "kept-databases")

    def writer(of: SqliteEngine) -> sqlite3.Connection:
        slot = kept.at(of._path)
        assert slot is not None
        return slot.take(KeptWriter)

    def reader(of: SqliteEngine) -> sqlite3.Connection:
        slot = kept.at(of._path)
        assert slot is not None
        return slot.take(KeptReader)

    monkeypatch.setattr(SqliteEngine, "writer", writer)
    monkeypatch.setattr(SqliteEngine, "reader", reader)
    yield kept
    kept.close()


def test_each_begins_as_it_should(slots: Slots, tmp_path: Path, small: bytes, large: bytes) -> None:
    for turn, data in enumerate([small, large, small, small, large, large, small]):
        path = tmp_path / f"{turn}.db"
        slots.lend(path, data)
        wanted = 3 if data is small else 900
        with Database(path) as database:
            found = rows_in(database)
            assert len(found) == wanted
            assert {value for _, value in found} == {"x" * 400}

            def change(db: sqlite3.Connection, turn: int = turn) -> None:
                db.execute("UPDATE setting SET value = ?", (str(turn),))
                db.execute("DELETE FROM setting WHERE key = '0001'")
                db.executemany(
                    "INSERT INTO setting VALUES (?, ?)",
                    [(f"n{n}", "y" * 900) for n in range(turn * 90)],
                )
                assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"

            # Some tests only read.
            if turn % 3:
                database.write(change)
                assert len(rows_in(database)) == wanted - 1 + turn * 90
        # As after any last close, all of it is in the one file.
        with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            assert (db.execute("SELECT value FROM setting").fetchone()[0] == str(turn)) == bool(
                turn % 3
            )
        assert slots.give_back(path) == []
    assert slots.made == 1


def use(slots: Slots, path: Path, data: bytes) -> int:
    """Use it once more, and return how many files there have been."""
    slots.lend(path, data)
    with Database(path) as database:
        assert len(rows_in(database)) == 3
    slots.give_back(path)
    return slots.made


def test_what_is_left_open_is_told(slots: Slots, tmp_path: Path, small: bytes) -> None:
    path = tmp_path / "one.db"
    slots.lend(path, small)
    left = SqliteEngine(path).reader()
    assert slots.give_back(path) == ["KeptReader"]
    with pytest.raises(sqlite3.ProgrammingError):
        sqlite3.Connection.execute(left, "SELECT 1")
    assert use(slots, tmp_path / "two.db", small) == 2


def test_a_closed_connection_is_closed(slots: Slots, tmp_path: Path, small: bytes) -> None:
    path = tmp_path / "one.db"
    slots.lend(path, small)
    db = SqliteEngine(path).writer()
    db.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        db.execute("SELECT 1")
    assert slots.give_back(path) == []


def test_what_was_begun_is_undone(slots: Slots, tmp_path: Path, small: bytes) -> None:
    path = tmp_path / "one.db"
    slots.lend(path, small)
    db = SqliteEngine(path).writer()
    db.execute("BEGIN IMMEDIATE")
    db.execute("DELETE FROM setting")
    db.close()
    with Database(path) as database:
        assert len(rows_in(database)) == 3
    assert slots.give_back(path) == []
    assert use(slots, tmp_path / "two.db", small) == 1


@pytest.mark.parametrize("how", ["tables", "log", "mode", "half read"])
def test_what_was_changed_otherwise_is_thrown_away(
    slots: Slots, tmp_path: Path, small: bytes, how: str
) -> None:
    assert use(slots, tmp_path / "one.db", small) == 1
    path = tmp_path / "two.db"
    slots.lend(path, small)
    db = SqliteEngine(path).writer()
    cursor = None
    if how == "tables":
        db.execute("CREATE TABLE more (a)")
    elif how == "log":
        path.resolve().with_name("one.db-wal").unlink()
    elif how == "mode":
        path.chmod(0o644)
    else:
        db.execute("INSERT INTO setting VALUES ('a', 'b')")
        cursor = db.execute("SELECT * FROM setting")
        cursor.fetchone()
    db.close()
    assert slots.give_back(path) == []
    del cursor
    assert use(slots, tmp_path / "three.db", small) == 2


def test_a_file_in_its_place_is_its_own(slots: Slots, tmp_path: Path, small: bytes) -> None:
    path = tmp_path / "one.db"
    slots.lend(path, small)
    path.unlink()
    path.write_bytes(small)
    assert slots.at(path) is None
    assert slots.give_back(path) == []
