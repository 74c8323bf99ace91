"""A programme format or a file type is one file and one line of a table."""

from dataclasses import replace

import pytest

from server.core.event.directory import Event
from server.features.imports.previews import files
from server.features.imports.previews.files import KINDS
from server.features.imports.programme.formats.draft import Draft, Found
from server.features.imports.programme.formats.format import Format
from server.features.imports.programme.formats.programme_file import FORMATS, read_programme
from server.features.imports.venue_plan import VenueError
from server.storage.database import Database
from tests.server.conftest import HOUR, NOW


def read_lines(data: bytes, name: str, settings: object) -> Found:
    titles = data.decode().splitlines()[1:]
    drafts = [Draft(name, title, title, title, "Hall", NOW, NOW + HOUR) for title in titles]
    return Found(drafts)


def test_a_new_line_is_a_format(event: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = Format("lines", "Lines", ".lines", b"#!LINES", read_lines)
    with pytest.raises(VenueError, match="none of these formats: iCalendar .*, frab/pretalx XML"):
        read_programme(b"#!lines\nOpening", "a.lines", event.settings)
    monkeypatch.setitem(FORMATS, "lines", lines)
    detected = read_programme(b"\xef\xbb\xbf#!lines\nOpening", "a.lines", event.settings)
    named = read_programme(b"\nOpening", "a.lines", event.settings, "lines")
    assert [draft.title for draft in detected.drafts + named.drafts] == ["Opening", "Opening"]


def test_a_new_line_is_a_kind_of_file(
    event: Event, site: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = replace(KINDS["venue"], name="plan", title="Floor plan", suffixes=(".plan",))
    monkeypatch.setitem(KINDS, "plan", plan)
    data = b'[[zone]]\nbit = 9\ncode = "quay"\n'
    reading = files.read(site.reader, "plan", data, "a.plan", event.settings, {})
    assert [zone.code for zone in reading.venue.zones] == ["quay"]
