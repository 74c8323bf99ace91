"""`hallkeeper import` and `import-venue`: all or nothing, and every problem named."""

import io

import openpyxl
import pytest

from badges.numbers import badge_number
from server.database import Database
from tests.server.conftest import ROSTER, VENUE, serial_of
from tests.server.console import Console


class TestImport:
    def test_an_encoding_that_must_be_named(self, console: Console) -> None:
        roster = console.file("r.csv", "姓名,类别\n王小明,speaker\n".encode("gb18030"))
        assert "name its encoding, such as gb18030" in console("import", roster, status=1).output
        console("import", roster, "--encoding", "gb18030")
        assert console.rows("SELECT given_name FROM attendee") == [("王小明",)]

    def test_three_bad_rows_of_ten_thousand(self, console: Console) -> None:
        rows = ["id,name,email,category"]
        rows += [f"{n},Guest {n},g{n}@example.org,delegate" for n in range(10_000)]
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
        ("text", "said"),
        [
            ("", "is empty"),
            ("name,category\n" + "x" * 100_000 + ",vip\n", "line 2, name: has 100,000 characters"),
            ("name,email,category\nA,a@b.org,vip\nB,A@b.org,vip\n", "the same as in line 2"),
            ("name,category\n@SUM(A1),vip\n", "line 2, name: starts with '@'"),
            ("nickname,category\nA,vip\n", "no column for names (given_name or name)"),
            ("name,category\nA,vip,x,y\n", "line 2: has 4 cells where the header has 2"),
            ("name,category,days\nA,vip,4\n", "does not name event days from 1 to 3"),
            ("name,category,zones\nA,vip,attic\n", "'attic' is no zone of this event"),
            ("name,category,invitations\nA,vip,gala\n", "'gala' is no session of this event"),
        ],
    )
    def test_rosters_that_can_not_be(self, console: Console, text: str, said: str) -> None:
        result = console("import", console.file("r.csv", text), status=1)
        assert said in result.output
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
        ("mapping", "said", "status"),
        [
            ("name = Who", "is not TOML", 2),
            ("name = 3", "the column's title in the file", 2),
            ('nome = "Who"', "the mapping names 'nome': use one of", 1),
            ('name = "Whom"', "the mapping looks for 'Whom', and none of the columns", 1),
        ],
    )
    def test_mappings_that_can_not_be(
        self, console: Console, mapping: str, said: str, status: int
    ) -> None:
        roster = console.file("r.csv", "Who,category\nAnna,vip\n")
        path = console.file("m.toml", mapping)
        assert said in console("import", roster, "--mapping", path, status=status).output

    def test_unused_columns_are_named(self, console: Console) -> None:
        roster = console.file("r.csv", "name,category,shoe size\nAnna,vip,39\n")
        assert "Columns that were not used: shoe size" in console("import", roster).output

    def test_badges_that_are_out_of_date(self, filled: Console) -> None:
        changed = filled.file("r.csv", ROSTER.replace("Keller", "Voss"))
        with Database(filled.event.database_path) as database:
            number = badge_number(serial_of(database, "A1"))
        result = filled("import", changed)
        assert f"1 badge says what was so before: {number}" in result.output
        again = filled.file("r.csv", ROSTER)
        result = filled("import", again, "--reissue")
        assert f"Replaced 1 badge, to be printed again: {number}" in result.output
        assert filled.rows("SELECT MAX(issue) FROM badge") == [(2,)]

    def test_no_such_file(self, console: Console) -> None:
        assert "does not exist" in console("import", "nowhere.csv", status=2).output


class TestImportVenue:
    def test_it_works(self, console: Console) -> None:
        path = console.file("venue.toml", VENUE)
        assert console("import-venue", path).output.startswith(
            "Added: zones 2, halls 3, doors 3, sessions 2\n"
            "1 hall counts who left by scanned exits alone, and no door there scans any: green."
            " Places come back only when the hall is counted as empty on its page."
        )
        assert "Unchanged: zones 2" in console("import-venue", path).output

    @pytest.mark.parametrize(
        "change",
        [
            ('mode = "entry"', 'mode = "exit"'),
            ("capacity = 10\n", 'capacity = 10\nleaving = "inferred"\n'),
        ],
    )
    def test_a_hall_that_can_count_who_left(
        self, console: Console, change: tuple[str, str]
    ) -> None:
        path = console.file("venue.toml", VENUE.replace(*change))
        assert "counts who left" not in console("import-venue", path).output

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
