"""A database as a file: its copy, its damage, and the small one kept in bytes."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from server.storage import database_file
from server.storage.database import Database
from server.storage.database_file import NewerFileError, pack, unpack
from server.storage.errors import EngineError, UnusableError
from server.storage.opening import connect
from server.storage.tables import keep_setting

pytestmark = pytest.mark.sqlite_alone


TABLES = {"moment": [{"at": 5, "name": "é"}], "user": [], "badge": [{"serial": 1, "seal": b"\0"}]}


def settings(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as db:
        return dict(db.execute("SELECT key, value FROM setting WHERE key LIKE 'made%'"))


def test_a_copy_is_of_the_moment_in_which_it_began(database: Database, tmp_path: Path) -> None:
    database.write(lambda db: keep_setting(db, "made_before", "1"))
    heard = []

    def progress(done: int, of: int) -> None:
        heard.append((done, of))
        database.write(lambda db: keep_setting(db, f"made_{len(heard)}", "1"))

    target = tmp_path / "copy.db"
    target.touch()
    database_file.copy_moment(database.path, target, pages=8, progress=progress)
    assert settings(target) == {"made_before": "1"}
    assert len(settings(database.path)) == 1 + len(heard)
    assert heard[-1][0] == heard[-1][1] > 8
    assert database_file.damage(target) == ""
    assert not target.with_name("copy.db-wal").exists()


def test_a_copy_ends_with_what_its_listener_raises(database: Database, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.touch()
    with pytest.raises(KeyError):
        database_file.copy_moment(
            database.path, target, pages=8, progress=lambda done, of: {}["stop"]
        )


def test_rows_that_belong_to_nothing_are_damage(database: Database) -> None:
    with closing(sqlite3.connect(database.path)) as db, db:
        db.execute("INSERT INTO search_due VALUES (7)")
    assert database_file.damage(database.path) == "rows of search_due belong to nothing"


def test_names_that_can_not_be_read_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "names.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE one (serial INTEGER PRIMARY KEY) STRICT")
    path.write_bytes(path.read_bytes().replace(b"INTEGER", b"\xff\xff\xff\xffGER"))
    for opening in (connect, database_file.damage):
        with pytest.raises(EngineError, match="the names of its tables can't be read"):
            opening(path)
    with pytest.raises(EngineError, match="the names of its tables can't be read"):
        with database_file.opened_read_only(path) as read:
            read.execute("SELECT * FROM one")


def test_a_damaged_page_is_damage(database: Database) -> None:
    with closing(connect(database.path)) as db:
        database_file.fold_log(db)
        (page,) = db.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'category'"
        ).fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    with database.path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    try:
        damage = database_file.damage(database.path)
    except EngineError as error:  # the message of some SQLite versions
        damage = str(error)
    assert damage != ""


def test_what_is_no_database_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_bytes(b"no database at all, but long enough " * 40)
    with pytest.raises(EngineError, match="not a database"):
        database_file.damage(tmp_path / "text.db")


def test_the_log_is_folded_into_the_file(database: Database) -> None:
    database.write(lambda db: keep_setting(db, "made_up", "1"))
    log = database.path.with_name(f"{database.path.name}-wal")
    assert log.stat().st_size > 0
    with closing(connect(database.path)) as db:
        database_file.fold_log(db)
    assert log.stat().st_size == 0


def test_what_is_opened_to_read_is_not_written(database: Database) -> None:
    with database_file.opened_read_only(database.path) as db:
        assert db.execute("SELECT COUNT(*) FROM category").fetchone()[0] > 0
        with pytest.raises(UnusableError, match="readonly"):
            db.execute("DELETE FROM category")


def test_nothing_is_made_where_nothing_is_to_be_read(tmp_path: Path) -> None:
    with pytest.raises(UnusableError), database_file.opened_read_only(tmp_path / "none.db"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_tables_come_back_from_bytes() -> None:
    assert unpack(pack(3, TABLES), 3, TABLES) == TABLES


def test_a_table_that_the_bytes_lack_is_left_out() -> None:
    assert unpack(pack(3, TABLES), 3, ("badge", "hall")) == {"badge": TABLES["badge"]}


def test_bytes_of_a_newer_version_are_told_apart() -> None:
    with pytest.raises(NewerFileError):
        unpack(pack(4, TABLES), 3, TABLES)


@pytest.mark.parametrize("version", [0, 2])
def test_bytes_of_another_version_are_refused(version: int) -> None:
    with pytest.raises(EngineError):
        unpack(pack(version, TABLES), 3, TABLES)


@pytest.mark.parametrize("data", [b"", b"text", pack(3, TABLES)[:5000]])
def test_damaged_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(EngineError):
        unpack(data, 3, TABLES)


def test_an_older_sqlite_has_the_tables_too(tmp_path: Path) -> None:
    """Debian 12's calls json_extract in no index of an untrusted schema."""
    program = (
        "import pathlib, sqlite3, sys\n"
        "connect = sqlite3.connect\n"
        "def older(*arguments, **options):\n"
        "    db = connect(*arguments, **options)\n"
        "    # Python's functions are unsafe for an untrusted schema.\n"
        "    db.create_function('json_extract', 2, lambda *_: None, deterministic=True)\n"
        "    return db\n"
        "sqlite3.connect = older\n"
        "from server.storage.sqlite.engine import connect as ours\n"
        "db = ours(pathlib.Path(sys.argv[1]))\n"
        "db.execute('CREATE TABLE leaf (body TEXT)')\n"
        "db.execute('''CREATE INDEX act ON leaf (json_extract(body, '$.act'))''')\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "event.db")]
    subprocess.run(command, check=True)
