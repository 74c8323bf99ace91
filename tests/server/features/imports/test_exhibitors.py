"""Exhibitors and their stands, from tables to the database."""

import io
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any

import openpyxl
import pytest

from badges.roster.mapping import RosterMapping
from badges.roster.reader import read_roster
from server.core.event.directory import Event
from server.core.programme import exhibition, organisations
from server.core.venue import store
from server.features.imports.programme.exhibitors import ExhibitorFile, read_exhibitors
from server.features.imports.venue_plan import VenueError
from server.features.imports.venue_preview import take_over
from server.storage.database import Database
from tests.server.conftest import NOW
from tests.server.support.stores import dump, load_venue

AREAS = """
[[area]]
code = "robots"
hall = "site"
name = "Robotics area"
name_zh = "机器人展区"

[[organisation]]
code = "crane"
name = "Crane Works"
name_zh = "起重机厂"
country = "DE"
kind = "company"

[[organisation]]
code = "twin-1"
name = "Twin"

[[organisation]]
code = "twin-2"
name = "Twin"
"""
TABLE = """\
Exhibitor,中文名称,Country,Kind,Stand No.,Area,m²,Phone
CRANE  works,,,,"R-01, R-02",Robotics area,36,123
Delta Drives,三角驱动,China,企业,R-03,机器人展区,22.5,
海上风电,,中国,公司,R 04,robots,18,
"""


@pytest.fixture
def fair(event: Event, site: Database) -> Database:
    """A site with an area, and organisations of which two share a name."""
    load_venue(event, site, AREAS)
    return site


def read(site: Database, data: str | bytes, **options: Any) -> ExhibitorFile:
    whole = data.encode() if isinstance(data, str) else data
    return read_exhibitors(site.reader, whole, "fair.csv", **options)


def take(site: Database, data: str | bytes, **options: Any) -> ExhibitorFile:
    table = read(site, data, **options)
    site.write(lambda db: take_over(db, table.venue, by="test", now=NOW, remove_sessions=False))
    return table


def stands(site: Database) -> list[tuple[str, str | None, int]]:
    return [(stand.code, stand.exhibitor, stand.m2) for stand in exhibition.stands(site.reader)]


def test_exhibitors_are_taken_over(fair: Database) -> None:
    table = take(fair, TABLE)
    assert table.problems == ()
    assert [stand[0] for stand in stands(fair)] == ["R-01", "R-02", "R-03", "R-04"]
    assert stands(fair)[:3] == [
        ("R-01", "crane", 18),
        ("R-02", "crane", 18),
        ("R-03", "delta-drives", 23),
    ]
    delta = organisations.organisation(fair.reader, "delta-drives")
    assert (delta.names, delta.country, delta.kind) == (
        {"en": "Delta Drives", "zh": "三角驱动"},
        "CN",
        "company",
    )
    crane = organisations.organisation(fair.reader, "crane")
    assert (crane.country, crane.kind) == ("DE", "company")  # the file has neither
    assert crane.names == {"en": "CRANE works", "zh": "起重机厂"}
    assert set(table.venue.notes) == {
        "columns of contacts: Phone. They are people: import this file as a list of attendees"
        " too, with the category of exhibitors",
        "line 2: 36 m² are divided among 2 stands",
        "line 3: 22.5 m² is taken as 23",
    }


def test_the_same_table_again_changes_nothing(fair: Database) -> None:
    take(fair, TABLE)
    before = dump(fair)
    take(fair, TABLE)
    assert dump(fair) == before


def test_a_stand_moves_to_another_exhibitor(fair: Database) -> None:
    take(fair, TABLE)
    take(fair, "exhibitor,stand\n三角驱动,R-01\n")
    assert stands(fair)[0] == ("R-01", "delta-drives", 18)  # in its area, as large as before


def test_new_areas_are_made_in_a_hall(fair: Database) -> None:
    take(fair, "exhibitor,stand,area,m2\nOne,M-1,元宇宙展区,9\nTwo,M-2,元宇宙展区,6\n",
         new_areas="site")  # fmt: skip
    area = next(item for item in exhibition.areas(fair.reader) if item.code != "robots")
    assert (area.names, area.m2, area.stands) == ({"zh": "元宇宙展区"}, 15, 2)


def workbook(*rows: Sequence[object]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        "参展商;展位号;展区;面积\n三角驱动;R-03;robots;22\n".encode("gb18030"),
        "参展商\t展位号\t展区\t面积\n三角驱动\tR-03\trobots\t22\n".encode("utf-16"),
        "\n2026 fair\n\n参展商,展位号,展区,面积\n三角驱动,Ｒ-０３,robots,２２\n".encode(),
        workbook(["The fair"], [], ["参展商", "展位号", "展区", "展位面积(m²)"],
                 ["三角驱动", "R-03", "Robotics area", 22]),
    ],
    ids=["gb18030", "utf-16", "wide", "xlsx"],
)  # fmt: skip
def test_tables_of_all_kinds(fair: Database, data: bytes) -> None:
    take(fair, data, encoding="gb18030" if b"\xb2\xce" in data[:4] else None)
    ((code, exhibitor, m2),) = stands(fair)
    assert (code, m2) == ("R-03", 22)
    assert exhibitor is not None


def test_merged_cells_belong_to_each_of_their_rows(fair: Database) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in (["name", "stand", "area", "m2"], ["Delta Drives", "R-1", "robots", 9],
                [None, "R-2", None, 6], ["Crane Works", "R-3", "robots", 4]):  # fmt: skip
        sheet.append(row)
    for span in ("A2:A3", "C2:C3"):
        sheet.merge_cells(span)
    out = io.BytesIO()
    book.save(out)
    take(fair, out.getvalue())
    assert stands(fair) == [
        ("R-1", "delta-drives", 9),
        ("R-2", "delta-drives", 6),
        ("R-3", "crane", 4),
    ]


WRONG = {
    "a stand twice": ("A,R-9,robots,DE,1", "line 3: stand R-9 is there twice: it is in line 2 too"),
    "twice in a row": ('A,"R-1,R-1",robots,DE,1', "line 3: stand R-1 is there twice"),
    "no area": ("A,R-1,,DE,1", "line 3: stand R-1 has no area: write one, or choose"),
    "an unknown area": ("A,R-1,Moon,DE,1", "area 'Moon' does not exist in this event; it has"),
    "no country": ("A,R-1,robots,Atlantis,1", "line 3: country 'Atlantis' is not a known country"),
    "no stand": ("A,,robots,DE,1", "line 3: has no stand"),
    "no code": ("A,R#1,robots,DE,1", "line 3: stand 'R#1' is 1 to 32 letters"),
    "no name": (",R-1,robots,DE,1", "line 3: has no name of an exhibitor"),
    "no size": ("A,R-1,robots,DE,large", "line 3: m² 'large' is not a number of square metres"),
    "other sizes": ('A,R-1,robots,DE,"1; 2"', "line 3: has 2 sizes for 1 stands"),
    "two of a name": ("Twin,R-1,robots,DE,1", "could be the organisation twin-1 or twin-2"),
    "a formula": ("=A1,R-1,robots,DE,1", "line 3: name starts with '='"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_a_row_is_named(fair: Database, case: str) -> None:
    row, message = WRONG[case]
    table = read(fair, f"name,stand,area,country,m2\nGood,R-9,robots,DE,1\n{row}\n")
    assert any(message in problem for problem in table.problems), table.problems
    assert table.skipped == 1
    assert [stand.code for stand in table.venue.programme.stands] == ["R-9"]


def bomb() -> bytes:
    """A workbook whose sheet unpacks to 300 MB: one packed megabyte repeated.

    Only complete unpacking shows its wrong checksum.
    """
    packing = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
    megabyte = packing.compress(bytes(1_000_000)) + packing.flush(zlib.Z_FULL_FLUSH)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", megabyte * 300 + packing.flush())
        sheet = archive.getinfo("xl/worksheets/sheet1.xml")
        sheet.compress_type, sheet.file_size = zipfile.ZIP_DEFLATED, 300_000_000
    return out.getvalue()


def test_files_that_are_no_table(fair: Database) -> None:
    for data, message in (
        (b"", "is empty"),
        (b"a,b\n1,2\n", "has no columns for exhibitors and stands, only 'a', 'b'"),
        (b"PK\x03\x04 no zip", "is damaged"),
        (bomb(), "unpacks to"),
        (b"name,stand\n" + b"x" * 10_000_000, "has over 10,000,000 bytes"),
        (b"name,stand\n" + b"x,y\n" * 20_001, "has over 20,000 rows"),
        (b"<html>", "is not a table but another kind of file"),
    ):
        with pytest.raises(VenueError) as raised:
            read(fair, data)
        assert message in str(raised.value)


def test_650_exhibitors(fair: Database) -> None:
    rows = [f"Company {n},Stand-{n},robots,{20 + n % 30}" for n in range(650)]
    take(fair, "exhibitor,booth,zone,sqm\n" + "\n".join(rows))
    (area,) = exhibition.areas(fair.reader)
    assert (area.stands, area.exhibitors) == (650, 650)


FAIR = """\
参展商,展位号,联系人,联系电话,邮箱
海上风电,A-01,王小明,+86 138 1234 5678,wang@example.org
Delta Drives,A-02,Eve Hill,+44 20 7946 0000,eve@example.org
"""


def test_stands_without_an_area_are_in_a_new_one_of_the_chosen_hall(site: Database) -> None:
    """The event has no area that could be chosen."""
    assert len(read(site, FAIR).problems) == 2
    table = take(site, FAIR, new_areas="site")
    assert table.problems == ()
    (area,) = exhibition.areas(site.reader)
    assert (area.code, area.stands) == ("site", 2)
    assert any("in a new one with the name of the hall site" in note for note in table.venue.notes)
    before = dump(site)
    take(site, FAIR, new_areas="site")
    assert dump(site) == before


def test_a_column_of_halls_makes_an_area_of_each_halls_name(site: Database) -> None:
    names = {hall.code: hall.names for hall in store.halls(site.reader)}
    (code, by_language) = next(iter(names.items()))
    name = next(iter(by_language.values()))
    table = take(site, f"company,booth,hall,contact\nOne,B-1,{name},Eve\nTwo,B-2,Nowhere,Bo\n")
    (area,) = exhibition.areas(site.reader)
    assert (area.code, area.names, area.stands) == (code, by_language, 1)
    assert [problem.split(":")[0] for problem in table.problems] == ["line 3"]
    assert "area 'Nowhere' does not exist" in table.problems[0]


def test_the_contacts_of_exhibitors_are_named_and_read_as_people(site: Database) -> None:
    notes = " ".join(read(site, FAIR, new_areas="site").venue.notes)
    assert "columns of contacts: 联系人, 联系电话, 邮箱. They are people" in notes
    assert "not read" not in notes
    mapping = RosterMapping(categories={"": "exhibitor"})
    roster = read_roster(FAIR.encode(), "fair.csv", categories=["exhibitor"], mapping=mapping)
    assert not roster.problems
    assert [(row.given_name, row.phone, row.email) for row in roster.rows] == [
        ("王小明", "+86 138 1234 5678", "wang@example.org"),
        ("Eve Hill", "+44 20 7946 0000", "eve@example.org"),
    ]
    assert [row.organisation for row in roster.rows] == ["海上风电", "Delta Drives"]
