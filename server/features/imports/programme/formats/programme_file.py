"""Reads a programme file of any supported format."""

from badges.i18n import Count, Phrase
from server.core.event.settings import EventSettings
from server.features.imports.programme.formats.draft import SESSIONS_MAX, Found
from server.features.imports.programme.formats.frab import read_frab_json, read_frab_xml
from server.features.imports.programme.formats.ical import read_ical
from server.features.imports.venue_plan import VenueError

FILE_BYTES_MAX = 10_000_000
READERS = {"ical": read_ical, "frab-json": read_frab_json, "frab-xml": read_frab_xml}


def read_programme(
    data: bytes, name: str, settings: EventSettings, form: str | None = None
) -> Found:
    """Read the drafts in a file called `name`.

    `form` is one of READERS, or None to detect it from the content. Raises VenueError if nothing
    can be read.
    """
    if len(data) > FILE_BYTES_MAX:
        raise VenueError(
            [
                Phrase(
                    "%(name)s has over %(most)s bytes: that is no programme",
                    name=name,
                    most=Count(FILE_BYTES_MAX),
                )
            ]
        )
    contents = READERS[form or _form(data, name)](data, name, settings)
    if len(contents.drafts) > SESSIONS_MAX:
        raise VenueError(
            [Phrase("%(name)s has over %(most)s sessions", name=name, most=Count(SESSIONS_MAX))]
        )
    if not (contents.drafts or contents.problems or contents.cancelled):
        raise VenueError([Phrase("%(name)s has no events", name=name)])
    return contents


def _form(data: bytes, name: str) -> str:
    start = data[:4096].lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")
    if start.startswith(b"{"):
        return "frab-json"
    if start.startswith(b"<"):
        return "frab-xml"
    if start[:15].upper() == b"BEGIN:VCALENDAR":
        return "ical"
    if start.startswith((b"PK\x03\x04", b"\x1f\x8b")):
        raise VenueError(
            [Phrase("%(name)s is packed: unpack it, and name the file in it", name=name)]
        )
    raise VenueError(
        [
            Phrase(
                "%(name)s is neither iCalendar (BEGIN:VCALENDAR) nor a frab or pretalx "
                "schedule in JSON or XML. Is it a venue file? That is for import-venue",
                name=name,
            )
        ]
    )
