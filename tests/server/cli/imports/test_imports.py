"""`hallkeeper import` and `import-venue`: all or nothing, and each problem is named."""

import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from badges.credential.badge_number import badge_number
from server.core.second_disk.copy import backups
from server.features.imports.commands import roster_and_venue as imports
from server.features.imports.roster_import import ImportPlan, RosterChangedError
from server.storage.database import Database
from server.storage.opening import connect
from server.storage.transactions import transaction
from tests.server.conftest import ROSTER, VENUE, serial_of
from tests.server.features.imports.test_venue_file import SHEETS, with_value, workbook
from tests.server.support.console import Console


@pytest.mark.parametrize("command", ["import", "import-venue"])
def test_a_file_that_unpacks_to_more_memory_than_it_may_take(
    console: Console, command: str
) -> None:
    """A workbook of 1 MB took 5 GB, for which the system may end the server beside the command."""
    packed = io.BytesIO()
    filled = openpyxl.Workbook()
    filled.active.append(["exhibitor", "stand"])
    filled.save(packed)
    with zipfile.ZipFile(packed) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    row = b"<row>" + b"<c><v>1</v></c>" * 600_000 + b"</row></sheetData>"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as book:
        for name, data in parts.items():
            book.writestr(name, data.replace(b"</sheetData>", row))
    assert len(packed.getvalue()) < 100_000
    # In a process of its own: this one may have memory that it does not use.
    code = "from server import console; console.FILE_MEMORY_BYTES = 150_000_000;"
    code += "from server.cli.main import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", code, command, console.file("wide.xlsx", packed.getvalue())],
        env={**os.environ, "HALLKEEPER_EVENT_DIR": str(console.event.path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.stderr == (
        "Error: the file takes more memory than a file may. Make it smaller, or copy its rows into"
        " a new one. Nothing was imported.\n"
    )
    assert result.returncode == 1


class TestImport:
    def test_an_encoding_that_must_be_named(self, console: Console) -> None:
        roster = console.file("r.csv", "name,category,姓名\n王小明,speaker,x\n".encode("gb18030"))
        assert "is read as gb18030" in console("import", roster, "--dry-run").output
        roster = console.file("r.csv", "name,category,备\n王小明,speaker,x\n".encode("gb18030"))
        assert "name its encoding, such as gb18030" in console("import", roster, status=1).output
        console("import", roster, "--encoding", "gb18030")
        assert console.rows("SELECT given_name FROM attendee") == [("王小明",)]

    def test_three_bad_rows_of_ten_thousand(self, console: Console) -> None:
        rows = ["id,name,email,category"]
        rows += [f"R{n},Guest {n},g{n}@example.org,delegate" for n in range(10_000)]
        rows[7] = rows[7].replace("delegate", "dellegate")
        rows[79] = rows[79].replace("@", "")
        rows[9000] = rows[9000].replace("Guest", "=cmd()")
        roster = console.file("big.csv", "\n".join(rows))
        result = console("import", roster, status=1)
        assert "nothing was imported" in result.output
        assert "line 8, category: 'dellegate' is no category. Use one of delegate" in result.output
        assert "line 80, email: is not an e-mail address" in result.output
        assert "line 9001, name: starts with '='" in result.output
        assert "import the other 9,997 rows with --skip-bad" in result.output
        assert console.people == 0
        result = console("import", roster, "--skip-bad")
        assert "Added 9,997, updated 0, unchanged 0, skipped 3." in result.output
        assert "Skipped line 80, email" in result.output
        assert console.people == 9_997

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
    def test_encodings_that_spreadsheets_write(self, console: Console, encoding: str) -> None:
        text = "姓名,类别\n王小明,speaker\n李雷,vip\n"
        console("import", console.file("r.csv", text.encode(encoding)))
        assert console.rows("SELECT given_name FROM attendee ORDER BY category") == [
            ("王小明",),
            ("李雷",),
        ]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "is empty"),
            ("name,category\n" + "x" * 100_000 + ",vip\n", "line 2, name: has 100,000 characters"),
            ("name,email,category\nA,a@b.org,vip\na,A@b.org,vip\n", "the same as in line 2"),
            ("name,category\n@SUM(A1),vip\n", "line 2, name: starts with '@'"),
            ("nickname,category\nA,vip\n", "no column for names (given_name or name)"),
            ("name,category\nA,vip,x,y\n", "line 2: has 4 cells where the header has 2"),
            ("name,category,days\nA,vip,4\n", "does not name event days from 1 to 3"),
            ("name,category,zones\nA,vip,attic\n", "'attic' is not a zone of this event"),
            ("name,category,invitations\nA,vip,gala\n", "'gala' is not a session of this event"),
        ],
    )
    def test_rosters_that_can_not_be(self, console: Console, text: str, message: str) -> None:
        result = console("import", console.file("r.csv", text), status=1)
        assert message in result.output
        assert console.people == 0

    def test_a_workbook(self, console: Console) -> None:
        book = openpyxl.Workbook()
        for row in (["Name", "Type"], ["Anna Keller", "VIP"], ["Bo", "press"]):
            book.active.append(row)
        out = io.BytesIO()
        book.save(out)
        assert "Added 2" in console("import", console.file("r.xlsx", out.getvalue())).output

    def test_a_mapping(self, console: Console) -> None:
        roster = console.file("r.csv", "Who,As\nAnna,vip\n")
        mapping = console.file("m.toml", 'name = "Who"\ncategory = "As"\n')
        assert "Added 1" in console("import", roster, "--mapping", mapping).output

    @pytest.mark.parametrize(
        ("mapping", "message", "status"),
        [
            ("name = Who", "is not TOML", 2),
            ("name = 3", "the column's title in the file", 2),
            ('nome = "Who"', "the mapping names 'nome': use one of", 1),
            ('name = "Whom"', "the mapping needs a column 'Whom', but no column", 1),
        ],
    )
    def test_bad_mappings(self, console: Console, mapping: str, message: str, status: int) -> None:
        roster = console.file("r.csv", "Who,category\nAnna,vip\n")
        path = console.file("m.toml", mapping)
        assert message in console("import", roster, "--mapping", path, status=status).output

    def test_unused_columns_are_named(self, console: Console) -> None:
        roster = console.file("r.csv", "name,category,shoe size\nAnna,vip,39\n")
        assert "Columns that were not used: shoe size" in console("import", roster).output

    def test_badges_that_are_out_of_date(self, filled: Console) -> None:
        changed = filled.file("r.csv", ROSTER.replace("Keller", "Voss"))
        with Database(filled.event.database_path) as database:
            number = badge_number(serial_of(database, "A1"))
        result = filled("import", changed, "--renames", "accept")
        assert f"1 badge is out of date: {number}" in result.output
        again = filled.file("again.csv", ROSTER)
        result = filled("import", again, "--renames", "accept", "--reissue")
        assert "Replaced" not in result.output  # it repeats the current state
        result = filled("import", changed, "--renames", "accept", "--reissue")
        assert f"Replaced 1 badge, to be printed again: {number}" in result.output
        assert filled.rows("SELECT MAX(issue) FROM badge") == [(2,)]

    def test_no_such_file(self, console: Console) -> None:
        assert "does not exist" in console("import", "nowhere.csv", status=2).output


class TestQuestions:
    """An open question stops the import, and each question names its options."""

    def test_a_changed_name(self, filled: Console) -> None:
        changed = filled.file("changed.csv", ROSTER.replace("Anna,Keller", "Eve,Hill"))
        result = filled("import", changed, status=1)
        assert "nothing was imported. Answer these first, each with an option:" in result.output
        assert "line 2: 'Anna Keller', id 'A1' (badge " in result.output
        assert "→ 'Eve Hill'" in result.output
        assert "--renames accept: these are the same people under a new name" in result.output
        assert filled.rows("SELECT given_name FROM attendee WHERE external_id = 'A1'") == [
            ("Anna",)
        ]
        assert "updated 1" in filled("import", changed, "--renames", "accept").output

    def test_people_who_are_gone(self, filled: Console) -> None:
        fewer = filled.file("fewer.csv", ROSTER.rpartition("A4")[0])
        result = filled("import", fewer, status=1)
        assert "people who are in the event and not in this file: 1" in result.output
        assert "'Chen Lee', id 'A4' (badge " in result.output
        assert "revoked 1." in filled("import", fewer, "--missing", "revoke").output
        assert filled.rows("SELECT COUNT(*) FROM attendee WHERE revoked_at > 0") == [(1,)]

    def test_every_question_of_a_workbook_at_once(self, filled: Console) -> None:
        book = openpyxl.Workbook()
        sheet = book.active
        for row in (
            ["序号", "姓名", "单位", "邮箱", "类别", "订单状态"],
            [1, "王小明", "海事大学", "xiaoming@example.org", "演讲嘉宾", "已支付"],
            [2, "李雷", None, "office@example.org", "代表", "已支付"],
            [3, "韩梅梅", None, "office@example.org", "代表", "待支付"],
            [4, "张三", None, "zhang@example.org", "代表", "已取消"],
            [5, "Zoe", "Dock", "zoe@example.org", "D", ""],
        ):
            sheet.append(row)
        sheet.merge_cells("C2:C4")
        sheet.row_dimensions[6].hidden = True
        book.create_sheet("Speakers").append(["Name"])
        out = io.BytesIO()
        book.save(out)
        path = filled.file("r.xlsx", out.getvalue())
        result = filled("import", path, status=1)
        for option in ("--sheet Sheet:", "--hidden-rows leave", "--merged fill", "--missing keep"):
            assert option in result.output
        assert "--cancelled leave" in result.output
        assert "--pending leave" in result.output
        assert "'序号' numbers the rows, and is not taken for an id" in result.output
        words = (
            "--sheet Sheet --hidden-rows take --merged fill --missing keep --cancelled leave"
            " --pending take"
        ).split()
        result = filled("import", path, *words, status=1)
        assert "--shared-emails: people are known by e-mail and name together" in result.output
        result = filled("import", path, *words, "--shared-emails")
        assert "Added 3, updated 1, unchanged 0, skipped 0." in result.output
        assert filled.rows("SELECT organisation FROM attendee WHERE given_name = '韩梅梅'") == [
            ("海事大学",)
        ]

    def test_how_many_more_is_counted_right(self, console: Console) -> None:
        rows = "\n".join(f"A{n},nobody" for n in range(2_000))
        result = console("import", console.file("r.csv", f"name,category\n{rows}\n"), status=1)
        assert "… and 1,900 more" in result.output
        good = f"name,category\n{rows}\nBo,vip\n"
        result = console("import", console.file("r.csv", good), "--skip-bad")
        assert "… and 1,900 more" in result.output
        assert "Added 1, updated 0, unchanged 0, skipped 2,000." in result.output

    def test_characters_that_no_font_draws(self, console: Console) -> None:
        text = "name,organisation,category\nAnna \U00016ea0,,vip\nBo,Port,vip\n"
        result = console("import", console.file("r.csv", text))
        assert (
            "characters that no installed font draws: 1. Before printing install" in result.output
        )
        assert "line 2, 'Anna �': '�' (U+16EA0)" in result.output
        assert console.people == 2

    def test_a_dry_run_changes_nothing(self, filled: Console) -> None:
        changed = filled.file("changed.csv", ROSTER.replace("Port", "Dock").replace("A4", "B4"))
        before = filled.rows("SELECT COUNT(*) FROM leaf"), filled.rows("SELECT * FROM attendee")
        assert "--doubles same" in filled("import", changed, "--dry-run", status=1).output
        result = filled("import", changed, "--dry-run", "--doubles", "same")
        assert "Would have added 0, updated 1, unchanged 3, skipped 0." in result.output
        assert "Nothing was imported: this was a dry run." in result.output
        after = filled.rows("SELECT COUNT(*) FROM leaf"), filled.rows("SELECT * FROM attendee")
        assert before == after

    def test_a_dry_run_names_changes_and_outdated_badges(self, filled: Console) -> None:
        other = ROSTER.replace("Anna,Keller", "Eve,Hill")
        changed = filled.file("r.csv", other)
        result = filled("import", changed, "--dry-run", "--renames", "accept")
        with Database(filled.event.database_path) as database:
            number = badge_number(serial_of(database, "A1"))
        assert "people who would change: 1:" in result.output
        assert f"id 'A1' (badge {number}): given_name 'Anna' → 'Eve', family" in result.output
        assert f"badges that would then be out of date: 1: {number}. Import" in result.output
        preview = json.loads(
            filled("import", changed, "--dry-run", "--json", "--renames", "accept").stdout
        )
        assert len(preview["changes"]) == 1

    def test_a_changed_category_says_that_the_badge_is_wrong(self, filled: Console) -> None:
        (line,) = [row for row in ROSTER.splitlines() if row.startswith("A1,")]
        category = filled.rows(
            "SELECT c.code FROM attendee a JOIN category c USING (category)"
            " WHERE external_id = 'A1'"
        )[0][0]
        other = "press" if category != "press" else "vip"
        changed = filled.file("r.csv", ROSTER.replace(line, line.replace(category, other)))
        result = filled("import", changed, "--dry-run")
        assert f"category {category} → {other}" in result.output
        result = filled("import", changed)
        assert "1 badge is out of date" in result.output
        assert "To replace them: hallkeeper issue --changed" in result.output

    def test_as_json(self, filled: Console) -> None:
        changed = filled.file("changed.csv", ROSTER.replace("Anna,Keller", "Eve,Hill"))
        report = json.loads(filled("import", changed, "--json", status=1).stdout)
        assert (report["imported"], report["updated"], report["problems"]) == (False, 1, [])
        (finding,) = report["findings"]
        assert (finding["kind"], finding["count"], len(finding["answers"])) == ("renames", 1, 2)
        result = filled("import", changed, "--json", "--renames", "accept", "--reissue")
        report = json.loads(result.stdout)
        assert (report["imported"], len(report["badges_out_of_date"])) == (True, 1)

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ("--renames maybe", "'maybe' is not one of 'accept', 'skip'"),
            ("--missing delete", "'delete' is not one of 'keep', 'revoke'"),
        ],
    )
    def test_answers_that_there_are_not(self, filled: Console, words: str, message: str) -> None:
        roster = filled.file("r.csv", ROSTER)
        assert message in filled("import", roster, *words.split(), status=2).output


class TestUndo:
    @pytest.mark.sqlite_alone  # PostgreSQL's own tools back up such an event.
    def test_a_backup_before_people_are_changed(self, filled: Console, tmp_path: Path) -> None:
        changed = filled.file("r.csv", ROSTER.replace("Harbour", "Port"))
        second = tmp_path / "second"
        second.mkdir()
        settings = filled.event.path / "event.toml"
        settings.write_text(f'backup_dir = "{second}"\n{settings.read_text()}')
        result = filled("import", changed)
        assert "The event as it was before this import: " in result.output
        (backup,) = backups(second)
        copy = sqlite3.connect(backup.path / "hallkeeper.db")
        query = "SELECT organisation FROM attendee WHERE external_id = 'A1'"
        assert copy.execute(query).fetchall() == [("Harbour Pilots",)]
        copy.close()
        filled("import", changed)
        assert len(backups(second)) == 1  # no attendee was changed

    def test_without_a_second_disk_that_is_said(self, filled: Console) -> None:
        changed = filled.file("r.csv", ROSTER.replace("Harbour", "Port"))
        assert "No backup was made before this import" in filled("import", changed).output


class TestInterrupted:
    """Ctrl-C at any moment: all or nothing, and the output states which."""

    @pytest.fixture
    def roster(self, console: Console) -> str:
        return console.file("r.csv", ROSTER.replace("public", "").replace("press,en", ",en"))

    def test_compared(self, console: Console, roster: str, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(imports, "plan_import", interrupted)
        result = console("import", roster, status=130)
        assert "interrupted. Nothing was imported." in result.output
        assert console.people == 0

    @pytest.mark.parametrize("late", [False, True], ids=["before the commit", "after it"])
    def test_while_it_is_written(
        self, console: Console, roster: str, monkeypatch: pytest.MonkeyPatch, late: bool
    ) -> None:
        """The signal comes from outside, while the writer's thread is at work."""
        plain, plainly_noted = Database.write, imports.interrupts_noted
        noted: list[threading.Event] = []

        @contextmanager
        def interrupts_noted() -> Iterator[threading.Event]:
            with plainly_noted() as event:
                noted.append(event)
                yield event

        def write(database: Database, step: Callable[[sqlite3.Connection], Any]) -> Any:
            def interrupted(db: sqlite3.Connection) -> Any:
                until = time.monotonic() + 240
                os.kill(os.getpid(), signal.SIGINT)
                # A main thread about to wait handles the first signal only after the wait.
                while not noted[0].wait(0.1):
                    assert time.monotonic() < until, "the main thread has not heard of it"
                    os.kill(os.getpid(), signal.SIGINT)
                return step(db)

            result = plain(database, step if late else interrupted)
            if late:
                os.kill(os.getpid(), signal.SIGINT)
            return result

        monkeypatch.setattr(imports, "interrupts_noted", interrupts_noted)
        monkeypatch.setattr(Database, "write", write)
        result = console("import", roster, status=130)
        if late:
            assert "interrupted. Already imported: Added 4," in result.output
            assert console.people == 4
        else:
            assert "interrupted. Nothing was imported." in result.output
            assert console.people == 0

    def test_a_later_signal_ends_the_program(self, console: Console, roster: str) -> None:
        before = signal.getsignal(signal.SIGINT)
        console("import", roster)
        assert signal.getsignal(signal.SIGINT) is before

    def test_others_who_keep_changing_people(
        self, console: Console, roster: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tries = []

        def changed(*_: object) -> None:
            tries.append(1)
            raise RosterChangedError

        monkeypatch.setattr(ImportPlan, "write", changed)
        result = console("import", roster, status=1)
        assert "others keep changing people or the venue; nothing was imported" in result.output
        assert len(tries) == imports.PLANS_MOST


class TestChangedBadges:
    """After a plain import the card has the new name, and the door the old one."""

    def change(self, filled: Console, old: str, new: str, *words: str) -> str:
        path = filled.file("changed.csv", ROSTER.replace(old, new))
        return filled("import", path, "--renames", "accept", *words).output

    def issues(self, filled: Console) -> dict[str, int]:
        query = "SELECT external_id, MAX(issue) FROM badge JOIN attendee USING (serial) GROUP BY 1"
        return dict(filled.rows(query))

    def test_it_is_said_and_mended(self, filled: Console) -> None:
        output = self.change(filled, "Keller", "Voss")
        assert "1 badge is out of date: " in output
        assert "Anna Voss, id A1" in output
        assert "doors go by the old badge and show its name" in output
        assert "To replace them: hallkeeper issue --changed" in output
        dry = filled("issue", "--changed", "--dry-run").output
        assert "Anna Voss, id A1" in dry
        assert self.issues(filled)["A1"] == 1
        assert "Replaced 1 badge, to be printed again: " in filled("issue", "--changed").output
        assert self.issues(filled) == {"A1": 2, "A2": 1, "A3": 1, "A4": 1}
        assert "All badges are up to date" in filled("issue", "--changed").output

    def test_a_reissue_later_replaces_those_of_earlier_imports_too(self, filled: Console) -> None:
        self.change(filled, "Keller", "Voss")
        both = filled.file("both.csv", ROSTER.replace("Keller", "Voss").replace("Novak", "Horvat"))
        output = filled("import", both, "--renames", "accept", "--reissue").output
        assert "Replaced 2 badges" in output
        assert self.issues(filled) == {"A1": 2, "A2": 1, "A3": 2, "A4": 1}
        again = filled("import", both, "--reissue").output
        assert "Replaced" not in again

    def test_a_reissue_after_an_import_without_one(self, filled: Console) -> None:
        self.change(filled, "Keller", "Voss")
        assert "Replaced 1 badge" in self.change(filled, "Keller", "Voss", "--reissue")

    def test_what_was_changed_back_is_right(self, filled: Console) -> None:
        self.change(filled, "Keller", "Voss")
        self.change(filled, "Keller", "Keller")
        assert "All badges are up to date" in filled("issue", "--changed").output
        assert filled.rows("SELECT COUNT(*) FROM changed_holder") == [(0,)]

    @pytest.mark.parametrize(
        ("old", "new", "changed"),
        [
            ("Harbour Pilots", "Port", True),
            (",DE,", ",AT,", True),
            ("anna@example.org,delegate,", "anna@example.org,vip,", True),
            ("anna@example.org,delegate,,", "anna@example.org,delegate,1,", True),
            ("anna@example.org", "keller@example.org", False),
        ],
    )
    def test_what_a_badge_and_a_door_say(
        self, filled: Console, old: str, new: str, changed: bool
    ) -> None:
        assert ("is out of date" in self.change(filled, old, new)) is changed

    def test_plain_issue_tells_of_them(self, filled: Console) -> None:
        self.change(filled, "Keller", "Voss")
        assert "To replace them: hallkeeper issue --changed" in filled("issue").output

    def test_one_that_can_not_be_replaced_is_not_in_the_way(self, filled: Console) -> None:
        text = ROSTER.replace("Keller", "Voss").replace("Novak", "Horvat")
        filled("import", filled.file("both.csv", text), "--renames", "accept")
        with closing(connect(filled.event.database_path)) as db, transaction(db):
            db.execute("UPDATE badge SET issue = 255 WHERE serial ="
                       " (SELECT serial FROM attendee WHERE external_id = 'A1')")  # fmt: skip
        output = filled("issue", "--changed").output
        assert "Not replaced " in output
        assert "Replaced 1 badge" in output

    def test_a_dry_run_of_plain_issue(self, filled: Console) -> None:
        assert "--dry-run goes with --changed" in filled("issue", "--dry-run", status=2).output

    def test_an_event_of_an_earlier_version(self, filled: Console) -> None:
        """Changes from before the update are found too, and checked at once."""
        self.change(filled, "Keller", "Voss")
        with closing(connect(filled.event.database_path)) as db, transaction(db):
            db.execute("DELETE FROM changed_holder")
            db.execute("INSERT INTO changed_holder SELECT DISTINCT serial FROM badge")
        assert "1 badge is" in filled("issue", "--changed", "--dry-run").output
        assert filled.rows("SELECT COUNT(*) FROM changed_holder") == [(1,)]


class TestImportVenue:
    def test_it_works(self, console: Console) -> None:
        path = console.file("venue.toml", VENUE)
        result = console("import-venue", path)
        assert result.stdout == "Added: zones 2, halls 3, doors 3, sessions 2\n"
        assert result.stderr == (
            "Warning: hall green: only scanned exits count as leaving, but no door of this hall "
            "scans exits. So places become free only when staff count the hall as empty on its "
            'page. Give it a door with mode = "exit" or "both"; or write leaving = "inferred": '
            "then entering another hall counts as leaving, and is shown as uncertain.\n"
        )
        assert "Unchanged: zones 2" in console("import-venue", path).output

    @pytest.mark.parametrize(
        "change",
        [
            ('mode = "entry"', 'mode = "exit"'),
            ("capacity = 10\n", 'capacity = 10\nleaving = "inferred"\n'),
        ],
    )
    def test_a_hall_that_counts_exits(self, console: Console, change: tuple[str, str]) -> None:
        path = console.file("venue.toml", VENUE.replace(*change))
        assert "only scanned exits count" not in console("import-venue", path).output

    def test_problems(self, console: Console) -> None:
        text = VENUE.replace("capacity = 500", "capactiy = 500")
        result = console("import-venue", console.file("venue.toml", text), status=1)
        assert "hall 1 (site): unknown key 'capactiy'; did you mean 'capacity'?" in result.output
        assert console.rows("SELECT COUNT(*) FROM hall") == [(0,)]

    def test_sessions_that_went(self, filled: Console) -> None:
        shorter = filled.file("v.toml", VENUE[: VENUE.index('[[session]]\ncode = "press"')])
        assert "Not in v.toml, and kept: sessions press" in filled("import-venue", shorter).output
        result = filled("import-venue", shorter, "--remove-sessions")
        assert "Removed: sessions press" in result.output
        assert filled.rows("SELECT code FROM session") == [("opening",)]

    @pytest.mark.parametrize(
        ("old", "new", "warning"),
        [
            ('"main"\nhall = "site"', '"main"\nhall = "h1"', "hall site: has no door"),
            ('mode = "entry"', 'mode = "exit"', "hall green: its doors are only for exit"),
            ("fire_limit = 120", "fire_limit = 501", "hall h1: fire_limit 501 is above that of"),
            (
                'starts = "2026-05-04 13:00"', 'starts = "2026-05-04 11:59"',
                "session press: is in hall h1 at the same time as opening (2026-05-04 11:00 to "
                "2026-05-04 12:00); the doors admit the guests of both",
            ),
            (
                'ends = "2026-05-04 14:00"', 'ends = "2026-05-07 00:30"',
                "session press: ends 2026-05-07 00:30, after the event's last day: from "
                "2026-05-07 00:00 on no one is admitted",
            ),
        ],
    )  # fmt: skip
    def test_what_may_be_meant(self, console: Console, old: str, new: str, warning: str) -> None:
        assert old in VENUE
        path = console.file("venue.toml", VENUE.replace(old, new))
        result = console("import-venue", path)
        assert f"Warning: {warning}" in result.stderr
        assert console.rows("SELECT COUNT(*) FROM session") == [(2,)]

    def test_sessions_one_after_the_other(self, console: Console) -> None:
        text = VENUE.replace('starts = "2026-05-04 13:00"', 'starts = "2026-05-04 12:00"')
        result = console("import-venue", console.file("venue.toml", text))
        assert "at the same time" not in result.stderr

    def test_a_session_that_is_removed_is_in_nobodys_way(self, filled: Console) -> None:
        later = VENUE.replace('code = "press"\nhall', 'code = "talk"\nhall')
        path = filled.file("v.toml", later)
        assert "at the same time as press" in filled("import-venue", path).stderr
        again = filled("import-venue", path, "--remove-sessions")
        assert "at the same time" not in again.stderr

    def test_values_of_formulas_are_said(self, console: Console) -> None:
        book = openpyxl.load_workbook(io.BytesIO(workbook(SHEETS)))
        book["Halls"]["C2"] = "=60+40"
        out = io.BytesIO()
        book.save(out)
        path = console.file("v.xlsx", with_value(out.getvalue(), "60+40", "100"))
        result = console("import-venue", path)
        assert (
            "Warning: sheet Halls, row 2: cell C2 is a formula; its value was used: 100."
            in result.stderr
        )
        assert console.rows("SELECT capacity FROM hall WHERE code = 'h1'") == [(100,)]
