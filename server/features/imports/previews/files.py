"""Reads uploaded venue files, programmes and lists of exhibitors, and imports what a preview
showed.

A file may leave questions open, such as which hall a room is; the answers are passed along.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from badges.i18n import N_, Count, Phrase, Spoken, counted
from server.core.edits import last_edit
from server.core.event.settings import EventSettings
from server.core.feed import changes
from server.core.programme import activities, exhibition
from server.core.venue import store
from server.features.imports import venue_file
from server.features.imports.preview.preview import Preview, compared
from server.features.imports.programme.adopt import Adopted, adopt
from server.features.imports.programme.exhibitors import read_exhibitors
from server.features.imports.programme.formats.programme_file import read_programme
from server.features.imports.programme.mapping import ProgrammeMapping, folded
from server.features.imports.venue_plan import Venue
from server.storage.connection import Connection
from server.storage.localized import text_in

KINDS = ("venue", "programme", "exhibitors")
LEFT_OUT = "-"  # The answer that leaves a room's or kind's events out; not a code
SKIP_BAD = "skip_bad"
_AREA, _NEW_AREAS = "area", "new_areas"


class FileOvertakenError(Spoken, ValueError):
    """The event was changed since the preview. Nothing was imported."""


@dataclass(frozen=True)
class Question:
    """A question about a word of the file. `options` are answers with their labels."""

    key: str
    words: str
    options: tuple[tuple[str, str], ...]
    answer: str  # "" if unknown


@dataclass(frozen=True)
class Reading:
    """A file's content. Things with a problem are in `problems` instead of `venue`."""

    venue: Venue
    problems: tuple[str, ...] = ()
    left_out: str = ""  # The number of skipped items, in words
    questions: tuple[Question, ...] = field(default=())


def read(
    db: Connection, kind: str, data: bytes, name: str, settings: EventSettings,
    answers: Mapping[str, str],
) -> Reading:  # fmt: skip
    """Read a file of one of KINDS. Raises VenueError if nothing can be read."""
    if kind == "programme":
        return _programme(db, data, name, settings, answers)
    if kind == "exhibitors":
        return _exhibitors(db, data, name, answers)
    return Reading(venue_file.read_venue(data, name, settings))


def take(
    db: Connection, venue: Venue, settings: EventSettings, name: str, *,
    mark: str, remove_sessions: bool, by: str, now: int,
) -> Preview:  # fmt: skip
    """Import what was previewed, and return the effects.

    `db` is in a transaction. Raises VenueError, and FileOvertakenError if the effects would differ
    now.
    """
    since = changes.cursor(db)
    effects = compared(db, venue, settings, by=by, now=now, remove_sessions=remove_sessions)
    if effects.mark != mark:
        raise FileOvertakenError(N_("Somebody has changed the venue since. Look at it again."))
    changed = len({(change.kind, change.code) for change in effects.changed})
    summary = Phrase(
        "%(name)s: %(added)s things added, %(changed)s changed",
        name=name, added=Count(len(effects.added)), changed=Count(changed),
    )  # fmt: skip
    if effects.removed:
        summary += Phrase(", %(count)s sessions removed", count=Count(len(effects.removed)))
    last_edit.keep_words(db, summary, since, by=by, now=now)
    return effects


def _programme(
    db: Connection, data: bytes, name: str, settings: EventSettings, answers: Mapping[str, str]
) -> Reading:
    mapping = ProgrammeMapping(_mapped(answers, "hall"), _mapped(answers, "kind"))
    drafts = read_programme(data, name, settings)
    adopted = adopt(db, drafts, mapping, settings, on_page=True)
    skipped = counted("%(num)s session", "%(num)s sessions", adopted.skipped)
    left_out = skipped if adopted.skipped else ""
    return Reading(adopted.venue, adopted.problems, left_out, tuple(_of_words(db, adopted)))


def _mapped(answers: Mapping[str, str], table: str) -> dict[str, str | None]:
    return {
        folded(key.removeprefix(f"{table}:")): None if answer == LEFT_OUT else answer
        for key, answer in answers.items()
        if key.startswith(f"{table}:") and answer
    }


def _of_words(db: Connection, adopted: Adopted) -> Iterator[Question]:
    """Return a question about each room and kind, unknown ones first."""
    halls = {item.code: text_in(item.names, "en") for item in store.halls(db)}
    kinds = {item.code: text_in(item.names, "en") for item in activities.kinds(db).values()}
    for table, asked, met, codes in (
        ("hall", N_("Room “%(word)s”"), adopted.rooms, halls),
        ("kind", N_("Kind “%(word)s”"), adopted.kinds, kinds),
    ):
        options = (
            ("", Phrase("Choose one")),
            *codes.items(),
            (LEFT_OUT, Phrase("Leave these events out")),
        )
        for word, code in sorted(met.items(), key=lambda item: (item[1] != "", item[0])):
            answer = LEFT_OUT if code is None else code
            yield Question(f"{table}:{word}", Phrase(asked, word=word), options, answer)


def _exhibitors(db: Connection, data: bytes, name: str, answers: Mapping[str, str]) -> Reading:
    area, new_areas = answers.get(_AREA) or None, answers.get(_NEW_AREAS) or None
    exhibitors = read_exhibitors(db, data, name, area=area, new_areas=new_areas, on_page=True)
    skipped = counted("%(num)s row", "%(num)s rows", exhibitors.skipped)
    left_out = skipped if exhibitors.skipped else ""
    areas = [(item.code, text_in(item.names, "en")) for item in exhibition.areas(db)]
    halls = [(item.code, text_in(item.names, "en")) for item in store.halls(db)]
    questions = (
        Question(_AREA, Phrase("Area of stands of which the file says none"),
                 (("", Phrase("None")), *areas), area or ""),
        Question(_NEW_AREAS, Phrase("Hall in which areas are made that the event does not have"),
                 (("", Phrase("They are not made")), *halls), new_areas or ""),
    )  # fmt: skip
    return Reading(exhibitors.venue, exhibitors.problems, left_out, questions)
