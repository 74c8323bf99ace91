from badges.i18n import N_
from server.core.edits.words import PLURALS
from server.core.event.settings import EventSettings
from server.features.imports import venue_file
from server.features.imports.previews.kind import Answers, FileKind, Reading
from server.storage.connection import Connection


def _read(
    db: Connection, data: bytes, name: str, settings: EventSettings, answers: Answers
) -> Reading:
    return Reading(venue_file.read_venue(data, name, settings))


KIND = FileKind(
    name="venue",
    title=N_("Venue"),
    words=N_(
        "Halls, doors, sessions and categories, as a workbook with a sheet for each, or as TOML."
        " Anything not in the file is left unchanged."
    ),
    label=N_("Venue file"),
    suffixes=(".xlsx", ".toml"),
    read=_read,
    reports=frozenset(PLURALS),
    then="admin.venue.show",
    samples=("venue.xlsx", "venue.toml"),
)
