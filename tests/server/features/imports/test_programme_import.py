"""Organisations, activities, speakers and the exhibition, from a venue file to the database."""

import pytest

from server.core.event.directory import Event
from server.core.programme import activities, exhibition, organisations, speakers
from server.core.programme.speakers import Speaker
from server.core.venue import store
from server.features.imports.venue_plan import VenueError
from server.storage.database import Database
from tests.server.conftest import ROSTER, VENUE, serial_of
from tests.server.support.stores import attendees, dump, load_roster, load_venue

PROGRAMME = """
[[organisation]]
code = "pilots"
name = "Harbour Pilots"
name_zh = "引航员协会"
country = "DE"
kind = "association"

[[organisation]]
code = "council"
name_zh = "国际潮汐理事会"
kind = "international"

[[activity_kind]]
code = "tour"
name = "Guided tour"

[[activity]]
code = "ports"
kind = "conference"
title = "Forum on Ports"
title_zh = "港口论坛"
official = true
parallel = true
theme = "Logistics"
language = "English"
lead = ["council"]
co_hosts = ["pilots"]

[[session]]
code = "ports-1"
hall = "h1"
title = "Ports, first part"
activity = "ports"
starts = "2026-05-05 09:00"
ends = "2026-05-05 10:00"

[[speaker]]
session = "ports-1"
attendee = "A2"
role = "keynote"
starts = "2026-05-05 09:10"

[[speaker]]
session = "ports-1"
attendee = "later@example.org"
name = "Lara Later"
role = "moderator"

[[area]]
code = "robots"
hall = "site"
name = "Robotics area"
m2 = 300

[[exhibitor]]
code = "x1"
organisation = "pilots"

[[stand]]
code = "R-01"
area = "robots"
exhibitor = "x1"
m2 = 20

[[stand]]
code = "R-02"
area = "robots"
"""
TALK = 1_777_943_400_000  # 2026-05-05 09:10 in Shanghai


def test_a_programme_is_taken_over(event: Event, site: Database) -> None:
    result = load_venue(event, site, PROGRAMME)
    assert result.added == {
        "organisations": 2, "activity_kinds": 1, "activities": 1, "sessions": 1, "speakers": 1,
        "areas": 1, "exhibitors": 1, "stands": 2,
    }  # fmt: skip
    db = site.reader
    ports = activities.activity(db, "ports")
    assert (ports.kind, ports.official, ports.parallel) == ("conference", True, True)
    assert (ports.theme, ports.language, ports.sessions) == ("Logistics", "en", 1)
    assert [(host.code, host.role) for host in ports.hosts] == [
        ("council", "lead"),
        ("pilots", "co_host"),
    ]
    session = next(row for row in store.sessions(db) if row.code == "ports-1")
    assert session.activity_id == ports.activity_id
    assert speakers.speakers_of(db, [session.session_id])[session.session_id] == (
        Speaker(serial_of(site, "A2"), "A2", "王小明", "keynote", TALK),
        Speaker(None, "later@example.org", "Lara Later", "moderator", None),
    )
    (robots,) = exhibition.areas(db)
    assert (robots.m2, robots.stands, robots.exhibitors) == (300, 2, 1)
    first, second = exhibition.stands(db, robots.area_id)
    assert (first.code, first.exhibitor, first.names["zh"]) == ("R-01", "x1", "引航员协会")
    assert (second.exhibitor, second.names) == (None, {})
    assert "tour" in activities.kinds(db)


def test_the_same_programme_again_changes_nothing(event: Event, site: Database) -> None:
    load_venue(event, site, PROGRAMME)
    before = dump(site)
    assert not load_venue(event, site, PROGRAMME).changed
    assert dump(site) == before


def test_a_session_keeps_what_a_later_file_does_not_say(event: Event, site: Database) -> None:
    load_venue(event, site, PROGRAMME)
    moved = PROGRAMME[PROGRAMME.index("[[session]]") : PROGRAMME.index("[[speaker]]")]
    load_venue(event, site, moved.replace('activity = "ports"\n', "").replace("first", "second"))
    session = next(row for row in store.sessions(site.reader) if row.code == "ports-1")
    assert session.activity_id is not None
    assert session.titles == {"en": "Ports, second part"}
    assert len(speakers.speakers_of(site.reader, [session.session_id])[session.session_id]) == 2


def test_people_belong_to_the_organisation_on_their_card(event: Event, site: Database) -> None:
    load_venue(event, site, PROGRAMME)
    by_code = {
        organisation.code: organisation for organisation in organisations.organisations(site.reader)
    }
    assert (by_code["pilots"].people, by_code["council"].people) == (1, 0)
    load_roster(
        site,
        ROSTER + "A5,Ines,Sol,HARBOUR  pilots,PT,ines@example.org,delegate,,,,\n"
        "A6,三,张,引航员协会,CN,san@example.org,delegate,,,,\n",
    )
    assert organisations.organisation(site.reader, "pilots").people == 3
    # A second organisation of that name makes the reference ambiguous.
    load_venue(event, site, '[[organisation]]\ncode = "twin"\nname = "Harbour Pilots"\n')
    assert [(row["external_id"], row["organisation_id"] is None) for row in attendees(site)] == [
        ("A1", True), ("A2", True), ("A3", True), ("A4", True), ("A5", True), ("A6", False),
    ]  # fmt: skip


def test_a_speaker_is_found_when_the_roster_has_them(event: Event, site: Database) -> None:
    load_venue(event, site, PROGRAMME)
    load_roster(site, ROSTER + "A7,Lara,Later,,DE,Later@example.org,speaker,,,,\n")
    lara = serial_of(site, "A7")
    ((session_id, role, starts_at),) = speakers.sessions_where_speaks(site.reader, lara)
    assert (role, starts_at) == ("moderator", None)
    assert speakers.speakers_of(site.reader, [session_id])[session_id][1].name == "Lara Later"


def test_of_people_who_share_an_address_the_name_says_who(event: Event, site: Database) -> None:
    load_venue(event, site, PROGRAMME)
    shared = "B1,Lara,Later,,DE,later@example.org,speaker,,,,\n"
    load_roster(site, ROSTER + shared + "B2,Tom,Later,,DE,later@example.org,speaker,,,,\n")
    assert speakers.sessions_where_speaks(site.reader, serial_of(site, "B1"))
    assert not speakers.sessions_where_speaks(site.reader, serial_of(site, "B2"))


def test_a_session_goes_with_its_speakers(event: Event, site: Database) -> None:
    load_venue(event, site, PROGRAMME)
    session = next(row for row in store.sessions(site.reader) if row.code == "ports-1")
    site.write(lambda db: store.remove_session(db, session.session_id, by="test", now=1))
    assert not speakers.sessions_where_speaks(site.reader, serial_of(site, "A2"))
    assert activities.activity(site.reader, "ports").sessions == 0


WRONG = {
    "an unknown kind": ('kind = "conference"', 'kind = "party"', "there is no kind party"),
    "an unknown host": (
        '["council"]',
        '["nobody"]',
        "its host, organisation nobody, does not exist",
    ),
    "both hosts": ('lead = ["council"]', 'lead = ["pilots"]', "pilots can't be both lead and"),
    "an unknown activity": ('activity = "ports"', 'activity = "p"', "there is no activity p"),
    "an unknown session": ('session = "ports-1"', 'session = "x"', "there is no session x"),
    "a speaker twice": ("later@example.org", "a2", "a2 is its speaker twice"),
    "an unknown role": (
        '"moderator"',
        '"chair"',
        "role must be one of keynote, speaker, moderator",
    ),
    "nobody": ('attendee = "A2"', "", "write attendee (an external id or e-mail), or a name"),
    "an unknown hall": ('hall = "site"', 'hall = "attic"', "area robots: there is no hall attic"),
    "an unknown organisation": ('= "pilots"\n\n[[stand', '= "p"\n\n[[stand', "no organisation p"),
    "an unknown area": ('area = "robots"', 'area = "a"', "stand R-01: there is no area a"),
    "an unknown exhibitor": ('exhibitor = "x1"', 'exhibitor = "y"', "there is no exhibitor y"),
    "no name at all": ('name_zh = "国际潮汐理事会"', "", "name is missing: write it, or name_zh"),
    "another country": ('country = "DE"', 'country = "QQ"', "QQ"),
    "a word for m²": ("m2 = 300", 'm2 = "large"', "m2 is a whole number from 0 to 1000000"),
    "a kind that none is": ('"association"', '"club"', "kind must be one of company, university"),
}


@pytest.mark.parametrize("case", WRONG)
def test_errors_are_named_and_nothing_is_taken(event: Event, site: Database, case: str) -> None:
    before = dump(site)
    old, new, message = WRONG[case]
    assert old in PROGRAMME
    with pytest.raises(VenueError) as raised:
        load_venue(event, site, PROGRAMME.replace(old, new))
    assert any(message in problem for problem in raised.value.problems), raised.value.problems
    assert dump(site) == before


def test_a_venue_alone_needs_no_programme(event: Event, site: Database) -> None:
    load_venue(event, site, VENUE)
    assert activities.activities(site.reader) == []
    assert len(activities.kinds(site.reader)) == 5
