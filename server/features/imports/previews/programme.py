from collections.abc import Iterator

from badges.i18n import N_, Phrase, Translated, counted
from server.core.event.settings import EventSettings
from server.core.programme import activities
from server.core.venue import store
from server.features.imports.previews.kind import Answers, FileKind, Question, Reading
from server.features.imports.programme.adopt import Adopted, adopt
from server.features.imports.programme.formats.programme_file import FORMATS, read_programme
from server.features.imports.programme.mapping import ProgrammeMapping, folded
from server.storage.connection import Connection

_LEFT_OUT = "-"  # Answer that skips a room's or kind's events. It is no code.


def _read(
    db: Connection, data: bytes, name: str, settings: EventSettings, answers: Answers
) -> Reading:
    mapping = ProgrammeMapping(_mapped(answers, "hall"), _mapped(answers, "kind"))
    drafts = read_programme(data, name, settings)
    adopted = adopt(db, drafts, mapping, settings, on_page=True)
    skipped = counted("%(num)s session", "%(num)s sessions", adopted.skipped)
    left_out = skipped if adopted.skipped else ""
    return Reading(adopted.venue, adopted.problems, left_out, tuple(_of_words(db, adopted)))


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
        options = (
            ("", Phrase("Choose one")),
            *codes.items(),
            (_LEFT_OUT, Phrase("Leave these events out")),
        )
        for word, code in sorted(met.items(), key=lambda item: (item[1] != "", item[0])):
            answer = _LEFT_OUT if code is None else code
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
