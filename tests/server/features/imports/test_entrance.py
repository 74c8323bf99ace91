"""No value in a file ends in a program's error, and none that is imported has a text that is not
whole.
"""

import csv
import io
import math
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import openpyxl
import pytest

from badges.roster.problems import RosterError
from server.core.event.directory import Event
from server.features.imports import sample
from server.features.imports.previews import files, roster
from server.features.imports.roster_import import RosterRefusedError
from server.features.imports.venue_plan import VenueError
from server.features.imports.venue_preview import compared
from server.storage.connection import Connection
from server.storage.database import Database
from tests.server.conftest import NOW
from tests.server.support import hostile

HERE = Path(__file__).parent / "programme_files"
PEOPLE = "people"
PROGRAMMES = {".ics": "forum.ics", ".json": "schedule.json", ".xml": "schedule.xml"}
# Rooms become halls, and areas are made, so that as much as possible is imported.
ANSWERS = {
    "new_halls": "yes", "new_areas": "h1", "skip_bad": "yes", "new_categories": "yes",
    "missing": "keep", "renames": "accept", "doubles": "new", "twins": "new",
    "capacity:Saal 9": "100", "kind:Talk": "competition", "kind:Keynote": "competition",
}  # fmt: skip
TABLES = {
    "programme": "code,title,title zh,date,start,end,room,speakers,type\n"
    "s1,Opening,开幕,2026-05-04,10:00,11:00,h1,Ann Lee,talk\n",
    "exhibitors": "code,name,name_zh,country,kind,stand,area,hall,m2\n"
    "twin,Twin,双子,DE,company,A1,robots,h1,12\n",
    PEOPLE: "id,given name,family name,organisation,country,email,phone,category,days,zones,"
    "language\n"
    "P1,Anna,Berg,Pilots,SE,anna@example.org,+46 1,delegate,1,public,en\n",
}
RAW = {
    "NUL": b"a\0b",
    "decomposed letters": "Jose\u0301".encode(),
    "no UTF-8": b"Jos\xe9",
    "CESU-8": b"\xed\xa0\xbd\xed\xb8\x80",
    "1 MB": b"x" * 1_000_000,
    "-1": b"-1",
    "64 bits": str(2**64).encode(),
    "5,000 digits": b"9" * 5_000,
    "infinite": b"1e400",
    "NaN": b"NaN",
    "fraction": b"0.0000000001",
    "first day": b"0001-01-01",
    "last minute": b"9999-12-31 23:59",
    "last second of a calendar": b"99991231T235959Z",
    "digits of another script": "\u0663".encode(),
    "a formula": b"=1/0",
    "escapes of a workbook": b"a_x0000_b_xD800_",
    "escapes of XML": b"&#0;&#xD800;&#x110000;",
    "deep": b"[" * 5_000,
}
# The places of values in each format.
PLACES = {
    ".toml": rb'(?<== )(?:"[^"\n]*"|[0-9][\w:+.-]*)',
    ".json": rb'(?<=: )(?:"[^"\n]*"|[0-9]+)',
    ".ics": rb"(?<=:)[^\r\n]+",
    ".xml": rb'(?<=>)[^<>\n]+(?=<)|(?<==")[^"\n]*',
    ".csv": rb"(?<=[,\n])[^,\n]+",
    ".txt": rb"(?<=[,\n])[^,\n]+",
    ".parts": rb"(?<=<t>)[^<]+|(?<=<v>)[^<]+",  # of a workbook
}
CASES = [
    *(
        (kind.name, suffix)
        for kind in files.KINDS.values()
        for suffix in dict.fromkeys(kind.suffixes)
    ),
    (PEOPLE, ".csv"),
    (PEOPLE, ".xlsx"),
]


def sample_of(kind: str, suffix: str, event: Event) -> bytes:
    ready = {
        ("venue", ".toml"): "venue.toml", ("venue", ".xlsx"): "venue.xlsx",
        (PEOPLE, ".xlsx"): "roster.xlsx",
    }  # fmt: skip
    if (kind, suffix) in ready:
        return sample.sample_files(event.settings.first_day)[ready[kind, suffix]]
    if suffix == ".xlsx":
        return workbook(TABLES[kind])
    if suffix in PROGRAMMES:
        return (HERE / PROGRAMMES[suffix]).read_bytes()
    return TABLES[kind].encode()


def workbook(table: str) -> bytes:
    book = openpyxl.Workbook()
    for row in csv.reader(io.StringIO(table)):
        book.active.append([int(cell) if cell.isdigit() else cell for cell in row])
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def hostile_files(data: bytes, suffix: str, value: bytes) -> Iterator[bytes]:
    """Yield the file with `value` in place of each of its values."""
    if suffix != ".xlsx":
        for place in re.finditer(PLACES[suffix], data):
            yield data[: place.start()] + value + data[place.end() :]
        return
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    for name, part in parts.items():
        if name.startswith(("xl/sharedStrings", "xl/worksheets/")):
            for changed in hostile_files(part, ".parts", value):
                yield zipped({**parts, name: changed})


def zipped(parts: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as book:
        for name, part in parts.items():
            book.writestr(name, part)
    return data.getvalue()


class TakenBackError(Exception):
    """Rolls back what was imported."""


def take(
    event: Event, database: Database, tables: hostile.Tables, kind: str, name: str, data: bytes
) -> hostile.Rows | None:
    """Import a file in a transaction that is rolled back, and return what the tables had in it.

    Return None for a refusal, which is a sentence. Any other error is a fault.
    """
    written: list[hostile.Rows] = []

    def step(db: Connection) -> None:
        if kind == PEOPLE:
            previewed = roster.preview(
                db, event.settings, data, name, ANSWERS, now=NOW, random=os.urandom
            )
            roster.take(db, previewed, name, by="test", now=NOW)
        else:
            reading = files.read(db, kind, data, name, event.settings, ANSWERS)
            compared(db, reading.venue, event.settings, by="test", now=NOW, remove_sessions=False)
        written.append(tables.rows(db))
        raise TakenBackError

    with suppress(TakenBackError, RosterError, RosterRefusedError, VenueError):
        database.write(step)
    return written[0] if written else None


def test_every_kind_of_file_is_swept(event: Event, site: Database) -> None:
    """And its sample is imported."""
    tables = hostile.Tables(site)
    before = tables.rows()
    for kind, suffix in CASES:
        data = sample_of(kind, suffix, event)
        assert take(event, site, tables, kind, f"file{suffix}", data) not in (None, before), (
            kind,
            suffix,
        )
        assert len(list(hostile_files(data, suffix, b"1"))) > 5, (kind, suffix)


@pytest.mark.parametrize("value", RAW)
@pytest.mark.parametrize(("kind", "suffix"), CASES, ids=str)
def test_no_file_fails_at_any_value(
    event: Event, site: Database, kind: str, suffix: str, value: str
) -> None:
    values = [RAW[value]]
    if suffix in (".toml", ".json"):
        values = [RAW[value], b'"%s"' % RAW[value], hostile.VALUES.get(value, b"0")]
    tables, data = hostile.Tables(site), sample_of(kind, suffix, event)
    before = tables.rows()
    for raw in values:
        for file in some(list(hostile_files(data, suffix, raw)), list(RAW).index(value)):
            written = take(event, site, tables, kind, f"file{suffix}", file)
            assert written is None or not hostile.texts_not_whole(written)
    assert tables.rows() == before


def some(files: list[bytes], offset: int) -> list[bytes]:
    """Return at most eight of many files, others for another value."""
    step = math.ceil(len(files) / 8)
    return files[offset % step :: step]
