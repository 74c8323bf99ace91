"""Previews an uploaded roster: its questions and its changes.

The questions are the findings of `hallkeeper import`, as radio buttons.
"""

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, timedelta
from typing import Any

from badges.credential.badge_number import badge_number
from badges.i18n import Count, Phrase
from badges.printing.glyphs import undrawable
from badges.roster.cells import wording
from badges.roster.column_findings import IGNORE, FileColumn
from badges.roster.mapping import RosterMapping, UnknownWord, WantedColumn
from badges.roster.problems import YES, Choice, Finding, Item, Problem
from badges.roster.reader import Roster
from badges.roster.table import RosterAnswers, UnreadSheet
from badges.roster.xlsx_lines import SHEETS_BETWEEN
from server.core.edits import last_edit
from server.core.edits.person_words import PersonWords
from server.core.edits.words import Difference, differences
from server.core.event.settings import EventSettings
from server.core.feed import changes
from server.core.people.attendees import whole_name
from server.core.venue import store
from server.features.imports.roster_import import ImportPlan, plan_import
from server.features.imports.roster_people import RosterValues
from server.features.imports.roster_questions import ImportAnswers
from server.features.imports.roster_read import RosterFile, read_for_event
from server.storage import dialect
from server.storage.connection import Connection

SHARED = "shared_emails"
SHEETS = "sheets"
IMPORTED_SHEETS = "imported_sheets"  # sheets of the file that an earlier import has read
TITLE_LINE = "title_line"
OF_FILE = {answer.name for answer in fields(RosterAnswers)} - {SHARED, TITLE_LINE, SHEETS}
OF_PEOPLE = {answer.name for answer in fields(ImportAnswers)} - {SHARED, "twin_lines"}
ENCODING = "encoding"
SKIP_BAD = "skip_bad"
NEW_CATEGORIES = "new_categories"
WORD = "category_"  # With a file's word: a category's key
SHEET = "sheet_"  # With a sheet's title: the category's key of its people without one
COUNTRY = "country_"  # With a file's word: a country's code
DAYS = "days_"  # With a file's word: event days
MAPPED = "column_"  # With a column's name: its title
USE = "use_"  # With a column's place in the file: our column
TWIN = "twin_"  # With a line: whether it is an earlier line's person
CHANGED_MAX = 5_000  # whose changes are compared
PROBLEMS_SHOWN = 200
EXAMPLES_SHOWN = 20
ITEMS_SHOWN = 100
WORDS_SHOWN = 60
_ASKED_BY_WORD = ("unknown_categories",)
_LIST = re.compile(r"[,，;；/、|&+]|\band\b")


@dataclass(frozen=True)
class Question:
    """An open question with examples and choices (none: a note)."""

    kind: str
    words: str
    examples: tuple[str, ...]
    more: int
    choices: tuple[Choice, ...]
    items: tuple[Item, ...]
    optional: bool
    several: bool  # several choices may be ticked


@dataclass(frozen=True)
class WordQuestion:
    """A word whose meaning is asked, or a missing word on a sheet. `near` are suggestions: values
    with words.
    """

    option: str
    word: str
    rows: int
    near: Mapping[str, str]
    sheet: str = ""


@dataclass(frozen=True)
class NewPerson:
    name: str
    organisation: str
    job_title: str
    category: str
    country: str  # its code
    days: tuple[date, ...]  # empty: all


@dataclass(frozen=True)
class ChangedPerson:
    """The changes of an existing person."""

    number: str
    name: str
    changes: list[Difference]
    wrong: bool  # Their badge must be replaced


@dataclass(frozen=True)
class RosterPreview:
    """The changes that a roster would make. Check `refused` first."""

    plan: ImportPlan
    unread: tuple[str, ...]  # Columns
    rows: int
    questions: list[Question]
    notes: list[Question]
    changed: list[ChangedPerson]
    problems: tuple[Problem, ...]
    skip_bad: bool
    categories: list[WordQuestion]
    countries: list[WordQuestion]
    days: list[WordQuestion]
    layout: tuple[FileColumn, ...]
    mapping: Mapping[str, WantedColumn]  # The columns that were read
    twin_lines: Mapping[str, str]  # Lines answered to be twins, by the rest of their option
    sheets_left: tuple[UnreadSheet, ...]  # Sheets of people that no import has read
    mark: str = field(default="")

    @property
    def refused(self) -> bool:
        return self.plan.refused

    @property
    def does_nothing(self) -> bool:
        plan = self.plan
        return not (
            plan.added or plan.updated or plan.revoked or plan.invited or plan.awaited
            or plan.new_categories
        )  # fmt: skip


def preview(
    db: Connection, settings: EventSettings, data: bytes, name: str, answers: Mapping[str, str], *,
    now: int, random: Callable[[int], bytes],
) -> RosterPreview:  # fmt: skip
    """Return a roster's preview. Raises RosterError.

    `answers` has values of choices by field. Writes nothing and blocks no writer.
    """
    shared = answers.get(SHARED) == YES
    of_people: dict[str, Any] = {key: answers[key] for key in OF_PEOPLE & answers.keys()}
    twins = {int(line): answer for line, answer in after(TWIN, answers).items()}
    file = RosterFile(
        data, name, _mapping(answers), answers.get(ENCODING), _of_file(answers),
        answers.get(NEW_CATEGORIES) == YES,
    )  # fmt: skip
    read = read_for_event(db, settings, file)
    roster = read.roster
    boxes = undrawable(roster.rows)
    if boxes:
        roster = replace(roster, findings=(*roster.findings, boxes))
    skip_bad = answers.get(SKIP_BAD) == YES
    plan = plan_import(
        db, roster, ImportAnswers(**of_people, shared_emails=shared, twin_lines=twins), skip_bad,
        now, random, new_categories=read.new_categories,
    )  # fmt: skip
    result = plan.result
    result_preview = RosterPreview(
        plan=plan,
        unread=roster.unread,
        rows=len(roster.rows),
        questions=[_question(finding) for finding in result.findings if _offers(finding)],
        notes=[
            _question(finding)
            for finding in result.findings
            if not _offers(finding) and finding.kind not in _ASKED_BY_WORD
        ],
        changed=list(_changed(db, plan)),
        problems=result.problems[:PROBLEMS_SHOWN],
        skip_bad=skip_bad,
        categories=[] if read.new_categories else _category_questions(db, roster),
        countries=_word_questions(COUNTRY, roster.unknown["country"]),
        days=_word_questions(DAYS, roster.unknown["days"]),
        layout=roster.layout,
        mapping=roster.columns,
        twin_lines={
            str(int(row.line)): str(row.line)
            for row in (*roster.rows, *roster.pending)
            if row.line in twins
        },
        sheets_left=_sheets_left(roster, answers),
    )
    seen: Sequence[object] = (
        dict(sorted(answers.items())), result.added, result.updated, result.revoked,
        result.problem_count, [str(finding.changes) for finding in result_preview.changed],
    )  # fmt: skip
    return replace(result_preview, mark=last_edit.mark_of({"seen": repr(seen)}))


def added(
    db: Connection, settings: EventSettings, plan: ImportPlan, start: int, count: int
) -> list[NewPerson]:
    """Return new people by name, from `start`."""
    categories = PersonWords(db).categories | {
        category.code: next(iter(category.names.values())) for category in plan.new_categories
    }
    return [
        _new_person(RosterValues(*row[1 : 1 + len(RosterValues._fields)]), settings, categories)
        for row in sorted(plan.added, key=_name)[start : start + count]
    ]


def _new_person(
    values: RosterValues, settings: EventSettings, categories: Mapping[int, str]
) -> NewPerson:
    days = [day for day in range(settings.days) if values.valid_days >> day & 1]
    return NewPerson(
        whole_name(values.given_name, values.family_name),
        values.organisation,
        values.job_title,
        categories[values.category],
        values.country,
        ()
        if len(days) == settings.days
        else tuple(settings.first_day + timedelta(day) for day in days),
    )


def take(db: Connection, previewed: RosterPreview, name: str, *, by: str, now: int) -> None:
    """Write a previewed import. Raises RosterRefusedError or RosterChangedError."""
    since = changes.cursor(db)
    previewed.plan.write(db, by)
    result = previewed.plan.result
    summary = Phrase(
        "%(name)s: %(added)s people added, %(changed)s changed",
        name=name, added=Count(result.added), changed=Count(result.updated),
    )  # fmt: skip
    if result.revoked:
        summary += Phrase(", %(count)s revoked", count=Count(result.revoked))
    last_edit.keep_words(db, summary, since, by=by, now=now)


def _of_file(answers: Mapping[str, str]) -> RosterAnswers:
    given: dict[str, Any] = {key: answers[key] for key in OF_FILE & answers.keys()}
    title_line = answers.get(TITLE_LINE)
    return RosterAnswers(
        **given,
        sheets=tuple(sheet_names(answers.get(SHEETS, ""))),
        shared_emails=answers.get(SHARED) == YES,
        title_line=None if title_line is None else int(title_line),
    )


def _sheets_left(roster: Roster, answers: Mapping[str, str]) -> tuple[UnreadSheet, ...]:
    imported = sheet_names(answers.get(IMPORTED_SHEETS, ""))
    return tuple(
        sheet
        for sheet in roster.unread_sheets
        if sheet.may_have_people and sheet.title not in imported
    )


def sheet_names(answer: str) -> list[str]:
    return list(filter(None, answer.split(SHEETS_BETWEEN)))


def for_sheets_left(answers: Mapping[str, str], previewed: RosterPreview) -> dict[str, str]:
    """Return answers to import the sheets that are left after this import.

    The category of people without one was said of the sheets before.
    """
    imported = [*sheet_names(answers.get(IMPORTED_SHEETS, "")), *sheet_names(answers[SHEETS])]
    kept = {
        key: text
        for key, text in answers.items()
        if key.startswith((WORD, COUNTRY, DAYS)) and key != WORD
    }
    return kept | {
        IMPORTED_SHEETS: SHEETS_BETWEEN.join(imported),
        SHEETS: SHEETS_BETWEEN.join(sheet.title for sheet in previewed.sheets_left),
    }


def _name(row: tuple[Any, ...]) -> tuple[str, str]:
    values = RosterValues(*row[1 : 1 + len(RosterValues._fields)])
    return values.family_name, values.given_name


def _question(finding: Finding) -> Question:
    examples = finding.examples[:EXAMPLES_SHOWN]
    more = len(finding.examples) - len(examples)
    return Question(
        finding.kind, finding.message, examples, more, finding.choices,
        finding.items[:ITEMS_SHOWN], finding.optional, finding.several,
    )  # fmt: skip


def _offers(finding: Finding) -> bool:
    return bool(finding.choices or finding.items)


def _mapping(answers: Mapping[str, str]) -> RosterMapping:
    return RosterMapping(
        columns={column: wanted(text) for column, text in after(MAPPED, answers).items()},
        categories=after(WORD, answers),
        sheets=after(SHEET, answers),
        countries=after(COUNTRY, answers),
        days=after(DAYS, answers),
        places={
            int(index): "" if column == IGNORE else column
            for index, column in after(USE, answers).items()
        },
    )


def after(prefix: str, answers: Mapping[str, str]) -> dict[str, str]:
    """Return the answers to options with a prefix, by the rest."""
    return {
        key.removeprefix(prefix): value for key, value in answers.items() if key.startswith(prefix)
    }


def wanted(text: str) -> WantedColumn:
    """Read a kept mapping's column: a title, or JSON with titles and the first one's number."""
    if not text.startswith("["):
        return WantedColumn((text,))
    titles, number = json.loads(text)
    return WantedColumn(tuple(titles), number)


def wanted_text(column: WantedColumn) -> str:
    if len(column.titles) == 1 and not column.number and not column.titles[0].startswith("["):
        return column.titles[0]
    return json.dumps([column.titles, column.number], ensure_ascii=False)


def _word_questions(prefix: str, words: Sequence[UnknownWord]) -> list[WordQuestion]:
    return [
        WordQuestion(prefix + word.word, word.word, word.rows, word.near)
        for word in words[:WORDS_SHOWN]
    ]


def _category_questions(db: Connection, roster: Roster) -> list[WordQuestion]:
    meant = {
        wording(name): category.key
        for category in store.categories(db)
        for name in (category.key, *category.names.values())
    }
    if any(finding.kind == "title_line" and finding.open for finding in roster.findings):
        return []  # the columns are not known yet
    unknown = [word for word in roster.words if not word.category]
    return [
        WordQuestion(
            SHEET + word.sheet if word.sheet else WORD + word.word,
            word.word,
            word.rows,
            {word.proposed: word.proposed} if word.proposed else _near(word.word, meant),
            word.sheet,
        )
        for word in unknown[:WORDS_SHOWN]
    ]


def _near(word: str, meant: Mapping[str, str]) -> dict[str, str]:
    """Return keys of categories with a similar name, also of names in a list such as "Speaker,
    Press".
    """
    text = wording(word)
    parts = [part.strip() for part in _LIST.split(text)]
    names = difflib.get_close_matches(text, meant, n=2, cutoff=0.75)
    return {meant[name]: meant[name] for name in (*parts, *names) if name in meant}


def _changed(db: Connection, plan: ImportPlan) -> Iterator[ChangedPerson]:
    """Yield the first people changed or revoked, outdated badges first."""
    words = PersonWords(db)
    words.categories |= {
        category.code: next(iter(category.names.values())) for category in plan.new_categories
    }
    wrong = set(plan.result.needs_reissue)
    after = {
        row[-1]: dict(zip(columns, row[:-1], strict=True))
        for columns, rows in plan.updated.items()
        for row in rows
    }
    after |= {serial: {"revoked": True} for serial in plan.revoked}
    serials = sorted(after, key=lambda serial: (serial not in wrong, serial))[:CHANGED_MAX]
    rows = db.execute(
        f"SELECT * FROM attendee WHERE {dialect.one_of('serial')}", (dialect.many(serials),)
    )
    before = {row["serial"]: row for row in rows}
    for serial in serials:
        row, new = before[serial], after[serial]
        old = {key: False if key == "revoked" else row[key] for key in new}
        yield ChangedPerson(
            badge_number(serial),
            whole_name(row["given_name"], row["family_name"]),
            differences(words.of(old), words.of(new)),
            serial in wrong,
        )
