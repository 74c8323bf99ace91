"""A programme as a spreadsheet, as organisers write it."""

import io
from datetime import datetime, time, timedelta
from html import unescape
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from server.core.event.directory import Event
from server.core.venue import store
from server.features.imports.programme.formats.columns import NOT_READ
from server.features.imports.programme.formats.draft import Found
from server.features.imports.programme.formats.programme_file import read_programme
from server.features.imports.programme.mapping import mapping_text, read_mapping
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
    found = read(event, b"name,phone\nEve,1\n", "people.csv")
    assert found.drafts == []
    (problem,) = found.problems
    assert "no columns for a session's title and its start" in problem


FOREIGN_TITLES = b"Jour,Debut,Sujet,Salle,Prix\n2026-05-04,9:00-10:00,Eau,h1,10\n"
MEANT = {"Jour": "date", "Debut": "start", "Sujet": "title", "Salle": "room"}


def test_columns_with_unknown_titles_are_asked(admin: Staff, event: Event) -> None:
    day = event.settings.first_day.isoformat().encode()
    data = FOREIGN_TITLES.replace(b"2026-05-04", day)
    location, page = preview(admin, "/admin/imports/programme/", data, "list.csv")
    assert "Column “Sujet”" in unescape(words(page.text))
    answers = {f"column:{title}": column for title, column in MEANT.items()}
    page = admin.post(f"{location}/answer", answers, follow_redirects=True)
    assert "Import</button>" in page.text, words(page.text)
    assert "Eau" in page.text
    assert "not imported: Prix (1)" in words(page.text)


def test_a_mapping_says_what_columns_are(event: Event) -> None:
    toml = "[columns]\n" + "".join(f'"{title}" = "{ours}"\n' for title, ours in MEANT.items())
    mapping = read_mapping(f'{toml}"Prix" = false\n'.encode(), "map.toml")
    found = read_programme(FOREIGN_TITLES, "p.csv", event.settings, columns=mapping.columns)
    assert [draft.title for draft in found.drafts] == ["Eau"]
    assert found.columns == {**MEANT, "Prix": NOT_READ}
    again = read_mapping(mapping_text({}, {}, found.columns).encode(), "map.toml")
    assert again.columns == mapping.columns
    with pytest.raises(VenueError, match="write one of code, date"):
        read_mapping(b'[columns]\nSujet = "titel"\n', "map.toml")


def test_a_column_that_was_taken_for_another_may_be_left_out(event: Event) -> None:
    data = b"date,start,end,room,title,host\n2026-05-04,9:00,10:00,h1,A,Acme Ltd\n"
    (draft,) = read(event, data, "p.csv").drafts
    assert draft.people
    found = read_programme(data, "p.csv", event.settings, columns={"host": NOT_READ})
    assert found.drafts[0].people == ()


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


def rooms_of(event: Event, first_capacity: str = "300", second_capacity: str = "1,200") -> bytes:
    day = event.settings.first_day
    lines = [
        "日期 Date,时间 Time,会场 Room,容量 Capacity,标题 Title,准入类别 Admitted",
        f"{day},09:00-10:30,Harbour Hall,{first_capacity},Opening,VIP; 媒体",
        f"{day},11:00-12:00,Harbour Hall,,Panel,all",
        f'{day},09:00-10:30,港口厅,"{second_capacity}",港口论坛,',
    ]
    return "\n".join(lines).encode()


@pytest.mark.parametrize("titles", ["会议名称,Title (English)", "Topic,议题"])
def test_a_chinese_and_an_english_title_stand_beside_each_other(event: Event, titles: str) -> None:
    cells = "港口论坛,Ports" if titles.startswith("会") else "Ports,港口论坛"
    text = f"date,time,room,{titles}\n2026-05-04,9:00-10:00,h1,{cells}\n"
    found = read(event, text.encode(), "p.csv")
    assert not found.unread
    (draft,) = found.drafts
    assert (draft.title, draft.title_zh) == ("Ports", "港口论坛")


def test_titles_may_be_in_two_languages(event: Event) -> None:
    found = read(event, rooms_of(event), "list.csv")
    assert not found.unread
    first, second, third = found.drafts
    assert (first.room, first.capacity, first.admitted) == ("Harbour Hall", "300", ("VIP", "媒体"))
    assert (second.capacity, second.admitted, third.capacity) == ("", ("all",), "1,200")


@pytest.mark.parametrize(
    "text", ["5月4日 上午9:00", "2026-05-04 09:00", "5月4日上午9点", "2026/5/4 9:00 AM"]
)
def test_a_date_may_stand_before_the_time(event: Event, text: str) -> None:
    found = read(event, f"start,end,room,title\n{text},10:30,h1,A\n".encode(), "p.csv")
    assert found.problems == []
    (draft,) = found.drafts
    start = datetime.fromtimestamp(draft.starts_at / 1000, ZoneInfo(event.settings.time_zone))
    assert (start.date(), start.time()) == (event.settings.first_day, time(9))
    assert draft.ends_at - draft.starts_at == 90 * 60_000


def test_rooms_that_are_no_halls_are_made_on_confirm(
    pages: Pages, admin: Staff, event: Event
) -> None:
    before = {hall.code for hall in store.halls(pages.database.reader)}
    target = "/admin/imports/programme/"
    location, page = preview(admin, target, rooms_of(event, second_capacity=""), "list.csv")
    assert "Make a hall of each room that the event does not have" in words(page.text)
    page = admin.post(f"{location}/answer", {"new_halls": "yes"}, follow_redirects=True)
    assert "the new hall 港口厅 has no capacity: write it below" in words(page.text)
    assert {hall.code for hall in store.halls(pages.database.reader)} == before
    answers = {"new_halls": "yes", "capacity:港口厅": "90"}
    page = admin.post(f"{location}/answer", answers, follow_redirects=True)
    assert "Import</button>" in page.text, words(page.text)
    admin.post(f"{location}/confirm", mark(page.text))
    db = pages.database.reader
    made = {hall.code: hall for hall in store.halls(db) if hall.code not in before}
    named = {next(iter(hall.names.items())): hall.capacity for hall in made.values()}
    assert named == {("en", "Harbour Hall"): 300, ("zh", "港口厅"): 90}
    # Who is admitted is said of the first one's sessions, so it has no other times.
    assert sorted(hall.sessions_only for hall in made.values()) == [False, True]
    keys = {category.code: category.key for category in store.categories(db)}
    admitted = {
        next(iter(session.titles.values())): {keys[code] for code in session.categories}
        for session in store.sessions(db)
        if session.hall_id in {hall.hall_id for hall in made.values()}
    }
    assert admitted["Opening"] == {"vip", "press"}
    assert admitted["Panel"] == admitted["港口论坛"] == set(keys.values())
    _, page = preview(admin, target, rooms_of(event), "list.csv")
    assert "h-added" not in page.text
    assert "h-changed" not in page.text


@pytest.mark.parametrize("capacity", ["0", "-5", "many", "1" + "0" * 30, "NaN", "1e9", "٣٠٠"])
def test_a_capacity_that_is_no_number_of_people_is_named(
    admin: Staff, event: Event, capacity: str
) -> None:
    data = rooms_of(event, first_capacity=capacity)
    location, _ = preview(admin, "/admin/imports/programme/", data, "list.csv")
    page = admin.post(f"{location}/answer", {"new_halls": "yes"}, follow_redirects=True)
    assert "the new hall Harbour Hall: is a whole number from 1 to 1000000" in words(page.text)
    assert "Import</button>" not in page.text


def test_an_unknown_word_for_who_is_admitted_is_named(admin: Staff, event: Event) -> None:
    data = rooms_of(event).replace("媒体".encode(), b"wizards")
    location, _ = preview(admin, "/admin/imports/programme/", data, "list.csv")
    page = admin.post(f"{location}/answer", {"new_halls": "yes"}, follow_redirects=True)
    assert "line 2: who is admitted: 'wizards' is no category" in unescape(words(page.text))


def test_the_encoding_of_a_csv_file_is_asked_and_read(admin: Staff, event: Event) -> None:
    text = f"date,start,end,room,title\n{event.settings.first_day},9:00,10:00,h1,José\n"
    data = text.encode("cp1252")
    location, page = preview(admin, "/admin/imports/programme/", data, "list.csv")
    assert "Encoding of the file" in words(page.text)
    assert "--encoding" not in page.text
    page = admin.post(f"{location}/answer", {"encoding": "cp1252"}, follow_redirects=True)
    assert "Import</button>" in page.text, words(page.text)
    found = read_programme(data, "list.csv", event.settings, encoding="cp1252")
    assert [draft.title for draft in found.drafts] == ["José"]
    with pytest.raises(VenueError, match="is no CSV file: leave --encoding out"):
        read_programme(workbook(event), "list.xlsx", event.settings, encoding="cp1252")
