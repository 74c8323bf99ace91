"""Opening the journal: its settings, its owner, and damage, which is moved aside and reported."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from badges.credential.keys import PrivateKey
from kiosk.journal import schema
from kiosk.journal.errors import JournalDamagedError, JournalError, JournalMissingError
from kiosk.journal.journal import Journal
from tests.kiosk.support.door_fixture import GENERATION, KIOSK, KIOSK_KEY, orders
from tests.kiosk.support.journals import enter, leave, open_journal


class TestOpening:
    @pytest.mark.parametrize("name", [pragma[0] for pragma in schema.PRAGMAS])
    def test_a_setting_that_was_not_taken_stops_it(
        self, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wished = tuple(
            (key, value, "something else" if key == name else expected)
            for key, value, expected in schema.PRAGMAS
        )
        monkeypatch.setattr(schema, "PRAGMAS", wished)
        with pytest.raises(JournalError, match=name):
            open_journal(tmp_path)

    def test_the_settings_are_those_of_the_design(self) -> None:
        wished = {name: expected for name, _, expected in schema.PRAGMAS}
        assert wished["journal_mode"] == "wal"
        assert wished["synchronous"] == 2
        assert wished["foreign_keys"] == wished["cell_size_check"] == 1
        assert wished["trusted_schema"] == 0

    def test_an_enrolled_kiosk_needs_its_journal(self, tmp_path: Path) -> None:
        with pytest.raises(JournalMissingError, match="--again"):
            open_journal(tmp_path, must_exist=True)
        assert list(tmp_path.iterdir()) == []

    def test_another_kiosk_s_journal_is_refused(self, tmp_path: Path) -> None:
        open_journal(tmp_path).close()
        with pytest.raises(JournalError, match="generation 3"):
            Journal(tmp_path / "journal.db", KIOSK, GENERATION + 1, KIOSK_KEY)

    def test_another_kiosk_s_journal_stays_where_it_is(self, tmp_path: Path) -> None:
        with Journal(tmp_path / "journal.db", "south-1", 1, PrivateKey(bytes(32))) as journal:
            leave(journal, 1, None)
        with pytest.raises(JournalError, match=r"of 'south-1' \(generation 1\)") as caught:
            open_journal(tmp_path)
        assert "enrol --again" in str(caught.value)
        assert (tmp_path / "journal.db").exists()

    @pytest.mark.parametrize(
        "code", [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_CANTOPEN]
    )
    def test_other_faults_leave_the_file_in_place(self, tmp_path: Path, code: int) -> None:
        open_journal(tmp_path).close()

        class Failing(sqlite3.Connection):
            def execute(self, *_: object) -> sqlite3.Cursor:
                error = sqlite3.OperationalError("this failed")
                error.sqlite_errorcode = code
                raise error

        with pytest.raises(JournalError, match="can't be opened: this failed") as caught:
            open_journal(tmp_path, connect=lambda path: sqlite3.connect(path, factory=Failing))
        assert not isinstance(caught.value, JournalDamagedError)
        assert (tmp_path / "journal.db").exists()

    @pytest.mark.parametrize(("version", "problem"), [(99, "newer"), (5, "before 1.0")])
    def test_another_version_s_journal_is_refused(
        self, tmp_path: Path, version: int, problem: str
    ) -> None:
        open_journal(tmp_path).close()
        with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
            db.execute(f"PRAGMA user_version = {version}")
        with pytest.raises(JournalError, match=problem) as caught:
            open_journal(tmp_path)
        assert not isinstance(caught.value, JournalDamagedError)
        assert (tmp_path / "journal.db").exists()


class TestDamage:
    """After any damage, the file is kept and the text has the remedy."""

    @pytest.fixture
    def written(self, tmp_path: Path) -> Path:
        with open_journal(tmp_path) as journal:
            journal.obey(orders((50, 0, 1)))
            for serial in range(30):
                enter(journal, serial)
        return tmp_path / "journal.db"

    def expect(self, path: Path, match: str) -> None:
        before = path.read_bytes()
        with pytest.raises(JournalDamagedError, match=match) as caught:
            open_journal(path.parent)
        assert "enrol --again" in str(caught.value)
        assert not path.exists()
        assert caught.value.moved_to.read_bytes()[:100] == before[:100]

    def test_of_a_record(self, written: Path) -> None:
        with closing(sqlite3.connect(written)) as db, db:
            db.execute(
                "UPDATE scan SET record = (SELECT record FROM scan WHERE seq = 8) WHERE seq = 7"
            )
        self.expect(written, "scan 7")

    def test_of_a_missing_record(self, written: Path) -> None:
        with closing(sqlite3.connect(written)) as db, db:
            db.execute("PRAGMA foreign_keys = OFF")
            db.execute("DELETE FROM own_stay WHERE seq = 12")
            db.execute("DELETE FROM scan WHERE seq = 12")
        self.expect(written, "29 of 30")

    def test_of_the_last_signature(self, written: Path) -> None:
        with closing(sqlite3.connect(written)) as db, db:
            db.execute("UPDATE scan SET signature = zeroblob(64) WHERE seq = 30")
        self.expect(written, "scan 30 was not signed")

    def test_of_no_record_at_all(self, written: Path) -> None:
        with closing(sqlite3.connect(written)) as db, db:
            db.execute("UPDATE scan SET record = x'7b7d' WHERE seq = 3")
        self.expect(written, "scan 3 is malformed")

    def test_of_the_file(self, written: Path) -> None:
        raw = bytearray(written.read_bytes())
        raw[4096:] = os.urandom(len(raw) - 4096)
        written.write_bytes(raw)
        self.expect(written, "damaged")

    def test_of_everything(self, written: Path) -> None:
        written.write_bytes(b"not a database at all" * 500)
        self.expect(written, "not a database")

    def test_of_the_names_of_its_tables(self, written: Path) -> None:
        raw = written.read_bytes()
        assert raw.count(b"(\n        serial INTEGER PRIMARY KEY") == 1
        written.write_bytes(
            raw.replace(b"serial INTEGER PRIMARY", b"serial \xff\xff\xff\xffGER PRIMARY")
        )
        self.expect(written, "the names of its tables can't be read")

    def test_a_command_beside_the_kiosk_leaves_it_its_file(self, written: Path) -> None:
        written.write_bytes(b"not a database at all" * 500)
        with pytest.raises(JournalDamagedError, match="At its next start"):
            open_journal(written.parent, check=False)
        assert written.exists()

    def test_twice(self, written: Path) -> None:
        for number in (1, 2):
            written.write_bytes(b"not a database at all" * 500)
            with pytest.raises(JournalDamagedError) as caught:
                open_journal(written.parent)
            assert caught.value.moved_to.name == f"journal.db.bad-{number}"
