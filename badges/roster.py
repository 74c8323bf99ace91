"""The roster: who comes, as what, and where they may go, from a CSV or XLSX file.

Every problem of a file is found in one reading. Whether a roster with problems is imported is for
the caller to say.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from badges import roster_cells as cells
from badges.roster_columns import COLUMNS, find_columns
from badges.roster_csv import csv_lines
from badges.roster_problem import Problem, ProblemList, RosterError, shown
from badges.roster_table import Line, RosterLimits
from badges.roster_xlsx import xlsx_lines

__all__ = [
    "COLUMNS", "Problem", "Roster", "RosterError", "RosterLimits", "RosterRow", "country_name",
    "read_roster",
]  # fmt: skip


@dataclass(frozen=True)
class RosterRow:
    """One attendee. Texts are in NFC, with single spaces; an absent one is empty."""

    line: int  # of the file, the header included
    external_id: str
    given_name: str  # the whole name, where the file has only that
    family_name: str
    organisation: str
    country: str  # ISO 3166 alpha-2 in upper case, or a name
    email: str
    category: str  # a code of the event
    days: tuple[int, ...] | None  # event days from 1; None: all
    zones: tuple[str, ...]
    invitations: tuple[str, ...]  # session codes
    language: str


@dataclass(frozen=True)
class Roster:
    """The rows without a problem, and all problems."""

    rows: tuple[RosterRow, ...]
    problems: tuple[Problem, ...]
    unread: tuple[str, ...] = ()  # columns of the file that mean nothing to us


def country_name(country: str) -> str:
    """The English name of an ISO 3166 code; any other text as it is."""
    return cells.country_names().get(country, country)


def read_roster(
    data: bytes,
    name: str,
    *,
    categories: Collection[str],
    mapping: Mapping[str, str] | None = None,
    encoding: str | None = None,
    days: int = 16,
    zones: Collection[str] | None = None,
    sessions: Collection[str] | None = None,
    language: str = "en",
    limits: RosterLimits | None = None,
) -> Roster:
    """The roster in `data`, a CSV or XLSX file called `name`.

    `mapping` gives the file's column for each of ours; `categories` may map codes to names; `zones`
    and `sessions` are the known codes, None where any will do. Raises RosterError where nothing can
    be read.
    """
    limits = limits or RosterLimits()
    lines = _lines(data, name, encoding, limits)
    problems = ProblemList(limits.problems)
    header = _header(next(lines, None), name, limits)
    found = find_columns(header.cells, mapping or {}, problems, header.number)
    reader = _Reader(found, problems, language)
    reader.readers["category"] = cells.category(categories)
    reader.readers["days"] = cells.days(days)
    reader.readers["zones"] = cells.codes("zone", zones)
    reader.readers["invitations"] = cells.codes("session", sessions)
    rows = tuple(reader.rows(_at_most(limits.rows, lines, problems), len(header.cells)))
    unread = [title.strip() for i, title in enumerate(header.cells) if i not in found.values()]
    return Roster(rows if reader.complete else (), problems.all(), tuple(filter(None, unread)))


def _lines(data: bytes, name: str, encoding: str | None, limits: RosterLimits) -> Iterator[Line]:
    """The lines that are not blank, from whichever kind of file the bytes are."""
    if len(data) > limits.file_bytes:
        raise RosterError(
            f"{shown(name)} has {len(data):,} bytes; the limit is {limits.file_bytes:,}. Split it"
        )
    zipped = data.startswith(b"PK\x03\x04")
    lines = xlsx_lines(data, name, limits) if zipped else csv_lines(data, name, encoding)
    return (line for line in lines if line.flaw or any(cell.strip() for cell in line.cells))


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


class _Reader:
    """Turns lines into rows, and remembers which e-mails and ids it has met."""

    def __init__(self, found: Mapping[str, int], problems: ProblemList, language: str) -> None:
        self.found = found
        self.problems = problems
        self.language = language
        self.named = bool({"given_name", "family_name", "name"} & found.keys())
        self.complete = self.named and "category" in found
        self.readers: dict[str, Callable[[str], Any]] = {
            "email": cells.email,
            "external_id": cells.external_id,
            "country": cells.country,
            "language": cells.language,
        }
        self._met: dict[tuple[str, str], int] = {}

    def rows(self, lines: Iterator[Line], width: int) -> Iterator[RosterRow]:
        for line in lines:
            before = self.problems.count
            values = self._values(line, width)
            if values is not None:
                self._check(line.number, values)
            if values is not None and self.problems.count == before:
                yield self._row(line.number, values)

    def _values(self, line: Line, width: int) -> dict[str, Any] | None:
        """What each column says, without empty cells; None where cells cannot be told apart."""
        flaw = line.flaw or _ragged(line, width)
        if flaw:
            self.problems.add(line.number, None, flaw)
            return None
        values = {}
        for column, index in self.found.items():
            try:
                text = cells.clean(column, line.cells[index])
                read = self.readers.get(column)
                if text:
                    values[column] = read(text) if read else text
            except cells.CellError as error:
                self.problems.add(line.number, column, str(error))
                values[column] = None  # there is something, so it is not missing
        return values

    def _check(self, number: int, values: Mapping[str, Any]) -> None:
        if self.named and not {"given_name", "family_name", "name"} & values.keys():
            self.problems.add(number, "given_name", "no name. Every attendee needs one")
        if "category" in self.found and "category" not in values:
            self.problems.add(number, "category", "no category. Every attendee needs one")
        for column in ("email", "external_id"):
            if values.get(column):
                first = self._met.setdefault((column, values[column].casefold()), number)
                if first != number:
                    self.problems.add(number, column, f"the same as in line {first}. Keep one")

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
