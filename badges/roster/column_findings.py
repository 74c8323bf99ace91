"""The questions and notes about the columns of a roster."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from badges.i18n import Count, Phrase, joined
from badges.roster import cells
from badges.roster.columns import COLUMN_WORDS, NAMES, Columns, counts_rows, resembled
from badges.roster.exports import Export, export_of, places
from badges.roster.mapping import WantedColumn
from badges.roster.problems import Choice, Finding, Item, shown, to_answer
from badges.roster.table import Line, RosterAnswers, line_in_sheet, sheet_of
from badges.roster.titles import SHEET_TITLE, column_letter

IGNORE = "ignore"  # the answer about a column that is not read
# Columns that a similar title may mean.
_RESEMBLED = frozenset(
    {
        "organisation",
        "job_title",
        "country",
        "email",
        "phone",
        "category",
        "days",
        "latin_name",
        "accessible",
    }
)
_LIKE_A_DAY = re.compile(r"\d|day|[天日]", re.IGNORECASE)  # in the name of a sheet


@dataclass(frozen=True)
class FileColumn:
    """A column of the file. `column` is ours, or "" if it is not read."""

    index: int
    title: str
    samples: tuple[str, ...]
    column: str

    @property
    def letter(self) -> str:
        return column_letter(self.index)

    @property
    def name(self) -> str:
        return self.title or self.letter


def column_findings(columns: Columns, layout: Sequence[FileColumn]) -> list[Finding]:
    """Ask about columns that may be one of ours: several with its title, or one with a similar
    title.
    """
    by_index = {column.index: column for column in layout}
    items = []
    for ours, indexes in columns.candidates.items():
        there = [by_index[index] for index in indexes if index in by_index]
        question = Phrase(
            "which of these is the column “%(column)s”?", column=Phrase(COLUMN_WORDS[ours])
        )
        choices = (*(_as(column, ours) for column in there), _not_used(there[0]))
        items.append(Item(question, choices))
    named = NAMES & columns.indexes.keys()
    is_export = export_of([column.title for column in layout]) is not None
    for column in layout if named and not is_export else ():
        similar = resembled(column.title, _RESEMBLED - columns.indexes.keys())
        if column.title == SHEET_TITLE:
            similar = [ours for ours in _names_of_sheets(column) if ours not in columns.indexes]
        if similar and not column.column and column.index not in columns.ignored:
            question = Phrase(
                "column %(letter)s, %(title)s, has %(samples)s: what is it?",
                letter=column.letter, title=shown(column.title), samples=_samples(column),
            )  # fmt: skip
            items.append(
                Item(question, (*(_used_as(column, ours) for ours in similar), _not_used(column)))
            )
    if not items:
        return []
    message = Phrase("columns whose meaning is not certain: %(count)s", count=Count(len(items)))
    return [Finding("columns", len(items), message, items=tuple(items))]


def _names_of_sheets(column: FileColumn) -> Sequence[str]:
    """Our columns that the names of the sheets may be."""
    days = ("days",) if all(map(_LIKE_A_DAY.search, column.samples)) else ()
    return ("organisation", "category", *days)


def _as(column: FileColumn, ours: str) -> Choice:
    words = Phrase(
        "column %(letter)s, %(title)s: %(samples)s",
        letter=column.letter,
        title=shown(column.title),
        samples=_samples(column),
    )
    return replace(_used_as(column, ours), words=words)


def _used_as(column: FileColumn, ours: str) -> Choice:
    words = Phrase("it is read as “%(column)s”", column=Phrase(COLUMN_WORDS[ours]))
    return Choice(f"use_{column.index}", ours, words, f"--column {column.letter}={ours}")


def _samples(column: FileColumn) -> str:
    return ", ".join(shown(sample, 20) for sample in column.samples) or "-"


def _not_used(column: FileColumn) -> Choice:
    option = f"--column {column.letter}={IGNORE}"
    words = Phrase("column %(letter)s is not used", letter=column.letter)
    return Choice(f"use_{column.index}", IGNORE, words, option)


def export_findings(
    export: Export | None, wanted: Mapping[str, WantedColumn], header: Line, rows: Sequence[Line]
) -> list[Finding]:
    if export is None:
        return []
    columns = tuple(
        joined("", [f"{column}: ", joined(Phrase(" and "), map(shown, source.titles))])
        for column, source in wanted.items()
    )
    message = Phrase(
        "the file has the titles of an export of %(name)s, and is read as one", name=export.name
    )
    findings = [Finding("export", 1, message, columns)]
    several = [
        Phrase(
            "line %(number)s: %(cells)s tickets",
            number=line.number,
            cells=cells.narrow(line.cells[index]).strip(),
        )
        for index in places(export.quantities, header.cells)[:1]
        for line in rows
        if index < len(line.cells) and _is_above_one(line.cells[index])
    ]
    if several:
        message = Phrase(
            "rows that stand for several tickets, of which one is imported: %(count)s",
            count=Count(len(several)),
        )
        findings.append(Finding("several_tickets", len(several), message, tuple(several)))
    return findings


def _is_above_one(text: str) -> bool:
    text = cells.narrow(text).strip()
    return text.isascii() and text.isdigit() and len(text) < 7 and int(text) > 1


def row_number_findings(
    columns: dict[str, tuple[int, ...]], header: Line, lines: Sequence[Line], answers: RosterAnswers
) -> list[Finding]:
    """Report a column of ids that contains only row numbers. Drop it from `columns` if that was
    the answer.
    """
    indexes = columns.get("external_id", ())
    if not indexes:
        titles = [title.strip() for title in header.cells if counts_rows(title)]
        if not titles:
            return []
        message = Phrase(
            "%(titles)s numbers the rows, and is not taken for an id", titles=shown(titles[0])
        )
        return [Finding("row_number_column", 1, message)]
    index = indexes[0]
    numbers = _numbers(lines, index) if len(indexes) == 1 else []
    if not numbers:
        return []
    if answers.row_numbers == "ignore":
        del columns["external_id"]
    title = shown(header.cells[index].strip())
    done = {"ids": Phrase(", taken as ids"), "ignore": Phrase(", not taken as ids")}.get(
        answers.row_numbers or "", ""
    )
    return [
        to_answer(
            "row_numbers",
            len(numbers),
            Phrase(
                "%(title)s only numbers the rows, from %(first)s to %(last)s%(done)s. With such "
                "ids, adding or sorting rows turns one person's badge into another's",
                title=title,
                first=min(numbers),
                last=max(numbers),
                done=done,
            ),
            (),
            answers.row_numbers,
            ignore=Phrase("know people by e-mail, else by name and organisation"),
            ids=Phrase("use them as ids: a number then always means the same person"),
        )
    ]


def _numbers(lines: Sequence[Line], index: int) -> list[int]:
    """The values of a column, if they are 1, 2, 3 and so on in any order, or the lines' numbers.
    Otherwise [].
    """
    by_sheet: dict[str, list[tuple[int, int]]] = {}  # number and line
    for line in lines:
        text = cells.narrow(line.cells[index]).strip() if index < len(line.cells) else ""
        if not text:
            continue
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            return []
        place = (int(text), line_in_sheet(line.number))
        by_sheet.setdefault(sheet_of(line.number), []).append(place)
    if not all(map(_counts, by_sheet.values())):
        return []
    return [number for places in by_sheet.values() for number, _ in places]


def _counts(places: Sequence[tuple[int, int]]) -> bool:
    numbers = sorted(number for number, _ in places)
    is_counted = numbers[0] <= 1 and numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    return is_counted or all(number == line for number, line in places)
