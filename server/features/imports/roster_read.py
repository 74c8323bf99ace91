"""Reads a roster with an event's categories, zones and days.

Words that name no category can become one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from badges.categories import CategoryPlan, new_category
from badges.i18n import N_, Count, Phrase, counted, phrase_of
from badges.roster.category_words import category_words
from badges.roster.cells import wording
from badges.roster.mapping import RosterMapping, WordRead
from badges.roster.problems import Finding, RosterError, shown
from badges.roster.reader import Roster, read_roster
from badges.roster.table import RosterAnswers
from server.core.event.settings import EventSettings
from server.core.venue import numbers, store
from server.storage.connection import Connection


@dataclass(frozen=True)
class RosterFile:
    data: bytes
    name: str
    mapping: RosterMapping | None = None
    encoding: str | None = None
    answers: RosterAnswers | None = None
    new_categories: bool = False


@dataclass(frozen=True)
class ReadRoster:
    roster: Roster
    new_categories: tuple[CategoryPlan, ...] = ()


def read_for_event(
    db: Connection,
    settings: EventSettings,
    file: RosterFile,
    progress: Callable[[int, int], None] | None = None,
) -> ReadRoster:
    """Raises RosterError if nothing can be read. Writes nothing."""
    categories_here = store.categories(db)

    def read(categories: list[CategoryPlan]) -> Roster:
        return read_roster(
            file.data,
            file.name,
            categories=category_words(categories),
            mapping=file.mapping,
            encoding=file.encoding,
            days=settings.days,
            first_day=settings.first_day,
            zones=list(store.zones(db)),
            sessions=None,  # invitations may wait for sessions
            language="",
            answers=file.answers,
            progress=progress,
        )

    roster = read(categories_here)
    additions: list[CategoryPlan] = []
    if file.new_categories and roster.unknown_words:
        removed = numbers.removed(db, "category")
        for word in _one_of_each(roster.unknown_words):
            try:
                additions.append(new_category(word, [*categories_here, *additions], removed))
            except ValueError as error:
                raise RosterError(
                    N_("%(why)s: assign %(word)s and others in a mapping"),
                    why=phrase_of(error),
                    word=shown(word),
                ) from None
        roster = read([*categories_here, *additions])
    notes = [
        *_new_category_notes(roster, additions),
        *_word_notes(roster, [*categories_here, *additions]),
    ]
    return ReadRoster(replace(roster, findings=(*roster.findings, *notes)), tuple(additions))


def _one_of_each(words: tuple[str, ...]) -> list[str]:
    first_words: dict[str, str] = {}
    for word in words:
        first_words.setdefault(wording(word), word)
    return list(first_words.values())


def _new_category_notes(roster: Roster, additions: list[CategoryPlan]) -> list[Finding]:
    if not additions:
        return []
    rows = {category.key: 0 for category in additions}
    for word in roster.words:
        if word.category in rows:
            rows[word.category] += word.rows
    message = Phrase(
        "new categories, admitted wherever every category is; other halls and sessions must "
        "name them in the venue file: %(count)s",
        count=Count(len(additions)),
    )
    examples = tuple(
        counted(
            "%(names)s: key %(key)s, letter %(letter)s, colour %(colour)s, %(num)s row",
            "%(names)s: key %(key)s, letter %(letter)s, colour %(colour)s, %(num)s rows",
            rows[category.key],
            names=shown(next(iter(category.names.values()))),
            key=category.key,
            letter=category.letter,
            colour=category.colour,
        )
        for category in additions
    )
    return [Finding("new_categories", len(additions), message, examples)]


def _word_words(entry: WordRead) -> str:
    if entry.word:
        return shown(entry.word)
    if entry.sheet:
        return Phrase("nothing on the sheet %(sheet)s", sheet=shown(entry.sheet))
    return Phrase("nothing")


def _word_notes(roster: Roster, categories: list[CategoryPlan]) -> list[Finding]:
    own = {
        entry.key: {wording(name) for name in (entry.key, entry.letter, *entry.names.values())}
        for entry in categories
    }
    others = tuple(
        counted(
            "%(word)s is %(category)s in %(num)s row",
            "%(word)s is %(category)s in %(num)s rows",
            entry.rows,
            word=_word_words(entry),
            category=entry.category,
        )
        for entry in roster.words
        if entry.category and wording(entry.word) not in own.get(entry.category, ())
    )
    if not others:
        return []
    message = Phrase(
        "words read as a category with a different name: %(count)s", count=Count(len(others))
    )
    return [Finding("category_words", len(others), message, others)]
