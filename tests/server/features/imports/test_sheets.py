"""A workbook with people on two sheets, in two languages: read together, or one after the other."""

import re
from collections import Counter
from html import unescape

import openpyxl
import pytest

from badges.roster.mapping import mapping_text, read_mapping
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
THIRD = {"Press": [["Name", "Category"], ["Bo Ek", "press"]]}
BOTH = {"answer-other_sheets": "sheets=国内/Abroad"}
FIRST, SECOND = {"answer-other_sheets": "sheets=国内"}, {"answer-other_sheets": "sheets=Abroad"}


def workbook(sheets: dict[str, list[list[str]]] = SHEETS) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets.items():
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


def test_a_question_with_one_answer_has_radio_buttons(pages: Pages, admin: Staff) -> None:
    """Both sheets, or one of them: ticks would let all three be chosen."""
    _, page = preview(admin, PEOPLE, workbook(), "list.xlsx")
    kinds = re.findall(r'type="(\w+)" name="answer-other_sheets"', page.text)
    assert kinds == ["radio"] * 4  # the fourth reads the notes


def test_of_three_matching_sheets_any_two_may_be_ticked(pages: Pages, admin: Staff) -> None:
    _, page = preview(admin, PEOPLE, workbook(SHEETS | THIRD), "list.xlsx")
    kinds = set(re.findall(r'type="(\w+)" name="answer-other_sheets"', page.text))
    assert kinds == {"checkbox"}


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
    location, _ = preview(admin, PEOPLE, workbook(SHEETS | THIRD), "list.xlsx")
    ticked = {"answer-other_sheets": ["sheets=国内", "sheets=Read me"]}
    page = admin.post(f"{location}/answer", ticked, follow_redirects=True)
    text = unescape(words(page.text))
    assert "can't be read together" in text
    assert "'Read me' (titles: 'One person a row')" in text
    assert re.findall(r'value="(sheets=[^"]+)" checked', page.text) == [
        "sheets=国内",
        "sheets=Read me",
    ]


def vips_and_delegates() -> bytes:
    """Five VIPs on a sheet without categories, and delegates of whom eight have none."""
    book = openpyxl.Workbook()
    delegates = book.worksheets[0]
    delegates.title = "参会代表 Delegates"
    delegates.append(["Name", "Organisation", "Category"])
    for number in range(12):
        delegates.append([f"Delegate {number:02}", "Port", "delegate" if number < 4 else None])
    vips = book.create_sheet("VIP 名单")
    vips.append(["Name", "Organisation"])
    for number in range(5):
        vips.append([f"Guest {number:02}", "Harbour"])
    return saved(book)


VIPS_AND_DELEGATES = RosterAnswers(sheets=("参会代表 Delegates", "VIP 名单"))


def read_vips(mapping: str = "") -> roster_import.Roster:
    return read_roster(
        vips_and_delegates(),
        "list.xlsx",
        categories={"delegate": ["Delegate", "参会代表"], "vip": ["VIP", "贵宾"]},
        answers=VIPS_AND_DELEGATES,
        mapping=read_mapping(mapping),
    )


def test_people_without_a_category_are_asked_about_by_sheet() -> None:
    roster = read_vips()
    asked = [(word.sheet, word.rows, word.proposed) for word in roster.words if not word.category]
    assert asked == [("参会代表 Delegates", 8, "delegate"), ("VIP 名单", 5, "vip")]
    (finding,) = [one for one in roster.findings if one.kind == "unknown_categories"]
    assert "no category on the sheet 'VIP 名单' (perhaps vip) in 5 rows" in finding.examples[1]
    assert "[sheets]\n" in mapping_text(roster.columns, roster.words, read_mapping(""))
    assert '"VIP 名单" = ""  # 5 rows, perhaps "vip"' in mapping_text(
        roster.columns, roster.words, read_mapping("")
    )


def test_an_answer_counts_for_one_sheet() -> None:
    half = read_vips('[sheets]\n"参会代表 Delegates" = "delegate"')
    assert len(half.rows) == 12
    assert half.problem_count == 5
    whole = read_vips('[sheets]\n"参会代表 Delegates" = "delegate"\n"VIP 名单" = "vip"')
    assert Counter(row.category for row in whole.rows) == {"delegate": 12, "vip": 5}
    assert not whole.problem_count
    # Said of a list with one table, so of neither sheet.
    assert read_vips('[categories]\n"" = "delegate"').problem_count == 13


def test_sheets_without_any_column_of_categories_have_one_each(database: Database) -> None:
    mapping = '[sheets]\n"Speakers" = "speaker"\n'
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title in ("Speakers", "媒体名单"):
        sheet = book.create_sheet(title)
        sheet.append(["Name", "Organisation"])
        sheet.append([f"Person of {title}", "Port"])
    answers = RosterAnswers(sheets=("Speakers", "媒体名单"))

    def read(text: str) -> roster_import.Roster:
        return read_roster(
            saved(book),
            "list.xlsx",
            categories={"speaker": "Speaker", "press": "媒体"},
            answers=answers,
            mapping=read_mapping(text),
        )

    asked = read(mapping)
    assert [word.proposed for word in asked.words] == ["speaker", "press"]
    assert 'under [sheets], "媒体名单" = ' in asked.problems[0].message
    assert [row.category for row in asked.rows] == ["speaker"]
    answered = read(mapping + '"媒体名单" = "press"')
    assert [row.category for row in answered.rows] == ["speaker", "press"]
    assert not answered.problem_count


def test_the_page_asks_for_the_category_of_each_sheet(pages: Pages, admin: Staff) -> None:
    location, _ = preview(admin, PEOPLE, vips_and_delegates(), "list.xlsx")
    both = {"answer-other_sheets": ["sheets=参会代表 Delegates", "sheets=VIP 名单"]}
    page = admin.post(f"{location}/answer", both, follow_redirects=True)
    assert "(empty) on the sheet “VIP 名单”" in words(page.text)
    assert 'name="sheet_VIP 名单" value="vip"' in page.text  # the sheet's name, in one click
    answers = {"sheet_VIP 名单": "vip", "sheet_参会代表 Delegates": "delegate"}
    page = admin.post(f"{location}/answer", answers, follow_redirects=True)
    page = admin.post(
        f"{location}/answer", {"answer-missing": "missing=keep"}, follow_redirects=True
    )
    admin.post(f"{location}/confirm", mark(page.text), follow_redirects=True)
    with pages.database.reading() as db:
        rows = db.execute(
            "SELECT c.code, COUNT(*) FROM attendee a JOIN category c ON c.category = a.category"
            " WHERE given_name LIKE 'Guest %' OR given_name LIKE 'Delegate %'"
            " GROUP BY c.code ORDER BY c.code"
        ).fetchall()
    assert [tuple(row) for row in rows] == [("delegate", 12), ("vip", 5)]


def test_the_answer_for_one_sheet_is_not_the_next_sheets(pages: Pages, admin: Staff) -> None:
    location, _ = preview(admin, PEOPLE, vips_and_delegates(), "list.xlsx")
    first = {"answer-other_sheets": "sheets=参会代表 Delegates"}
    admin.post(f"{location}/answer", first, follow_redirects=True)
    answers = {"category_": "delegate", "answer-missing": "missing=keep"}
    page = admin.post(f"{location}/answer", answers, follow_redirects=True)
    done = admin.post(f"{location}/confirm", mark(page.text), follow_redirects=True)
    (link,) = re.findall(r'href="([^"]+)">Import now', done.text)
    page = admin.get(link)
    assert 'name="category_"' in page.text
    assert "Guest 00" not in current(pages.database)
