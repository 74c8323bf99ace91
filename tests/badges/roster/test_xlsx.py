"""XLSX is read like the same roster in CSV, and no workbook can harm the reader."""

import datetime as dt
import io
import struct
import zipfile

import openpyxl
import pytest
from openpyxl.worksheet.formula import ArrayFormula

from badges.roster.problems import RosterError
from badges.roster.table import RosterAnswers
from badges.roster.xlsx_lines import cell_text
from tests.badges.roster.rosters import messages, read

MIDNIGHT = dt.datetime(2026, 1, 3)  # noqa: DTZ001 - a spreadsheet knows no zones


def workbook(*rows: list[object], hidden_first: bool = False) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    if hidden_first:
        sheet.sheet_state = "hidden"
        sheet = book.create_sheet("Roster")
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    book.close()
    return out.getvalue()


def test_xlsx_reads_as_csv_does():
    header = ["ID", "First name", "姓", "Company", "Category", "Days", None]
    data = workbook(
        [], header, [1001.0, "Anna", "Li", None, "Speaker", 2], [], [7, "Bo", "X", "Y", "press"]
    )
    roster = read(data)
    assert roster.problems == ()
    assert [(row.line, row.external_id, row.days) for row in roster.rows] == [
        (3, "1001", (2,)),
        (5, "7", None),
    ]


def test_xlsx_skips_hidden_sheets():
    data = workbook(["name", "category"], ["Anna", "press"], hidden_first=True)
    assert len(read(data).rows) == 1


def test_xlsx_formulas_dates_and_errors_are_problems():
    data = workbook(
        ["name", "category", "days", "id"],
        ['=HYPERLINK("x")', "press"],
        [ArrayFormula("A3:A3", "=A1"), "press"],
        ["Anna", "press", MIDNIGHT],
        ["Bo", "press", None, 110101199001011234],
        ["#REF!", "press"],
        ["Cy", "press", None, None, "extra"],
    )
    roster = read(data)
    assert [(problem.line, problem.column) for problem in roster.problems] == [
        (2, "name"),
        (3, "name"),
        (4, "days"),
        (6, "name"),
    ]
    assert [row.given_name for row in roster.rows] == ["Bo", "Cy"]
    assert roster.unread == ("E",)
    kinds = [finding.kind for finding in roster.findings]
    assert kinds == ["formulas", "rounded"]
    assert "'2026-01-03' does not name" in messages(roster)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (1001.0, "1001"),
        (0.1 + 0.2, "0.3"),
        (True, "true"),
        (10**15, "1.00000000000000E+15"),
        (MIDNIGHT, "2026-01-03"),
        (MIDNIGHT.replace(hour=9, minute=30), "2026-01-03T09:30:00"),
        (dt.time(9, 30), "09:30:00"),
        (dt.timedelta(hours=26), "1 day, 2:00:00"),
    ],
)
def test_cell_text(value, text):
    assert cell_text(value) == text


def repacked(data: bytes, **replaced: bytes) -> bytes:
    """The workbook with replaced parts, by the last component of their path."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new,
    ):
        for entry in old.namelist():
            stem = entry.rsplit("/")[-1].removesuffix(".xml")
            new.writestr(entry, replaced.get(stem, old.read(entry)))
    return out.getvalue()


def claiming(data: bytes, part: bytes, size: int) -> bytes:
    """The workbook with a false size of one part in its directory, the only place that is
    checked.
    """
    changed = bytearray(data)
    struct.pack_into("<L", changed, data.rindex(part) - 46 + 24, size)
    return bytes(changed)


def test_xlsx_bombs_and_damage():
    good = workbook(["name", "category"], ["Anna", "press"])
    sheet = b"xl/worksheets/sheet1.xml"
    bomb = claiming(good, sheet, 200_000_000)
    with zipfile.ZipFile(io.BytesIO(bomb)) as archive:
        assert archive.getinfo(sheet.decode()).file_size == 200_000_000
    with pytest.raises(RosterError, match="unpacks to 200,0.*the limits are"):
        read(bomb)
    laughs = "".join(f'<!ENTITY e{i + 1} "{f"&e{i};" * 10}">' for i in range(12))
    laughing = f'<!DOCTYPE x [<!ENTITY e0 "ha">{laughs}]><worksheet>&e12;</worksheet>'
    with pytest.raises(RosterError, match="is damaged"):
        read(repacked(good, sheet1=laughing.encode()))
    with pytest.raises(RosterError, match="is damaged"):
        read(good[:-200])
    with pytest.raises(RosterError, match="is damaged"):
        read(repacked(good, workbook=b"<x"))


def test_xlsx_that_claims_to_be_huge():
    rows = (
        '<dimension ref="A1:XFD1048576"/><sheetData>'
        '<row r="1"><c r="A1" t="inlineStr"><is><t>name</t></is></c>'
        '<c r="B1" t="inlineStr"><is><t>category</t></is></c></row>'
        '<row r="1048576"><c r="A1048576" t="inlineStr"><is><t>Anna</t></is></c>'
        '<c r="B1048576" t="inlineStr"><is><t>press</t></is></c></row></sheetData>'
    )
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    sheet = f'<worksheet xmlns="{space}">{rows}</worksheet>'.encode()
    roster = read(repacked(workbook(["x"]), sheet1=sheet))
    assert [row.line for row in roster.rows] == [1_048_576]


def test_zip_that_is_no_workbook():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    with pytest.raises(RosterError, match="not an XLSX workbook: save it"):
        read(out.getvalue())


class TestWhatASheetHides:
    HEADER = ("name", "category", "company", "email")

    def book(self) -> openpyxl.Workbook:
        book = openpyxl.Workbook()
        book.active.title = "Delegates"
        for row in (
            self.HEADER,
            ["Anna", "press", "Port", None],
            ["Bo", "press", None, None],
            ["Cy", "press", None, None],
            ["Di", "press", "Dock", None],
        ):
            book.active.append(row)
        return book

    def test_a_sheet_without_hidden_parts_has_no_findings(self):
        assert read(saved(self.book())).findings == ()

    def test_another_sheet(self):
        book = self.book()
        for title, rows in (("Speakers", 2), ("Empty", 0), ("old", 1)):
            sheet = book.create_sheet(title)
            for row in [self.HEADER, ["Eve", "speaker"]][:rows]:
                sheet.append(row)
        book["old"].sheet_state = "hidden"
        data = saved(book)
        (finding,) = read(data).findings
        assert (finding.kind, finding.open, finding.count) == ("other_sheets", True, 2)
        assert "only these are read: 'Delegates' (5 rows)" in finding.message
        assert finding.examples == ("'Speakers', 2 rows", "'old', 1 rows, hidden")
        roster = read(data, answers=RosterAnswers(sheets=("speakers",)))
        assert [row.given_name for row in roster.rows] == ["Eve"]
        assert [each.open for each in roster.findings] == [False]
        with pytest.raises(RosterError, match=r"no sheet 'Guests': name one of 'Delegates', 'Spe"):
            read(data, answers=RosterAnswers(sheets=("Guests",)))

    def together(self, sheets, **answers):
        book = openpyxl.Workbook()
        book.remove(book.worksheets[0])
        for title, rows in sheets.items():
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append(row)
        return read(saved(book), answers=RosterAnswers(sheets=tuple(sheets), **answers))

    def test_sheets_with_the_same_columns_are_read_together(self):
        roster = self.together(
            {
                "Pilots": [self.HEADER, ["Eve", "speaker"]],
                "Press": [["People"], self.HEADER, ["Bo", "x"], ["Cy", "press"]],
            }
        )
        assert [row.given_name for row in roster.rows] == ["Eve", "Cy"]
        (problem,) = roster.problems
        assert str(problem).startswith("line 3 (Press), category: 'x' is no category")
        assert roster.layout[-1].samples == ("Pilots", "Press", "Press")

    def test_columns_of_one_meaning_are_joined(self):
        """Also in another order and language. Unknown columns are joined by their title."""
        roster = self.together(
            {
                "国内": [["姓名", "单位", "类别", "手机", "备注"],
                         ["王小明", "海洋大学", "press", "13800000001", "素食"]],
                "Abroad": [["Job title", "Category", "Name", "Organisation", "备注", "Hotel"],
                           ["Pilot", "speaker", "Eve Hill", "Harbour", "vegan", "Pier"]],
            }
        )  # fmt: skip
        assert roster.problems == ()
        assert [
            (row.given_name, row.organisation, row.category, row.phone, row.job_title)
            for row in roster.rows
        ] == [
            ("王小明", "海洋大学", "press", "13800000001", ""),
            ("Eve Hill", "Harbour", "speaker", "", "Pilot"),
        ]
        unread = {column.title: column.samples for column in roster.layout if not column.column}
        assert unread == {
            "备注": ("素食", "vegan"), "Hotel": ("Pier",), "工作表 Sheet": ("国内", "Abroad"),
        }  # fmt: skip

    def test_merged_and_numeric_cells_keep_their_column(self):
        book = openpyxl.Workbook()
        for row in (["name", "company", "category"], ["Anna", "Port", "press"]):
            book.active.append(row)
        book.active.title = "A"
        other = book.create_sheet("B")
        rows = (["phone", "category", "company", "name"], [12345678, "press", "Dock", "Bo"],
                [None, "press", None, "Cy"])  # fmt: skip
        for row in rows:
            other.append(row)
        other.merge_cells("C2:C3")
        roster = read(saved(book), answers=RosterAnswers(sheets=("A", "B"), merged="fill"))
        assert [row.organisation for row in roster.rows] == ["Port", "Dock", "Dock"]
        assert "phone_numbers" in [finding.kind for finding in roster.findings]

    def test_sheets_of_an_export_are_not_joined(self):
        sheets = {
            "Orders": [
                ["Order code", "Order total", "Name", "Email"],
                ["A", "1", "Eve", "e@x.org"],
            ],
            "People": [["name", "category"], ["Eve", "press"]],
        }
        (asked,) = [finding for finding in self.together(sheets).findings if finding.open]
        assert [choice.value for choice in asked.choices] == ["Orders", "People"]

    def test_a_sheet_that_may_have_people(self):
        """Any table may, also with unknown titles. A cover may not."""
        others = {
            "Press": [["Name"], ["Bo"]],
            "Unknown": [["x", "y"], ["Cy", "press"]],
            "Unfilled": [["Name", "Category"]],
            "Cover": [["How to fill in"], ["One person a row"]],
            "Guests": [["嘉宾", "单位"], ["李静", "港务局"]],
        }
        book = self.book()
        for title, rows in others.items():
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append(row)
        unread = read(saved(book)).unread_sheets
        assert [(sheet.title, sheet.rows, sheet.may_have_people) for sheet in unread] == [
            ("Press", 2, True), ("Unknown", 2, True), ("Unfilled", 1, False),
            ("Cover", 2, False), ("Guests", 2, True),
        ]  # fmt: skip

    def test_a_person_on_two_sheets_is_no_fault_of_the_file(self):
        header = ["id", "name", "email", "category"]
        people = [["A1", "Anna", "a@x.org", "press"], ["A2", "Bo", "", "press"]]
        roster = self.together({"Mon": [header, *people], "Tue": [header, people[0]]})
        assert [row.external_id for row in roster.rows] == ["A1", "A2", "A1"]
        roster = self.together(
            {"Mon": [header, people[0]], "Tue": [header, ["A1", "Cy", "", "press"]]}
        )
        assert "the same as in line 2 (Mon)" in roster.problems[0].message

    def test_numbers_of_rows_begin_anew_on_each_sheet(self):
        header = ["编号", "name", "category"]
        rows = [[1, "Anna", "press"], [2, "Bo", "press"]]
        roster = self.together({"A": [header, *rows], "B": [header, *rows]})
        assert "row_numbers" in [finding.kind for finding in roster.findings]

    def test_sheets_with_other_columns_are_asked_about_again(self):
        sheets = {
            "A": [self.HEADER, ["Eve", "speaker"]],
            "B": [self.HEADER, ["Bo", "press"]],
            "C": [["Room", "Seats"], ["Pier", "12"]],
        }
        roster = self.together(sheets)
        (asked,) = roster.findings
        assert (asked.kind, asked.open, asked.several) == ("other_sheets", True, False)
        assert "can't be read together" in asked.message
        assert "'C' (titles: 'Room', 'Seats'). Read" in asked.message
        assert [choice.value for choice in asked.choices] == ["A/B", "A", "B", "C"]

    def test_the_name_of_a_sheet_may_be_the_organisation(self):
        header, row = ["name", "category"], ["Eve", "press"]
        for titles, values in (
            (("Pilots", "Tugs"), ["organisation", "ignore"]),
            (("11月29日", "11月30日"), ["organisation", "days", "ignore"]),
        ):
            roster = self.together({title: [header, row] for title in titles})
            (asked,) = [finding for finding in roster.findings if finding.open]
            assert [choice.value for choice in asked.items[0].choices] == values

    def test_a_sheet_of_a_csv_file(self):
        with pytest.raises(RosterError, match="is not a workbook"):
            read("name,category\n", answers=RosterAnswers(sheets=("A",)))

    def test_an_empty_first_sheet_is_passed_over(self):
        book = self.book()
        book.create_sheet("Cover", 0)
        assert len(read(saved(book)).rows) == 4

    def test_hidden_and_filtered_rows(self):
        book = self.book()
        book.active.row_dimensions[3].hidden = True
        book.active.row_dimensions[5].hidden = True
        book.active.row_dimensions[9].hidden = True  # with nothing in it
        data = saved(book)
        (finding,) = read(data).findings
        assert (finding.kind, finding.open, finding.count) == ("hidden_rows", True, 2)
        assert finding.examples == ("line 3", "line 5")
        left = read(data, answers=RosterAnswers(hidden_rows="leave"))
        assert [row.given_name for row in left.rows] == ["Anna", "Cy"]
        taken = read(data, answers=RosterAnswers(hidden_rows="take"))
        assert len(taken.rows) == 4
        assert [each.open for each in (*left.findings, *taken.findings)] == [False, False]

    def test_merged_organisations(self):
        book = self.book()
        book.active.merge_cells("C2:C4")
        data = saved(book)
        (finding,) = read(data).findings
        assert (finding.kind, finding.open, finding.count) == ("merged", True, 2)
        assert finding.examples == ("organisation in 2 rows, first in line 3",)
        filled = read(data, answers=RosterAnswers(merged="fill"))
        assert [row.organisation for row in filled.rows] == ["Port", "Port", "Port", "Dock"]
        blank = read(data, answers=RosterAnswers(merged="blank"))
        assert [row.organisation for row in blank.rows] == ["Port", "", "", "Dock"]
        assert [each.open for each in (*filled.findings, *blank.findings)] == [False, False]

    def test_a_merged_name_is_one_persons(self):
        book = self.book()
        book.active["A3"] = None
        book.active.merge_cells("A2:A3")
        roster = read(saved(book), answers=RosterAnswers(merged="fill"))
        assert "line 3, given_name: no name" in messages(roster)

    def test_a_merged_title_above_the_titles(self):
        book = self.book()
        book.active.insert_rows(1)
        book.active["A1"] = "2026 Forum"
        book.active.merge_cells("A1:D1")
        roster = read(saved(book))
        assert next((row.given_name, row.line) for row in roster.rows) == ("Anna", 3)
        assert [finding.kind for finding in roster.findings] == ["header_line"]
        assert roster.problems == ()

    def test_merged_cells_that_would_fill_the_memory(self):
        book = self.book()
        for _ in range(1_200):
            book.active.append(["x", "press"])
        good = saved(book)
        ranges = '<mergeCell ref="C2:C1048576"/>' * 1_000
        with zipfile.ZipFile(io.BytesIO(good)) as archive:
            sheet = archive.read("xl/worksheets/sheet1.xml").decode()
        sheet = sheet.replace("</sheetData>", f"</sheetData><mergeCells>{ranges}</mergeCells>")
        with pytest.raises(RosterError, match="over 1,000,000 cells are merged"):
            read(repacked(good, sheet1=sheet.encode()))


def saved(book: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    book.close()
    return out.getvalue()
