"""Editing the programme and the exhibition on pages, by one rule with the venue file."""

import html
import json

import pytest

from tests.server.core.edits.test_things import EVERYTHING
from tests.server.features.editing.test_editing import (
    address,
    fields,
    removed,
    row,
    undo_form,
    words,
)
from tests.server.support.pages import Pages, Staff, acts
from tests.server.support.stores import dump, load_venue

KINDS = {
    "organisation": "pilots", "activity_kind": "workshop", "activity": "tides", "area": "robots",
    "exhibitor": "x1", "stand": "A-1",
}  # fmt: skip
TABLES = (
    "organisation", "activity_kind", "activity", "activity_host", "session", "session_speaker",
    "area", "exhibitor", "stand", "attendee",
)  # fmt: skip


def prepare(pages: Pages) -> None:
    load_venue(pages.event, pages.database, EVERYTHING)


def place(kind: str, code: str, rest: str = "edit") -> str:
    return f"/admin/venue/{kind}/{code}/{rest}"


def filled(page: str) -> dict[str, object]:
    """The fields that a browser would send of the page's form, with the text of its areas."""
    form = page.partition('<form class="panel narrow"')[2].partition("</form>")[0]
    values = fields(page)
    for part in form.split("<textarea ")[1:]:
        name = part.partition('name="')[2].partition('"')[0]
        values[name] = html.unescape(part.partition(">")[2].partition("</textarea>")[0])
    return {key: html.unescape(text) if isinstance(text, str) else text
            for key, text in values.items()}  # fmt: skip


def edit(admin: Staff, target: str, **changed: object):
    form = {**filled(admin.get(target).text), **changed}
    return admin.post(target, form, follow_redirects=True)


def everything(pages: Pages) -> list[str]:
    rows = sorted(
        line
        for line in dump(pages.database)
        if line.startswith(tuple(f'INSERT INTO "{table}"' for table in TABLES))
    )
    assert len(rows) > len(TABLES)
    return rows


def hosts(pages: Pages) -> list[tuple[str, str]]:
    query = (
        "SELECT o.code, role FROM activity_host JOIN organisation o USING (organisation_id)"
        " ORDER BY o.code"
    )
    return [tuple(row) for row in pages.database.reader.execute(query)]


@pytest.mark.parametrize("kind", KINDS)
def test_an_unchanged_form_changes_nothing(pages: Pages, admin: Staff, kind: str) -> None:
    before = everything(pages)
    assert "there was no difference" in edit(admin, place(kind, KINDS[kind])).text
    assert everything(pages) == before


CHANGES = [
    ("organisation", {"name": "Pilots of the Harbour", "country": "France", "kind": "company"},
     "country DE → FR", {"country": "FR", "kind": "company"}),
    ("activity_kind", {"name": "Workshops"}, "name in English Workshop → Workshops",
     {"names": '{"en": "Workshops", "zh": "工作坊"}'}),
    ("activity", {"kind": "workshop", "official": [], "language": "Chinese", "theme": "Wind"},
     "theme Water → Wind", {"kind": "workshop", "official": 0, "theme": "Wind"}),
    ("area", {"m2": "280", "hall": "h1"}, "m² 300 → 280", {"m2": 280}),
    ("exhibitor", {"organisation": "海事大学"}, "organisation pilots → sea", {}),
    ("stand", {"exhibitor": "", "m2": "12"}, "exhibitor x1 → none", {"exhibitor_id": None}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "sent", "message", "after"), CHANGES)
def test_undo(pages: Pages, admin: Staff, kind: str, sent: dict, message: str, after: dict) -> None:
    before, code = everything(pages), KINDS[kind]
    answer = edit(admin, place(kind, code), **sent)
    assert message in words(answer.text)
    assert acts(pages)[-1] == "venue_edited"
    now = row(pages, kind, code)
    assert {key: now[key] for key in after} == after
    undone = admin.post("/admin/edits/undo", undo_form(answer.text), follow_redirects=True)
    assert "Undone:" in undone.text
    assert everything(pages) == before


def test_hosts_are_named_by_code_or_name(pages: Pages, admin: Staff) -> None:
    target = place("activity", "tides")
    assert filled(admin.get(target).text)["lead"] == "Harbour Pilots"
    edit(admin, target, lead="sea\r\n", co_hosts=" harbour  PILOTS ")
    assert hosts(pages) == [("pilots", "co_host"), ("sea", "lead")]
    again = edit(admin, target, lead="sea\nNobody", co_hosts="")
    assert "no organisation is called “Nobody”" in words(again.text)
    assert "Nobody" in filled(again.text)["lead"]
    both = edit(admin, target, lead="sea", co_hosts="sea")
    assert "can't be both lead and co-host" in words(html.unescape(both.text))
    assert hosts(pages) == [("pilots", "co_host"), ("sea", "lead")]


def test_a_name_of_two_organisations_means_neither(pages: Pages, admin: Staff) -> None:
    new = {"name": "Harbour pilots", "kind": "company", "code": "other"}
    admin.post("/admin/venue/organisation/new", new)
    target = place("activity", "tides")
    assert filled(admin.get(target).text)["lead"] == "pilots"
    assert "or several are: write its code" in words(
        edit(admin, target, lead="Harbour Pilots").text
    )


def test_a_whole_exhibition_is_made_from_nothing(pages: Pages, admin: Staff) -> None:
    for kind, sent in (
        ("organisation", {"name": "Blue Robots", "kind": "company", "country": "Japan"}),
        ("organisation", {"name_zh": "蓝鲸", "kind": "media"}),
        ("activity_kind", {"name": "Guided tour"}),
        ("activity", {"title": "A tour", "kind": "guided-tour", "lead": "Blue Robots"}),
        ("area", {"name": "Metaverse", "hall": "h1", "m2": "900"}),
        ("exhibitor", {"organisation": "blue robots"}),
        ("stand", {"code": "B-7", "area": "metaverse", "exhibitor": "Blue Robots", "m2": "20"}),
    ):
        answer = admin.post(f"/admin/venue/{kind}/new", sent, follow_redirects=True)
        assert "added" in words(answer.text), (kind, words(answer.text))
    assert row(pages, "organisation", "blue-robots")["country"] == "JP"
    assert row(pages, "organisation", "organisation")["names"] == '{"zh": "蓝鲸"}'
    assert row(pages, "stand", "B-7")["m2"] == 20
    assert row(pages, "activity", "a-tour")["kind"] == "guided-tour"
    assert "B-7" in admin.get("/admin/programme/exhibition").text


@pytest.mark.parametrize(
    ("kind", "sent", "message"),
    [
        (
            "organisation",
            {"kind": "company"},
            "Name in English is missing: write it, or Name in Chinese",
        ),
        ("organisation", {"name": "X", "country": "Atlantis", "kind": "company"}, "Atlantis"),
        ("organisation", {"name": "X", "kind": "guild"}, "Kind"),
        ("activity", {"title": "X", "kind": "revel"}, "there is no kind revel"),
        ("area", {"name": "X", "hall": "h1", "m2": "-1"}, "m²"),
        ("area", {"name": "X"}, "Hall is missing"),
        ("stand", {"area": "robots"}, "is missing"),
        ("stand", {"code": "A-1", "area": "robots"}, "This code is already used"),
        ("stand", {"code": "A 1", "area": "robots"}, "Number"),
        ("exhibitor", {"organisation": "Nobody"}, "no organisation is called “Nobody”"),
        ("activity_kind", {"name": "X", "code": "Capital"}, "Key"),
    ],
)
def test_what_a_file_would_be_refused_for_a_page_is_too(
    pages: Pages, admin: Staff, kind: str, sent: dict, message: str
) -> None:
    before = everything(pages)
    answer = admin.post(f"/admin/venue/{kind}/new", sent)
    assert answer.status_code == 400
    assert message in words(answer.text)
    assert everything(pages) == before


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("organisation", "still hosts an activity, or exhibits"),
        ("activity", "still has a session"),
        ("area", "still has a stand"),
        ("exhibitor", "still has a stand"),
        ("activity_kind", "an activity is still of this kind"),
    ],
)
def test_what_is_in_use_is_not_removed(pages: Pages, admin: Staff, kind: str, why: str) -> None:
    code = "conference" if kind == "activity_kind" else KINDS[kind]
    before = everything(pages)
    target = place(kind, code, "remove")
    assert "tick the box" in admin.post(target, follow_redirects=True).text
    assert why in removed(admin, place(kind, code), target).text
    assert everything(pages) == before


def test_what_is_removed_comes_back(pages: Pages, admin: Staff) -> None:
    before = everything(pages)
    answer = removed(admin, place("stand", "A-1"), place("stand", "A-1", "remove"))
    assert "Stand A-1: removed" in words(answer.text)
    assert acts(pages)[-1] == "programme_removed"
    assert "Stand A-1" in words(admin.get("/admin/acts").text)
    assert admin.get(place("stand", "A-1")).status_code == 404
    admin.post("/admin/edits/undo", undo_form(answer.text))
    assert everything(pages) == before


def test_people_of_an_organisation_that_is_removed(pages: Pages, admin: Staff) -> None:
    query = "SELECT organisation FROM attendee WHERE organisation_id IS NULL AND organisation <> ''"
    text = pages.value(query)
    new = {"name": text, "kind": "company", "code": "own"}
    admin.post("/admin/venue/organisation/new", new)

    def belong() -> int:
        query = "SELECT organisation_id FROM attendee WHERE organisation = ?"
        return sum(bool(row[0]) for row in pages.database.reader.execute(query, (text,)))

    assert belong()
    answer = removed(admin, place("organisation", "own"), place("organisation", "own", "remove"))
    assert not belong()
    admin.post("/admin/edits/undo", undo_form(answer.text))
    assert belong()


def test_the_activity_of_a_session(pages: Pages, admin: Staff) -> None:
    target = address(pages, "session", "opening")
    assert "no activity is called “Ebbs”" in words(edit(admin, target, activity="Ebbs").text)
    answer = edit(admin, target, activity="潮")
    assert "activity none → tides" in words(answer.text)
    tides = row(pages, "activity", "tides")["activity_id"]
    assert row(pages, "session", "opening")["activity_id"] == tides
    cleared = edit(admin, target, activity="")
    assert row(pages, "session", "opening")["activity_id"] is None
    admin.post("/admin/edits/undo", undo_form(cleared.text))
    assert row(pages, "session", "opening")["activity_id"] == tides


def test_two_who_edit_at_the_same_time(pages: Pages, admin: Staff) -> None:
    target = place("organisation", "pilots")
    stale = filled(admin.get(target).text)
    edit(pages.staff("admin"), target, country="FR")
    answer = admin.post(target, {**stale, "country": "IT"})
    assert "Someone else has changed this" in words(answer.text)
    assert row(pages, "organisation", "pilots")["country"] == "FR"


def test_pages_lead_to_the_forms(pages: Pages, admin: Staff) -> None:
    for page, target in (
        ("activities", "/admin/venue/activity/new"),
        ("activities/tides", place("activity", "tides")),
        ("activities/tides", "/admin/venue/session/new?activity=tides"),
        ("organisations", "/admin/venue/organisation/new"),
        ("organisations/pilots", place("organisation", "pilots")),
        ("organisations/pilots", place("exhibitor", "x1")),
        ("organisations/sea", "/admin/venue/exhibitor/new?organisation=sea"),
        ("exhibition", place("area", "robots")),
        ("exhibition", place("stand", "A-1")),
    ):
        link = html.escape(target)
        assert f'href="{link}"' in admin.get(f"/admin/programme/{page}").text, page
        assert admin.get(target).status_code == 200
        assert f'href="{link}"' not in pages.staff("steward").get(f"/admin/programme/{page}").text
    assert place("activity_kind", "workshop") in admin.get("/admin/venue/kinds").text
    new = filled(admin.get("/admin/venue/session/new?activity=tides").text)
    assert new["activity"] == "Tides"
    assert json.loads(row(pages, "activity", "tides")["titles"])["en"] == "Tides"


def test_what_is_not_there(admin: Staff) -> None:
    for kind in KINDS:
        assert admin.get(place(kind, "nothing")).status_code == 404
        assert admin.post(place(kind, "nothing", "remove")).status_code == 404
