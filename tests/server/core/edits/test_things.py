"""Things as values: read from a venue file without loss."""

from dataclasses import fields
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from server.core.edits.things import VENUE_KINDS, Thing, values_of
from server.core.event.directory import Event
from server.core.programme.speakers import Speaker
from server.features.imports import venue_file, venue_import
from server.features.imports.venue_plan import Venue
from server.features.imports.venue_values import read_plan
from server.storage.database import Database
from tests.server.conftest import NOW
from tests.server.support.stores import dump, load_venue

EVERYTHING = """
[[organisation]]
code = "pilots"
name = "Harbour Pilots"
name_zh = "引航员"
country = "DE"
other_names = ["Pilots, Ltd.", "领航"]
kind = "association"

[[organisation]]
code = "sea"
name_zh = "海事大学"

[[activity_kind]]
code = "workshop"
name = "Workshop"
name_zh = "工作坊"

[[activity]]
code = "tides"
kind = "conference"
title = "Tides"
title_zh = "潮"
parallel = true
theme = "Water"
language = "zh"
official = true
lead = ["pilots"]
co_hosts = ["sea"]

[[speaker]]
session = "late"
attendee = "A1"
name = "Anna Keller"
role = "keynote"
starts = "2026-05-05 20:10"

[[speaker]]
session = "late"
name = "Somebody Else"

[[area]]
code = "robots"
hall = "all"
name = "Robots"
name_zh = "机器人"
m2 = 300

[[exhibitor]]
code = "x1"
organisation = "pilots"

[[stand]]
code = "A-1"
area = "robots"
exhibitor = "x1"
m2 = 9

[[hall]]
code = "all"
name = "All"
name_zh = "全"
capacity = 9
fire_limit = 10
parent = "site"
categories = ["press", "staff"]
zones = ["public", "backstage"]
sessions_only = false
anti_passback = "off"
exits = "trusting"
leaving = "inferred"
walk_s = 30
accessible_places = 2
accessible_until_min = 20
floor_m2 = 120.5
m2_per_person = 0.5
seats = 80
exit_width_m = 2
exit_steps_width_m = 1.2
entry_lanes = 2
fill_min = 30
clear_min = 6
emergency_min = 4
facts_age_max_min = 15

[[door]]
code = "all-door"
hall = "all"
name = "A door"
name_zh = "门"
mode = "exit"
from = "site"

[[session]]
code = "late"
hall = "all"
activity = "tides"
title = "Late"
title_zh = "晚"
starts = "2026-05-05 20:00"
ends = "2026-05-05 21:30:30"
opens_before_min = 5
closes_after_min = 7
categories = []
"""
GUESTS = {"invited", "refused"}  # of a session; here they are things of their own


def codes(db, kind: str) -> list[str]:
    return [row[0] for row in db.execute(f"SELECT code FROM {kind}")]


@pytest.mark.parametrize("kind", VENUE_KINDS)
def test_every_column_of_a_venue_file_is_among_the_values(
    event: Event, site: Database, kind: str
) -> None:
    """The first edit would lose a column that the form does not know."""
    load_venue(event, site, EVERYTHING)
    db, zone = site.reader, ZoneInfo(event.settings.time_zone)
    values = [values_of(db, Thing(kind, code), zone) for code in codes(db, kind)]
    most = set().union(*values)
    if kind == "category":
        most |= {"name_zh"}  # each default category has one; a category made here may lack it
    assert most == set(venue_file.columns()[kind]) - GUESTS


def test_every_column_of_a_speaker_is_among_the_values(event: Event, site: Database) -> None:
    """Speakers are kept as a list, so the values are compared with those of the file."""
    load_venue(event, site, EVERYTHING)
    values = values_of(site.reader, Thing("speakers", "late"), ZoneInfo(event.settings.time_zone))
    assert values is not None
    speaker = {field.name for field in fields(Speaker)}
    # The session is the thing's own key; the attendee is kept as label and serial.
    ours = {"session", "attendee", "name", "role", "starts"}
    assert ours == set(venue_file.columns()["speaker"])
    assert speaker == {"serial", "label", "name", "role", "starts_at"}
    starts = int(datetime(2026, 5, 5, 20, 10, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()) * 1000
    assert values["speakers"] == [
        [attendee_serial(site), "A1", "Anna Keller", "keynote", starts],
        [None, "", "Somebody Else", "speaker", None],
    ]


def attendee_serial(database: Database) -> int:
    query = "SELECT serial FROM attendee WHERE external_id = 'A1'"
    return database.reader.execute(query).fetchone()[0]


def test_what_is_read_of_values_is_what_was_there(event: Event, site: Database) -> None:
    load_venue(event, site, EVERYTHING)
    before, zone = sorted(dump(site)), ZoneInfo(event.settings.time_zone)
    for kind in VENUE_KINDS:
        for code in codes(site.reader, kind):
            values = values_of(site.reader, Thing(kind, code), zone)
            assert values is not None
            venue = Venue.of({kind: [read_plan(kind, values, event.settings)]})
            result = site.write(
                lambda db, venue=venue: venue_import.import_venue(db, venue, by="test", now=NOW)
            )
            assert not result.changed, (kind, code)
    assert sorted(dump(site)) == before


def test_what_is_not_there_is_none(event: Event, site: Database) -> None:
    zone = ZoneInfo(event.settings.time_zone)
    for kind in VENUE_KINDS:
        assert values_of(site.reader, Thing(kind, "nothing"), zone) is None
    assert values_of(site.reader, Thing("attendee", "1"), zone) is None
    assert values_of(site.reader, Thing("guest", "opening:1"), zone) is None
