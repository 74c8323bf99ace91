from collections.abc import Iterator, Mapping

from badges.i18n import N_, Phrase, Translated, counted
from badges.roster.problems import YES
from server.core.event.settings import EventSettings
from server.core.programme import activities
from server.core.venue import store
from server.features.imports.previews.encoding import ENCODING, encoding_questions
from server.features.imports.previews.kind import Answers, FileKind, Question, Reading
from server.features.imports.programme.adopt import Adopted, adopt
from server.features.imports.programme.formats.columns import NOT_READ
from server.features.imports.programme.formats.programme_file import FORMATS, read_programme
from server.features.imports.programme.mapping import ProgrammeMapping, folded
from server.features.imports.venue_plan import Venue, VenueError
from server.storage.connection import Connection

_NEW_HALLS = "new_halls"
_CAPACITY = "capacity:"  # with a room
_COLUMN = "column:"  # with a column's title
_COLUMN_WORDS = {
    "code": N_("Session's code"),
    "date": N_("Date"),
    "start": N_("Start, or start and end"),
    "end": N_("End"),
    "room": N_("Room"),
    "title": N_("Title"),
    "title_zh": N_("Chinese title"),
    "people": N_("Speakers"),
    "moderators": N_("Moderators"),
    "kind": N_("Kind"),
    "theme": N_("Theme"),
    "language": N_("Language"),
    "capacity": N_("Capacity of the room"),
    "admitted": N_("Who is admitted"),
}
_LEFT_OUT = "-"  # Answer that skips a room's or kind's events. It is no code.


def _read(
    db: Connection, data: bytes, name: str, settings: EventSettings, answers: Answers
) -> Reading:
    mapping = ProgrammeMapping(
        _mapped(answers, "hall"),
        _mapped(answers, "kind"),
        capacities=_answered(answers, _CAPACITY),
        columns=_answered(answers, _COLUMN),
        new_halls=answers.get(_NEW_HALLS) == YES,
    )
    encoding = answers.get(ENCODING) or None
    of_encoding = encoding_questions(data, name, answers)
    try:
        drafts = read_programme(data, name, settings, encoding=encoding, columns=mapping.columns)
    except VenueError as error:
        if not of_encoding:
            raise
        return Reading(Venue(), tuple(error.problems), questions=of_encoding)
    adopted = adopt(db, drafts, mapping, settings, on_page=True)
    skipped = counted("%(num)s session", "%(num)s sessions", adopted.skipped)
    left_out = skipped if adopted.skipped else ""
    questions = (
        *of_encoding,
        *_of_new_halls(adopted, answers),
        *_of_words(db, adopted),
        *_of_columns(drafts.columns),
    )
    return Reading(adopted.venue, adopted.problems, left_out, questions)


def _answered(answers: Answers, table: str) -> dict[str, str]:
    return {
        folded(key.removeprefix(table)): answer
        for key, answer in answers.items()
        if key.startswith(table) and answer
    }


def _of_columns(columns: Mapping[str, str]) -> Iterator[Question]:
    """Ask for the meaning of a table's columns. Answers stand beside those that are known."""
    for title, ours in columns.items():
        options = (
            *([] if ours else [("", Phrase("Choose one"))]),
            *((column, Phrase(words)) for column, words in _COLUMN_WORDS.items()),
            (NOT_READ, Phrase("Not read")),
        )
        yield Question(
            f"{_COLUMN}{title}", Phrase("Column “%(title)s”", title=title), options, ours
        )


def _of_new_halls(adopted: Adopted, answers: Answers) -> Iterator[Question]:
    """Propose halls for unknown rooms, and ask for their capacities."""
    answer = answers.get(_NEW_HALLS, "")
    if not answer and "" not in adopted.rooms.values():
        return
    options = (
        ("", Phrase("Choose for each room")),
        (YES, Phrase("Make a hall of each room that the event does not have")),
    )
    yield Question(_NEW_HALLS, Phrase("New halls"), options, answer)
    for room, capacity in adopted.new_rooms.items():
        words = Phrase("Capacity of the new hall “%(room)s”", room=room)
        yield Question(f"{_CAPACITY}{room}", words, (), capacity)


def _mapped(answers: Answers, table: str) -> dict[str, str | None]:
    return {
        folded(key.removeprefix(f"{table}:")): None if answer == _LEFT_OUT else answer
        for key, answer in answers.items()
        if key.startswith(f"{table}:") and answer
    }


def _of_words(db: Connection, adopted: Adopted) -> Iterator[Question]:
    halls = {item.code: Translated(item.names) for item in store.halls(db)}
    kinds = {item.code: Translated(item.names) for item in activities.kinds(db).values()}
    for table, asked, met, codes in (
        ("hall", N_("Room “%(word)s”"), adopted.rooms, halls),
        ("kind", N_("Kind “%(word)s”"), adopted.kinds, kinds),
    ):
        for word, code in sorted(met.items(), key=lambda item: (item[1] != "", item[0])):
            answer = _LEFT_OUT if code is None else code
            is_new = table == "hall" and word in adopted.new_rooms
            options = (
                ("", Phrase("A new hall") if is_new else Phrase("Choose one")),
                *codes.items(),
                (_LEFT_OUT, Phrase("Leave these events out")),
            )
            yield Question(f"{table}:{word}", Phrase(asked, word=word), options, answer)


KIND = FileKind(
    name="programme",
    title=N_("Programme"),
    words=N_(
        "Activities, sessions and speakers from another system, in one of the formats below. You "
        "choose the hall for each room."
    ),
    label=N_("Calendar or schedule"),
    formats=", ".join(form.label for form in FORMATS.values()),
    suffixes=tuple(form.suffix for form in FORMATS.values()),
    read=_read,
    reports=frozenset({"sessions", "activities"}),
    then="admin.programme.activities",
)
