"""A programme as a spreadsheet, as organisers write it."""

import io
from datetime import datetime, time, timedelta

import openpyxl
import pytest

from server.core.event.directory import Event
from server.core.venue import store
from server.features.imports.programme.formats.draft import Found
from server.features.imports.programme.formats.programme_file import read_programme
from server.features.imports.venue_plan import VenueError
from tests.server.features.imports.test_uploads import mark, preview
from tests.server.support.pages import Pages, Staff, words


def workbook(event: Event) -> bytes:
    day = event.settings.first_day
    book = openpyxl.Workbook()
    first = book.worksheets[0]
    first.title = "Grand Hall"
    first.append(["Programme of the forum"])
    first.append(["Date", "Start", "End", "Title", "中文标题", "Speakers", "Catering"])
    first.append([day, time(9), time(10, 30), "Opening", "开幕式", "Eve Hill; Bo Ek", "tea"])
    first.append([None, "2:30 PM", "4 o'clock", "Odd", None, None, None])
    first.append([None, "14:30", "16.00", "Closing", None, None, None])
    first.merge_cells("A3:A5")
    second = book.create_sheet("第1天")
    second.append(["时间", "会场", "会议名称", "主持人"])
    second.append(["上午9:00-11:00", "一号厅", "港口论坛", "王小明"])
    second.append([datetime.combine(day, time(13)), None, "无结束", None])
    book.create_sheet("Contacts").append(["Name", "Phone"])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def read(event: Event, data: bytes, name: str = "programme.xlsx") -> Found:
    return read_programme(data, name, event.settings)


def test_a_workbook_of_sessions_is_a_programme(event: Event) -> None:
    found = read(event, workbook(event))
    assert [(draft.title, draft.title_zh, draft.room) for draft in found.drafts] == [
        ("Opening", "开幕式", "Grand Hall"),
        ("Closing", "", "Grand Hall"),
        ("港口论坛", "", "一号厅"),
    ]
    hours = [(draft.ends_at - draft.starts_at) / 3_600_000 for draft in found.drafts]
    assert hours == [1.5, 1.5, 2.0]
    opening, closing, forum = found.drafts
    assert closing.starts_at - opening.starts_at == 5.5 * 3_600_000
    assert forum.starts_at == opening.starts_at
    assert [person.name for person in opening.people] == ["Eve Hill", "Bo Ek"]
    assert [(person.name, person.role) for person in forum.people] == [("王小明", "moderator")]


def test_odd_cells_are_named_with_sheet_and_row(event: Event) -> None:
    found = read(event, workbook(event))
    assert found.problems == [
        "sheet 'Grand Hall', row 4: '4 o'clock' is not a time such as 09:30",
        "sheet '第1天', row 3: has no end: write it, or a time such as 09:00-10:30",
    ]
    assert found.notes == ["the sheet 'Contacts' is no programme: not read"]
    assert found.unread == {"Catering": 1}


def test_a_csv_file_of_sessions_is_a_programme(event: Event) -> None:
    second = event.settings.first_day + timedelta(1)
    titles = "日期,开始时间,结束时间,会场,标题,类型"
    text = f"{titles}\n{second},9:00,10:00,h1,开幕,论坛\nDay 1,9:00,10:00,h1,B,\n"
    found = read(event, text.encode(), "日程.csv")
    assert found.problems == []
    later, earlier = found.drafts
    assert later.starts_at - earlier.starts_at == 24 * 3_600_000
    assert later.kinds == ("论坛",)


def test_words_with_a_capital_t_are_no_dates_with_time(event: Event) -> None:
    first = event.settings.first_day
    text = f"date,start,end,room,title\n{first:%A} {first},9:00,10:00,h1,A\n,TBD,10:00,h1,B\n"
    found = read(event, text.encode(), "programme.csv")
    assert [draft.title for draft in found.drafts] == ["A"]
    assert found.problems == ["line 3: 'TBD' is not a time such as 09:30"]


def test_a_workbook_is_previewed_and_imported_on_its_page(
    pages: Pages, admin: Staff, event: Event
) -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].append(["Date", "Time", "Room", "Title"])
    book.worksheets[0].append([event.settings.first_day, "09:00-10:00", "Saal 1", "Sheet talk"])
    out = io.BytesIO()
    book.save(out)
    location, page = preview(admin, "/admin/imports/programme/", out.getvalue(), "list.xlsx")
    assert "Saal 1" in words(page.text)
    hall = store.halls(pages.database.reader)[0].code
    page = admin.post(f"{location}/answer", {"hall:Saal 1": hall}, follow_redirects=True)
    assert "Sheet talk" in words(page.text)
    admin.post(f"{location}/confirm", mark(page.text))
    titles = [session.titles for session in store.sessions(pages.database.reader)]
    assert {"en": "Sheet talk"} in titles


def test_a_table_without_sessions_is_refused(event: Event) -> None:
    with pytest.raises(VenueError, match="no columns for a session's title and its start"):
        read(event, b"name,phone\nEve,1\n", "people.csv")


@pytest.mark.parametrize("column", ["title", "Notes"])
def test_a_row_with_letters_that_are_no_utf_8_is_named(
    admin: Staff, event: Event, column: str
) -> None:
    day = event.settings.first_day
    text = f"date,start,end,room,title,{column} {{}}\n{day},9:00,10:00,h1,{{}},\n"
    data = text.format(*("é", "A") if column == "Notes" else ("", "José")).encode("cp1252")
    _, page = preview(admin, "/admin/imports/programme/", data, "list.csv")
    assert page.status_code == 200
    named = "line 2: has characters that are no UTF-8" in words(page.text)
    assert named == (column == "title")
