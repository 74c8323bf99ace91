"""Schedules of frab and pretalx, in JSON and XML, from the file to the database."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.core.event.directory import Event
from server.core.programme import activities
from server.core.programme.speakers import speakers_of
from server.core.venue import store
from server.core.venue.store import SessionRow
from server.features.imports.programme.adopt import Adopted, adopt
from server.features.imports.programme.formats import schedule_xml
from server.features.imports.programme.formats.programme_file import read_programme
from server.features.imports.programme.mapping import ProgrammeMapping, read_mapping
from server.features.imports.venue_plan import VenueError
from server.features.imports.venue_preview import take_over
from server.storage.database import Database
from tests.server.conftest import NOW, serial_of
from tests.server.support.stores import dump, load_venue

FILES = Path(__file__).parent / "programme_files"
JSON = (FILES / "schedule.json").read_bytes()
XML = (FILES / "schedule.xml").read_bytes()
MAPPING = """
[halls]
"Saal 9" = "site"
[kinds]
Talk = "conference"
Keynote = "conference"
panel = "conference"
Workshop = false
"""
NINE = 1_777_856_400_000  # 2026-05-04 09:00 in Shanghai
HOUR = 3_600_000


def adopted(event: Event, site: Database, data: bytes, mapping: str = MAPPING) -> Adopted:
    programme = read_programme(data, "schedule", event.settings)
    words = read_mapping(mapping.encode(), "m.toml") if mapping else ProgrammeMapping()
    return adopt(site.reader, programme, words, event.settings)


def take(event: Event, site: Database, data: bytes, mapping: str = MAPPING) -> Adopted:
    adoption = adopted(event, site, data, mapping)
    site.write(lambda db: take_over(db, adoption.venue, by="test", now=NOW, remove_sessions=False))
    return adoption


def changed(change: Callable[[Any], None]) -> bytes:
    document = json.loads(JSON)
    change(document["schedule"]["conference"])
    return json.dumps(document).encode()


def session(site: Database, title: str) -> SessionRow:
    return next(row for row in store.sessions(site.reader) if title in row.titles.values())


@pytest.mark.parametrize("data", [JSON, XML], ids=["json", "xml"])
def test_a_schedule_is_taken_over(event: Event, site: Database, data: bytes) -> None:
    adoption = take(event, site, data)
    assert adoption.problems == ()
    assert adoption.skipped == 1  # the workshop
    tides = session(site, "Tides and Trade – What harbours owe the sea")
    halls = {row.hall_id: row.code for row in store.halls(site.reader)}
    assert (halls[tides.hall_id], tides.starts_at) == ("h1", NINE)
    assert tides.ends_at - tides.starts_at == 1.5 * HOUR
    assert len(tides.code) == 12
    activity = activities.activity(site.reader, tides.code)
    assert (activity.kind, activity.theme, activity.language) == ("conference", "Oceans", "en")
    (speaker,) = speakers_of(site.reader, [tides.session_id])[tides.session_id]
    assert (speaker.serial, speaker.role) == (serial_of(site, "A1"), "keynote")
    smart = session(site, "智能港口")
    assert smart.titles == {"zh": "智能港口"}
    both = speakers_of(site.reader, [smart.session_id])[smart.session_id]
    assert [(row.name, row.serial is None, row.role) for row in both] == [
        ("王小明", False, "speaker"),
        ("Lara Later", True, "speaker"),
    ]
    who_pays = session(site, "Who pays")
    assert halls[who_pays.hall_id] == "h1"  # by its Chinese name
    assert {row.role for row in speakers_of(site.reader, [who_pays.session_id])
            [who_pays.session_id]} == {"panellist"}  # fmt: skip
    assert halls[session(site, "Lost in the attic").hall_id] == "site"
    assert "not on the roster yet, and shown by name: Lara Later" in adoption.venue.notes
    assert any("not imported: abstract (1)" in note for note in adoption.venue.notes)


@pytest.mark.parametrize("data", [JSON, XML], ids=["json", "xml"])
def test_the_same_schedule_again_changes_nothing(event: Event, site: Database, data: bytes) -> None:
    take(event, site, data)
    before = dump(site)
    take(event, site, data)
    assert dump(site) == before


def test_both_forms_make_the_same_of_it(event: Event, site: Database) -> None:
    def plain(data: bytes) -> object:
        venue = adopted(event, site, data).venue
        return venue.sessions, venue.programme

    assert plain(JSON) == plain(XML)


def test_what_the_schedule_does_not_say_stays(event: Event, site: Database) -> None:
    take(event, site, JSON)
    tides = session(site, "Tides and Trade – What harbours owe the sea")
    rest = 'hall = "h1"\ntitle = "Tides"\ntitle_zh = "潮汐"\n'
    load_venue(event, site, f"""
[[organisation]]
code = "port"
name = "Port Authority"
[[activity]]
code = "{tides.code}"
kind = "release"
title = "Tides"
official = true
lead = ["port"]
[[session]]
code = "{tides.code}"
{rest}starts = "2026-05-04 09:00"
ends = "2026-05-04 10:00"
opens_before_min = 5
closes_after_min = 7
categories = ["press"]
""")  # fmt: skip

    def later(conference: Any) -> None:
        conference["days"][0]["rooms"]["Hall 1"][0]["date"] = "2026-05-04T02:00:00Z"

    take(event, site, changed(later))
    again = next(row for row in store.sessions(site.reader) if row.code == tides.code)
    assert again.titles == {"en": "Tides and Trade – What harbours owe the sea", "zh": "潮汐"}
    assert again.starts_at == NINE + HOUR
    assert again.starts_at - again.opens_at == 5 * 60_000
    assert again.closes_at - again.ends_at == 7 * 60_000
    keys = {row.code: row.key for row in store.categories(site.reader)}
    assert [keys[row] for row in again.categories] == ["press"]
    activity = activities.activity(site.reader, tides.code)
    assert activity.official
    assert [host.code for host in activity.hosts] == ["port"]


def test_unknown_rooms_and_kinds_are_named_with_their_remedy(event: Event, site: Database) -> None:
    adoption = adopted(event, site, JSON, "")
    assert (
        "'Saal 9' (1 event) is not a hall of this event: write in a mapping, under [halls], "
        '"Saal 9" = "CODE", or false to skip them; there are green, h1, site'
    ) in adoption.problems
    assert any(
        problem.startswith("'Talk' (2 events) is not a kind of") for problem in adoption.problems
    )
    assert adoption.rooms["Saal 9"] == ""
    assert adoption.rooms["一号厅"] == "h1"


def test_a_repeated_guid_is_an_activity_at_two_times(event: Event, site: Database) -> None:
    def again(conference: Any) -> None:
        rooms = conference["days"][1]["rooms"]
        first = conference["days"][0]["rooms"]["Hall 1"][0]
        rooms["Hall 1"] = [{**first, "date": "2026-05-05T16:00:00+08:00"}]

    take(event, site, changed(again))
    code = session(site, "Tides and Trade – What harbours owe the sea").code.removesuffix("-2")
    assert activities.activity(site.reader, code).sessions == 2


WRONG: dict[str, tuple[Callable[[Any], None], str]] = {}


def wrong(message: str) -> Callable[[Callable[[Any], None]], None]:
    """Adds a case: a change of an event, and the expected message."""

    def add(change: Callable[[Any], None]) -> None:
        WRONG[change.__name__] = (change, message)

    return add


@wrong("starts outside the event, which is 3 days from 2026-05-04")
def another_month(event: Any) -> None:
    event["date"] = "2026-06-04T09:00:00+08:00"


@wrong("Tsoon' is not a time such as")
def no_time(event: Any) -> None:
    event["date"] = None
    event["start"] = "soon"


@wrong("'90' is not a duration such as 01:30")
def no_duration(event: Any) -> None:
    event["duration"] = "90"


@wrong("'0:00' is not a duration such as 01:30")
def no_length(event: Any) -> None:
    event["duration"] = "0:00"


@wrong("has no title")
def no_title(event: Any) -> None:
    event["title"] = ""


@wrong("its title is a text of 1 to 200 printable characters")
def long_title(event: Any) -> None:
    event["title"] = "x" * 300


@wrong("has neither guid nor id, so a later import could not recognise it")
def nameless(event: Any) -> None:
    del event["guid"], event["id"]


@wrong("is out of range")
def another_age(event: Any) -> None:
    event["date"] = "0001-01-01T00:00:00+14:00"


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_an_event_is_named(event: Event, site: Database, case: str) -> None:
    change, message = WRONG[case]
    data = changed(lambda conference: change(conference["days"][0]["rooms"]["Hall 1"][0]))
    adoption = adopted(event, site, data)
    (problem,) = adoption.problems
    assert message in problem
    assert len(adoption.venue.sessions) == 3  # all others that are not left out


def test_an_event_without_a_room(event: Event, site: Database) -> None:
    def nowhere(conference: Any) -> None:
        rooms = conference["days"][1]["rooms"]
        rooms[""] = [{**rooms.pop("Saal 9")[0], "room": None}]

    (problem,) = adopted(event, site, changed(nowhere)).problems
    assert problem == "event 'Lost in the attic': has no room, so that no hall is known"


def test_times_without_a_date_are_of_their_day(event: Event, site: Database) -> None:
    """Older files have only the time of day, and night hours belong to the day before."""

    def old(conference: Any) -> None:
        for day in conference["days"]:
            for events in day["rooms"].values():
                for item in events:
                    del item["date"]
        conference["days"][0]["rooms"]["Hall 1"][0]["start"] = "01:00"

    take(event, site, changed(old))
    assert session(site, "Tides and Trade – What harbours owe the sea").starts_at == (
        NINE + 16 * HOUR
    )
    assert session(site, "智能港口").starts_at == NINE + 6 * HOUR


ENTITIES = """<?xml version="1.0"?><!DOCTYPE schedule [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>
<schedule><conference><title>&b;</title></conference></schedule>"""
FETCHES = '<!DOCTYPE schedule SYSTEM "file:///etc/passwd"><schedule/>'
HOSTILE = {
    "entities": (ENTITIES.encode(), "has a DOCTYPE, which is not allowed"),
    "a fetch": (FETCHES.encode(), "has a DOCTYPE"),
    "deep XML": (b"<schedule>" + b"<day>" * 100_000, "has elements nested in over 20 others"),
    "endless XML": (b"<schedule>" + b"<day/>" * 5_001, "has over 5,000 elements"),
    "broken XML": (b"<schedule><day></schedule>", "is not XML: mismatched tag"),
    "another XML": (b"<rss/>", "begins with <rss> and not with <schedule>"),
    "bytes in XML": (b"<schedule>\xff\xfe</schedule>", "is not XML: not well-formed"),
    "an encoding": (b'<?xml version="1.0" encoding="x-none"?><schedule/>', "is not XML"),
    "deep JSON": (b'{"schedule":' + b"[" * 1_000_000, "has lists nested too deeply"),
    "bytes in JSON": (b'{"schedule": "\xff"}', "is not UTF-8 text (first at byte 15)"),
    "broken JSON": (b'{"schedule": }', "is not JSON: Expecting value"),
    "long numbers": (b'{"schedule": ' + b"9" * 100_000 + b"}", "is not JSON"),
    "another JSON": (b'{"talks": []}', "has no schedule.conference"),
    "no days": (b'{"schedule": {"conference": {}}}', "has no list of days"),
    "no events": (b'{"schedule": {"conference": {"days": []}}}', "has no events"),
    "a zip": (b"PK\x03\x04" + bytes(100), "is compressed: unpack it"),
    "a venue file": (b'[[hall]]\ncode = "h1"\n', "Is it a venue file? Then import it as one"),
    "nothing": (b"", "is in none of these formats: iCalendar"),
    "too much": (b"{" + b" " * 10_000_000, "has over 10,000,000 bytes"),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", HOSTILE)
def test_files_without_a_schedule(event: Event, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert schedule_xml.ELEMENTS_MAX == 500_000
    monkeypatch.setattr(schedule_xml, "ELEMENTS_MAX", 5_000)
    data, message = HOSTILE[case]
    with pytest.raises(VenueError) as raised:
        read_programme(data, "s", event.settings)
    assert message in str(raised.value)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "conference",
    [
        '{"days": [3]}', '{"days": [{"rooms": []}]}', '{"days": [{"rooms": {"x": 3}}]}',
        '{"days": [{"rooms": {"x": [3]}}]}', '{"days": [{"rooms": {"x": [{}]}}]}',
        '{"days": [{"rooms": {"x": [{"id": [], "persons": 3, "title": {}}]}}]}',
    ],
)  # fmt: skip
def test_parts_of_another_shape_are_named(event: Event, conference: str) -> None:
    data = f'{{"schedule": {{"conference": {conference}}}}}'.encode()
    programme = read_programme(data, "s", event.settings)
    assert len(programme.problems) == 1
    assert not programme.drafts
