"""Venue files: all errors are named with their place, and nothing is changed."""

import io
import re
import zipfile
from dataclasses import replace
from datetime import date

import openpyxl
import pytest

from server.core.event.directory import Event
from server.core.venue import fields as venue_fields
from server.core.venue import store
from server.features.imports import venue_file, venue_import, venue_xlsx
from server.features.imports.venue_advice import advice
from server.features.imports.venue_plan import VenueError
from server.storage.database import Database
from tests.server.conftest import NOW, VENUE, venue_of
from tests.server.support.stores import dump, load_venue


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "venue.toml has none of [[category]], [[zone]]"),
        ("[[hal]]\ncode = 'x'", "unknown key 'hal'; did you mean 'hall'?"),
        ("[hall]\ncode = 'x'", "write each hall under its own [[hall]]"),
        ("hall = 3", "write each hall under its own [[hall]]"),
        ("[[hall", "venue.toml is not TOML"),
        ("hall = " + "9" * 5000, "venue.toml is not TOML"),
        ("[[hall]]\ncode='x'\nname='X'\ncapcity=5", "unknown key 'capcity'; did you mean 'capa"),
        ("[[hall]]\ncode='x'\nname='X'", "hall 1 (x): capacity is missing"),
        ("[[hall]]\ncode='x'\nname='X'\ncapacity=-1", "capacity is a whole number from 0"),
        ("[[hall]]\ncode='x'\nname='X'\ncapacity=1.5", "capacity is a whole number from 0"),
        ("[[hall]]\ncode='x'\nname='X'\ncapacity=true", "capacity is a whole number from 0"),
        ("[[hall]]\ncode='x y'\nname='X'\ncapacity=1", "code is 1 to 32 letters"),
        ("[[hall]]\ncode='x'\nname='X'\ncapacity=9\nfire_limit=8", "9 is above fire_limit 8"),
        (
            "[[hall]]\ncode='x'\nname='X'\ncapacity=9\nexits='lax'",
            "exits must be one of strict, tr",
        ),
        (
            "[[hall]]\ncode='x'\nname='X'\ncapacity=9\nleaving='moves'",
            "leaving must be one of scanned, i",
        ),
        ("[[hall]]\ncode='x'\nname='X'\ncapacity=9\nwalk_s=-1", "walk_s is a whole number from 0"),
        ("[[hall]]\ncode='x'\nname='X'\ncapacity=9\nparent='y'", "its parent, hall y, does not e"),
        ("[[hall]]\ncode='x'\nname='X'\ncapacity=9\nparent='x'", "hall x: is inside itself"),
        ("[[hall]]\ncode='x'\nname='X'\ncapacity=9\nzones=['z']", "hall x: there is no zone z"),
        ("[[hall]]\ncode='x'\nname='X'\ncapacity=9\ncategories=['sage']", "no category sage"),
        ("[[hall]]\ncode='x'\nname='X'\ncapacity=9\ncategories=[99]", "no category 99"),
        ('[[hall]]\ncode="x"\nname="a\\u0007"\ncapacity=9', "name is a text of 1 to 200 printable"),
        ('[[hall]]\ncode="x"\nname="\u200c"\ncapacity=9', "name is a text of 1 to 200 printable"),
        ("[[door]]\ncode='d'\nname='D'\nhall='h'", "door d: there is no hall h"),
        (
            "[[door]]\ncode='d'\nname='D'\nhall='h'\nmode='in'",
            "mode must be one of entry, exit, both",
        ),
        ("[[zone]]\ncode='z'\nbit=32", "bit is a whole number from 0 to 31"),
        ("[[zone]]\ncode='y'\nbit=1\n[[zone]]\ncode='z'\nbit=1", "zone 2 (z): the same bit as"),
        ("[[zone]]\ncode='z'\nbit=1\n[[zone]]\ncode='Z'\nbit=2", "zone 2 (Z): the same code as"),
        (
            "[[category]]\ncode=9\nkey='crew'\nname='Crew'\nletter='C'\ncolour='#d00000'",
            "colour is red, which means no at a door",
        ),
        (
            "[[category]]\ncode=9\nkey='crew'\nname='Crew'\nletter='C'\ncolour='blue'",
            "colour is a colour such as #1f5fa8",
        ),
        (
            "[[category]]\ncode=9\nkey='press'\nname='Press'\nletter='C'\ncolour='#000000'",
            "category press: is number 4 in this event",
        ),
        (
            "[[category]]\ncode=9\nkey='crew'\nname='Crew'\nletter='D'\ncolour='#000000'",
            "category crew: letter D is category 1's",
        ),
    ],
)
def test_a_venue_that_can_not_be(event: Event, database: Database, text: str, message: str) -> None:
    before = dump(database)
    with pytest.raises(VenueError) as caught:
        load_venue(event, database, text)
    assert any(message in problem for problem in caught.value.problems), caught.value.problems
    assert dump(database) == before


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2026-05-04 13:00", "2025-05-04 13:00", "starts outside the event, which is 3 days from"),
        ("2026-05-04 14:00", "2026-05-04 12:30", "ends is not after starts"),
        ("2026-05-04 13:00", "4 May, 1 pm", 'starts is a local time such as "2026-05-04 13:45"'),
        ("2026-05-04 13:00", "2026-05-04T13:00+08:00", "without a zone"),
        ('hall = "h1"\ntitle = "Press', 'hall = "h9"\ntitle = "Press', "there is no hall h9"),
        ('["press"]', '["pres"]', "session press: there is no category pres"),
        ('categories = ["press"]', 'invited = ["A1"]', "state who else is admitted"),
        ('["press"]', '[]\ninvited = ["A1"]\nrefused = ["A1"]', "both invited and refused (A1)"),
        ("sessions_only = true", "", "session press: hall h1 admits every category at any time"),
        ('parent = "site"', 'parent = "h1"', "hall h1: is inside itself"),
        (
            "capacity = 500", "capacity = 500\naccessible_places = 501",
            "accessible_places 501 is above capacity 500: they are part of it",
        ),
        (
            "capacity = 500", "capacity = 500\naccessible_until_min = 15",
            "accessible_until_min needs accessible_places",
        ),
        (
            "capacity = 500", "capacity = 500\naccessible_places = 'six'",
            "accessible_places is a whole number from 0 to",
        ),
        (
            "capacity = 500", "capacity = 99",
            "hall h1: capacity 100 is above that of its parent, hall site, which is 99",
        ),
    ],
)  # fmt: skip
def test_a_slip_in_a_venue(event: Event, site: Database, old: str, new: str, message: str) -> None:
    before = dump(site)
    assert old in VENUE
    with pytest.raises(VenueError) as caught:
        load_venue(event, site, VENUE.replace(old, new))
    assert any(message in problem for problem in caught.value.problems), caught.value.problems
    assert dump(site) == before


def test_all_problems_come_at_once(event: Event, database: Database) -> None:
    text = VENUE.replace("capacity = 500", "capacity = 'many'").replace('["press"]', "[7.5]")
    with pytest.raises(VenueError) as caught:
        load_venue(event, database, text)
    assert len(caught.value.problems) == 2


def test_codes_that_differ_by_capitals(event: Event, site: Database) -> None:
    with pytest.raises(VenueError, match="hall H1: is written h1 in this event"):
        load_venue(event, site, '[[hall]]\ncode = "H1"\nname = "Hall 1"\ncapacity = 1')


def test_an_hour_that_clocks_skip(event: Event) -> None:
    berlin = replace(event.settings, time_zone="Europe/Berlin", first_day=date(2026, 3, 29))
    text = VENUE.replace("2026-05-04", "2026-03-29").replace("11:00", "02:30")
    with pytest.raises(VenueError, match="a time that clocks skip on that day"):
        venue_file.read_venue(text.encode(), "venue.toml", berlin)


def test_a_name_with_the_joiners_that_persian_needs(event: Event, database: Database) -> None:
    load_venue(event, database, '[[hall]]\ncode="x"\nname="چشمه\u200cها"\ncapacity=9')
    assert store.halls(database.reader)[0].names["en"] == "چشمه\u200cها"


def test_a_file_in_utf_16(event: Event) -> None:
    with pytest.raises(VenueError, match="not UTF-8"):
        venue_file.read_venue(VENUE.encode("utf-16"), "venue.toml", event.settings)


def workbook(sheets: dict[str, list[list[object]]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def with_value(data: bytes, formula: str, value: str) -> bytes:
    """The workbook as a spreadsheet saves it: beside each such formula its last value."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for part in old.infolist():
            content = old.read(part).decode() if part.filename.endswith(".xml") else None
            if content is None:
                new.writestr(part, old.read(part))
                continue
            kind = "" if value.isdigit() else ' t="str"'
            pattern = rf'<c r="([A-Z0-9]+)"[^>]*><f>{re.escape(formula)}</f><v\s*/?>(?:</v>)?</c>'
            cell = rf'<c r="\1"{kind}><f>{formula}</f><v>{value}</v></c>'
            new.writestr(part, re.sub(pattern, cell, content))
    return out.getvalue()


SHEETS: dict[str, list[list[object]]] = {
    "Halls": [
        ["code", "name", "capacity", "sessions_only", "categories"],
        ["h1", "Hall 1", 100, True, None],
        ["h2", "Hall 2", 50.0, "no", "press, 2"],
        [None, None, None, None, None],
    ],
    "doors": [["code", "hall", "name"], ["d1", "h1", "Door"]],
    "sessions": [
        ["code", "hall", "title", "starts", "ends", "categories"],
        ["s1", "h1", "First", "2026-05-04 09:00", "2026-05-04 10:00", "all"],
        ["s2", "h1", "Second", "2026-05-05 09:00", "2026-05-05 10:00", "none"],
    ],
}


class TestWorkbook:
    def test_it_works(self, event: Event, database: Database) -> None:
        plan = venue_file.read_venue(workbook(SHEETS), "venue.xlsx", event.settings)
        database.write(lambda db: venue_import.import_venue(db, plan, by="test", now=NOW))
        h1, h2 = store.halls(database.reader)
        assert (h1.sessions_only, h2.capacity, h2.categories) == (True, 50, (2, 4))
        first, second = store.sessions(database.reader)
        assert (len(first.categories), second.categories) == (7, ())

    def test_problems_name_sheet_and_row(self, event: Event) -> None:
        sheets = {**SHEETS, "doors": [["code", "hall", "nmae"], ["d1", "h1", "Door"]]}
        with pytest.raises(VenueError) as caught:
            venue_file.read_venue(workbook(sheets), "venue.xlsx", event.settings)
        assert caught.value.problems == (
            "sheet doors, row 2: unknown key 'nmae'; did you mean 'name'?",
            "sheet doors, row 2: name is missing: write it, or name_zh",
        )

    @pytest.mark.parametrize("row", [4, 1_000])
    def test_too_many_rows(self, event: Event, monkeypatch: pytest.MonkeyPatch, row: int) -> None:
        """They are not dropped silently."""
        monkeypatch.setattr(venue_xlsx, "ROWS_MAX", 3)
        book = openpyxl.load_workbook(io.BytesIO(workbook(SHEETS)))
        book["sessions"].cell(row, 1, "s3")
        out = io.BytesIO()
        book.save(out)
        with pytest.raises(VenueError) as caught:
            venue_file.read_venue(out.getvalue(), "v.xlsx", event.settings)
        assert caught.value.problems == (
            f"sheet sessions, row {row}: a sheet has at most 3 rows; import the rest from another "
            "file",
        )

    def test_a_cell_beyond_the_columns_that_are_read(self, event: Event) -> None:
        book = openpyxl.load_workbook(io.BytesIO(workbook(SHEETS)))
        book["doors"].cell(2, 51, "x")
        out = io.BytesIO()
        book.save(out)
        with pytest.raises(VenueError, match="sheet doors, row 2: a sheet has at most 50 columns"):
            venue_file.read_venue(out.getvalue(), "v.xlsx", event.settings)

    def test_empty_cells_do_not_count(self, event: Event, monkeypatch: pytest.MonkeyPatch) -> None:
        """Spreadsheets format many more cells than are filled."""
        monkeypatch.setattr(venue_xlsx, "ROWS_MAX", 4)
        book = openpyxl.load_workbook(io.BytesIO(workbook(SHEETS)))
        for row, column in ((2, 60), (9, 1)):
            book["doors"].cell(row, column).font = openpyxl.styles.Font(bold=True)
        out = io.BytesIO()
        book.save(out)
        plan = venue_file.read_venue(out.getvalue(), "v.xlsx", event.settings)
        assert [door.code for door in plan.doors] == ["d1"]

    def test_an_unknown_sheet(self, event: Event) -> None:
        with pytest.raises(VenueError, match="sheet 'Rooms' is none of categories, zones"):
            venue_file.read_venue(workbook({"Rooms": [["code"]]}), "v.xlsx", event.settings)

    def test_a_damaged_workbook(self, event: Event) -> None:
        with pytest.raises(VenueError, match="is damaged"):
            venue_file.read_venue(workbook(SHEETS)[:-200], "v.xlsx", event.settings)
        with pytest.raises(VenueError, match="is damaged"):
            venue_file.read_venue(b"PK\x03\x04" + bytes(100), "v.xlsx", event.settings)

    def test_a_formula_without_a_value(self, event: Event) -> None:
        """A name must not be the formula's text."""
        doors: list[list[object]] = [["code", "hall", "name"], ["d1", "h1", '="Do"&"or"']]
        with pytest.raises(VenueError) as caught:
            venue_file.read_venue(workbook({**SHEETS, "doors": doors}), "v.xlsx", event.settings)
        assert caught.value.problems == (
            "sheet doors, row 2: cell C2 is a formula without a value: open the file in the "
            "spreadsheet and save it again, or write the value itself",
        )

    def test_a_formula_with_a_value(self, event: Event) -> None:
        doors: list[list[object]] = [["code", "hall", "name"], ["d1", "h1", "=A2"]]
        data = with_value(workbook({**SHEETS, "doors": doors}), "A2", "West door")
        plan = venue_file.read_venue(data, "v.xlsx", event.settings)
        assert plan.doors[0].names == {"en": "West door"}
        assert plan.notes == (
            "sheet doors, row 2: cell C2 is a formula; its value was used: West door",
        )

    def test_a_text_that_begins_like_a_formula_is_a_text(self, event: Event) -> None:
        doors: list[list[object]] = [["code", "hall", "name"], ["d1", "h1", "x"]]
        book = openpyxl.load_workbook(io.BytesIO(workbook({**SHEETS, "doors": doors})))
        book["doors"]["C2"].value = "=East="
        book["doors"]["C2"].data_type = "s"
        out = io.BytesIO()
        book.save(out)
        plan = venue_file.read_venue(out.getvalue(), "v.xlsx", event.settings)
        assert plan.doors[0].names == {"en": "=East="}
        assert plan.notes == ()

    @pytest.mark.parametrize("value", ["#REF!", "#N/A"])
    def test_a_cell_with_an_error(self, event: Event, value: str) -> None:
        doors: list[list[object]] = [["code", "hall", "name"], ["d1", "h1", value]]
        with pytest.raises(VenueError, match=f"row 2: cell C2 contains {value}, an error of the s"):
            venue_file.read_venue(workbook({**SHEETS, "doors": doors}), "v.xlsx", event.settings)

    def test_a_second_column_of_one_key(self, event: Event) -> None:
        """All at once, with the other errors."""
        halls: list[list[object]] = [
            ["code", "name", "capacity", "Capacity ", "fire_limit", "Fire Limit"],
            ["h1", "Hall 1", 100, 900, None, None],
            ["h2", "Hall 2", "many", 900, None, None],
        ]
        with pytest.raises(VenueError) as caught:
            venue_file.read_venue(workbook({"halls": halls}), "v.xlsx", event.settings)
        assert caught.value.problems == (
            "sheet halls: columns C and D are both 'capacity': keep one",
            "sheet halls: columns E and F are both 'fire_limit': keep one",
            "sheet halls, row 3: capacity is a whole number from 0 to 1000000",
        )

    def test_two_sheets_of_one_kind(self, event: Event) -> None:
        sheets = {**SHEETS, "hall": SHEETS["Halls"]}
        with pytest.raises(VenueError, match="sheets 'Halls' and 'hall' are both for halls: put"):
            venue_file.read_venue(workbook(sheets), "v.xlsx", event.settings)

    def test_errors_of_the_event_name_the_row(self, event: Event, database: Database) -> None:
        doors: list[list[object]] = [["code", "hall", "name"], [], ["d1", "h9", "Door"]]
        plan = venue_file.read_venue(workbook({**SHEETS, "doors": doors}), "v.xlsx", event.settings)
        with pytest.raises(VenueError, match="^sheet doors, row 3, door d1: there is no hall h9$"):
            database.write(lambda db: venue_import.import_venue(db, plan, by="test", now=NOW))


def test_how_a_hall_counts_who_left(event: Event, database: Database) -> None:
    text = VENUE.replace("capacity = 10\n", 'capacity = 10\nleaving = "inferred"\nwalk_s = 300\n')
    load_venue(event, database, text)
    exits = {hall.code: (hall.leaving, hall.walk_s) for hall in store.halls(database.reader)}
    assert exits == {"site": ("scanned", None), "h1": ("scanned", None), "green": ("inferred", 300)}


MEASURED = "capacity = 100\nfloor_m2 = 120\nm2_per_person = 1.5\nexit_width_m = 1.2\nseats = 90\n"


def test_a_capacity_above_its_measures_is_a_warning(event: Event, database: Database) -> None:
    load_venue(event, database, VENUE.replace("capacity = 100\n", MEASURED))
    plan = venue_of(event)
    warnings = [
        warning
        for warning in advice(database.reader, plan, event.settings)
        if "measures" in warning
    ]
    assert warnings == [
        "hall h1: capacity 100 is above the limits from its measures: holding 80 (120 m² ÷ 1.5 m² a"
        " person)"
    ]
    hall = next(hall for hall in store.halls(database.reader) if hall.code == "h1")
    assert (hall.measures.seats, hall.measures.entry_lanes, hall.capacity) == (90, None, 100)
    load_venue(event, database, VENUE)
    assert not [o for o in advice(database.reader, plan, event.settings) if "measures" in o]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("floor_m2 = 120", "floor_m2 and m2_per_person go together: write both"),
        ("exit_width_m = -1", "exit_width_m is a number from 0 to 10000"),
        ("exit_width_m = nan", "exit_width_m is a number from 0 to 10000"),
        ("exit_width_m = true", "exit_width_m is a number from 0 to 10000"),
        ('exit_width_m = "wide"', "exit_width_m is a number from 0 to 10000"),
        ("clear_min = 0", "clear_min is a number from 1 to 60"),
        ("entry_lanes = 1.5", "entry_lanes is a whole number from 0"),
    ],
)
def test_a_measure_that_can_not_be(event: Event, line: str, problem: str) -> None:
    with pytest.raises(VenueError, match=re.escape(problem)):
        venue_of(event, VENUE.replace("capacity = 100\n", f"capacity = 100\n{line}\n"))


def test_a_workbook_may_write_a_measure_with_a_comma() -> None:
    read = venue_fields.measure(0, 10)
    assert (read("1,2"), read("3"), read(2), read(" 0.5 ")) == (1.2, 3.0, 2.0, 0.5)


def test_places_that_a_hall_keeps(event: Event, database: Database) -> None:
    kept = "capacity = 10\naccessible_places = 2\naccessible_until_min = 15\n"
    load_venue(event, database, VENUE.replace("capacity = 10\n", kept))
    places = {
        hall.code: (hall.accessible_places, hall.accessible_until_min)
        for hall in store.halls(database.reader)
    }
    assert places == {"site": (0, None), "h1": (0, None), "green": (2, 15)}
    load_venue(event, database, VENUE)
    assert {hall.accessible_places for hall in store.halls(database.reader)} == {0}


@pytest.mark.parametrize(
    "text", ["a=" + "[" * 5000, "a=" + "{a=" * 5000, "[" * 5000], ids=["lists", "tables", "heads"]
)
def test_parts_in_parts_without_end_are_refused_plainly(event: Event, text: str) -> None:
    with pytest.raises(VenueError, match=r"lists nested too deeply|is not TOML"):
        venue_file.read_venue(text.encode(), "venue.toml", event.settings)
