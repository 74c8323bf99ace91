from badges.i18n import N_, Phrase, Translated, counted
from server.core.event.settings import EventSettings
from server.core.programme import exhibition
from server.core.venue import store
from server.features.imports.previews.encoding import ENCODING, encoding_questions
from server.features.imports.previews.kind import Answers, FileKind, Question, Reading
from server.features.imports.programme.exhibitors import read_exhibitors
from server.features.imports.venue_plan import Venue, VenueError
from server.storage.connection import Connection

_AREA, _NEW_AREAS = "area", "new_areas"


def _read(
    db: Connection, data: bytes, name: str, settings: EventSettings, answers: Answers
) -> Reading:
    area, new_areas = answers.get(_AREA) or None, answers.get(_NEW_AREAS) or None
    encoding = answers.get(ENCODING) or None
    of_encoding = encoding_questions(data, name, answers)
    try:
        exhibitors = read_exhibitors(
            db, data, name, encoding=encoding, area=area, new_areas=new_areas, on_page=True
        )
    except VenueError as error:
        if not of_encoding:
            raise
        return Reading(Venue(), tuple(error.problems), questions=of_encoding)
    skipped = counted("%(num)s row", "%(num)s rows", exhibitors.skipped)
    left_out = skipped if exhibitors.skipped else ""
    areas = [(item.code, Translated(item.names)) for item in exhibition.areas(db)]
    halls = [(item.code, Translated(item.names)) for item in store.halls(db)]
    questions = (
        *of_encoding,
        Question(_AREA, Phrase("Area of stands without an area in the file"),
                 (("", Phrase("None")), *areas), area or ""),
        Question(_NEW_AREAS,
                 Phrase("Hall in which areas are made that the event does not have, and one for "
                        "stands without any"),
                 (("", Phrase("They are not made")), *halls), new_areas or ""),
    )  # fmt: skip
    return Reading(exhibitors.venue, exhibitors.problems, left_out, questions)


KIND = FileKind(
    name="exhibitors",
    title=N_("Exhibitors"),
    words=N_(
        "A list of exhibitors with their stands, as CSV or XLSX. Organisations are matched by"
        " code or any of their names; unknown ones are created."
    ),
    label=N_("List of exhibitors"),
    suffixes=(".csv", ".txt", ".xlsx"),
    read=_read,
    reports=frozenset({"exhibitors", "stands"}),
    then="admin.programme.exhibition",
)
