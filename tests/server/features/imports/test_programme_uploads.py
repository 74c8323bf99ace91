"""Programmes and exhibitors imported by browser: questions, previews and results."""

import html
import re

import pytest

from server.core.programme import activities, exhibition
from server.core.venue import store
from tests.server.features.imports.test_exhibitors import AREAS, TABLE
from tests.server.features.imports.test_programme_frab import FILES, JSON, XML
from tests.server.features.imports.test_uploads import files, mark, preview, send, still
from tests.server.support.pages import Pages, Staff, acts, words
from tests.server.support.stores import load_venue

PROGRAMME, EXHIBITORS = "/admin/imports/programme/", "/admin/imports/exhibitors/"
ANSWERS = {
    "hall:Saal 9": "site", "hall:Hall 1": "h1", "hall:Green Room": "green", "hall:一号厅": "h1",
    "kind:Talk": "conference", "kind:Keynote": "conference", "kind:Panel": "conference",
    "kind:Workshop": "-",
}  # fmt: skip


def prepare(pages: Pages) -> None:
    load_venue(pages.event, pages.database, AREAS)


def selects(page: str) -> dict[str, str]:
    values = {}
    for name, options in re.findall(r'<select id="[^"]+" name="([^"]+)">(.*?)</select>', page):
        chosen = re.search(r'value="([^"]*)" selected', options)
        values[html.unescape(name)] = chosen[1] if chosen else ""
    return values


def answer(admin: Staff, location: str, **more: str):
    return admin.post(f"{location}/answer", more, follow_redirects=True)


@pytest.mark.parametrize(("data", "name"), [(JSON, "schedule.json"), (XML, "schedule.xml")])
def test_rooms_and_kinds_are_mapped(pages: Pages, admin: Staff, data: bytes, name: str) -> None:
    before = still(pages.database)
    location, page = preview(admin, PROGRAMME, data, name)
    text = words(page.text)
    assert "Saal 9 (1 event) is not a hall of this event: choose one below" in text
    assert "Room “Saal 9”" in text
    assert "--" not in text.replace("----", "")
    asked = selects(page.text)
    assert (asked["hall:Saal 9"], asked["hall:Hall 1"]) == ("", "h1")
    assert asked["kind:Workshop"] == ""
    assert "Import</button>" not in page.text
    refused = admin.post(f"{location}/confirm", {"mark": "x"}, follow_redirects=True)
    assert "Nothing was imported" in refused.text
    page = answer(admin, location, **ANSWERS)
    assert selects(page.text) == {key: ANSWERS[key] for key in selects(page.text)}
    assert "Import it?" in page.text
    assert "Sessions that the file does not have: opening, press" in words(page.text)
    assert still(pages.database) == before
    done = admin.post(f"{location}/confirm", mark(page.text), follow_redirects=True)
    assert "things added" in words(done.text)
    assert acts(pages)[-1] == "venue_imported"
    halls = {row.hall_id: row.code for row in store.halls(pages.database.reader)}
    held = [halls[row.hall_id] for row in store.sessions(pages.database.reader)]
    assert "site" in held
    titles = [row.titles for row in activities.activities(pages.database.reader)]
    assert len(titles) == 4
    assert not files(pages)
    location, page = preview(admin, PROGRAMME, data, name)
    page = answer(admin, location, **ANSWERS)
    assert "Changed" not in words(page.text)
    assert "Added" not in words(page.text)


def test_a_lone_surrogate_is_refused_with_its_place(pages: Pages, admin: Staff) -> None:
    data = b'{"schedule": {"conference": {"title": "Opening \\ud800", "days": []}}}'
    _, page = preview(admin, PROGRAMME, data, "schedule.json")
    assert page.status_code < 500
    assert "U+D800" in page.text
    assert "Opening" in page.text


def test_what_has_a_problem_may_be_left_out(pages: Pages, admin: Staff) -> None:
    location, _ = preview(admin, PROGRAMME, JSON, "schedule.json")
    without = {**ANSWERS, "hall:Saal 9": ""}
    page = answer(admin, location, **without)
    assert "Import</button>" not in page.text
    page = answer(admin, location, **without, skip_bad="yes")
    assert "Items with a problem are left out" in words(page.text)
    assert "Import</button>" in page.text
    admin.post(f"{location}/confirm", mark(page.text), follow_redirects=True)
    halls = {row.hall_id: row.code for row in store.halls(pages.database.reader)}
    assert "site" not in {halls[row.hall_id] for row in store.sessions(pages.database.reader)}


def test_a_calendar_is_previewed(pages: Pages, admin: Staff) -> None:
    before = still(pages.database)
    _, page = preview(admin, PROGRAMME, (FILES / "forum.ics").read_bytes(), "forum.ics")
    assert "To know" in page.text
    assert "--" not in words(page.text)
    assert still(pages.database) == before


def test_what_is_imported_is_what_was_shown(pages: Pages, admin: Staff) -> None:
    location, _ = preview(admin, PROGRAMME, JSON, "schedule.json")
    page = answer(admin, location, **ANSWERS)
    other = answer(admin, location, **{**ANSWERS, "hall:Saal 9": "green"})
    assert mark(page.text) != mark(other.text)
    refusal = admin.post(f"{location}/confirm", mark(page.text), follow_redirects=True)
    assert "The venue was changed in the meantime" in refusal.text
    assert len(store.sessions(pages.database.reader)) == 2
    admin.post(f"{location}/confirm", mark(refusal.text), follow_redirects=True)
    assert len(store.sessions(pages.database.reader)) > 2


def test_a_hall_that_there_is_not(pages: Pages, admin: Staff) -> None:
    location, _ = preview(admin, PROGRAMME, JSON, "schedule.json")
    page = answer(admin, location, **{**ANSWERS, "hall:Saal 9": "h99", "role": "admin"})
    assert "is mapped to h99, which is not a hall of this event" in words(page.text)


def test_exhibitors_are_previewed_and_imported(pages: Pages, admin: Staff) -> None:
    before = still(pages.database)
    location, page = preview(admin, EXHIBITORS, TABLE, "fair.csv")
    text = words(page.text)
    assert "R-01" in text
    assert "columns of contacts: Phone. They are people" in text
    assert still(pages.database) == before
    done = admin.post(f"{location}/confirm", mark(page.text), follow_redirects=True)
    assert "Exhibition" in done.text
    stands = {stand.code: stand.m2 for stand in exhibition.stands(pages.database.reader)}
    assert stands == {"R-01": 18, "R-02": 18, "R-03": 23, "R-04": 18}
    assert not files(pages)


def test_areas_of_exhibitors_are_chosen(pages: Pages, admin: Staff) -> None:
    table = "Exhibitor,Stand,Area\nDelta,D-1,Metaverse\nGamma,G-1,\n"
    location, page = preview(admin, EXHIBITORS, table, "fair.csv")
    text = words(page.text)
    assert "does not exist in this event; it has robots. Choose below where it is made" in text
    assert "stand G-1 has no area: write one, or choose one below, or the hall" in text
    assert "--" not in text
    page = answer(admin, location, new_areas="h1", area="robots")
    assert "Metaverse (metaverse)" in words(page.text)
    admin.post(f"{location}/confirm", mark(page.text))
    areas = {stand.code: stand.area for stand in exhibition.stands(pages.database.reader)}
    assert areas == {"D-1": "metaverse", "G-1": "robots"}


@pytest.mark.parametrize(
    ("target", "data", "message"),
    [
        (PROGRAMME, b"\x00\xff" * 50, "bad is"),
        (PROGRAMME, b'{"schedule": 1}', "bad has"),
        (EXHIBITORS, b"one,two\n1,2\n", "has no columns for exhibitors"),
    ],
)
def test_bad_files(pages: Pages, admin: Staff, target: str, data: bytes, message: str) -> None:
    before = still(pages.database)
    location, page = preview(admin, target, data, "bad")
    assert page.status_code == 200
    assert message in words(page.text)
    assert "Nothing can be imported yet" in page.text
    assert (
        "Nothing was imported"
        in admin.post(f"{location}/confirm", {"mark": "x"}, follow_redirects=True).text
    )
    assert answer(admin, location).status_code == 200
    gone = admin.post(f"{location}/cancel", follow_redirects=True)
    assert "Nothing was imported, and the file is deleted" in gone.text
    assert still(pages.database) == before


def test_an_upload_is_of_one_kind_and_one_user(pages: Pages, admin: Staff) -> None:
    sent = send(admin, PROGRAMME, JSON, "schedule.json").location
    assert (
        "no longer stored"
        in admin.get(sent.replace("programme", "exhibitors"), follow_redirects=True).text
    )
    other = pages.staff("admin")
    assert "no longer stored" in other.get(sent, follow_redirects=True).text
    assert "no longer stored" in answer(other, sent).text


def test_the_encoding_of_a_list_of_exhibitors_is_asked(admin: Staff) -> None:
    data = "name,stand\nJosé SA,\n".encode("cp1252")
    location, page = preview(admin, EXHIBITORS, data, "list.csv")
    assert "choose the encoding of the file" in words(page.text)
    page = admin.post(f"{location}/answer", {"encoding": "cp1252"}, follow_redirects=True)
    assert "line 2: has no stand" in words(page.text)  # so the name was read
    assert "is not UTF-8" not in words(page.text)
    _, page = preview(admin, EXHIBITORS, "name,stand\nJosé SA,\n", "list.csv")
    assert "Encoding of the file" not in words(page.text)
