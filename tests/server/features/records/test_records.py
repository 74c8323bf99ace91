"""Filters of entries and acts together with names, files, saved filters, and earlier values."""

import csv
import html
import io
import json
import re
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from badges.credential.badge_number import badge_number
from server.core.edits import last_edit
from server.core.edits.things import Thing, values_of
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.directory import Event
from server.core.ledger import entries, finding
from server.core.people import attendees
from server.core.staff import saved_filters, users
from server.features.editing import people as edited_people
from server.features.editing import undo
from server.storage.database import Database
from tests.server.conftest import HOUR, MINUTE, NOW, fill
from tests.server.support.pages import Pages, Staff, assert_only
from tests.server.support.templates import STARTS

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def a_morning(event: Event, database: Database) -> None:
    """Entries, an exit, a denial and an override with a reason."""
    fill(event, database)
    forum = Pages(event, database)
    forum.issue()
    mei = database.write(
        lambda db: users.add_user(db, "Mei", "supervisor", "x", by="test", now=NOW)
    )
    main, west = forum.connected_kiosk("main-1", "main"), forum.connected_kiosk("west-1", "h1-west")
    for name in ("A1", "A2", "A3"):
        main.scan(NOW, forum.serial(name), category=1)
    main.scan(NOW + MINUTE, forum.serial("A1"), direction="exit", category=1)
    west.scan(NOW, forum.serial("A1"), decision="denied", reason="hall_closed")
    word = {"act": "override", "by": mei.by, "note": "=lost <b>badge</b>", "category": 1}
    west.scan(NOW + MINUTE, forum.serial("A2"), flags=("escort",), **word)
    forum.now += HOUR
    forum.send(main)
    forum.send(west)
    database.give_back()


STARTS["records_of_a_morning"] = a_morning


@pytest.fixture
def records_of_a_morning(database: Database) -> Database:
    return database


@pytest.fixture
def pages(event: Event, records_of_a_morning: Database) -> Iterator[Pages]:
    with Pages(event, records_of_a_morning, now=NOW + HOUR) as opened:
        yield opened


def prepare(pages: Pages) -> None:
    a_morning(pages.event, pages.database)
    pages.now = NOW + HOUR


def numbers(staff: Staff, query: str) -> int:
    answer = staff.get(f"/admin/entries?{query}")
    assert answer.status_code == 200, query
    return answer.text.count('<tr role="row">') - ('<tr role="row">' in answer.text)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("person=keller", 3),
        ("person=kel", 3),
        ("person=小明", 2),
        ("organisation=harbour", 3),
        ("person=keller&organisation=anchor", 0),
        ("category=1", 5),
        ("kiosk=west-1", 2),
        ("act=entry", 4),
        ("act=exit", 1),
        ("act=denial", 1),
        ("act=override", 1),
        ("act=annul", 0),
        ("remark=escort", 1),
        ("remark=late", 6),
        ("note=BADGE", 1),
        ("note=wet", 0),
        ("person=keller&act=exit&hall=1&kiosk=main-1&remark=late", 1),
    ],
)
def test_each_filter_and_all_together(shown: Pages, query: str, expected: int) -> None:
    assert numbers(shown.staff("auditor"), query) == expected


def test_a_supervisors_overrides(shown: Pages) -> None:
    auditor = shown.staff("auditor")
    mei = next(user for user in users.users(shown.database.reader) if user.name == "Mei")
    answer = auditor.get(f"/admin/entries?supervisor={mei.by}")
    assert 'By <bdi>Mei</bdi>: “<bdi class="anywhere">=lost &lt;b&gt;badge&lt;/b&gt;' in answer.text
    assert numbers(auditor, "supervisor=user:1") == 0


def test_a_session_by_code_or_title(pages: Pages) -> None:
    db = pages.database.reader
    code, titles = db.execute("SELECT code, titles FROM session ORDER BY session_id").fetchone()
    title = json.loads(titles)["en"]
    number = entries.sessions_called(db, code)[0]
    pages.database.write(
        lambda db: db.execute(
            "UPDATE scan SET session_id = ? WHERE reason IS NOT NULL", (number,)
        ) and None
    )  # fmt: skip
    auditor = pages.staff("auditor")
    assert numbers(auditor, f"session={code}") == 1
    assert numbers(auditor, f"session={title[1:].upper()}") == 1
    assert auditor.get("/admin/entries?session=no+such").status_code == 400


HOSTILE = ["'", '"><script>', "%00", "x" * 500, "＝1+1", "王' OR 1=1 --", "*", "NEAR(a b)", "🙂"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_are_words(pages: Pages, text: str) -> None:
    """They match nothing or are refused, and are never markup."""
    auditor = pages.staff("auditor")
    for page, names in (
        ("entries", ("person", "organisation", "session", "note", "kiosk", "supervisor", "act",
                     "remark", "category", "badge", "rows")),
        ("acts", ("session", "kiosk", "account", "badge", "hall")),
    ):  # fmt: skip
        for name in names:
            answer = auditor.get(f"/admin/{page}", query_string={name: text})
            assert answer.status_code in (200, 400), (page, name)
            assert "<script>" not in answer.text
            files = auditor.get(f"/admin/{page}.csv", query_string={name: text})
            assert files.status_code == answer.status_code, (page, name)


def test_too_many_people_are_said(shown: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "PEOPLE_MAX", 0)
    auditor = shown.staff("auditor")
    answer = auditor.get("/admin/entries?person=keller")
    assert answer.status_code == 400
    assert "Very many people have this" in answer.text
    assert auditor.get("/admin/entries.csv?person=keller").status_code == 400


def sheet(answer: Any) -> list[dict[str, object]]:
    assert answer.status_code == 200
    assert answer.mimetype == XLSX
    book = openpyxl.load_workbook(io.BytesIO(answer.data))
    header, *rows = book.worksheets[0].iter_rows(values_only=True)
    return [dict(zip(header, row, strict=True)) for row in rows]


def table(answer: Any) -> list[dict[str, str]]:
    assert answer.mimetype == "text/csv"
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"), newline="")))


@pytest.mark.parametrize("query", ["", "act=override", "person=keller", "remark=escort", "hall=1"])
def test_page_csv_and_xlsx_say_the_same(pages: Pages, query: str) -> None:
    auditor = pages.staff("auditor")
    page = auditor.get(f"/admin/entries?{query}").text
    shown = re.findall(r'data-label="Attendee"><span>.*?<bdi>(.*?)</bdi>', page)[::-1]
    rows = table(auditor.get(f"/admin/entries.csv?{query}"))
    assert [row["name"] for row in rows] == shown
    book = sheet(auditor.get(f"/admin/entries.xlsx?{query}"))
    as_text = [
        {key: "" if value is None else str(value) for key, value in row.items()} for row in book
    ]
    plain = [{key: value.removeprefix("'") for key, value in row.items()} for row in rows]
    assert as_text == plain


def test_an_override_in_the_files(pages: Pages) -> None:
    auditor = pages.staff("auditor")
    (row,) = table(auditor.get("/admin/entries.csv?act=override"))
    assert (row["supervisor"], row["note"]) == ("Mei", "'=lost <b>badge</b>")
    (row,) = sheet(auditor.get("/admin/entries.xlsx?act=override"))
    assert (row["supervisor"], row["note"]) == ("Mei", "=lost <b>badge</b>")
    book = openpyxl.load_workbook(io.BytesIO(auditor.get("/admin/entries.xlsx?act=override").data))
    types = {cell.data_type for line in book.worksheets[0].iter_rows() for cell in line}
    assert "f" not in types, "no cell is a formula"


def test_who_may(pages: Pages) -> None:
    for page in ("entries.xlsx", "acts.xlsx"):
        assert_only(pages, f"/admin/{page}", "auditor")
    for role in ("steward", "supervisor", "badge_desk"):
        staff = pages.staff(role)
        for target in ("/admin/entries/save", "/admin/acts/save", "/admin/filters/1/remove"):
            assert staff.post(target, {"filter_name": "x", "hall": "1"}).status_code == 403


def test_files_have_names_only_with_a_right(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """The role that may open the files may see names now; this test removes that right."""
    auditor = pages.staff("auditor")
    auditor.get("/admin/entries")
    view = pages.app.view_functions["admin.people.person"]
    monkeypatch.setitem(view.__dict__, "allowed", frozenset({"admin"}))
    for page in ("entries", "acts"):
        text = auditor.get(f"/admin/{page}.csv").text
        book = sheet(auditor.get(f"/admin/{page}.xlsx"))
        for personal in ("Keller", "小明", "Harbour Pilots"):
            assert personal not in text
            assert personal not in repr(book)
    exports = [subject for name, _by, subject in acts_of(pages) if name == "entries_exported"]
    assert all(subject["names"] is None for subject in exports)


def acts_of(pages: Pages) -> list[tuple[str, str, dict[str, Any]]]:
    query = "SELECT body FROM leaf WHERE kind = 'act' ORDER BY number"
    bodies = [json.loads(row[0]) for row in pages.database.reader.execute(query)]
    return [(body["act"], body["by"], body["subject"]) for body in bodies]


def test_an_export_says_in_the_entry_log_what_it_had(pages: Pages) -> None:
    pages.staff("auditor").get("/admin/entries.xlsx?hall=1")
    (subject,) = [fields for name, _by, fields in acts_of(pages) if name == "entries_exported"]
    assert subject == {"hall": 1, "door": None, "format": "xlsx", "names": "yes"}


# Saved filters.


def save(staff: Staff, page: str = "entries", **fields: str) -> Any:
    return staff.post(f"/admin/{page}/save", dict(fields), follow_redirects=True)


def test_a_saved_filter_is_a_link_with_the_filter(pages: Pages) -> None:
    auditor = pages.staff("auditor")
    answer = save(auditor, filter_name=" Door & <b>west</b> ", kiosk="west-1", note="=lost")
    assert "The filter is saved." in answer.text
    link = re.search(r'<a href="([^"]+)"><bdi>Door &amp; &lt;b&gt;west', answer.text)
    assert link is not None
    assert numbers(auditor, html.unescape(link[1]).partition("?")[2]) == 1
    again = save(auditor, filter_name="Door & <b>west</b>", kiosk="main-1")
    assert again.text.count("<bdi>Door &amp;") == 1
    assert "kiosk=main-1" in again.text


def test_a_filter_is_its_owners_until_it_is_shared(pages: Pages) -> None:
    mine, other, admin = pages.staff("auditor"), pages.staff("auditor"), pages.staff("admin")
    save(mine, filter_name="of mine", hall="1")
    assert "of mine" not in other.get("/admin/entries").text
    assert "of mine" not in admin.get("/admin/entries").text
    save(mine, filter_name="of mine", hall="1", filter_shared="on")
    text = other.get("/admin/entries").text
    assert "of mine" in text
    assert "of mine" not in other.get("/admin/acts").text
    number = pages.value("SELECT filter_id FROM saved_filter")
    target = f"/admin/filters/{number}/remove"
    assert target not in text
    assert "no such filter" in other.post(target, follow_redirects=True).text
    assert "of mine" in mine.get("/admin/entries").text
    assert "The filter is removed." in admin.post(target, follow_redirects=True).text
    assert "of mine" not in mine.get("/admin/entries").text


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"filter_name": "", "hall": "1"}, "give the filter a name"),
        ({"filter_name": "x" * 61, "hall": "1"}, "give the filter a name"),
        ({"filter_name": "a\x01b", "hall": "1"}, "give the filter a name"),
        ({"filter_name": "x"}, "choose something to filter by"),
        ({"filter_name": "x", "hall": "one"}, "correct the fields in red"),
        ({"filter_name": "x", "note": "王" * 60, "person": "王" * 60, "session": "",
          "organisation": "王" * 60, "from": ""}, None),
    ],
)  # fmt: skip
def test_a_bad_filter_is_refused(pages: Pages, fields: dict[str, str], message: str | None) -> None:
    answer = save(pages.staff("auditor"), **fields)
    count = pages.value("SELECT COUNT(*) FROM saved_filter")
    assert count == (message is None)
    assert message is None or message in answer.text


def test_nobody_saves_without_end(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_filters, "EACH_MAX", 2)
    monkeypatch.setattr(saved_filters, "QUERY_CHARS_MAX", 20)
    auditor = pages.staff("auditor")
    for name in ("one", "two"):
        save(auditor, filter_name=name, hall="1")
    assert "Remove one first" in save(auditor, filter_name="three", hall="1").text
    assert "saved." in save(auditor, filter_name="two", hall="2").text
    assert "too long" in save(auditor, filter_name="two", note="x" * 30).text


# Acts: their subjects, and earlier values.


def cells(staff: Staff, query: str) -> list[list[str]]:
    text = staff.get(f"/admin/acts?{query}").text
    return [
        [html.unescape(re.sub(r"<[^>]+>", "", cell)).strip()
         for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.S)]
        for row in re.findall(r'<tr role="row">(.*?)</tr>', text, re.S)[1:]
    ]  # fmt: skip


def rename(pages: Pages, name: str, by: str = "user:1") -> None:
    serial = pages.serial("A1")
    settings = pages.event.settings

    def change(db: Any) -> None:
        zone = ZoneInfo(settings.time_zone)
        seen = last_edit.mark_of(values_of(db, Thing("attendee", str(serial)), zone))
        edited_people.change(
            db, zone, serial, {"given_name": name}, seen=seen, by=by, now=pages.now
        )

    pages.database.write(change)


def test_an_edit_has_before_and_after(pages: Pages) -> None:
    rename(pages, "Änne <i>")
    auditor = pages.staff("auditor")
    (row,) = cells(auditor, "what=attendee_changed")
    assert row[3].endswith("Änne <i> Keller")
    assert "given name Anna → Änne <i>" in row[4]
    assert "<i>" not in re.findall(r"Änne [^ ]+", auditor.get("/admin/acts").text)[0]
    (line,) = table(auditor.get("/admin/acts.csv?what=attendee_changed"))
    assert line["person"] == "Änne <i> Keller"
    assert line["change"] == "Attendee Änne <i> Keller: given name Anna → Änne <i>"
    (line,) = sheet(auditor.get("/admin/acts.xlsx?what=attendee_changed"))
    assert line["person"] == "Änne <i> Keller"


def test_an_undone_edit_has_them_the_other_way_round(pages: Pages) -> None:
    rename(pages, "Änne")
    edit = last_edit.last_edit(pages.database.reader, "user:1")
    assert edit is not None
    pages.database.write(
        lambda db: undo.undo(db, pages.event.settings, edit.mark, by="user:1", now=pages.now)
    )
    (row,) = cells(pages.staff("auditor"), "what=edit_undone")
    assert "given name Änne → Anna" in row[4]


def test_nothing_personal_is_in_a_leaf(pages: Pages) -> None:
    rename(pages, "Änne")
    for (body,) in pages.database.reader.execute("SELECT body FROM leaf WHERE kind = 'act'"):
        assert "nne" not in body.decode()


def test_what_is_not_known_any_more_is_said(pages: Pages) -> None:
    """A change by an import, or from before values were stored, shows the current data."""
    serial = pages.serial("A1")
    pages.database.write(
        lambda db: attendees.change_attendee(
            db, serial, {"organisation": "Pilots & Co"}, by="user:1", now=pages.now
        )
    )
    auditor = pages.staff("auditor")
    (row,) = cells(auditor, "what=attendee_changed")
    assert "no longer stored" in row[4]
    assert "Now: organisation Pilots & Co" in row[4]
    (line,) = table(auditor.get("/admin/acts.csv?what=attendee_changed"))
    assert line["change"] == "before: not kept; now: organisation Pilots & Co"
    pages.database.write(
        lambda db: entry_log.act(
            db, "user:1", Act.ATTENDEE_CHANGED, {"serial": 99, "columns": "email"}, pages.now
        ) and None
    )  # fmt: skip
    erased = cells(auditor, f"badge={badge_number(99)}")[0]
    assert "no longer stored" in erased[4]
    assert "Now" not in erased[4]


@pytest.mark.parametrize(
    ("query", "about"),
    [
        ("hall=2", {"hall": 2}),
        ("door=2", {"door": 2}),
        ("kiosk=main-1", {"kiosk": "main-1"}),
        ("account=1", {"user": 1}),
    ],
)
def test_acts_about_a_thing(pages: Pages, query: str, about: dict[str, int | str]) -> None:
    for subject in (about, dict.fromkeys(about, 7), {}):
        pages.database.write(
            lambda db, act_subject=subject: (
                entry_log.act(db, "user:1", Act.PIN_SET, act_subject, pages.now) and None
            )
        )
    auditor = pages.staff("auditor")
    assert len(cells(auditor, f"what=pin_set&who=user:1&{query}")) == 1
    assert len(table(auditor.get(f"/admin/acts.csv?what=pin_set&{query}"))) == 1
    ((name, value),) = about.items()
    shown_acts = cells(auditor, query)
    expected = [
        act_subject for _act, _by, act_subject in acts_of(pages) if act_subject.get(name) == value
    ]
    assert len(shown_acts) == len(expected)
