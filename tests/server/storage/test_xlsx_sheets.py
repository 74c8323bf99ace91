"""Workbooks as spreadsheets read them: more rows than a sheet holds, and all kinds of cells."""

import io

import openpyxl
import pytest

from server.storage.sheets.xlsx_sheets import xlsx_chunks


def book(rows: list[tuple[object, ...]], **more: int) -> openpyxl.Workbook:
    data = b"".join(xlsx_chunks("a & b", ("one", "two"), [rows], **more))
    return openpyxl.load_workbook(io.BytesIO(data))


@pytest.mark.parametrize(("count", "sheets"), [(0, 1), (1, 1), (2, 1), (3, 2), (4, 2), (5, 3)])
def test_it_works(count: int, sheets: int) -> None:
    workbook = book([(n, f"<{n}>") for n in range(count)], sheet_rows=3)
    assert workbook.sheetnames == [f"a & b {n + 1}" for n in range(sheets)]
    cells = []
    for sheet in workbook.worksheets:
        header, *rows = sheet.iter_rows(values_only=True)
        assert header == ("one", "two")
        cells += rows
    assert cells == [(n, f"<{n}>") for n in range(count)]


@pytest.mark.parametrize(
    ("cell", "read"),
    [
        ("=1+1", "=1+1"),
        (" spaces ", " spaces "),
        ("a\nb\t“王” 🙂", "a\nb\t“王” 🙂"),
        ("00123", "00123"),
        (10**15, str(10**15)),
        (-5, -5),
        ("", None),
        (None, None),
        ("x" * 40_000, "x" * 32_767),
    ],
)
def test_cells(cell: object, read: object) -> None:
    (cell_read,) = book([(cell, "end")]).worksheets[0]["A2:A2"][0]
    assert cell_read.value == read
    assert cell_read.data_type != "f"


@pytest.mark.parametrize("cell", ["\x00", "\x0b", "\ud800", "\ufffe", "_x0041_"])
def test_what_xml_can_not_hold_is_written_as_an_escape(cell: str) -> None:
    (written,) = book([(f"a{cell}b", "end")]).worksheets[0]["A2:A2"][0]
    assert written.value.startswith("a")
    assert written.value.endswith("b")
