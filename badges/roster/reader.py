"""Reads a roster from a CSV or XLSX file: who attends, in which category, and with access to what.

One reading finds all problems and open questions. The caller decides whether to import.
"""

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from badges.i18n import N_, Count, Phrase, joined, phrase_of
from badges.roster import cells
from badges.roster.cell_findings import cell_finding
from badges.roster.columns import (
    COLUMN_WORDS,
    COLUMNS,
    NAMES,
    Columns,
    counts_rows,
    find_columns,
    require_columns,
    resembled,
    status_columns,
    wanted_columns,
)
from badges.roster.countries import near_names
from badges.roster.csv_lines import csv_lines
from badges.roster.event_days import EventDays
from badges.roster.exports import Export, export_of, places
from badges.roster.html_lines import html_lines, is_html
from badges.roster.mapping import EMPTY, RosterMapping, UnknownWord, WantedColumn, WordRead
from badges.roster.order_status import Orders
from badges.roster.problems import (
    YES,
    Choice,
    Finding,
    Item,
    Problem,
    ProblemList,
    RosterError,
    in_rows,
    shown,
    to_answer,
)
from badges.roster.same_name import name_key
from badges.roster.table import (
    Line,
    RosterAnswers,
    RosterLimits,
    UnreadSheet,
    line_in_sheet,
    sheet_of,
)
from badges.roster.titles import SHEET_TITLE, Titled, column_letter, titled, together
from badges.roster.xlsx_lines import xlsx_sheets

PROGRESS_ROWS = 1000
IGNORE = "ignore"  # the answer about a column that is not read
_SAMPLES = 3
_ZIP = b"PK\x03\x04"
# Columns that may be empty without changing who a person is, or where they may go.
_MAY_BE_EMPTY = frozenset(
    {
        "organisation",
        "job_title",
        "country",
        "email",
        "phone",
        "latin_name",
        "language",
        "order_number",
    }
)
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
_ASKED_WORDS = ("country", "days")  # the meaning of their unknown cells is asked
_TOTAL = re.compile(
    r"(?:(?:grand |sub)?totals?|sum|合计|总计|共计|小计|总数|合計|總計|共)\s*[:：]?\s*[\d人名位]*"
)
# Separators of values that come from several columns.
_BETWEEN = {"external_id": "-", "category": cells.PRODUCT_AND_VARIATION}
# Here a merged cell belongs to each of its rows. A merged name or id would belong to only one
# person.
_FILLED_DOWN = frozenset(COLUMNS) - {
    "external_id",
    "given_name",
    "family_name",
    "name",
    "latin_name",
    "status",
}


@dataclass(frozen=True)
class RosterRow:
    """One attendee. Texts are in NFC, with single spaces. Absent texts are empty."""

    line: int  # in the file, including the header
    external_id: str
    given_name: str  # the whole name, if the file has no family name
    family_name: str
    organisation: str
    country: str  # ISO 3166 alpha-2 in upper case
    email: str
    category: str  # the event's code of a category
    days: tuple[int, ...] | None  # event days, from 1; None: all
    zones: tuple[str, ...]
    invitations: tuple[str, ...]  # codes of sessions
    language: str
    accessible: str = ""  # wheelchair, companion, none, or "" if the file has no value
    latin_name: str = ""  # the whole name in Latin letters, if given
    phone: str = ""
    order_number: str = ""  # an order may have several people
    job_title: str = ""


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
        require_columns(columns.indexes, header.cells, mapping, problems, header.number)
        findings += _column_findings(columns, layout)
    export = export_of(header.cells)
    findings += _export_findings(export, wanted, header, rest)
    if export is None or "external_id" in mapping.columns:
        findings += _row_numbers(columns.indexes, header, rest, answers)
    _check_words(mapping, categories, problems)
    orders = Orders(header.cells, statuses, codes=export is not None and export.status_codes)
    event_days = EventDays(days, first_day, answers.day_order)
    event_days.study(_column_cells(rest, columns.indexes.get("days", ())))
    readers: dict[str, Callable[[str], Any]] = {
        "category": cells.category(categories, mapping.categories),
        "country": cells.mapped_country(mapping.countries),
        "days": event_days.read,
        "zones": cells.codes("zone", zones),
        "invitations": cells.codes("session", sessions),
    }
    reader = _Reader(columns.indexes, readers, problems, language, answers, orders, mapping)
    rows = tuple(reader.rows(rest, len(header.cells), progress))
    findings += [*orders.findings(answers), *event_days.findings(), *reader.findings()]
    unread = tuple(column.name for column in layout if not column.column)
    return Roster(
        rows, problems.kept(), unread, tuple(findings), problems.count,
        frozenset(problems.lines), wanted, reader.words(), layout, reader.unknown(),
        tuple(reader.pending),
    )  # fmt: skip


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


def _column_findings(columns: Columns, layout: Sequence[FileColumn]) -> list[Finding]:
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


def _check_words(
    mapping: RosterMapping, categories: Collection[str], problems: ProblemList
) -> None:
    for word, key in mapping.categories.items():
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


def _export_findings(
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


def _row_numbers(
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


@dataclass
class _Word:
    first_line: int
    rows: int = 0
    key: str = ""  # of the category, once known
    is_unknown: bool = False  # False if the word could be several categories


class _Reader:
    """Turns lines into rows, and detects duplicate ids and e-mail addresses."""

    def __init__(
        self,
        columns: Mapping[str, tuple[int, ...]],
        readers: Mapping[str, Callable[[str], Any]],
        problems: ProblemList,
        language: str,
        answers: RosterAnswers,
        orders: Orders,
        mapping: RosterMapping,
    ) -> None:
        self.found = columns
        self.problems = problems
        self.language = language
        self.answers = answers
        self.orders = orders
        self.named = bool(NAMES & columns.keys())
        self.default_category = mapping.categories.get("", "")  # for rows without one
        self._mapped_days = {cells.wording(word): days for word, days in mapping.days.items()}
        self.readers: dict[str, Callable[[str], Any]] = {
            "email": cells.email,
            "external_id": cells.external_id,
            "language": cells.language,
            "accessible": cells.accessible,
            "latin_name": cells.latin_name,
            "phone": cells.phone,
            "order_number": cells.external_id,
            **readers,
        }
        self._ids: dict[str, tuple[int, tuple[str, str]]] = {}  # line and names
        self._first_with: dict[str, tuple[tuple[str, str], int, str]] = {}  # names, line and id
        # For shared addresses, line and id by name.
        self._emails: dict[str, dict[str, tuple[int, str]]] = {}
        # Lines of people without an id, by e-mail address.
        self._sharing: dict[str, list[int]] = {}
        self._narrowed: list[str] = []
        self._invisible: list[str] = []
        self._merged: dict[str, list[int]] = {}
        self._words: dict[str, _Word] = {}
        self._unknown: dict[str, Counter[str]] = {column: Counter() for column in _ASKED_WORDS}
        # Descriptions of cells and rows that `findings` reports.
        self._cells: dict[str, list[str]] = defaultdict(list)
        self._names = 0
        self._asked = 0  # problems that an answer solves
        self.pending: list[RosterRow] = []

    @property
    def complete(self) -> bool:
        return self.named and ("category" in self.found or bool(self.default_category))

    def words(self) -> tuple[WordRead, ...]:
        return tuple(
            WordRead(word, count.key, count.rows, count.is_unknown)
            for word, count in self._words.items()
        )

    def unknown(self) -> dict[str, tuple[UnknownWord, ...]]:
        return {
            column: tuple(
                UnknownWord(word, rows, near_names(word) if column == "country" else {})
                for word, rows in words.items()
            )
            for column, words in self._unknown.items()
        }

    def rows(
        self, lines: Sequence[Line], width: int, progress: Callable[[int, int], None] | None
    ) -> Iterator[RosterRow]:
        for done, line in enumerate(lines, 1):
            if progress and (done % PROGRESS_ROWS == 0 or done == len(lines)):
                progress(done, len(lines))
            if self.orders.columns and self.orders.is_left_out(line, self.answers):
                continue
            if self._is_total(line) and self.answers.totals != "take":
                continue
            before, asked = self.problems.count, self._asked
            values = self._values(line, width)
            if values is None:
                continue
            self._check(line.number, values)
            problems = self.problems.count - before
            if not problems and self.complete:
                yield self._row(line.number, values)
            elif self.named and problems == self._asked - asked:
                self.pending.append(self._row(line.number, values))

    def _values(self, line: Line, width: int) -> dict[str, Any] | None:
        """Return None if the cells can't be separated."""
        flaw = line.flaw or _ragged(line, width)
        if flaw:
            self.problems.add(line.number, None, flaw)
            return None
        values: dict[str, Any] = {}
        for column, indexes in self.found.items():
            raw = self._text(line, column, indexes)
            try:
                text = cells.clean(column, raw)
                if not raw.isascii():
                    self._note_invisible(line.number, column, raw)
                if column == "category":
                    values[column] = self._category(text, line.number)
                elif text:
                    values[column] = self._value(line, column, text)
            except cells.CellError as error:
                if self._is_problem(line, column, raw, error):
                    values[column] = None  # The cell is not empty, so the value is not missing.
        if "category" not in self.found:
            values["category"] = self._category("", line.number)
        self._split_name(line, values)
        return values

    def _value(self, line: Line, column: str, text: str) -> Any:
        """`text` is not empty. Raises CellError."""
        several = column == "email" and text.count("@") + text.count("＠") > 1
        addresses = cells.several_emails(text) if several else []
        if addresses:
            self._note("several_emails", line, column, text)
            if self.answers.several_emails == "empty":
                return ""
            text = addresses[0]
        if column == "days":
            text = self._mapped_days.get(cells.wording(text), text)
        read = self.readers.get(column)
        value = read(text) if read else text
        if not text.isascii() and column in ("email", "external_id"):
            self._note_narrowed(line.number, column, text, value)
        elif column in ("phone", "external_id", "order_number") and value != cells.narrow(text):
            self._note("written_out", line, column, text, value)
        if column == "phone" and line.numbers.intersection(self.found[column]):
            self._note("phone_numbers", line, column, text)
        return value

    def _is_problem(self, line: Line, column: str, raw: str, error: cells.CellError) -> bool:
        """Report an unreadable cell. Return False if it is asked about, or left empty."""
        if isinstance(error, cells.RoundedError):
            self._note("rounded", line, column, raw)
            return False
        if column in self._unknown:
            self._unknown[column][" ".join(raw.split())] += 1
        if column in _MAY_BE_EMPTY:
            self._note("bad_cells", line, column, raw)
            if self.answers.bad_cells:
                return False
        is_word = column in self._unknown or isinstance(error, cells.UnknownCategoryError)
        self._asked += is_word or column in _MAY_BE_EMPTY
        self.problems.add(line.number, column, error.phrase)
        return True

    def _split_name(self, line: Line, values: dict[str, Any]) -> None:
        """Split a name such as "KELLER, Anna", if that was the answer."""
        name = values.get("name")
        if not name or values.get("given_name") or values.get("family_name"):
            return
        self._names += 1
        family, _, given = (part.strip() for part in name.replace("，", ",").partition(","))
        if family and given and "," not in given:
            self._note("comma_names", line, "name", name)
            if self.answers.comma_names == "split":
                del values["name"]
                values |= {"given_name": given, "family_name": family}

    def _is_total(self, line: Line) -> bool:
        first = next((cell.strip() for cell in line.cells if cell.strip()), "")
        if not _TOTAL.fullmatch(first.casefold()):
            return False
        texts = ", ".join(shown(cell.strip()) for cell in line.cells if cell.strip())
        self._cells["totals"].append(
            Phrase("line %(number)s: %(cells)s", number=line.number, cells=texts)
        )
        return True

    def _note(self, kind: str, line: Line, column: str, text: str, value: str = "") -> None:
        described = Phrase(
            "line %(number)s, %(column)s: %(text)s",
            number=line.number, column=Phrase(COLUMN_WORDS[column]), text=shown(text, 80),
        )  # fmt: skip
        self._cells[kind].append(described + (f" → {value}" if value else ""))

    def _category(self, text: str, number: int) -> str:
        """The category's key, or "" if `text` is empty. Raises CellError."""
        word = self._words.get(text)
        if word is None:
            word = self._words[text] = _Word(number)
        word.rows += 1
        if not text and not self.default_category:
            return ""
        try:
            word.key = self.readers["category"](text) if text else self.default_category
        except cells.UnknownCategoryError:
            word.is_unknown = True
            raise
        return word.key

    def _check(self, number: int, values: Mapping[str, Any]) -> None:
        if self.named and not NAMES & values.keys():
            self.problems.add(number, "given_name", Phrase("no name. Every attendee needs one"))
        if values.get("category") == "" and "category" in self.found:
            self._asked += 1
            self.problems.add(number, "category", Phrase("no category. Every attendee needs one"))
        if values.get("external_id"):
            own = _names(values)
            id_key = values["external_id"].casefold()
            first, names = self._ids.setdefault(id_key, (number, own))
            is_one_person = _on_other_sheet(first, number) and name_key(*names) == name_key(*own)
            if first != number and not is_one_person:
                message = Phrase("the same as in line %(first)s. Keep one", first=first)
                self.problems.add(number, "external_id", message)
        if values.get("email"):
            self._check_email(number, values)

    def _check_email(self, number: int, values: Mapping[str, Any]) -> None:
        """Report rows with the same e-mail address: one person in two rows is a problem, two
        people may share an address.

        The first of those who share an address is identified by it, so all their rows are
        reported.
        """
        email, own = values["email"].casefold(), values.get("external_id") or ""
        names = _names(values)
        first = self._first_with.setdefault(email, (names, number, own))
        if first[1] == number:
            return
        others = self._emails.setdefault(email, {name_key(*first[0]): first[1:]})
        key = name_key(*names)
        same = others.setdefault(key, (number, own))
        if _on_other_sheet(same[0], number):
            return
        if same[0] != number and not (own and same[1]):
            self.problems.add(
                number, "email", Phrase("the same as in line %(same)s. Keep one", same=same[0])
            )
        elif len(others) > 1 and not (own and all(id for _, id in others.values())):
            self._sharing[email] = [line for line, _ in others.values()]

    def _text(self, line: Line, column: str, indexes: tuple[int, ...]) -> str:
        if len(indexes) == 1:
            return self._cell(line, column, indexes[0])
        parts = [self._cell(line, column, index) for index in indexes]
        return _BETWEEN.get(column, " ").join(part for part in parts if part.strip())

    def _cell(self, line: Line, column: str, index: int) -> str:
        """The cell's text, or the text of the cell above if the two are merged."""
        if index in line.above and not line.cells[index] and column in _FILLED_DOWN:
            self._merged.setdefault(column, []).append(line.number)
            return line.above[index] if self.answers.merged == "fill" else ""
        return line.cells[index]

    def _note_narrowed(self, number: int, column: str, text: str, value: str) -> None:
        if value != text:
            self._narrowed.append(
                Phrase(
                    "line %(number)s, %(column)s: %(text)s is %(value)s",
                    number=number,
                    column=column,
                    text=shown(text),
                    value=shown(value),
                )
            )

    def _note_invisible(self, number: int, column: str, raw: str) -> None:
        signs = cells.invisible(raw)
        if signs:
            codes = " ".join(f"U+{ord(sign):04X}" for sign in signs)
            self._invisible.append(
                Phrase(
                    "line %(number)s, %(column)s: %(codes)s",
                    number=number,
                    column=column,
                    codes=codes,
                )
            )

    def findings(self) -> list[Finding]:
        if len(self._cells["comma_names"]) * 2 <= self._names:
            del self._cells["comma_names"]
        reported = [
            cell_finding(kind, examples, self.answers)
            for kind, examples in self._cells.items()
            if examples
        ]
        if not all(word.key for word in self._words.values()):
            reported.append(self._words_finding())
        if self._merged:
            reported.append(self._merged_finding())
        if self._sharing:
            reported.append(self._sharing_finding())
        if self._invisible:
            count = len(self._invisible)
            message = Phrase(
                "cells with invisible characters, which were taken out: %(count)s",
                count=Count(count),
            )
            reported.append(Finding("invisible", count, message, tuple(self._invisible)))
        if self._narrowed:
            count = len(self._narrowed)
            message = Phrase(
                "full-width e-mails and ids, converted to normal letters and digits: %(count)s",
                count=Count(count),
            )
            reported.append(Finding("narrowed", count, message, tuple(self._narrowed)))
        return reported

    def _words_finding(self) -> Finding:
        unknown = {word: count for word, count in self._words.items() if not count.key}
        return Finding(
            "unknown_categories",
            len(unknown),
            Phrase("words that are no category of this event"),
            tuple(
                in_rows(shown(word), count.rows, count.first_line)
                for word, count in unknown.items()
            ),
        )

    def _merged_finding(self) -> Finding:
        count = sum(map(len, self._merged.values()))
        done = {"fill": Phrase(", filled from above"), "blank": Phrase(", left empty")}.get(
            self.answers.merged or "", ""
        )
        return to_answer(
            "merged",
            count,
            Phrase(
                "cells that are merged with the one above: %(count)s%(done)s",
                count=Count(count),
                done=done,
            ),
            [in_rows(column, len(lines), lines[0]) for column, lines in self._merged.items()],
            self.answers.merged,
            fill=Phrase("each row has the text of the merged cell"),
            blank=Phrase("these cells are empty"),
        )

    def _sharing_finding(self) -> Finding:
        people = sum(map(len, self._sharing.values()))
        done = Phrase(", told apart by name") if self.answers.shared_emails else ""
        return to_answer(
            "shared_emails",
            people,
            Phrase(
                "people who share an e-mail address, not all with an id: %(people)s%(done)s",
                people=Count(people),
                done=done,
            ),
            [
                Phrase(
                    "%(email)s in lines %(lines)s",
                    email=shown(email),
                    lines=", ".join(map(str, lines[:10])),
                )
                + (
                    Phrase(" and %(count)s more", count=Count(len(lines) - 10))
                    if len(lines) > 10
                    else ""
                )
                for email, lines in self._sharing.items()
            ],
            self.answers.shared_emails,
            **{YES: Phrase("people are known by e-mail and name together")},
        )

    def _row(self, number: int, values: Mapping[str, Any]) -> RosterRow:
        given, family = values.get("given_name", ""), values.get("family_name", "")
        return RosterRow(
            line=number,
            external_id=values.get("external_id") or "",
            given_name=given if given or family else values.get("name", ""),
            family_name=family,
            organisation=values.get("organisation") or "",
            country=values.get("country") or "",
            email=values.get("email") or "",
            category=values["category"] or "",
            days=values.get("days"),
            zones=values.get("zones", ()),
            invitations=values.get("invitations", ()),
            language=values.get("language") or self.language,
            accessible=values.get("accessible", ""),
            latin_name=values.get("latin_name") or "",
            phone=values.get("phone") or "",
            order_number=values.get("order_number") or "",
            job_title=values.get("job_title") or "",
        )


def _names(values: Mapping[str, Any]) -> tuple[str, str]:
    given = values.get("given_name") or values.get("name") or ""
    return given, values.get("family_name") or ""


def _on_other_sheet(first: int, number: int) -> bool:
    """Whether a person in both lines is asked about, and no fault of the file."""
    return sheet_of(first) != sheet_of(number)


def _ragged(line: Line, width: int) -> str | None:
    extra = any(cell.strip() for cell in line.cells[width:])
    if not extra and len(line.cells) >= width:
        return None
    lines = (
        Phrase(
            " (lines %(number)s to %(last)s)",
            number=line.number,
            last=line.number + line.span - 1,
        )
        if line.span > 1
        else ""
    )
    return Phrase(
        "has %(count)s cells where the header has %(width)s%(lines)s: look for a "
        "missing or an extra separator or quote",
        count=len(line.cells),
        width=width,
        lines=lines,
    )
