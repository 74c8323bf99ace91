"""A merge of two organisations has exactly the announced effect, and can be undone."""

import re

import pytest

from server.core.event.directory import Event
from server.core.people import search
from server.core.people.attendees import find_attendees
from server.core.programme import organisations
from tests.server.core.edits.test_things import EVERYTHING
from tests.server.features.editing.test_editing import undo_form, words
from tests.server.features.editing.test_programme_edits import edit, everything, hosts, place
from tests.server.support.pages import Pages, Staff, acts
from tests.server.support.stores import load_venue

TARGET = "/admin/programme/organisations/{}/merge/"


def prepare(pages: Pages) -> None:
    load_venue(pages.event, pages.database, EVERYTHING)


def shown(admin: Staff, stays: str = "sea", goes: str = "pilots"):
    return admin.get(TARGET.format(stays) + f"?other={goes}")


def confirm(admin: Staff, page: str, stays: str = "sea", goes: str = "pilots"):
    mark = re.search(r'name="mark" value="([^"]+)"', page)[1]
    form = {"mark": mark, "other": goes, "confirm": "yes"}
    return admin.post(TARGET.format(stays), form, follow_redirects=True)


def belongs(pages: Pages) -> dict[str, str | None]:
    query = (
        "SELECT external_id, o.code FROM attendee LEFT JOIN organisation o USING (organisation_id)"
    )
    return dict(tuple(row) for row in pages.database.reader.execute(query))


def test_a_merge_says_exactly_what_it_does_and_is_undone(pages: Pages, admin: Staff) -> None:
    before, people = everything(pages), belongs(pages)
    assert (people["A1"], people["A2"]) == ("pilots", "sea")
    assert hosts(pages) == [("pilots", "lead"), ("sea", "co_host")]
    page = shown(admin)
    text = words(page.text).replace(" ,", ",")
    assert "1 person belongs to sea afterwards" in text
    assert "found under these names too: Harbour Pilots, 引航员, Pilots, Ltd., 领航" in text
    assert "Its part in “ Tides ”: lead." in text
    assert "The exhibitor x1 goes over" in text
    assert "The country Germany is moved over" in text
    assert everything(pages) == before
    answer = confirm(admin, page.text)
    assert "pilots is merged with it" in words(answer.text)
    assert acts(pages)[-1] == "organisations_merged"
    assert hosts(pages) == [("sea", "lead")]
    assert belongs(pages)["A1"] == "sea"
    merged = organisations.organisation(pages.database.reader, "sea")
    assert (merged.country, merged.people) == ("DE", 2)
    pages.database.write(lambda db: organisations.link_people(db) and None)
    assert belongs(pages)["A1"] == "sea"
    admin.post("/admin/edits/undo", undo_form(answer.text))
    assert hosts(pages) == [("pilots", "lead"), ("sea", "co_host")]
    assert belongs(pages) == people
    assert organisations.organisation(pages.database.reader, "sea").other_names == ()
    assert organisations.organisation(pages.database.reader, "pilots").country == "DE"


def test_a_file_without_other_names_leaves_them(pages: Pages, admin: Staff, event: Event) -> None:
    load_venue(
        event, pages.database, '[[organisation]]\ncode = "pilots"\nname = "Harbour Pilots"\n'
    )
    organisation = organisations.organisation(pages.database.reader, "pilots")
    assert organisation.other_names == ("Pilots, Ltd.", "领航")
    edit(admin, place("organisation", "pilots"), other_names="Pilots of old\n")
    organisation = organisations.organisation(pages.database.reader, "pilots")
    assert organisation.other_names == ("Pilots of old",)


def test_people_are_found_by_what_their_organisation_is_called_now(
    pages: Pages, admin: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it was renamed, and also if only some people are folded with it."""

    def ids_of(text: str) -> list[str | None]:
        return [person.external_id for person in find_attendees(pages.database.reader, text)[0]]

    monkeypatch.setattr(search, "FOLDED_TOGETHER", 1)
    assert (ids_of("领航"), ids_of("wayfinders")) == (["A1"], [])
    edit(admin, place("organisation", "pilots"), other_names="Wayfinders\n")
    assert (ids_of("领航"), ids_of("wayfinders")) == ([], ["A1"])
    answer = confirm(admin, shown(admin).text)
    assert (ids_of("wayfinders"), ids_of("海事大学 anna")) == (["A1", "A2"], ["A1"])
    admin.post("/admin/edits/undo", undo_form(answer.text))
    assert (ids_of("wayfinders"), ids_of("海事大学 anna")) == (["A1"], [])
    assert pages.value("SELECT COUNT(*) FROM search_due") == 0


def test_a_merge_that_is_overtaken_does_nothing(pages: Pages, admin: Staff) -> None:
    page = shown(admin).text
    edit(pages.staff("admin"), place("organisation", "pilots"), name="Pilots")
    before = everything(pages)
    assert "Someone else has changed this" in words(confirm(admin, page).text)
    unticked = admin.post(TARGET.format("sea"), {"other": "pilots"}, follow_redirects=True)
    assert "tick the box" in unticked.text
    assert everything(pages) == before


def test_nothing_is_merged_with_itself(admin: Staff) -> None:
    answer = admin.get(TARGET.format("sea") + "?other=sea", follow_redirects=True)
    assert "same organisation" in answer.text
    assert shown(admin, goes="nothing").status_code == 404
    results = admin.get(TARGET.format("sea") + "?q=pilots").text
    assert "?other=pilots" in results
