"""Files sent by browser: previews that write nothing, questions, bad files, and stored files."""

import io
import re
import zipfile
import zlib
from pathlib import Path

import openpyxl
import pytest
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from badges.credential.badge_number import badge_number
from badges.roster.table import RosterLimits
from server.core.people import issuing
from server.core.venue import store
from server.features.imports import venue_file
from server.features.imports.pages import roster as roster_upload
from server.features.imports.pages.uploads import kept_uploads
from server.features.imports.previews import mappings
from server.features.imports.previews import roster as roster_previews
from server.features.privacy import erase
from server.storage.database import Database
from server.web import apart
from server.web import uploads as kept_files
from server.web.apart import ApartError, Bounds
from server.web.uploads import Uploads
from tests.server.conftest import MINUTE, ROSTER, VENUE
from tests.server.support.pages import Pages, Staff, acts, words
from tests.server.support.stores import attendees, dump
from tests.waiting import until

PEOPLE, HALLS = "/admin/imports/people/", "/admin/imports/venue/"


def send(admin: Staff, target: str, data: bytes | str, name: str = "list.csv"):
    raw = data.encode() if isinstance(data, str) else data
    fields = {"csrf_token": admin.form_token(), "file": FileStorage(io.BytesIO(raw), name)}
    boundary, body = encode_multipart(fields)  # the client would leave a large file open
    return admin.client.post(
        target,
        data=body,
        content_type=f'multipart/form-data; boundary="{boundary}"',
        base_url="https://localhost",
        headers={"Referer": "https://localhost/"},
    )


def preview(admin: Staff, target: str, data: bytes | str, name: str = "list.csv"):
    """The page after sending a file, and its address."""
    sent = send(admin, target, data, name)
    assert sent.status_code == 303, sent.text
    return sent.location, admin.get(sent.location)


def still(database: Database) -> list[str]:
    """The database's content except sessions, and files between preview and import."""
    beside = ('INSERT INTO "web_session"', 'INSERT INTO "upload')
    return sorted(line for line in dump(database) if not line.startswith(beside))


def mark(page: str) -> dict[str, str]:
    return {"mark": re.search(r'name="mark" value="([^"]+)"', page)[1]}


def files(pages: Pages) -> list[Path]:
    return list((pages.event.path / "uploads").glob("*"))


CHANGED = """\
id,given name,family name,organisation,country,email,category
A1,Anna,Keller,Harbour Master,DE,anna@example.org,vip
A2,小明,王,海事大学,CN,xiaoming@example.org,speaker
N1,Nora,Quist,,NO,nora@example.org,press
"""


def test_a_preview_writes_nothing_and_says_everything(pages: Pages, admin: Staff) -> None:
    pages.issue()
    before = still(pages.database)
    location, page = preview(admin, PEOPLE, CHANGED)
    text = words(page.text)
    assert "1 added 1 changed 1 as they are" in text
    assert "organisation Harbour Pilots → Harbour Master" in text
    assert "category Delegate → VIP" in text
    assert "To be replaced" in text
    assert "Nora Quist" in text
    assert "People who are in the event and not in this file: 2" in text
    assert "Boris Novak" in text
    assert "Before importing, answer" in text
    assert ">Import</button>" not in page.text
    assert still(pages.database) == before
    assert admin.post(f"{location}/confirm", {"mark": "x"}).location == location
    assert still(pages.database) == before


@pytest.mark.parametrize(
    "name",
    [b"Jos\xe9", b"Jo \xed\xa0\xbd\xed\xb8\x80"],
    ids=["Windows-1252", "CESU-8"],
)
def test_bytes_that_are_no_text_are_shown_and_named(
    pages: Pages, admin: Staff, name: bytes
) -> None:
    people = b"id,given_name,family_name,organisation,category\nX1," + name + b",Bo,,vip\n"
    _, page = preview(admin, PEOPLE, people + b"X2,Cy,Do,,vip\n")
    assert page.status_code == 200
    assert "that is not UTF-8" in words(page.text), words(page.text)
    assert "X1" in words(page.text)


def test_characters_that_no_font_draws_are_named(pages: Pages, admin: Staff) -> None:
    """With the person, the character and the package; the import continues."""
    people = "id,given_name,family_name,organisation,category\n"
    people += "X1,Anna \U00016ea0,Bo,,vip\nX2,Cy,Do,Cy \U00031350,vip\n"
    location, page = preview(admin, PEOPLE, people)
    text = words(page.text)
    assert "eople with characters that no installed font draws: 2" in text
    for named in ("line 2", "U+16EA0", "line 3", "U+31350", "fonts-babelstone-han"):
        assert named in text, named
    admin.post(f"{location}/answer", {"answer-missing": "missing=keep"})
    admin.post(f"{location}/confirm", mark(admin.get(location).text))
    assert pages.serial("X1") != pages.serial("X2")


def test_the_import_is_what_the_answered_preview_showed(pages: Pages, admin: Staff) -> None:
    pages.issue()
    location, page = preview(admin, PEOPLE, CHANGED)
    (answer,) = re.findall(r'name="(answer-missing)" value="missing=revoke"', page.text)
    page = admin.post(f"{location}/answer", {answer: "missing=revoke"}, follow_redirects=True)
    assert "2 revoked" in words(page.text)
    assert "2 people are revoked by this" in words(page.text)
    page = admin.post(f"{location}/answer", {"forget": "yes"}, follow_redirects=True)
    assert "2 revoked" not in words(page.text)
    page = admin.post(f"{location}/answer", {answer: "missing=keep"}, follow_redirects=True)
    done = admin.post(f"{location}/confirm", mark(page.text), follow_redirects=True)
    text = words(done.text)
    assert "list.csv: 1 people added, 1 changed" in text
    assert "1 attendee has no badge yet" in text
    assert "1 badge is out of date" in text
    assert "Anna Keller" in text
    people = {person["external_id"]: person for person in attendees(pages.database)}
    assert people["A1"]["organisation"] == "Harbour Master"
    assert people["N1"]["email"] == "nora@example.org"
    assert people["A3"]["revoked_at"] is None
    assert acts(pages)[-1] == "roster_imported"
    assert not files(pages)
    assert admin.get(location).status_code == 303
    issued = admin.post("/admin/badges/issue", follow_redirects=True).text
    for following in ("/admin/cards/print", "/admin/mail/", "/admin/start"):
        assert f'href="{following}"' in issued.partition("<main")[2]
    assert "tick the box" in admin.post("/admin/badges/reissue", follow_redirects=True).text
    other = {"confirm": "yes", "shown": "9:other"}
    refused = admin.post("/admin/badges/reissue", other, follow_redirects=True).text
    assert "Nothing was changed: meanwhile the list has changed: it had 9 entries" in refused
    asked = {"confirm": "yes", **admin.fields_shown("/admin/badges/", "/admin/badges/reissue")}
    replaced = admin.post("/admin/badges/reissue", asked, follow_redirects=True)
    assert "1 badge was replaced" in replaced.text
    assert "All badges are up to date" in replaced.text
    assert issuing.missing_badges(pages.database.reader) == 0
    assert issuing.current_badge(pages.database.reader, pages.serial("A1")).issue == 2


def test_the_banner_after_an_import_offers_no_undo_of_an_earlier_change(
    pages: Pages, admin: Staff
) -> None:
    hall = next(hall for hall in store.halls(pages.database.reader) if hall.code == "h1")
    done = admin.post(
        f"/admin/halls/{hall.hall_id}/capacity", {"capacity": "90"}, follow_redirects=True
    )
    assert 'action="/admin/edits/undo"' in done.text
    location, page = preview(admin, PEOPLE, "name,category\nNora Quist,press\n")
    page = admin.post(
        f"{location}/answer", {"answer-missing": "missing=keep"}, follow_redirects=True
    )
    done = admin.post(f"{location}/confirm", mark(page.text), follow_redirects=True)
    assert "list.csv: 1 people added" in words(done.text)
    assert "This can't be undone here." in words(done.text)
    assert 'action="/admin/edits/undo"' not in done.text
    pages.now += 11 * MINUTE
    assert "This can't be undone here." not in words(admin.get("/admin/venue/").text)


def test_bad_rows_are_named_and_may_be_left_out(pages: Pages, admin: Staff) -> None:
    bad = CHANGED + "N2,,,,,x@example.org,press\nN3,Otto,Wal,,XX,otto@example,pres\n"
    location, page = preview(admin, PEOPLE, bad)
    text = words(page.text)
    assert "Line 5" in text
    assert "Line 6 , Category" in text
    assert "Line 6 , E-mail" in text
    answers = {"answer-skip": "skip_bad=yes", "answer-missing": "missing=keep"}
    page = admin.post(f"{location}/answer", answers, follow_redirects=True)
    assert "Rows that are left out" in page.text
    admin.post(f"{location}/confirm", mark(page.text))
    assert {person["external_id"] for person in attendees(pages.database)} == {
        "A1",
        "A2",
        "A3",
        "A4",
        "N1",
    }


def test_people_change_between_preview_and_import(pages: Pages, admin: Staff) -> None:
    location, page = preview(admin, PEOPLE, ROSTER + "N1,Nora,Quist,,NO,,press,,,,\n")
    pages.issue()
    answer = admin.post(f"{location}/confirm", mark(page.text), follow_redirects=True)
    assert "people or the venue were changed in the meantime" in answer.text
    assert len(attendees(pages.database)) == 4
    admin.post(f"{location}/confirm", mark(answer.text))
    assert len(attendees(pages.database)) == 5


def test_a_colleague_who_only_looks_is_in_nobodys_way(pages: Pages, admin: Staff) -> None:
    location, page = preview(admin, PEOPLE, ROSTER + "N1,Nora,Quist,,NO,,press,,,,\n")
    colleague = pages.staff("admin")
    colleague.get("/admin/people/?q=keller")
    colleague.get("/admin/entries.csv")
    pages.kiosk("west-1", "h1-west")
    admin.post(f"{location}/confirm", mark(page.text))
    assert len(attendees(pages.database)) == 5


def test_every_question_has_choices_that_answer_it(pages: Pages, admin: Staff) -> None:
    """Hidden rows, merged cells, a second sheet, cancelled orders, numbers for ids, doubles."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for line in (
        ("No.", "id", "given name", "family name", "organisation", "email", "category", "status"),
        (1, 1, "Nora", "Quist", "Pier", "n@example.org", "press", "confirmed"),
        (2, 2, "Otto", "Wal", None, "o@example.org", "press", "cancelled"),
        (3, 3, "Pia", "Rem", "Pier", "p@example.org", "press", "pending"),
        (4, 4, "Anna", "Keller", "Harbour Pilots", "other@example.org", "delegate", "confirmed"),
    ):
        sheet.append(line)
    sheet.merge_cells("E2:E3")
    sheet.row_dimensions[4].hidden = True
    other = book.create_sheet("Helpers, more")
    other.append(("given name", "family name", "category"))
    other.append(("Rita", "Sol", "staff"))
    raw = io.BytesIO()
    book.save(raw)
    location, page = preview(admin, PEOPLE, raw.getvalue(), "list.xlsx")
    asked: set[str] = set()
    for _ in range(12):
        choices = re.findall(
            r'type="(?:radio|checkbox)" name="(answer-[\w-]+)" value="([^"]+)"', page.text
        )
        if not choices:
            break
        asked |= {name for name, _ in choices}
        page = admin.post(f"{location}/answer", dict(reversed(choices)), follow_redirects=True)
        assert page.status_code == 200
    assert "Import</button>" in page.text, words(page.text)
    assert len(asked) >= 6, asked
    assert "--" not in words(page.text)


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (b"", "list.csv", "The file is empty"),
        (b"MZ\x90\x00" + bytes(range(256)) * 40, "setup.exe", "Nothing was imported"),
        (b"PK\x03\x04 not a zip", "list.xlsx", "Nothing was imported"),
        (b"\xd0\xcf\x11\xe0" + b"\x00" * 2000, "old.xls", "Nothing was imported"),
        (b"name,b,c\n1,2,3\n", "list.csv", "no column for the category"),
        ("id,prénom\nx,Zoë\n".encode("cp1252"), "list.csv", "Nothing was imported"),
        (b"\x00" * 5000, "list.csv", "Nothing was imported"),
    ],
)
def test_bad_files(pages: Pages, admin: Staff, data: bytes, name: str, message: str) -> None:
    before = still(pages.database)
    sent = send(admin, PEOPLE, data, name)
    page = admin.get(sent.location)
    assert page.status_code == 200
    assert message in page.text
    assert "Traceback" not in page.text
    assert "Error" not in words(page.text)
    assert still(pages.database) == before


def bomb(megabytes: int) -> bytes:
    """A table that unpacks to `megabytes`: one packed megabyte, repeated."""
    packer, million = zlib.compressobj(wbits=-zlib.MAX_WBITS), b"0" * 1_000_000
    packed = packer.compress(million) + packer.flush(zlib.Z_FULL_FLUSH)
    crc = 0
    for _ in range(megabytes):
        crc = zlib.crc32(million, crc)
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        sheet = zipfile.ZipInfo("xl/worksheets/sheet1.xml")
        archive.writestr(sheet, packed * megabytes + packer.flush())
        sheet.compress_type, sheet.CRC = zipfile.ZIP_DEFLATED, crc
        sheet.file_size = megabytes * len(million)
        raw.seek(sheet.header_offset)
        raw.write(sheet.FileHeader())
        raw.seek(archive.start_dir)
    with zipfile.ZipFile(raw) as archive, archive.open(sheet.filename) as unpacked:
        assert unpacked.read(2_000_000) == 2 * million
    return raw.getvalue()


@pytest.mark.system
def test_a_zip_bomb_is_refused(pages: Pages, admin: Staff) -> None:
    raw = bomb(250)
    assert len(raw) < 1_000_000
    for target in (PEOPLE, HALLS):
        _, page = preview(admin, target, raw, "list.xlsx")
        assert "bytes" in words(page.text) or "unpack" in words(page.text)
        assert "Import</button>" not in page.text


def announce(admin: Staff, target: str, length: int):
    """Announce `length` bytes, and begin to send them. A server that reads before refusing finds
    the end.
    """
    return admin.client.post(
        target,
        input_stream=io.BytesIO(b"--x\r\n"),
        environ_overrides={"CONTENT_LENGTH": str(length)},
        content_type='multipart/form-data; boundary="x"',
        base_url="https://localhost",
        headers={"Referer": "https://localhost/"},
    )


def test_what_is_too_large_is_refused_and_strangers_may_send_next_to_nothing(shown: Pages) -> None:
    admin = shown.staff("admin")
    answer = announce(admin, PEOPLE, RosterLimits().file_bytes + 100_000)
    assert answer.status_code == 413
    assert "at most 50 MB" in answer.text
    answer = send(admin, HALLS, b"x" * 10_200_000, "venue.toml")
    assert answer.status_code == 413
    assert "at most 10 MB" in answer.text
    for someone, status in ((shown.stranger(), 413), (shown.staff("badge_desk"), 413)):
        assert send(someone, PEOPLE, b"x" * 200_000).status_code == status
    assert not files(shown)


def test_everybody_is_listed_with_days_and_country(admin: Staff) -> None:
    rows = "".join(f"Guest {n:03},NO,press,{1 + n % 2}\n" for n in range(120))
    location, page = preview(admin, PEOPLE, f"name,country,category,days\n{rows}")
    assert "Added: 50 of 120" in words(page.text)
    assert "Guest 000 Press Norway Mon 04 May" in words(page.text)
    listed = [words(admin.get(f"{location}?page={number}").text) for number in (1, 2, 3)]
    assert all(any(f"Guest {n:03}" in text for text in listed) for n in range(120))
    assert "Guest 119 Press Norway Tue 05 May" in listed[2]


def test_questions_on_which_others_depend_come_alone(admin: Staff) -> None:
    people = "王小明,海洋大学,代表\n李静,港务局,嘉宾\n"
    location, page = preview(admin, PEOPLE, people)
    assert "at most 2 more pages of questions follow" in words(page.text)
    assert "Columns of the file" not in words(page.text)
    page = admin.post(
        f"{location}/answer", {"answer-title_line": "title_line=0"}, follow_redirects=True
    )
    assert "Columns of the file" in words(page.text)
    assert "more pages of questions" not in words(page.text)


@pytest.mark.system
def test_a_long_list_is_taken(pages: Pages, admin: Staff) -> None:
    rows = "".join(f"Z{n},Guest {n},Number,z{n}@example.org,press\n" for n in range(9_000))
    text = f"id,given name,family name,email,category\n{rows}"
    assert len(text) > 300_000
    _, page = preview(admin, PEOPLE, text)
    assert "9,000 added" in words(page.text)


def test_an_encoding_can_be_chosen(pages: Pages, admin: Staff) -> None:
    text = "id,prénom,nom de famille,family name,category\nZ1,Zoë,,Müller,press\n".encode("cp1252")
    location, page = preview(admin, PEOPLE, text)
    assert "Encoding of the file" in page.text
    page = admin.post(
        f"{location}/answer", {"answer-encoding": "encoding=cp1252"}, follow_redirects=True
    )
    assert "Zoë Müller" in page.text
    page = admin.post(
        f"{location}/answer", {"answer-encoding": "encoding=nonsense"}, follow_redirects=True
    )
    assert page.status_code == 200
    assert "Nothing was imported" in page.text


def test_columns_under_other_titles_can_be_chosen(pages: Pages, admin: Staff) -> None:
    text = "Kennung;Rufname;Sorte\nZ1;Zoë;press\n"
    location, page = preview(admin, PEOPLE, text)
    assert "Is line 1 a person?" in words(page.text)
    chosen = {
        "answer-column-name": "column_name=Rufname",
        "answer-column-category": "column_category=Sorte",
        "answer-column-email": "",
    }
    page = admin.post(f"{location}/answer", chosen, follow_redirects=True)
    assert "1 added" in words(page.text)
    assert "Zoë" in page.text


ODD_LIST = "Kennung;Rufname;Sorte\nZ1;Zoë;Presse X\n"
ODD_COLUMNS = {
    "answer-column-name": "column_name=Rufname",
    "answer-column-category": "column_category=Sorte",
}
ODD_WORD = {"answer-word-1": "category_Presse X=press"}


def test_a_named_mapping_is_offered_at_the_next_import(pages: Pages, admin: Staff) -> None:
    location, page = preview(admin, PEOPLE, ODD_LIST)
    assert "h-mapping" not in page.text  # Nothing was answered, and nothing is kept.
    admin.post(f"{location}/answer", ODD_COLUMNS)
    admin.post(f"{location}/answer", ODD_WORD)
    kept = admin.post(
        f"{location}/mapping/keep", {"mapping_name": "  Shop  X "}, follow_redirects=True
    )
    assert "Kept as “Shop X”" in kept.text
    admin.post(f"{location}/cancel")

    colleague = pages.staff("admin")
    location, page = preview(colleague, PEOPLE, ODD_LIST.replace("Z1", "Z2"))
    assert "Rufname → Name" in words(page.text)
    assert "0 added" in words(page.text)
    page = colleague.post(f"{location}/mapping", {"mapping": "Shop X"}, follow_redirects=True)
    assert "1 added" in words(page.text)
    keep = {"answer-missing": "missing=keep"}
    page = colleague.post(f"{location}/answer", keep, follow_redirects=True)
    done = colleague.post(f"{location}/confirm", mark(page.text))
    assert done.location == "/admin/badges/"

    location, _ = preview(admin, PEOPLE, ODD_LIST.replace("Z1", "Z3"))
    page = admin.post(f"{location}/mapping/remove", {"mapping": "Shop X"}, follow_redirects=True)
    assert "The mapping is removed." in page.text
    assert "h-mapping" not in page.text


def test_a_mapping_fits_in_part_and_the_rest_is_asked(pages: Pages, admin: Staff) -> None:
    location, _ = preview(admin, PEOPLE, ODD_LIST)
    admin.post(f"{location}/answer", {**ODD_COLUMNS, **ODD_WORD})
    admin.post(f"{location}/mapping/keep", {"mapping_name": "Shop"})
    other = "Kennung;Rufname;Klasse\nZ1;Zoë;press\n"
    location, _ = preview(admin, PEOPLE, other)
    page = admin.post(f"{location}/mapping", {"mapping": "Shop"}, follow_redirects=True)
    assert "0 added" in words(page.text)
    assert "Category: the file has" in words(page.text) or "no column for the category" in page.text
    page = admin.post(
        f"{location}/answer",
        {"answer-column-category": "column_category=Klasse"},
        follow_redirects=True,
    )
    assert "1 added" in words(page.text)


@pytest.mark.parametrize(
    ("name", "answered", "message"),
    [
        ("", True, "give the mapping a name of at most 60 characters."),
        ("x" * 61, True, "give the mapping a name of at most 60 characters."),
        ("a\u202eb", True, "give the mapping a name of at most 60 characters."),
        ("Shop", False, "first choose the meaning of each column and word."),
    ],
)
def test_a_bad_mapping(pages: Pages, admin: Staff, name: str, answered: bool, message: str) -> None:
    location, _ = preview(admin, PEOPLE, ODD_LIST)
    if answered:
        admin.post(f"{location}/answer", ODD_COLUMNS)
    page = admin.post(f"{location}/mapping/keep", {"mapping_name": name}, follow_redirects=True)
    assert f"Nothing was kept: {message}" in page.text
    assert pages.value("SELECT COUNT(*) FROM roster_mapping") == 0


def test_a_mapping_that_is_gone_or_does_not_fit_changes_nothing(
    pages: Pages, admin: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mappings, "MAPPINGS_MAX", 1)
    location, _ = preview(admin, PEOPLE, ODD_LIST)
    admin.post(f"{location}/answer", ODD_COLUMNS)
    for name in ("Shop", "Other"):
        page = admin.post(f"{location}/mapping/keep", {"mapping_name": name}, follow_redirects=True)
    assert "1 mappings are kept already. Remove one first." in page.text
    for target in ("mapping", "mapping/remove"):
        page = admin.post(f"{location}/{target}", {"mapping": "None"}, follow_redirects=True)
        assert "Nothing was changed: this mapping no longer exists." in page.text
    location, _ = preview(admin, PEOPLE, CHANGED)
    page = admin.post(f"{location}/mapping", {"mapping": "Shop"}, follow_redirects=True)
    assert "nothing of this mapping fits the file" in page.text
    with pages.database.reading() as db:
        assert [mapping.name for mapping in mappings.kept(db)] == ["Shop"]


def test_words_for_categories_are_chosen_or_become_categories(pages: Pages, admin: Staff) -> None:
    text = "id,name,category\nZ1,Zoe,General Admission\nZ2,Per,Helper\n"
    location, page = preview(admin, PEOPLE, text)
    assert "Match each of these words" in page.text
    chosen = {
        "answer-word-1": "category_General Admission=delegate",
        "answer-missing": "missing=keep",
    }
    page = admin.post(f"{location}/answer", chosen, follow_redirects=True)
    assert "Zoe" in page.text.partition("h-added")[2]
    assert "General Admission</bdi></label>" not in page.text
    again = {"answer-new": "new_categories=yes"}
    page = admin.post(f"{location}/answer", again, follow_redirects=True)
    assert "2 added" in words(page.text)
    admin.post(f"{location}/confirm", mark(page.text))
    assert {person["external_id"] for person in attendees(pages.database)} >= {"Z1", "Z2"}
    query = "SELECT COUNT(*) FROM category WHERE code = 'helper'"
    assert pages.value(query) == 1


@pytest.mark.sqlite_alone  # Servers that share the database share the files too.
def test_what_is_kept_is_private_and_goes(pages: Pages, admin: Staff) -> None:
    location, _page = preview(admin, PEOPLE, CHANGED, "../../../etc/passwd")
    (file,) = files(pages)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", file.name)
    colleague = pages.staff("admin")
    assert colleague.get(location).location == "/admin/imports/"
    assert "no longer stored" in colleague.get(location, follow_redirects=True).text
    for token in ("..", "../../event.toml", "%2e%2e%2fevent.toml", "x" * 22):
        assert admin.get(f"{PEOPLE}{token}").status_code in (303, 404, 308)
    preview(admin, PEOPLE, CHANGED)
    assert len(files(pages)) == 1
    answer = admin.post(f"{PEOPLE}{files(pages)[0].name}/cancel", follow_redirects=True)
    assert "the file is deleted" in answer.text
    assert not files(pages)


def test_a_file_goes_after_an_hour_and_with_the_server(tmp_path: Path) -> None:
    now = [0.0]
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "of-an-earlier-run").write_text("x")
    uploads = Uploads(tmp_path / "uploads", lambda: now[0])
    assert not (tmp_path / "uploads").exists()
    first = uploads.keep(b"1", kind="people", by="user:1", name="a")
    now[0] = 3599.0
    assert uploads.find(first.token, kind="people", by="user:1") is first
    for token, kind, by in (
        (first.token, "venue", "user:1"),
        (first.token, "people", "user:2"),
        ("../event.toml", "people", "user:1"),
    ):
        with pytest.raises(kept_files.UploadGoneError):
            uploads.find(token, kind=kind, by=by)
    now[0] = 3600.0
    with pytest.raises(kept_files.UploadGoneError):
        uploads.find(first.token, kind="people", by="user:1")
    assert not uploads._path(first.token).exists()
    for user in range(kept_files.KEPT_MAX):
        uploads.keep(b"1", kind="people", by=f"user:{user}", name="a")
    with pytest.raises(kept_files.UploadBusyError):
        uploads.keep(b"1", kind="people", by="user:99", name="a")
    uploads.close()
    assert not (tmp_path / "uploads").exists()


def test_a_file_goes_though_nobody_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_files, "LIFE_S", 0)
    monkeypatch.setattr(kept_files, "SWEEP_S", 0.1)
    uploads = Uploads(tmp_path / "uploads")
    path = uploads._path(uploads.keep(b"1", kind="people", by="user:1", name="a").token)
    until(lambda: not path.exists())
    uploads.close()


@pytest.mark.system  # an erasure searches files in another process
@pytest.mark.parametrize("at_this_server", [True, False])
def test_an_erasure_ends_a_preview(pages: Pages, admin: Staff, *, at_this_server: bool) -> None:
    """It was shown for an hour, with the person. A command erases as another server does."""
    location, page = preview(admin, PEOPLE, ROSTER)
    assert "Keller" in page.text
    serial = pages.serial("A1")
    with pages.app.app_context():
        uploads = kept_uploads()
    assert "Keller" in repr(vars(uploads))
    if at_this_server:
        person = f"/admin/privacy/person/{badge_number(serial)}"
        form = {**admin.fields_shown(person, f"{person}/erase"), "confirm": "yes"}
        assert admin.post(f"{person}/erase", form).status_code == 303
        assert "Keller" not in repr(vars(uploads))
    else:
        pages.database.write(
            lambda db: erase.erase(db, pages.event, serial, by="user:1", now=pages.now)
        )
    assert admin.get(location).status_code == 303
    assert "Keller" not in repr(vars(uploads))
    assert "no longer stored" in admin.get("/admin/imports/").text


def test_a_full_disk_is_said(shown: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = shown.staff("admin")

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with shown.app.app_context():
        monkeypatch.setattr(kept_uploads(), "keep", fail)
    answer = send(admin, PEOPLE, CHANGED)
    assert "disk is full" in admin.get(answer.location).text


def test_a_venue_file_is_previewed_and_imported(pages: Pages, admin: Staff) -> None:
    changed = (
        VENUE.replace("capacity = 100", "capacity = 90")
        .replace('starts = "2026-05-04 11:00"', 'starts = "2026-05-04 11:15"')
        .replace('code = "press"\nhall', 'code = "news"\nhall')
    )
    before = still(pages.database)
    location, page = preview(admin, HALLS, changed, "venue.toml")
    text = words(page.text)
    assert "capacity 100 → 90" in text
    assert "starts 2026-05-04 11:00 → 2026-05-04 11:15" in text
    assert "Press hour (news)" in text
    assert "Sessions that the file does not have: press" in text
    assert "Remove the 1 session" in text
    assert still(pages.database) == before
    done = admin.post(
        f"{location}/confirm", {**mark(page.text), "remove_sessions": "yes"}, follow_redirects=True
    )
    assert "venue.toml: 1 things added, 2 changed, 1 sessions removed" in words(done.text)
    codes = [row[0] for row in pages.database.reader.execute("SELECT code FROM session")]
    assert sorted(codes) == ["news", "opening"]
    assert not files(pages)
    _, again = preview(admin, HALLS, changed, "venue.toml")
    assert "Everything in the file is here already" in again.text


def test_a_venue_preview_that_is_overtaken(pages: Pages, admin: Staff) -> None:
    changed = VENUE.replace("capacity = 100", "capacity = 90")
    location, page = preview(admin, HALLS, changed, "venue.toml")
    pages.database.write(
        lambda db: db.execute("UPDATE hall SET capacity = 80 WHERE code = 'h1'") and None
    )
    answer = admin.post(f"{location}/confirm", mark(page.text), follow_redirects=True)
    assert "The venue was changed in the meantime" in answer.text
    assert "capacity 80 → 90" in words(answer.text)


def test_a_bad_venue_file_is_told_whole(pages: Pages, admin: Staff) -> None:
    bad = VENUE.replace("capacity = 100", 'capacity = "many"').replace(
        'mode = "entry"', 'mod = "x"'
    )
    _, page = preview(admin, HALLS, bad, "venue.toml")
    text = words(page.text)
    assert "2 problems" in text
    assert "capacity is a whole number" in text
    assert "did you mean mode" in text.lower() or "mod" in text
    location, page = preview(admin, HALLS, VENUE.replace('hall = "h1"', 'hall = "h9"'), "v.toml")
    assert "there is no hall h9" in words(page.text)
    answer = admin.post(f"{location}/confirm", {"mark": "x"}, follow_redirects=True)
    assert "Nothing was imported" in answer.text
    _, page = preview(admin, HALLS, b"MZ\x90\x00\xff\xfe" * 100, "setup.exe")
    assert "is not UTF-8 text" in words(page.text)


def test_samples_to_begin_with(pages: Pages, admin: Staff) -> None:
    page = admin.get("/admin/imports/").text
    for name in ("roster.csv", "roster.xlsx", "venue.toml", "venue.xlsx"):
        assert f"/admin/imports/sample/{name}" in page
        assert admin.get(f"/admin/imports/sample/{name}").status_code == 200
    assert admin.get("/admin/imports/sample/event.toml").status_code == 404
    venue = admin.get("/admin/imports/sample/venue.xlsx").data
    _, page = preview(admin, HALLS, venue, "venue.xlsx")
    assert "Import</button>" in page.text


def test_the_venue_is_imported_before_the_people_who_refer_to_it(shown: Pages) -> None:
    page = shown.staff("admin").get("/admin/imports/").text
    assert re.findall(r"/admin/imports/sample/(\w+\.xlsx)", page) == ["venue.xlsx", "roster.xlsx"]


def test_nothing_chosen(shown: Pages) -> None:
    admin = shown.staff("admin")
    answer = admin.post(PEOPLE, {}, content_type="multipart/form-data", follow_redirects=True)
    assert "choose a file first" in answer.text


@pytest.mark.system
def test_a_list_is_read_apart(pages: Pages, admin: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as only:
        only.setattr(roster_previews, "plan_import", lambda *_, **__: pytest.fail("planned here"))
        location, page = preview(admin, PEOPLE, ROSTER.replace("Harbour Pilots", "Pilots Ltd"))
    mark = re.search(r'name="mark" value="([^"]+)"', page.text)[1]
    assert admin.post(f"{location}/confirm", {"mark": mark}).location == "/admin/badges/"
    assert "Pilots Ltd" in {row["organisation"] for row in attendees(pages.database)}
    assert "Pilots Ltd" in admin.get("/admin/people/?q=pilots").text


@pytest.mark.system
def test_a_venue_is_read_apart(pages: Pages, admin: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as only:
        only.setattr(venue_file, "read_venue", lambda *_, **__: pytest.fail("read here"))
        location, page = preview(admin, HALLS, VENUE.replace("Hall 1", "Great Hall"), "v.toml")
        mark = re.search(r'name="mark" value="([^"]+)"', page.text)[1]
        assert admin.post(f"{location}/confirm", {"mark": mark}).location == "/admin/venue/"
    assert "Great Hall" in admin.get("/admin/venue/").text


@pytest.mark.system
def test_a_list_that_cannot_be_read_in_another_process(admin: Staff) -> None:
    _, page = preview(admin, PEOPLE, b"\x00\x01" * 100, "list.xlsx")
    assert "is no" in page.text


@pytest.mark.system
@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        (Bounds(memory_bytes=150_000_000), "more memory than a file may"),
        (Bounds(cpu_s=1), "more than 1 s"),
    ],
)
def test_a_file_that_takes_too_much_is_given_up(
    pages: Pages, admin: Staff, monkeypatch: pytest.MonkeyPatch, bounds: Bounds, message: str
) -> None:
    """Forty thousand bytes of a TOML key, for which its reader would take 26 s and 1.2 GB."""
    before = still(pages.database)
    monkeypatch.setattr(apart, "FILE_BOUNDS", bounds)
    location = send(admin, HALLS, ".".join(["a"] * 20_000) + " = 1\n", "venue.toml").location
    answer = admin.get(location)
    assert answer.location == "/admin/imports/"
    assert message in admin.get(answer.location).text
    assert still(pages.database) == before
    assert admin.get(location).location == "/admin/imports/", "the file is deleted"


def test_a_preview_that_cannot_be_made_now(admin: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> None:
        raise ApartError("The server is busy with other such work. Try again in a minute.")

    with monkeypatch.context() as patch:
        patch.setattr(roster_upload, "read_file_apart", busy)
        location = send(admin, PEOPLE, ROSTER).location
        answer = admin.get(location)
        assert answer.location == "/admin/imports/"
        assert "Try again in a minute" in admin.get(answer.location).text
    assert admin.get(location).status_code == 200, "the file is still there"


DOUBTFUL = "name,category,country,days,email\nAnna,Guest,日本国,opening,a@x.org;b@x.org\n"


def test_all_questions_are_on_one_page_and_answers_stay_where_one_is_wrong(
    pages: Pages, admin: Staff
) -> None:
    location, page = preview(admin, PEOPLE, DOUBTFUL)
    answers = {
        "category_Guest": "visitor", "country_日本国": "JP", "days_opening": "first",
        "answer-several_emails": "several_emails=first", "answer-missing": "missing=keep",
    }  # fmt: skip
    for option in answers:
        assert f'name="{option}"' in page.text, option
    page = admin.post(f"{location}/answer", answers, follow_redirects=True)
    assert "first" in words(page.text)
    assert "does not name event days from 1 to 3" in words(page.text)
    assert 'name="days_opening"' in page.text
    page = admin.post(f"{location}/answer", {"days_opening": "1"}, follow_redirects=True)
    assert "1 added" in words(page.text)
    admin.post(f"{location}/confirm", mark(page.text))
    (anna,) = [one for one in attendees(pages.database) if one["given_name"] == "Anna" and
               one["country"] == "JP"]  # fmt: skip
    assert (anna["valid_days"], anna["email"]) == (0b1, "a@x.org")


def test_a_suggestion_is_taken_by_one_click(admin: Staff) -> None:
    location, page = preview(admin, PEOPLE, DOUBTFUL)
    assert re.search(r'<button[^>]*name="country_日本国" value="JP"', page.text)
    # The browser sends the unanswered select first, then the button.
    both = {"country_日本国": ["", "JP"], "category_Guest": "visitor"}
    page = admin.post(f"{location}/answer", both, follow_redirects=True)
    assert "日本国 → Japan" in words(page.text)
    assert "Guest → Visitor" in words(page.text)


def test_one_answer_is_asked_again(admin: Staff) -> None:
    location, _ = preview(admin, PEOPLE, DOUBTFUL)
    given = {"category_Guest": "visitor", "country_日本国": "JP"}
    admin.post(f"{location}/answer", given)
    page = admin.post(f"{location}/answer", {"forget": "country_日本国"}, follow_redirects=True)
    assert 'name="country_日本国"' in page.text
    assert 'name="category_Guest"' not in page.text


def test_another_sheet_has_other_columns(admin: Staff) -> None:
    book = openpyxl.Workbook()
    for row in (["Name", "Category", "Nick"], ["Anna", "press", "A"]):
        book.worksheets[0].append(row)
    book.worksheets[0].title = "One"
    other = book.create_sheet("Two")
    for row in (["Name", "Category", "Phone"], ["Bo", "press", "040 123456"]):
        other.append(row)
    data = io.BytesIO()
    book.save(data)
    location, _ = preview(admin, PEOPLE, data.getvalue(), "list.xlsx")
    used = {"use_2": "latin_name", "was_use_2": "ignore", "was_use_0": "name", "use_0": "name"}
    page = admin.post(f"{location}/answer", used, follow_redirects=True)
    assert "C Nick → Name in Latin letters" in words(page.text)
    assert "A Name →" not in words(page.text)  # unchanged, so no answer
    page = admin.post(
        f"{location}/answer", {"answer-other_sheets": "sheets=Two"}, follow_redirects=True
    )
    assert "Name in Latin letters" not in words(page.text).partition("Columns of the file")[0]
    assert "Bo" in words(page.text)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("use_0", "shoes"), ("use_99", "phone"), ("title_line", "x"), ("title_line", "99"),
        ("several_emails", "x"), ("day_order", "x"), ("twin_2", "x"), ("country_日本国", "XX"),
        ("category_Guest", "x"), ("use_x", "phone"), ("twins", "x"), ("rounded", "x"),
    ],
)  # fmt: skip
def test_an_answer_that_is_not_offered_does_no_harm(admin: Staff, option: str, value: str) -> None:
    location, _ = preview(admin, PEOPLE, DOUBTFUL)
    page = admin.post(f"{location}/answer", {option: value}, follow_redirects=True)
    assert page.status_code == 200
    assert "Changes by this list" in page.text
    assert 'name="mark"' not in page.text
