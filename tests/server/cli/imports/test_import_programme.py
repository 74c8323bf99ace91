"""`hallkeeper import-programme`, `import-exhibitors`, and `--dry-run` of `import-venue`."""

import json
import tomllib
from pathlib import Path

import pytest

from tests.server.conftest import VENUE
from tests.server.features.imports import test_programme_frab as frab
from tests.server.features.imports.test_programme_ical import FORUM
from tests.server.support.console import Console

FAIR = "exhibitor,stand,area,m2\nCrane Works,R-1,Robots,20\nDelta Drives,R-2,Robots,30\n"


def sessions(console: Console) -> int:
    return console.rows("SELECT COUNT(*) FROM session")[0][0]


def test_a_mapping_is_saved_filled_in_and_used(filled: Console) -> None:
    schedule = filled.file("schedule.json", frab.JSON)
    path = filled.path / "m.toml"
    refused = filled("import-programme", schedule, "--save-mapping", str(path), status=1)
    assert "'Saal 9' (1 event) is not a hall of this event" in refused.output
    assert "or import the rest with --skip-bad" in refused.output
    assert sessions(filled) == 2
    saved = tomllib.loads(path.read_text())
    assert saved["halls"]["Saal 9"] == ""
    assert saved["halls"]["一号厅"] == "h1"
    text = path.read_text().replace('"Saal 9" = ""', '"Saal 9" = "site"')
    text = text.replace('"Workshop" = ""', '"Workshop" = false').replace('= ""', '= "conference"')
    path.write_text(text)
    dry = filled("import-programme", schedule, "--mapping", str(path), "--dry-run")
    assert "Would add sessions 4:" in dry.output
    assert "Nothing was imported: this was a dry run." in dry.output
    assert sessions(filled) == 2
    done = filled("import-programme", schedule, "--mapping", str(path))
    assert "Add sessions 4:" in done.output
    assert "Add activities 4:" in done.output
    assert "Not in schedule.json, and kept: sessions 2: opening, press" in done.output
    assert "1 session left out." in done.output
    assert sessions(filled) == 6
    again = filled("import-programme", schedule, "--mapping", str(path))
    assert "Add" not in again.output
    assert "Change" not in again.output


def test_a_preview_says_what_changes(filled: Console) -> None:
    filled("import-programme", filled.file("forum.ics", FORUM))
    later = FORUM.replace(b"20260505T120000", b"20260505T113000").replace(b"Lunch", b"Late lunch")
    output = filled("import-programme", filled.file("forum.ics", later), "--dry-run").output
    assert "Would change sessions floating: title (en) Lunch → Late lunch" in output
    assert "starts 2026-05-05 12:00 → 2026-05-05 11:30" in output
    assert "Would change activities floating: title (en) Lunch → Late lunch" in output


def test_what_is_wrong_is_left_out_when_that_is_said(filled: Console) -> None:
    bad = FORUM.replace(b"LOCATION:site", b"LOCATION:Attic", 1)
    path = filled.file("forum.ics", bad)
    filled("import-programme", path, status=1)
    assert sessions(filled) == 2
    filled("import-programme", path, "--dry-run", status=1)
    output = filled("import-programme", path, "--skip-bad").output
    assert "Left out: 'Attic' (1 event) is not a hall of this event" in output
    assert sessions(filled) == 10


def test_as_json(filled: Console) -> None:
    path = filled.file("s.json", frab.JSON)
    mapping = filled.file("m.toml", frab.MAPPING)
    dry = filled("import-programme", path, "--mapping", mapping, "--json", "--dry-run").stdout
    result = json.loads(dry)
    assert result["imported"] is False
    assert len([thing for thing in result["added"] if thing["kind"] == "sessions"]) == 4
    assert result["problems"] == []
    refused = json.loads(filled("import-programme", path, "--json", status=1).stdout)
    assert refused["imported"] is False
    assert any("'Saal 9'" in problem for problem in refused["problems"])
    done = json.loads(filled("import-programme", path, "--mapping", mapping, "--json").stdout)
    assert done["imported"] is True
    assert sessions(filled) == 6


def test_sessions_that_the_file_no_longer_has(filled: Console) -> None:
    output = filled("import-programme", filled.file("f.ics", FORUM), "--remove-sessions").output
    assert "Remove sessions 2: opening (Opening), press (Press hour)" in output
    assert sessions(filled) == 9


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ("[rooms]\nx = 'y'", "m.toml: unknown key 'rooms'"),
        ("halls = 3", "m.toml: write [halls], and below it a line for each word"),
        ("[halls]\nx = 3", 'm.toml, halls, "x": write a code in quotation marks, or false'),
        ("[halls", "m.toml is not TOML"),
        pytest.param("halls = " + "9" * 5000, "m.toml is not TOML", id="a long number"),
        (b"\xff", "m.toml is not UTF-8 text"),
        (
            '[halls]\n"Saal 9" = "attic"',
            "'Saal 9' (1 event) is mapped to attic, which is not a hall",
        ),
    ],
)
def test_mappings_that_can_not_be(filled: Console, mapping: str | bytes, message: str) -> None:
    path = filled.file("m.toml", mapping)
    schedule = filled.file("s.json", frab.JSON)
    assert message in filled("import-programme", schedule, "--mapping", path, status=1).output


def test_a_format_that_the_file_is_not(filled: Console) -> None:
    path = filled.file("s.json", frab.JSON)
    output = filled("import-programme", path, "--format", "ical", status=1).output
    assert "s.json is not iCalendar" in output


def test_exhibitors(filled: Console) -> None:
    fair = filled.file("fair.csv", FAIR)
    refused = filled("import-exhibitors", fair, status=1).output
    assert "line 2: area 'Robots' does not exist in this event" in refused
    dry = filled("import-exhibitors", fair, "--new-areas", "site", "--dry-run").output
    assert "Would add stands 2: R-1, R-2" in dry
    assert filled.rows("SELECT * FROM stand") == []
    filled("import-exhibitors", fair, "--new-areas", "site")
    assert filled.rows("SELECT code, m2 FROM stand ORDER BY code") == [("R-1", 20), ("R-2", 30)]
    less = filled.file("fair.csv", FAIR.replace("Delta Drives,R-2", "Crane Works,R-3"))
    output = filled("import-exhibitors", less).output
    assert "Not in fair.csv, and kept: exhibitors 1: delta-drives" in output
    assert "Not in fair.csv, and kept: stands 1: R-2" in output
    assert "organisations" not in output
    none = filled("import-exhibitors", fair, "--new-areas", "attic", status=0).output
    assert "Unchanged" in none  # the area is there by now


def test_new_areas_in_a_hall_that_is_not_there(filled: Console) -> None:
    fair = filled.file("fair.csv", FAIR)
    output = filled("import-exhibitors", fair, "--new-areas", "attic", status=1).output
    assert "area robots: there is no hall attic" in output


def test_a_dry_run_of_a_venue(filled: Console) -> None:
    changed = VENUE.replace("capacity = 100", "capacity = 90")
    venue = filled.file("venue.toml", changed)
    output = filled("import-venue", venue, "--dry-run").output
    assert "Would change halls h1: capacity 100 → 90" in output
    assert filled.rows("SELECT capacity FROM hall WHERE code = 'h1'") == [(100,)]


def test_a_file_beside_the_event_is_never_written_by_a_dry_run(filled: Console) -> None:
    before = sorted(Path(filled.event.path).rglob("*"))
    filled("import-programme", filled.file("f.ics", FORUM), "--dry-run")
    assert sorted(Path(filled.event.path).rglob("*")) == before


def test_halls_are_made_of_a_spreadsheets_rooms(filled: Console) -> None:
    text = "date,time,room,capacity,title\n2026-05-05,9:00-10:00,Pier {0},{1},Sheet talk {0}\n"
    path = filled.file("list.csv", text.format("A", ""))
    assert "is not a hall of this event" in filled("import-programme", path, status=1).output
    refused = filled("import-programme", path, "--new-halls", status=1)
    assert "the new hall Pier A has no capacity: write in a mapping" in refused.output
    mapping = filled.file("m.toml", '[capacities]\n"pier a" = 120\n')
    filled("import-programme", path, "--mapping", mapping)
    other = filled.file("other.csv", text.format("B", "80"))
    filled("import-programme", other, "--new-halls", "--encoding", "utf-8")
    rows = filled.rows("SELECT code, capacity, fire_limit FROM hall WHERE code LIKE 'pier%'")
    assert sorted(rows) == [("pier-a", 120, 120), ("pier-b", 80, 80)]
