"""What a CSV file and an XLSX sheet have in common: lines of text cells, and limits."""

from dataclasses import dataclass

SAVE_AS = "save it from the spreadsheet as 'CSV UTF-8' or as XLSX"


@dataclass(frozen=True)
class RosterLimits:
    """How much of a file we are ready to read."""

    file_bytes: int = 50_000_000
    unpacked_bytes: int = 200_000_000
    rows: int = 200_000
    columns: int = 200
    problems: int = 1_000


@dataclass(frozen=True)
class Line:
    """One row of the file; `flaw` says why its cells could not be read."""

    number: int
    cells: tuple[str, ...]
    flaw: str | None = None
    span: int = 1  # lines of the file that it takes
