"""The forum's pages: figures, programme, speakers, organisations, exhibition, countries."""

import re

import pytest

from server.core.event.directory import Event
from server.storage.database import Database
from tests.server.conftest import NOW
from tests.server.features.imports.test_programme_import import PROGRAMME
from tests.server.support.pages import Pages, words
from tests.server.support.stores import load_venue

ADDRESSES = (
    "/admin/programme/",
    "/admin/programme/countries",
    "/admin/programme/activities",
    "/admin/programme/activities/ports",
    "/admin/programme/speakers",
    "/admin/programme/organisations",
    "/admin/programme/organisations/pilots",
    "/admin/programme/exhibition",
)


def prepare(pages: Pages) -> None:
    load_venue(pages.event, pages.database, PROGRAMME)


def seen(pages: Pages, address: str, role: str = "auditor") -> str:
    answer = pages.staff(role).get(f"/admin/programme/{address}")
    assert answer.status_code == 200
    return words(answer.text)


@pytest.mark.parametrize(
    "address",
    ["/", "/countries", "/activities", "/speakers", "/organisations", "/exhibition"],
)
def test_an_empty_event_has_the_pages(event: Event, database: Database, address: str) -> None:
    with Pages(event, database) as pages:
        answer = pages.staff("steward").get(f"/admin/programme{address}")
    assert answer.status_code == 200


def test_the_forum_in_figures(shown: Pages) -> None:
    text = seen(shown, "")
    for figure in (
        "Days with sessions 2", "Activities 1 of 1 kind", "Parallel forums 1 1 led or co-hosted by",
        "1 led by one international organisation", "Keynote speakers 1", "Countries and regions 4",
        "Organisations 1", "Exhibitors 1", "Exhibition 300 m² in 1 area",
    ):  # fmt: skip
        assert figure in text


def test_without_a_host_country_it_says_so(shown: Pages) -> None:
    assert "name no country" in seen(shown, "")


def test_every_page_links_to_it(shown: Pages) -> None:
    assert 'href="/admin/programme/"' in shown.staff("steward").get("/admin/").text


def test_the_programme(shown: Pages) -> None:
    text = seen(shown, "activities")
    for part in (
        "1 activity.", "Forum on Ports 港口论坛", "Conference parallel forum Official",
        "国际潮汐理事会", "Harbour Pilots (co-host)", "Tue 05 May 09:00–10:00 Hall 1",
    ):  # fmt: skip
        assert part in text


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("kind=conference", 1),
        ("kind=tour", 0),
        ("day=2", 1),
        ("day=1", 0),
        ("hall=2", 1),
        ("hall=3", 0),
        ("day=2&hall=2&kind=conference&parallel=yes", 1),
        ("parallel=official", 1),
        ("parallel=official&kind=tour", 0),
        ("kind=dance", 0),
        ("day=17", 0),
        ("day=x", 0),
        ("hall=99", 0),
    ],
)
def test_filters(shown: Pages, query: str, count: int) -> None:
    text = seen(shown, f"activities?{query}")
    assert text.startswith(f"Programme {count} activit")
    assert ("Choose from the list." in text) == (
        query in ("kind=dance", "day=17", "day=x", "hall=99")
    )


def test_an_activity(shown: Pages) -> None:
    text = seen(shown, "activities/ports")
    for part in (
        "Led or co-hosted by national authorities", "Theme Logistics", "Lead 国际潮汐理事会",
        "Co-hosts Harbour Pilots 引航员协会", "Tue 05 May 09:00–10:00 , Hall 1",
        "09:10 王小明 Keynote",
        "Lara Later Not on the roster Moderator",
    ):  # fmt: skip
        assert part in text


def test_an_activity_without_a_session(event: Event, pages: Pages) -> None:
    load_venue(event, pages.database, '[[activity]]\ncode="tba"\nkind="release"\ntitle="Later"')
    assert "It has no session yet" in seen(pages, "activities/tba")
    assert "No session yet" in seen(pages, "activities")


@pytest.mark.parametrize("address", ["activities/none", "organisations/none"])
def test_what_is_not_there(shown: Pages, address: str) -> None:
    assert shown.staff("auditor").get(f"/admin/programme/{address}").status_code == 404


def test_speakers(shown: Pages) -> None:
    text = seen(shown, "speakers")
    assert "2 contributions" in text
    assert "王小明 海事大学 Keynote Ports, first part Tue 05 May 09:10 Hall 1" in text
    keynotes = seen(shown, "speakers?role=keynote")
    assert "1 contribution." in keynotes
    assert "Lara Later" not in keynotes


def test_the_address_of_an_unregistered_speaker_is_hidden(event: Event, pages: Pages) -> None:
    load_venue(
        event, pages.database, '[[speaker]]\nsession="opening"\nattendee="secret@example.org"'
    )
    for address in ("speakers", "activities/ports"):
        assert "@" not in seen(pages, address, "steward")


def test_speakers_link_to_people_only_for_those_who_may_see_them(shown: Pages) -> None:
    link = "/admin/people/"
    assert link in shown.staff("badge_desk").get("/admin/programme/speakers").text.split("<main")[1]
    assert link not in shown.staff("steward").get("/admin/programme/speakers").text


def test_organisations(shown: Pages) -> None:
    text = seen(shown, "organisations")
    assert "2 organisations" in text
    assert "Harbour Pilots 引航员协会 Association Germany 1" in text
    assert seen(shown, "organisations?kind=international").startswith("Organisations 1 organ")
    assert seen(shown, "organisations?country=DE").startswith("Organisations 1 organ")
    assert seen(shown, "organisations?q=PILOTS").startswith("Organisations 1 organ")
    assert seen(shown, "organisations?q=潮汐").startswith("Organisations 1 organ")
    assert seen(shown, "organisations?q=pilots+ＨARBOUR").startswith("Organisations 1 organ")
    for key in ("zh", '"', "{", "%22zh%22: "):  # They occur in the database's text.
        assert seen(shown, f"organisations?q={key}").startswith("Organisations 0 organ"), key
    assert seen(shown, "organisations?country=XX").startswith("Organisations 0 organ")


def test_an_organisation(shown: Pages) -> None:
    text = seen(shown, "organisations/pilots")
    for part in (
        "Association", "Germany", "R-01 (20 m²)", "Forum on Ports 港口论坛 as co-host",
        "Anna Keller D Delegate",
    ):  # fmt: skip
        assert part in text
    assert "Anna Keller" not in seen(shown, "organisations/pilots", "steward")


def test_the_exhibition(shown: Pages) -> None:
    text = seen(shown, "exhibition")
    assert "300 m², 1 exhibitor" in text
    assert "Robotics area Harbour Centre 海港中心 300 2 1" in text
    assert "R-01 Harbour Pilots 引航员协会 Germany Robotics area 20" in text
    assert "R-02 free" in text
    assert "Stands: Robotics area" in seen(shown, "exhibition?area=robots")


def test_countries(shown: Pages) -> None:
    text = seen(shown, "countries")
    assert "Attendees come from 4" in text
    assert "Germany 1 1" in text
    assert "Slovenia 1 0" in text


def test_long_lists_have_pages(event: Event, pages: Pages) -> None:
    many = "".join(
        f'[[organisation]]\ncode="o{n:03d}"\nname="House {n}"\n'
        f'[[activity]]\ncode="a{n:03d}"\nkind="release"\ntitle="Launch {n}"\n'
        f'[[speaker]]\nsession="opening"\nname="Speaker {n}"\n'
        f'[[stand]]\ncode="S-{n:03d}"\narea="robots"\n'
        for n in range(120)
    )
    load_venue(event, pages.database, many)
    for address, count in (
        ("activities", 121), ("speakers", 122), ("organisations", 122), ("exhibition", 122),
    ):  # fmt: skip
        assert count > 100
        first = pages.staff("auditor").get(f"/admin/programme/{address}").text
        assert "Page 1 of 3" in first
        assert first.count('<tr role="row">') < 56
        last = pages.staff("auditor").get(f"/admin/programme/{address}?page=3").text
        assert "Page 3 of 3" in last
        assert 'rel="prev"' in last
        assert 'rel="next"' not in last


def test_a_page_keeps_its_filter(event: Event, pages: Pages) -> None:
    many = "".join(
        f'[[activity]]\ncode="a{n:03d}"\nkind="release"\ntitle="Launch {n}"\n' for n in range(60)
    )
    load_venue(event, pages.database, many)
    text = pages.staff("auditor").get("/admin/programme/activities?kind=release").text
    assert "60 activities" in text
    link = re.search(r'rel="next" href="([^"]+)"', text)
    assert link
    second = pages.staff("auditor").get(link[1].replace("&amp;", "&")).text
    assert "60 activities" in second
    assert "Page 2 of 2" in second
    assert pages.now == NOW
