from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from badges.i18n import Count, Phrase
from badges.whole_text import whole_text
from server.core.event.settings import EventSettings
from server.features.imports.programme.formats import frab, ical, spreadsheet
from server.features.imports.programme.formats.draft import (
    SESSIONS_MAX,
    Draft,
    DraftPerson,
    Found,
)
from server.features.imports.programme.formats.format import Format
from server.features.imports.venue_plan import VenueError

FILE_BYTES_MAX = 10_000_000
# A new format is a file beside this one, and a line here.
FORMATS: Mapping[str, Format] = {
    form.name: form
    for form in (ical.FORMAT, frab.JSON, frab.XML, spreadsheet.XLSX, spreadsheet.CSV)
}


def read_programme(
    data: bytes,
    name: str,
    settings: EventSettings,
    form: str | None = None,
    encoding: str | None = None,
    columns: Mapping[str, str] | None = None,
) -> Found:
    """Read the drafts in a file called `name`.

    `form` is a name in FORMATS, or None to detect it; `encoding` is a CSV file's, or None.
    `columns` are those of a table that are not as their titles say. Raises VenueError if nothing
    is readable.
    """
    if len(data) > FILE_BYTES_MAX:
        raise VenueError(
            [
                Phrase(
                    "%(name)s has over %(most)s bytes: too large for a programme",
                    name=name,
                    most=Count(FILE_BYTES_MAX),
                )
            ]
        )
    file_format = FORMATS[form] if form else _format(data, name)
    if encoding and file_format is not spreadsheet.CSV:
        raise VenueError([Phrase("%(name)s is no CSV file: leave --encoding out", name=name)])
    if file_format in (spreadsheet.XLSX, spreadsheet.CSV):
        contents = spreadsheet.read_spreadsheet(data, name, settings, encoding, columns or {})
    else:
        contents = file_format.read(data, name, settings)
    if len(contents.drafts) > SESSIONS_MAX:
        raise VenueError(
            [Phrase("%(name)s has over %(most)s sessions", name=name, most=Count(SESSIONS_MAX))]
        )
    contents.drafts = [_whole(draft) for draft in contents.drafts]
    if not (contents.drafts or contents.problems or contents.cancelled):
        raise VenueError([Phrase("%(name)s has no events", name=name)])
    return contents


def _whole(content: Any) -> Any:
    """Make the texts of a draft whole. Each format can write what is not."""
    if type(content) is str:  # not a Phrase, which is translated later
        return whole_text(content)
    if isinstance(content, tuple):
        return tuple(_whole(part) for part in content)
    if isinstance(content, Draft | DraftPerson):
        parts = {item.name: _whole(getattr(content, item.name)) for item in fields(content)}
        return replace(content, **parts)
    return content


def _format(data: bytes, name: str) -> Format:
    """Return the format by the file's first bytes. Raises VenueError."""
    start = data[:4096].lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").upper()
    is_workbook = b"xl/" in data
    for form in FORMATS.values():
        is_zip = form is spreadsheet.XLSX
        if form.begins and start.startswith(form.begins.upper()) and (is_workbook or not is_zip):
            return form
    if start.startswith((b"PK\x03\x04", b"\x1f\x8b")):
        raise VenueError(
            [Phrase("%(name)s is compressed: unpack it and choose the file inside", name=name)]
        )
    if name.lower().endswith(spreadsheet.CSV.suffix):
        return spreadsheet.CSV
    raise VenueError(
        [
            Phrase(
                "%(name)s is in none of these formats: %(formats)s. Is it a venue file? Then import"
                " it as one",
                name=name,
                formats=", ".join(form.label for form in FORMATS.values()),
            )
        ]
    )
