"""The common form of CSV files and XLSX sheets: lines of text cells, and limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from badges.i18n import Phrase

HEADER_LINES = 10  # The titles are in one of these. Many files have a heading above them.
MERGED_CELLS_MOST = 1_000_000
SAVE_AS = Phrase("save it from the spreadsheet as 'CSV UTF-8' or as XLSX")


@dataclass(frozen=True)
class RosterLimits:
    file_bytes: int = 50_000_000
    unpacked_bytes: int = 200_000_000
    rows: int = 200_000
    columns: int = 200
    problems: int = 1_000


class SheetLine(int):
    """A line's number, unique among sheets that are read together. Its text is the line in its
    sheet, such as "3 (Press)".
    """

    line: int
    sheet: str

    def __new__(cls, number: int, line: int, sheet: str) -> "SheetLine":
        new = super().__new__(cls, number)
        new.line, new.sheet = line, sheet
        return new

    def __reduce__(self) -> tuple[type["SheetLine"], tuple[int, int, str]]:
        return SheetLine, (int(self), self.line, self.sheet)

    def __str__(self) -> str:
        return f"{self.line} ({self.sheet})"


def sheet_of(number: int) -> str:
    """The sheet of a line, or "" if only one table is read."""
    return number.sheet if isinstance(number, SheetLine) else ""


def line_in_sheet(number: int) -> int:
    return number.line if isinstance(number, SheetLine) else number


@dataclass(frozen=True)
class UnreadSheet:
    """A sheet with rows that an import does not read."""

    title: str
    rows: int
    may_have_people: bool


@dataclass(frozen=True)
class Line:
    """A row of the file. `flaw` is the reason why its cells could not be read, or None."""

    number: int
    cells: tuple[str, ...]
    flaw: str | None = None
    span: int = 1  # lines that it takes in the file
    # The cells above that are merged with this line's, by column.
    above: Mapping[int, str] = field(default_factory=dict)
    numbers: frozenset[int] = frozenset()  # columns whose cells a spreadsheet keeps as numbers


@dataclass(frozen=True)
class RosterAnswers:
    """The organiser's answers to questions about a file. None means not answered yet."""

    sheets: tuple[str, ...] = ()  # names of the sheets to read together
    title_line: int | None = None  # the line with the titles; 0: there is none
    hidden_rows: Literal["take", "leave"] | None = None
    merged: Literal["fill", "blank"] | None = None
    row_numbers: Literal["ids", "ignore"] | None = None
    cancelled: Literal["take", "leave"] | None = None
    pending: Literal["take", "leave"] | None = None
    shared_emails: bool = False  # people without an id may share an e-mail address
    totals: Literal["take", "leave"] | None = None
    several_emails: Literal["first", "empty"] | None = None
    rounded: Literal["empty"] | None = None  # numbers that a spreadsheet has rounded
    bad_cells: Literal["empty"] | None = None
    formulas: Literal["values"] | None = None
    comma_names: Literal["split", "keep"] | None = None
    day_order: Literal["day", "month", "either"] | None = None
