"""Venue and roster name each other, and may be imported in any order."""

import os

import pytest

from server.core.event.directory import Event
from server.core.programme.guests import awaited
from server.features.imports import venue_file, venue_import
from server.features.imports.roster_import import ImportResult, RosterRefusedError, import_roster
from server.features.imports.roster_read import RosterFile, read_for_event
from server.features.imports.venue_advice import advice
from server.storage.database import Database
from tests.server.conftest import NOW

HALLS = """
[[hall]]
code = "h1"
name = "Hall 1"
capacity = 100
categories = []
"""
DINNER = """
[[session]]
code = "dinner"
hall = "h1"
title = "Dinner"
starts = "2026-05-04 13:00"
ends = "2026-05-04 14:00"
categories = []
invited = ["A1", "bo@example.org", "nobody@example.org"]
refused = ["A3"]
"""
PEOPLE = (
    "id,name,email,category,invitations\n"
    "A1,Anna,anna@example.org,vip,\n"
    ",Bo,BO@example.org,press,\n"
    "A3,Cy,cy@example.org,press,\n"
    "A4,Di,di@example.org,press,Dinner;Gala\n"
    ",Ed,ed@example.org,press,gala\n"
)
GUESTS = [("Anna", 1), ("Bo", 1), ("Cy", 0), ("Di", 1)]


def take_roster(event: Event, database: Database, text: str = PEOPLE) -> ImportResult:
    file = RosterFile(text.encode(), "r.csv")
    roster = read_for_event(database.reader, event.settings, file).roster
    return database.write(
        lambda db: import_roster(db, roster, skip_bad=False, by="t", now=NOW, random=os.urandom)
    )


def take_venue(event: Event, database: Database, text: str) -> list[str]:
    venue = venue_file.read_venue(text.encode(), "v.toml", event.settings)

    def step(db):
        venue_import.import_venue(db, venue, by="t", now=NOW)
        return advice(db, venue, event.settings)

    return database.write(step)


def guests(database: Database, session: str) -> list[tuple[str, int]]:
    rows = database.reader.execute(
        "SELECT a.given_name, g.invited FROM session_guest g JOIN attendee a USING (serial)"
        " JOIN session s USING (session_id) WHERE s.code = ? ORDER BY 1",
        (session,),
    )
    return [tuple(row) for row in rows]


def test_venue_first(event: Event, database: Database) -> None:
    notes = take_venue(event, database, HALLS + DINNER)
    assert any(
        "session dinner: names 4 who are not on the roster yet: A1, A3, b…@example.org, n…" in note
        for note in notes
    )
    assert guests(database, "dinner") == []
    take_roster(event, database, PEOPLE)
    assert guests(database, "dinner") == GUESTS
    assert awaited(database.reader)["dinner"] == ("nobody@example.org",)


def test_roster_first(event: Event, database: Database) -> None:
    result = take_roster(event, database)
    (finding,) = [item for item in result.findings if item.kind == "awaited_sessions"]
    assert not finding.open
    assert finding.examples == (
        "'Dinner': 1 person, first in line 5",
        "'Gala': 2 people, first in line 5",
    )
    take_venue(event, database, HALLS + DINNER)
    assert guests(database, "dinner") == GUESTS
    take_venue(event, database, DINNER.replace("dinner", "gala").replace("13:00", "13:30"))
    assert guests(database, "gala")[-2:] == [("Di", 1), ("Ed", 1)]


def test_both_orders_and_again_give_the_same(event: Event, database: Database) -> None:
    for _ in range(2):
        take_venue(event, database, HALLS + DINNER)
        take_roster(event, database)
    assert guests(database, "dinner") == GUESTS


def test_a_slip_in_a_code_is_shown_what_it_is_near(event: Event, database: Database) -> None:
    take_venue(event, database, HALLS + DINNER)
    result = take_roster(event, database, "id,name,category,invitations\nA9,Fe,vip,diner\n")
    (finding,) = [item for item in result.findings if item.kind == "awaited_sessions"]
    assert finding.examples == ("'diner': 1 person, first in line 2. Is it 'dinner'?",)


@pytest.mark.parametrize(
    "text",
    [
        "name,category,invitations\nAnna,vip,gala\n",
        "name,email,category,invitations\nA,a@x.org,vip,gala\nB,a@x.org,vip,\n",
    ],
    ids=["neither id nor e-mail", "a shared e-mail"],
)
def test_who_can_not_be_found_again_is_refused(event: Event, database: Database, text: str) -> None:
    with pytest.raises(RosterRefusedError) as caught:
        take_roster(event, database, text)
    assert "line 2, invitations: 'gala' is not a session of this event yet" in str(
        caught.value.problems[0]
    )
    assert awaited(database.reader) == {}
