"""A workbook with people on two sheets, in two languages: read together, or one after the other."""

import re
from html import unescape

import openpyxl
import pytest

from badges.roster.reader import read_roster
from badges.roster.table import RosterAnswers
from server.features.imports import roster_import
from server.features.imports.roster_import import RosterRefusedError
from server.storage.database import Database
from tests.messy.cases import saved
from tests.server.features.imports.test_uploads import PEOPLE, files, mark, preview
from tests.server.support.pages import Pages, Staff, words
from tests.server.support.stores import attendees, dump, load_roster

SHEETS = {
    "国内": [
        ["姓名", "单位", "类别", "参会日期"],
        ["王小明", "海洋大学", "press", "1"],
        ["李静", "港务局", "press", ""],
    ],
    "Abroad": [["Organisation", "Category", "Name"], ["Harbour", "press", "Eve Hill"]],
    "Read me": [["One person a row"]],
}
BOTH = {"answer-other_sheets": "sheets=国内/Abroad"}
FIRST, SECOND = {"answer-other_sheets": "sheets=国内"}, {"answer-other_sheets": "sheets=Abroad"}


def workbook() -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, rows in SHEETS.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    return saved(book)


def roster(*sheets: str) -> roster_import.Roster:
    answers = RosterAnswers(sheets=sheets)
    return read_roster(workbook(), "list.xlsx", categories=["press", "vip"], answers=answers)


def current(database: Database) -> list[str]:
    return sorted(
        person["given_name"] for person in attendees(database) if person["revoked_at"] is None
    )


def test_people_of_another_sheet_are_not_missing(database: Database) -> None:
    assert load_roster(database, roster("国内")).added == 2
    before = dump(database)
    with pytest.raises(RosterRefusedError) as caught:
        load_roster(database, roster("Abroad"), missing="revoke")
    assert dump(database) == before
    (asked,) = caught.value.result.open
    assert "not on the sheets that are read: 2." in asked.message
    assert "another sheet: '国内'. To revoke" in asked.message
    assert [choice.value for choice in asked.choices] == ["keep"]
    result = load_roster(database, roster("Abroad"))
    assert (result.added, result.revoked, result.open) == (1, 0, ())
    assert current(database) == ["Eve Hill", "李静", "王小明"]


def test_people_on_no_sheet_may_be_revoked_where_all_sheets_are_read(database: Database) -> None:
    text = "name,category\nBo,vip\n"
    load_roster(database, read_roster(text.encode(), "r.csv", categories=["vip"]))
    result = load_roster(database, roster("国内", "Abroad"), missing="revoke")
    assert (result.added, result.revoked) == (3, 1)
    assert current(database) == ["Eve Hill", "李静", "王小明"]


def test_sheets_in_two_languages_are_imported_together(pages: Pages, admin: Staff) -> None:
    location, page = preview(admin, PEOPLE, workbook(), "list.xlsx")
    assert "whose columns match: '国内', 'Abroad'" in unescape(words(page.text))
    page = admin.post(f"{location}/answer", BOTH, follow_redirects=True)
    assert "3 added" in words(page.text)
    assert "Not part of this import" not in page.text
    keep = {"answer-missing": "missing=keep"}
    page = admin.post(f"{location}/answer", keep, follow_redirects=True)
    done = admin.post(f"{location}/confirm", mark(page.text), follow_redirects=True)
    assert "Not imported yet" not in done.text
    assert not files(pages)
    assert {"Eve Hill", "李静", "王小明"} <= set(current(pages.database))


def test_the_sheet_that_is_left_is_imported_by_its_link(pages: Pages, admin: Staff) -> None:
    left = "the sheet “Abroad” with 2 rows"
    location, _ = preview(admin, PEOPLE, workbook(), "list.xlsx")
    page = admin.post(f"{location}/answer", FIRST, follow_redirects=True)
    assert f"Not part of this import: {left}." in words(page.text)
    assert 'value="missing=revoke"' not in page.text
    done = admin.post(f"{location}/confirm", mark(page.text), follow_redirects=True)
    assert f"Not imported yet from list.xlsx: {left}." in words(done.text)
    (link,) = re.findall(r'href="([^"]+)">Import now', done.text)
    page = admin.get(link)
    assert "Sheets imported before → 国内" in words(page.text)
    assert "Eve Hill" in words(page.text)
    assert "Not part of this import" not in page.text
    assert 'value="missing=revoke"' not in page.text
    page = admin.post(f"{location}/answer", {"forget": "yes"}, follow_redirects=True)
    assert "Sheets imported before → 国内" in words(page.text)
    page = admin.post(f"{location}/answer", SECOND, follow_redirects=True)
    done = admin.post(f"{location}/confirm", mark(page.text), follow_redirects=True)
    assert "Not imported yet" not in done.text
    assert not files(pages)
    assert {"Eve Hill", "李静", "王小明"} <= set(current(pages.database))


def test_the_file_of_a_sheet_that_is_left_may_be_deleted(pages: Pages, admin: Staff) -> None:
    location, _ = preview(admin, PEOPLE, workbook(), "list.xlsx")
    page = admin.post(f"{location}/answer", FIRST, follow_redirects=True)
    admin.post(f"{location}/confirm", mark(page.text))
    page = admin.post(f"{location}/cancel", follow_redirects=True)
    assert "People imported from it stay" in page.text
    assert "Nothing was imported" not in page.text
    assert not files(pages)
    assert {"李静", "王小明"} <= set(current(pages.database))


def test_sheets_that_do_not_match_stay_ticked(admin: Staff) -> None:
    location, _ = preview(admin, PEOPLE, workbook(), "list.xlsx")
    ticked = {"answer-other_sheets": ["sheets=国内", "sheets=Read me"]}
    page = admin.post(f"{location}/answer", ticked, follow_redirects=True)
    text = unescape(words(page.text))
    assert "can't be read together" in text
    assert "'Read me' (titles: 'One person a row')" in text
    assert re.findall(r'value="(sheets=[^"]+)" checked', page.text) == [
        "sheets=国内",
        "sheets=Read me",
    ]
