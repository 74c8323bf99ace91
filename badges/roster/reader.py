"""Reads the roster from a CSV or XLSX file. It says who comes, as what, and where they may go.

Every problem of a file, and all that it leaves open, is found in one reading. Whether such a roster
is imported is for the caller to say.
"""

import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from badges.roster import cells
from badges.roster.columns import COLUMNS, counts_rows, find_columns, status_columns
from badges.roster.countries import COUNTRIES
from badges.roster.csv_lines import csv_lines
from badges.roster.order_status import Orders
from badges.roster.problems import Finding, Problem, ProblemList, RosterError, shown
from badges.roster.same_name import name_key
from badges.roster.table import Line, RosterAnswers, RosterLimits
from badges.roster.xlsx_lines import HEADER_LINES, xlsx_lines

PROGRESS_ROWS = 1000
# In these columns a merged cell belongs to each of its rows. A merged name or id would belong to
# one person only.
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
    """Holds one attendee. Texts are in NFC, with single spaces, and an absent one is empty."""

    line: int  # In the file, with the header counted.
    external_id: str
    given_name: str  # The whole name, where the file has only that.
    family_name: str
    organisation: str
    country: str  # ISO 3166 alpha-2 in upper case, or a name
    email: str
    category: str  # The event's code of a category.
    days: tuple[int, ...] | None  # Days of the event, from 1. None means all of them.
    zones: tuple[str, ...]
    invitations: tuple[str, ...]  # Codes of sessions.
    language: str
    latin_name: str = ""  # The whole name in Latin letters, where the roster gives one.


@dataclass(frozen=True)
class Roster:
    """Holds the rows without a problem, all problems, and what the file leaves open."""

    rows: tuple[RosterRow, ...]
    problems: tuple[Problem, ...]  # Only the first ones, where there are very many.
    unread: tuple[str, ...] = ()  # Columns of the file that have no meaning here.
    findings: tuple[Finding, ...] = ()
    problem_count: int = 0
    bad_lines: frozenset[int] = frozenset()  # Lines of the file that have a problem.


def country_name(country: str) -> str:
    """Return the English name of an ISO 3166 code, and any other text as it is."""
    return COUNTRIES.get(country, country)


def read_roster(
    data: bytes,
    name: str,
    *,
    categories: Collection[str] | Mapping[str, str | Collection[str]],
    mapping: Mapping[str, str] | None = None,
    encoding: str | None = None,
    days: int = 16,
    zones: Collection[str] | None = None,
    sessions: Collection[str] | None = None,
    language: str = "en",
    limits: RosterLimits | None = None,
    answers: RosterAnswers | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Roster:
    """Read the roster in `data`, a CSV or XLSX file called `name`.

    `mapping` gives the file's column for each of ours. `categories` may map codes to names. `zones`
    and `sessions` are the known codes, or None where any will do. `progress` hears how many rows
    are done, and of how many. Raises RosterError where nothing can be read.
    """
    limits = limits or RosterLimits()
    answers = answers or RosterAnswers()
    findings: list[Finding] = []
    lines = _lines(data, name, encoding, limits, answers, findings.append)
    problems = ProblemList(limits.problems)
    start = list(itertools.islice(lines, HEADER_LINES))
    place = _header_place(start, mapping or {})
    header = _header(start[place] if start else None, name, limits)
    if place:
        said = f"the titles are in line {header.number}; what stands above them is not read"
        findings.append(Finding("header_line", place, said))
    found = find_columns(header.cells, mapping or {}, problems, header.number)
    orders = Orders(header.cells, indexes := status_columns(header.cells, found))
    found.pop("status", None)
    below = itertools.chain(start[place + 1 :], lines)
    rest = list(_at_most(limits.rows, below, problems))
    findings += _row_numbers(found, header, rest, answers)
    reader = _Reader(found, problems, language, answers, orders)
    reader.readers["category"] = cells.category(categories)
    reader.readers["days"] = cells.days(days)
    reader.readers["zones"] = cells.codes("zone", zones)
    reader.readers["invitations"] = cells.codes("session", sessions)
    rows = tuple(reader.rows(rest, len(header.cells), progress))
    used = {*found.values(), *indexes}
    unread = [title.strip() for i, title in enumerate(header.cells) if i not in used]
    return Roster(
        rows if reader.complete else (),
        problems.kept(),
        tuple(filter(None, unread)),
        (*findings, *orders.findings(answers), *reader.findings()),
        problems.count,
        frozenset(problems.lines),
    )


def _lines(
    data: bytes,
    name: str,
    encoding: str | None,
    limits: RosterLimits,
    answers: RosterAnswers,
    tell: Callable[[Finding], None],
) -> Iterator[Line]:
    """Yield the lines that are not blank, from whichever kind of file the bytes are."""
    if len(data) > limits.file_bytes:
        raise RosterError(
            f"{shown(name)} has {len(data):,} bytes; the limit is {limits.file_bytes:,}. Split it"
        )
    zipped = data.startswith(b"PK\x03\x04")
    lines: Iterator[Line] | list[Line]
    if zipped:
        lines = xlsx_lines(data, name, limits, answers, tell)
    elif answers.sheet is not None:
        raise RosterError(f"{shown(name)} is no workbook: it has no sheets to choose from")
    else:
        lines = csv_lines(data, name, encoding, tell)
    return (line for line in lines if line.flaw or any(cell.strip() for cell in line.cells))


def _header_place(lines: Sequence[Line], mapping: Mapping[str, str]) -> int:
    """Find the first line that has titles for a name and a category, or take the first of all."""
    for place, line in enumerate(lines):
        found = find_columns(line.cells, mapping, ProblemList(0), line.number)
        if {"given_name", "family_name", "name"} & found.keys() and "category" in found:
            return place
    return 0


def _header(line: Line | None, name: str, limits: RosterLimits) -> Line:
    if line is None:
        raise RosterError(f"{shown(name)} is empty")
    if line.flaw:
        raise RosterError(f"{shown(name)}, line {line.number}: {line.flaw}")
    titles = list(line.cells)
    while titles and not titles[-1].strip():
        titles.pop()
    if len(titles) > limits.columns:
        raise RosterError(f"{shown(name)} has over {limits.columns} columns. Delete some")
    return Line(line.number, tuple(titles))


def _at_most(most: int, lines: Iterator[Line], problems: ProblemList) -> Iterator[Line]:
    for count, line in enumerate(lines):
        if count == most:
            problems.add(line.number, None, f"over {most:,} rows: split the file here")
            return
        yield line


def _row_numbers(
    found: dict[str, int], header: Line, lines: Sequence[Line], answers: RosterAnswers
) -> list[Finding]:
    """Tell of ids that only number the rows, and drop them from `found` if that was the answer."""
    index = found.get("external_id")
    if index is None:
        titles = [title.strip() for title in header.cells if counts_rows(title)]
        if not titles:
            return []
        said = f"{shown(titles[0])} numbers the rows, and is not taken for an id"
        return [Finding("row_number_column", 1, said)]
    numbers = _numbers(lines, index)
    if not numbers:
        return []
    if answers.row_numbers == "ignore":
        del found["external_id"]
    title = shown(header.cells[index].strip())
    done = {"ids": ", taken as ids", "ignore": ", not taken as ids"}.get(
        answers.row_numbers or "", ""
    )
    return [
        Finding(
            "row_numbers",
            len(numbers),
            f"{title} only numbers the rows, from {min(numbers)} to {max(numbers)}{done}. With such"
            " ids, a row that is added or sorted turns one person's badge into another's",
            (),
            ()
            if answers.row_numbers
            else (
                "--row-numbers ignore: know people by e-mail, else by name and organisation",
                "--row-numbers ids: these numbers stay with their people for ever",
            ),
        )
    ]


def _numbers(lines: Sequence[Line], index: int) -> list[int]:
    """Return the values of a column that are 1, 2, 3 and so on in any order, or the lines'
    numbers.
    """
    numbers = []
    on_lines = True
    for line in lines:
        text = cells.narrow(line.cells[index]).strip() if index < len(line.cells) else ""
        if not text:
            continue
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            return []
        numbers.append(int(text))
        on_lines = on_lines and numbers[-1] == line.number
    first = min(numbers, default=2)
    counted = first <= 1 and sorted(numbers) == list(range(first, first + len(numbers)))
    return numbers if counted or on_lines else []


class _Reader:
    """Turns lines into rows, and remembers which e-mails and ids it has met."""

    def __init__(
        self,
        found: Mapping[str, int],
        problems: ProblemList,
        language: str,
        answers: RosterAnswers,
        orders: Orders,
    ) -> None:
        self.found = found
        self.problems = problems
        self.language = language
        self.answers = answers
        self.orders = orders
        self.named = bool({"given_name", "family_name", "name"} & found.keys())
        self.complete = self.named and "category" in found
        self.readers: dict[str, Callable[[str], Any]] = {
            "email": cells.email,
            "external_id": cells.external_id,
            "country": cells.country,
            "language": cells.language,
            "latin_name": cells.latin_name,
        }
        self._ids: dict[str, int] = {}
        self._first_with: dict[str, tuple[tuple[str, str], int, str]] = {}  # Names, line and id.
        # For addresses that people share, line and id by name.
        self._emails: dict[str, dict[str, tuple[int, str]]] = {}
        # Lines of people without an id, by their e-mail address.
        self._sharing: dict[str, list[int]] = {}
        self._narrowed: list[str] = []
        self._merged: dict[str, list[int]] = {}

    def rows(
        self, lines: Sequence[Line], width: int, progress: Callable[[int, int], None] | None
    ) -> Iterator[RosterRow]:
        for done, line in enumerate(lines, 1):
            if progress and (done % PROGRESS_ROWS == 0 or done == len(lines)):
                progress(done, len(lines))
            if self.orders.columns and self.orders.is_left_out(line, self.answers):
                continue
            before = self.problems.count
            values = self._values(line, width)
            if values is not None:
                self._check(line.number, values)
            if values is not None and self.problems.count == before:
                yield self._row(line.number, values)

    def _values(self, line: Line, width: int) -> dict[str, Any] | None:
        """Return what each column says, without empty cells. It is None where cells can't be told
        apart.
        """
        flaw = line.flaw or _ragged(line, width)
        if flaw:
            self.problems.add(line.number, None, flaw)
            return None
        values = {}
        for column, index in self.found.items():
            try:
                text = cells.clean(column, self._cell(line, column, index))
                read = self.readers.get(column)
                if text:
                    values[column] = read(text) if read else text
                    if not text.isascii() and column in ("email", "external_id"):
                        self._note_narrowed(line.number, column, text, values[column])
            except cells.CellError as error:
                self.problems.add(line.number, column, str(error))
                # Something stands in the cell, so the value is not missing.
                values[column] = None
        return values

    def _check(self, number: int, values: Mapping[str, Any]) -> None:
        if self.named and not {"given_name", "family_name", "name"} & values.keys():
            self.problems.add(number, "given_name", "no name. Every attendee needs one")
        if "category" in self.found and "category" not in values:
            self.problems.add(number, "category", "no category. Every attendee needs one")
        if values.get("external_id"):
            first = self._ids.setdefault(values["external_id"].casefold(), number)
            if first != number:
                message = f"the same as in line {first}. Keep one"
                self.problems.add(number, "external_id", message)
        if values.get("email"):
            self._check_email(number, values)

    def _check_email(self, number: int, values: Mapping[str, Any]) -> None:
        """Tell one person in two rows, which is a problem, from two people with one e-mail address.

        The first of those who share is known by it as ever, and so all their rows are told.
        """
        email, own = values["email"].casefold(), values.get("external_id") or ""
        given = values.get("given_name") or values.get("name") or ""
        names = (given, values.get("family_name") or "")
        first = self._first_with.setdefault(email, (names, number, own))
        if first[1] == number:
            return
        others = self._emails.setdefault(email, {name_key(*first[0]): first[1:]})
        key = name_key(*names)
        same = others.setdefault(key, (number, own))
        if same[0] != number and not (own and same[1]):
            self.problems.add(number, "email", f"the same as in line {same[0]}. Keep one")
        elif len(others) > 1 and not (own and all(id for _, id in others.values())):
            self._sharing[email] = [line for line, _ in others.values()]

    def _cell(self, line: Line, column: str, index: int) -> str:
        """Return the cell's text, or for an empty one that of the cell above with which it is
        merged.
        """
        if index in line.above and not line.cells[index] and column in _FILLED_DOWN:
            self._merged.setdefault(column, []).append(line.number)
            return line.above[index] if self.answers.merged == "fill" else ""
        return line.cells[index]

    def _note_narrowed(self, number: int, column: str, text: str, value: str) -> None:
        if value != text:
            self._narrowed.append(f"line {number}, {column}: {shown(text)} is {shown(value)}")

    def findings(self) -> list[Finding]:
        """List what the rows leave open, and what was changed in them."""
        found = []
        if self._merged:
            found.append(self._merged_finding())
        if self._sharing:
            found.append(self._sharing_finding())
        if self._narrowed:
            said = "e-mails and ids in wide letters or digits, taken as plain ones"
            found.append(
                Finding(
                    "narrowed",
                    len(self._narrowed),
                    f"{said}: {len(self._narrowed):,}",
                    tuple(self._narrowed),
                )
            )
        return found

    def _merged_finding(self) -> Finding:
        count = sum(map(len, self._merged.values()))
        done = {"fill": ", filled from above", "blank": ", left empty"}.get(
            self.answers.merged or "", ""
        )
        return Finding(
            "merged",
            count,
            f"cells that are merged with the one above: {count:,}{done}",
            tuple(
                f"{column} in {len(lines):,} {'row' if len(lines) == 1 else 'rows'}, first in line"
                f" {lines[0]}"
                for column, lines in self._merged.items()
            ),
            ()
            if self.answers.merged
            else (
                "--merged fill: each row has what stands in the merged cell",
                "--merged blank: these cells are empty",
            ),
        )

    def _sharing_finding(self) -> Finding:
        people = sum(map(len, self._sharing.values()))
        done = ", told apart by name" if self.answers.shared_emails else ""
        return Finding(
            "shared_emails",
            people,
            f"people who share an e-mail address, not all with an id: {people:,}{done}",
            tuple(
                f"{shown(email)} in lines {', '.join(map(str, lines[:10]))}"
                + (f" and {len(lines) - 10:,} more" if len(lines) > 10 else "")
                for email, lines in self._sharing.items()
            ),
            ()
            if self.answers.shared_emails
            else ("--shared-emails: people are known by e-mail and name together",),
        )

    def _row(self, number: int, values: Mapping[str, Any]) -> RosterRow:
        given, family = values.get("given_name", ""), values.get("family_name", "")
        return RosterRow(
            line=number,
            external_id=values.get("external_id", ""),
            given_name=given if given or family else values.get("name", ""),
            family_name=family,
            organisation=values.get("organisation", ""),
            country=values.get("country", ""),
            email=values.get("email", ""),
            category=values["category"] if self.complete else "",
            days=values.get("days"),
            zones=values.get("zones", ()),
            invitations=values.get("invitations", ()),
            language=values.get("language", self.language),
            latin_name=values.get("latin_name", ""),
        )


def _ragged(line: Line, width: int) -> str | None:
    extra = any(cell.strip() for cell in line.cells[width:])
    if not extra and len(line.cells) >= width:
        return None
    lines = f" (lines {line.number} to {line.number + line.span - 1})" if line.span > 1 else ""
    return (
        f"has {len(line.cells)} cells where the header has {width}{lines}: look for a missing or an"
        " extra separator or quote"
    )
