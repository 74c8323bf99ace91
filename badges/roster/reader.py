"""Reads a roster from a CSV or XLSX file: who attends, in which category, and with access to what.

One reading finds all problems and open questions. The caller decides whether to import.
"""

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from badges.i18n import N_, Count, Phrase, phrase_of
from badges.roster import cells
from badges.roster.column_findings import (
    FileColumn,
    column_findings,
    export_findings,
    row_number_findings,
)
from badges.roster.columns import find_columns, require_columns, status_columns, wanted_columns
from badges.roster.csv_lines import csv_lines
from badges.roster.event_days import EventDays
from badges.roster.exports import export_of
from badges.roster.html_lines import html_lines, is_html
from badges.roster.mapping import EMPTY, RosterMapping, UnknownWord, WantedColumn, WordRead
from badges.roster.order_status import Orders
from badges.roster.problems import Finding, Problem, ProblemList, RosterError, shown
from badges.roster.rows import RosterRow, RowReader
from badges.roster.table import Line, RosterAnswers, RosterLimits, UnreadSheet
from badges.roster.titles import Titled, titled, together
from badges.roster.xlsx_lines import xlsx_sheets

_SAMPLES = 3
_ZIP = b"PK\x03\x04"


@dataclass(frozen=True)
class Roster:
    """The content of a file: rows without problems, all problems, and questions to the
    organiser.
    """

    rows: tuple[RosterRow, ...]
    problems: tuple[Problem, ...]  # only the first ones if there are very many
    unread: tuple[str, ...] = ()  # columns without a meaning here
    findings: tuple[Finding, ...] = ()
    problem_count: int = 0
    bad_lines: frozenset[int] = frozenset()  # lines of the file with a problem
    columns: Mapping[str, WantedColumn] = field(default_factory=dict)  # the columns that were read
    words: tuple[WordRead, ...] = ()  # for categories, in the file's order
    layout: tuple[FileColumn, ...] = ()
    # Cells of countries and days without a meaning, by our column.
    unknown: Mapping[str, tuple[UnknownWord, ...]] = field(default_factory=dict)
    # Rows whose only problems are words and cells that are asked about, without these.
    pending: tuple[RosterRow, ...] = ()

    @property
    def unread_sheets(self) -> tuple[UnreadSheet, ...]:
        return tuple(sheet for finding in self.findings for sheet in finding.sheets)

    @property
    def unknown_words(self) -> tuple[str, ...]:
        return tuple(read.word for read in self.words if read.is_unknown)


def read_roster(
    data: bytes,
    name: str,
    *,
    categories: Collection[str] | Mapping[str, str | Collection[str]],
    mapping: RosterMapping | None = None,
    encoding: str | None = None,
    days: int = 16,
    first_day: date | None = None,
    zones: Collection[str] | None = None,
    sessions: Collection[str] | None = None,
    language: str = "en",
    limits: RosterLimits | None = None,
    answers: RosterAnswers | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Roster:
    """Read the roster in `data`, a CSV or XLSX file called `name`.

    `categories` may map codes to names. `zones` and `sessions` are the known codes; None accepts
    any. Without `first_day`, days are numbers alone. `progress` gets the number of rows done and
    their total. Raises RosterError.
    """
    mapping, limits = mapping or RosterMapping(), limits or RosterLimits()
    answers = answers or RosterAnswers()
    problems = ProblemList(limits.problems)
    table, findings = _table(data, name, encoding, mapping, limits, answers, problems)
    header, rest = table.header, table.rows
    columns = find_columns(header.cells, mapping, problems)
    statuses = status_columns(header.cells, columns.indexes, columns.ignored)
    columns.indexes.pop("status", None)
    wanted = wanted_columns(header.cells, columns.indexes, statuses)
    layout = _layout(header, rest, columns.indexes, statuses)
    if not any(finding.kind == "title_line" for finding in findings):
        require_columns(columns.indexes, header, rest, mapping, problems)
        findings += column_findings(columns, layout)
    export = export_of(header.cells)
    findings += export_findings(export, wanted, header, rest)
    if export is None or "external_id" in mapping.columns:
        findings += row_number_findings(columns.indexes, header, rest, answers)
    _check_words(mapping, categories, problems)
    orders = Orders(header.cells, statuses, codes=export is not None and export.status_codes)
    event_days = EventDays(days, first_day, answers.day_order)
    event_days.study(_column_cells(rest, columns.indexes.get("days", ())))
    readers = _readers(categories, mapping, event_days, zones, sessions)
    reader = RowReader(columns.indexes, readers, problems, language, answers, orders, mapping)
    rows = tuple(reader.rows(rest, len(header.cells), progress))
    findings += [*orders.findings(answers), *event_days.findings(), *reader.findings()]
    return Roster(
        rows=rows,
        problems=problems.kept(),
        unread=tuple(column.name for column in layout if not column.column),
        findings=tuple(findings),
        problem_count=problems.count,
        bad_lines=frozenset(problems.lines),
        columns=wanted,
        words=reader.words(),
        layout=layout,
        unknown=reader.unknown(),
        pending=tuple(reader.pending),
    )


def _readers(
    categories: Collection[str] | Mapping[str, str | Collection[str]],
    mapping: RosterMapping,
    event_days: EventDays,
    zones: Collection[str] | None,
    sessions: Collection[str] | None,
) -> dict[str, Callable[[str], Any]]:
    """The readers of cells whose meaning depends on the event, by our column."""
    return {
        "category": cells.category(categories, mapping.categories),
        "country": cells.mapped_country(mapping.countries),
        "days": event_days.read,
        "zones": cells.codes("zone", zones),
        "invitations": cells.codes("session", sessions),
    }


def _table(
    data: bytes,
    name: str,
    encoding: str | None,
    mapping: RosterMapping,
    limits: RosterLimits,
    answers: RosterAnswers,
    problems: ProblemList,
) -> tuple[Titled, list[Finding]]:
    findings: list[Finding] = []
    is_rectangular = data.startswith(_ZIP) or is_html(data)
    tables = {
        title: titled(lines, name, mapping, limits, answers, is_rectangular=is_rectangular)
        for title, lines in _sheets(
            data, name, encoding, limits, answers, problems, findings.append
        ).items()
    }
    table = together(tables, mapping) if len(tables) > 1 else next(iter(tables.values()))
    return table, [*findings, *table.findings]


def _layout(
    header: Line,
    rows: Sequence[Line],
    columns: Mapping[str, tuple[int, ...]],
    statuses: Sequence[int],
) -> tuple[FileColumn, ...]:
    """Columns that have a title or a cell."""
    meaning = {index: column for column, indexes in columns.items() for index in indexes}
    meaning |= dict.fromkeys(statuses, "status")
    layout = []
    for index, title in enumerate(header.cells):
        samples = itertools.islice(filter(None, _column_cells(rows, (index,))), _SAMPLES)
        column = FileColumn(index, title.strip(), tuple(samples), meaning.get(index, ""))
        if column.title or column.samples:
            layout.append(column)
    return tuple(layout)


def _column_cells(rows: Sequence[Line], indexes: Iterable[int]) -> Iterator[str]:
    return (
        " ".join(line.cells[index].split())
        for index in indexes
        for line in rows
        if index < len(line.cells)
    )


def _check_words(
    mapping: RosterMapping, categories: Collection[str], problems: ProblemList
) -> None:
    for word, key in (*mapping.categories.items(), *mapping.sheets.items()):
        if key not in categories:
            choices = ", ".join(sorted(categories))
            message = Phrase(
                "the mapping assigns %(word)s to %(key)s: use one of %(known)s",
                word=shown(word),
                key=shown(key),
                known=choices,
            )
            problems.add(None, "category", message)
    for code in {*mapping.countries.values()} - {EMPTY}:
        try:
            cells.country(code)
        except cells.CellError as error:
            problems.add(None, "country", Phrase("in the mapping, %(why)s", why=phrase_of(error)))


def _sheets(
    data: bytes,
    name: str,
    encoding: str | None,
    limits: RosterLimits,
    answers: RosterAnswers,
    problems: ProblemList,
    tell: Callable[[Finding], None],
) -> dict[str, list[Line]]:
    """The lines by sheet. A file without sheets has one, ""."""
    if len(data) > limits.file_bytes:
        raise RosterError(
            N_("%(name)s has %(count)s bytes; the limit is %(file_bytes)s. Split it"),
            name=shown(name),
            count=Count(len(data)),
            file_bytes=Count(limits.file_bytes),
        )
    sheets: list[tuple[str, Iterable[Line]]]
    if data.startswith(_ZIP):
        sheets = [*xlsx_sheets(data, name, limits, answers, tell)]
    elif is_html(data):
        sheets = [("", html_lines(data, name, limits))]
    elif answers.sheets:
        raise RosterError(
            N_("%(name)s is not a workbook: it has no sheets to choose from"), name=shown(name)
        )
    else:
        sheets = [("", csv_lines(data, name, encoding, tell))]
    return {
        title: list(_at_most(limits.rows, filter(_has_text, lines), problems))
        for title, lines in sheets
    }


def _has_text(line: Line) -> bool:
    return bool(line.flaw) or any(cell.strip() for cell in line.cells)


def _at_most(most: int, lines: Iterator[Line], problems: ProblemList) -> Iterator[Line]:
    for count, line in enumerate(lines):
        if count > most:  # the first line has the titles
            problems.add(
                line.number,
                None,
                Phrase("over %(most)s rows: split the file here", most=Count(most)),
            )
            return
        yield line
