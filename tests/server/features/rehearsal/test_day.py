"""A day is played through: problems are found, and nothing is written."""

import json
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from badges.admission.facts import Admitted
from server.core.event.calendar import Clock, day_starts
from server.core.event.directory import Event
from server.core.occupancy import hall_control
from server.core.people import attendees, issuing
from server.core.programme.guests import await_guests
from server.core.venue import store
from server.features.rehearsal.findings import Finding
from server.features.rehearsal.report import NoSuchDayError, Rehearsal, rehearse
from server.features.rehearsal.would_enter import would_enter
from server.storage.database import Database
from tests.agreement.world import random_world
from tests.server.conftest import NOW, VENUE, serial_of
from tests.server.support.console import Console
from tests.server.support.stores import dump, load_roster, load_venue

CLOCK = Clock(ZoneInfo("Asia/Shanghai"))
FIRST = date(2026, 5, 4)

HALLS = """
[[hall]]
code = "a"
name = "Hall A"
capacity = 3
sessions_only = true

[[hall]]
code = "b"
name = "Hall B"
capacity = 100
sessions_only = true
zones = ["backstage"]

[[zone]]
bit = 0
code = "public"

[[zone]]
bit = 1
code = "backstage"

[[door]]
code = "a1"
hall = "a"
name = "A 1"

[[door]]
code = "b1"
hall = "b"
name = "B 1"
"""
HEAD = (
    "id,given name,family name,organisation,country,email,category,days,zones,invitations,language"
)


def session(code: str, hall: str, starts: str, ends: str, more: str = "") -> str:
    return (
        f'\n[[session]]\ncode = "{code}"\nhall = "{hall}"\ntitle = "{code}"\n'
        f'starts = "2026-05-04 {starts}"\nends = "2026-05-04 {ends}"\n{more}\n'
    )


def people(*rows: str) -> str:
    """Rows as `id category days zones`."""
    lines = []
    for row in rows:
        name, category, days, zones = ([*row.split(), "", ""])[:4]
        days, zones = days.replace("-", ""), zones.replace("-", "")
        lines.append(f"{name},G{name},F{name},,,{name}@example.org,{category},{days},{zones},,en")
    return "\n".join([HEAD, *lines, ""])


def build(event: Event, database: Database, sessions: str, *rows: str, badges: bool = True) -> None:
    load_venue(event, database, HALLS)
    load_roster(database, people(*rows))
    load_venue(event, database, HALLS + sessions)
    if badges:
        database.write(lambda db: issuing.issue_missing(db, event, now=NOW, by="test"))


def played(event: Event, database: Database, day: date = FIRST) -> Rehearsal:
    return rehearse(database.reader, event, day, CLOCK)


def findings_of(rehearsal: Rehearsal, *kinds: str) -> list[Finding]:
    return [item for item in rehearsal.findings if item.kind in kinds]


def crowd(rehearsal: Rehearsal, code: str) -> tuple[int, int, int]:
    session = next(session for session in rehearsal.sessions if session.row.code == code)
    return session.may_come, session.invited, session.expected


def test_people_choose_evenly_among_what_admits_them(event: Event, database: Database) -> None:
    sessions = (
        session("s1", "a", "10:00", "11:00", 'categories = ["delegate", "press"]')
        + session("s2", "b", "10:00", "12:00", 'categories = ["delegate"]')
        + session("s3", "b", "12:00", "13:00", 'categories = ["delegate"]')
    )
    rows = [f"D{n} delegate" for n in range(6)] + ["P1 press", "P2 press", "V1 vip"]
    build(event, database, sessions, *rows)
    day = played(event, database)
    assert crowd(day, "s1") == (8, 0, 5)  # six delegates over two sessions, and the press
    assert crowd(day, "s2") == (6, 0, 3)
    assert crowd(day, "s3") == (6, 0, 6)
    (crowd_finding,) = findings_of(day, "crowd_above_capacity")
    assert crowd_finding.about == "s1"
    assert crowd_finding.sentence == (
        "Session s1 (10:00 to 11:00) may expect 5 people of the 8 whom it admits, and the capacity"
        " of hall a is 3"
    )


def test_guests_go_where_they_are_invited(event: Event, database: Database) -> None:
    sessions = (
        session("s1", "a", "10:00", "11:00", 'categories = ["delegate"]\nrefused = ["D3"]')
        + session("s2", "b", "10:00", "11:00", 'categories = ["delegate"]\ninvited = ["D0", "V1"]')
    )  # fmt: skip
    build(event, database, sessions, *(f"D{n} delegate" for n in range(4)), "V1 vip")
    day = played(event, database)
    # D0 and V1 go to s2 by name, D3 may go nowhere else, and D1 and D2 count half.
    assert crowd(day, "s1") == (3, 0, 1)
    assert crowd(day, "s2") == (5, 2, 4)


def test_sessions_that_admit_nobody_and_why(event: Event, database: Database) -> None:
    sessions = (
        session("empty", "a", "08:00", "09:00", "categories = []")
        + session("vips", "a", "09:00", "10:00", 'categories = ["vip"]')
        + session("late", "a", "10:00", "11:00", 'categories = ["press"]')
        + session("zone", "b", "11:00", "12:00", 'categories = ["delegate"]')
        + session("fine", "a", "12:00", "13:00", 'categories = ["delegate"]')
    )
    build(event, database, sessions, "D1 delegate - public", "P1 press 2")
    nobody = {
        item.about: item.sentence for item in findings_of(played(event, database), "admits_nobody")
    }
    assert {code: text.partition("admits no one: ")[2] for code, text in nobody.items()} == {
        "empty": "it is by invitation, and no one is invited",
        "vips": "no one has a category that it admits",
        "late": "no badge of its categories is valid on that day",
        "zone": "badges of its categories do not open hall b",
    }


def test_guests_whom_no_door_would_admit(event: Event, database: Database) -> None:
    invited = 'categories = []\ninvited = ["D1", "D2", "D3", "D4", "D5"]'
    build_guests(event, database, invited)
    day = played(event, database)
    by_kind = {item.kind: (item.people, item.examples) for item in day.findings if item.examples}
    assert {kind: count for kind, (count, _) in by_kind.items()} == {
        "revoked_but_invited": 1,
        "not_valid_that_day": 1,
        "invited_but_shut_out": 1,
        "invited_without_badge": 1,
    }
    assert by_kind["revoked_but_invited"][1][0].endswith(" (D2)")
    assert by_kind["not_valid_that_day"][1][0].endswith(" (D3)")
    assert by_kind["invited_but_shut_out"][1][0].endswith(" (D4)")
    assert by_kind["invited_without_badge"][1][0].endswith(" (D5)")
    assert crowd(day, "dinner") == (2, 2, 2)


def build_guests(event: Event, database: Database, invited: str) -> None:
    rows = ("D1 delegate", "D2 delegate", "D3 delegate 2", "D4 delegate - public")
    build(event, database, "", *rows)
    revoked = serial_of(database, "D2")
    database.write(lambda db: issuing.revoke(db, revoked, reason="conduct", now=NOW, by="test"))
    load_roster(database, people(*rows, "D5 delegate"))
    load_venue(event, database, HALLS + session("dinner", "b", "19:00", "21:00", invited))


def test_a_guest_in_two_places_and_sessions_in_one(event: Event, database: Database) -> None:
    invited = 'categories = []\ninvited = ["D1", "D2"]'
    sessions = (
        session("one", "a", "10:00", "11:00", invited)
        + session("two", "b", "10:30", "11:30", 'categories = []\ninvited = ["D2"]')
        + session("three", "a", "10:45", "11:15", invited)
        + session("after", "b", "11:30", "12:00", invited)
    )
    build(event, database, sessions, "D1 delegate", "D2 delegate")
    day = played(event, database)
    twice = findings_of(day, "invited_twice")
    assert [(item.about, item.people) for item in twice] == [("one", 1), ("two", 1)]
    assert twice[0].sentence == (
        "One person is invited to Session one (10:00 to 11:00) and to Session two (10:30 to 11:30),"
        " at the same time in different halls"
    )
    (overlap,) = findings_of(day, "overlap")
    assert overlap.sentence == (
        "Session one (10:00 to 11:00) and Session three (10:45 to 11:15) are in hall a at the same"
        " time: its doors admit to both"
    )


def test_speakers_and_whom_the_roster_does_not_know_yet(event: Event, database: Database) -> None:
    sessions = session("s", "a", "10:00", "11:00", 'categories = ["press"]\ninvited = ["D1"]')
    sessions += session("t", "a", "12:00", "13:00", "categories = []")
    for code, speaker in (("s", "D1"), ("s", "D2"), ("t", "N3")):
        sessions += f'[[speaker]]\nsession = "{code}"\nattendee = "{speaker}"\n'
    build(event, database, sessions, "D1 delegate", "D2 delegate", "P1 press")
    database.write(lambda db: await_guests(db, "t", ["N1", "N2"], invited=True))
    database.write(lambda db: await_guests(db, "t", ["N4"], invited=False))
    by_kind = {
        (item.kind, item.about): item
        for item in findings_of(played(event, database), "speaker_shut_out", "guests_awaited",
                         "speakers_awaited")
    }  # fmt: skip
    assert list(by_kind) == [("speaker_shut_out", "s"), ("guests_awaited", "t"),
                          ("speakers_awaited", "t")]  # fmt: skip
    shut, guests, speakers = by_kind.values()
    assert shut.examples[0].endswith(" (D2)")
    assert shut.sentence.endswith("has one person speaking that its door does not admit")
    assert guests.sentence.endswith("invites 2 people not on the roster")
    assert speakers.sentence.endswith("names as speakers one person not on the roster")


def test_more_are_invited_than_the_hall_takes(event: Event, database: Database) -> None:
    names = ", ".join(f'"D{n}"' for n in range(5))
    sessions = session("s", "a", "10:00", "11:00", f"categories = []\ninvited = [{names}]")
    build(event, database, sessions, *(f"D{n} delegate" for n in range(5)))
    (item,) = findings_of(played(event, database), "invited_above_capacity")
    assert (item.about, item.people) == ("s", 5)


def test_a_category_that_can_enter_nothing(event: Event, database: Database) -> None:
    sessions = session("s", "b", "10:00", "11:00", 'categories = ["delegate", "staff"]')
    build(
        event, database, sessions,
        "V1 vip", "V2 vip", "D1 delegate", "D2 delegate - public", "S1 staff 2",
    )  # fmt: skip
    day = played(event, database)
    assert [
        (item.kind, item.about, item.people) for item in day.findings if "shut" in item.kind
    ] == [
        ("people_shut_out", "delegate", 1),
        ("category_shut_out", "vip", 2),
    ]


def test_halls_without_a_way_in(event: Event, database: Database) -> None:
    build(event, database, session("s", "a", "10:00", "11:00"), "D1 delegate")
    assert [item.about for item in findings_of(played(event, database), "no_kiosk")] == ["a"]
    database.write(lambda db: db.execute("UPDATE door SET mode = 'exit' WHERE code = 'a1'"))
    day = played(event, database)
    assert [item.sentence for item in findings_of(day, "no_door")] == [
        "Hall a has no door that lets in"
    ]
    assert not findings_of(day, "no_kiosk")


def test_a_closed_hall_and_a_capacity_without_reason(event: Event, database: Database) -> None:
    build(event, database, session("s", "a", "10:00", "11:00"), "D1 delegate")
    hall = next(item.hall_id for item in store.halls(database.reader) if item.code == "a")
    database.write(lambda db: hall_control.set_closed(db, hall, True, by="test", now=NOW))
    database.write(lambda db: db.execute("UPDATE hall SET seats = 2 WHERE code = 'a'"))
    day = played(event, database)
    assert [item.about for item in findings_of(day, "hall_closed")] == ["a"]
    assert [item.about for item in findings_of(day, "capacity_reasons")] == ["a"]
    assert crowd(day, "s") == (1, 0, 1), "it may be open by then"


def test_a_badge_that_says_otherwise_than_the_roster(event: Event, database: Database) -> None:
    sessions = session("s", "a", "10:00", "11:00", 'categories = ["press"]')
    build(event, database, sessions, "P1 press", "D1 delegate")
    press = serial_of(database, "P1")
    database.write(
        lambda db: attendees.change_attendee(db, press, {"category": 1}, by="test", now=NOW)
    )
    assert crowd(played(event, database), "s") == (1, 0, 1)
    database.write(
        lambda db: issuing.reissue(db, event, press, reason="changed", now=NOW, by="test")
    )
    assert crowd(played(event, database), "s") == (0, 0, 0)


def test_a_venue_around_its_halls(event: Event, database: Database) -> None:
    load_venue(event, database, VENUE.replace("capacity = 500", "capacity = 100"))
    load_roster(database, people(*(f"D{n} delegate" for n in range(101))))
    crowds = {
        item.about: item for item in findings_of(played(event, database), "crowd_above_capacity")
    }
    assert crowds["site"].sentence == (
        "101 badges are valid on that day, and the capacity of hall site around the others is 100"
    )


def test_only_days_of_the_event(event: Event, site: Database) -> None:
    with pytest.raises(NoSuchDayError, match="2026-05-07 is not a day of the event"):
        played(event, site, date(2026, 5, 7))
    assert [item.row.code for item in played(event, site).sessions] == ["opening", "press"]
    assert played(event, site, date(2026, 5, 5)).sessions == ()


def test_nothing_is_written(event: Event, site: Database) -> None:
    before = dump(site)
    played(event, site)
    would_enter(site.reader, event, "A1", "h1", NOW)
    assert dump(site) == before


def test_groups_count_as_asking_for_everybody_does(tmp_path: Path) -> None:
    """The counts equal those of asking for each person of a random event alone."""
    with random_world(tmp_path, 11, people=60) as world:
        clock = Clock(ZoneInfo(world.event.settings.time_zone))
        db, starts = world.database.reader, day_starts(world.event.settings)
        day = rehearse(db, world.event, world.event.settings.first_day, clock)
        closed = {row.hall_id for row in store.halls(db) if row.closed_at is not None}
        checked = 0
        for played_session in day.sessions:
            at = max(played_session.row.opens_at, starts[0])
            here = [
                row
                for row in store.sessions(db, played_session.row.hall_id)
                if row.opens_at <= at < row.closes_at
            ]
            if len(here) > 1 or played_session.row.hall_id in closed:
                continue  # another session, or staff, may answer for this one
            admitted = 0
            for serial in world.serials:
                person = attendees.attendee(db, serial).number
                asked = would_enter(db, world.event, person, f"hall:{played_session.hall.code}", at)
                sessions = {
                    answer.decision.session_id
                    for answer in asked.answers
                    if isinstance(answer.decision, Admitted)
                }
                admitted += played_session.row.session_id in sessions
            assert admitted == played_session.may_come, played_session.row.code
            checked += 1
        assert checked >= 2


def test_the_command(filled: Console) -> None:
    output = filled("rehearse", "--day", "2026-05-04", "--sessions").output
    assert output.startswith(
        "2026-05-04: 2 sessions, 4 attendees, 4 badges valid (0 not issued yet)."
    )
    assert "13:00 press in h1: may come 2, invited 1, expected 2, capacity 100" in output
    assert "- No kiosk is at work yet at a door of hall h1 that lets in." in output
    result = json.loads(filled("rehearse", "--day", "2026-05-04", "--json").output)
    assert [item["session"] for item in result["sessions"]] == ["opening", "press"]
    assert result["sessions"][1]["starts"] == "2026-05-04T13:00:00.000+08:00"
    assert result["findings"][0]["kind"] == "no_kiosk"
    wrong = filled("rehearse", "--day", "2026-05-09", status=2).output
    assert "2026-05-09 is not a day of the event, which is 2026-05-04 to 2026-05-06." in wrong
