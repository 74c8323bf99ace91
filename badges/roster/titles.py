"""Finds the line of a roster that has the titles, and the lines below it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from badges.i18n import N_, Count, Phrase
from badges.roster.columns import NAMES, column_of, find_columns, status_columns
from badges.roster.exports import export_of, has_orders_only
from badges.roster.mapping import RosterMapping
from badges.roster.problems import Choice, Finding, ProblemList, RosterError, shown
from badges.roster.table import (
    HEADER_LINES,
    Line,
    RosterAnswers,
    RosterLimits,
    line_in_sheet,
)

SHEET_TITLE = "工作表 Sheet"  # of a column with the names of the sheets
_UNTITLED_ROWS_LEAST = 3
_CHOICES_MOST = 5
_CELLS_SHOWN = 4


@dataclass(frozen=True)
class Titled:
    """The titles, one for each column, and the rows. Columns without a title have ""."""

    header: Line
    rows: tuple[Line, ...]
    findings: tuple[Finding, ...]


def titled(
    lines: Sequence[Line],
    name: str,
    mapping: RosterMapping,
    limits: RosterLimits,
    answers: RosterAnswers,
    *,
    is_rectangular: bool,
) -> Titled:
    """Raises RosterError.

    In a rectangular file, such as a workbook, no cell can slip into another column.
    """
    if not lines:
        raise RosterError(N_("%(name)s is empty"), name=shown(name))
    if answers.title_line == 0:
        return _untitled(lines, limits)
    place, asked = _place(lines[:HEADER_LINES], mapping, answers)
    header, below = _header(lines[place], name), lines[place + 1 :]
    header, below = _with_second_line(header, below)
    width = _width(header, below, is_rectangular=is_rectangular)
    if width > limits.columns:
        raise RosterError(
            N_("%(name)s has over %(columns)s columns. Delete some"),
            name=shown(name),
            columns=limits.columns,
        )
    header = replace(header, cells=header.cells + ("",) * (width - len(header.cells)))
    findings = [asked] if asked else []
    if place:
        message = Phrase(
            "the titles are in line %(number)s; the lines above are not read",
            number=lines[place].number,
        )
        findings.append(Finding("header_line", place, message))
    rows, repeated = _without_repeated(header, below)
    return Titled(header, rows, (*findings, *repeated))


def together(tables: Mapping[str, Titled], mapping: RosterMapping) -> Titled:
    """Join the tables of several sheets, with a column for the names of the sheets.

    Columns of one meaning are joined, others if their titles are equal. A sheet without a column
    has empty cells there.
    """
    titles: list[str] = []
    joined: dict[tuple[str, str, int], int] = {}  # places by key
    places: dict[str, list[int]] = {}
    for sheet, table in tables.items():
        keys = _keys(table.header.cells, mapping)
        for key, title in zip(keys, table.header.cells, strict=True):
            if key not in joined:
                joined[key] = len(titles)
                titles.append(title)
        places[sheet] = [joined[key] for key in keys]
    rows = tuple(
        _moved(line, places[sheet], len(titles), sheet)
        for sheet, table in tables.items()
        for line in table.rows
    )
    findings = {finding.kind: finding for table in tables.values() for finding in table.findings}
    number = next(iter(tables.values())).header.number
    return Titled(Line(number, (*titles, SHEET_TITLE)), rows, tuple(findings.values()))


def _keys(titles: Sequence[str], mapping: RosterMapping) -> list[tuple[str, str, int]]:
    """The meaning of each column, else its title, with a number for several such columns."""
    columns = find_columns(titles, replace(mapping, places={}), ProblemList(0)).indexes
    meaning = {index: ours for ours, indexes in columns.items() for index in indexes}
    counts: Counter[tuple[str, str]] = Counter()
    keys = []
    for index, title in enumerate(titles):
        ours = meaning.get(index, "")
        key = (ours, "" if ours else title.strip().casefold())
        keys.append((*key, counts[key]))
        counts[key] += 1
    return keys


def _moved(line: Line, places: Sequence[int], width: int, sheet: str) -> Line:
    """The line with its cells at other places, and with the name of its sheet."""
    cells = [""] * width
    for place, cell in zip(places, line.cells, strict=False):
        cells[place] = cell
    return replace(
        line,
        cells=(*cells, sheet),
        above={places[at]: text for at, text in line.above.items() if at < len(places)},
        numbers=frozenset(places[at] for at in line.numbers if at < len(places)),
    )


def column_letter(index: int) -> str:
    """`index` is from 0."""
    letters = ""
    while index >= 0:
        index, rest = divmod(index, 26)
        letters, index = chr(ord("A") + rest) + letters, index - 1
    return letters


def column_index(letters: str) -> int:
    """From 0."""
    index = 0
    for letter in letters.upper():
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1


def _untitled(lines: Sequence[Line], limits: RosterLimits) -> Titled:
    ((width, _),) = Counter(len(line.cells) for line in lines).most_common(1)
    letters = tuple(column_letter(index) for index in range(min(width, limits.columns)))
    return Titled(Line(lines[0].number, letters), tuple(lines), ())


def _place(
    lines: Sequence[Line], mapping: RosterMapping, answers: RosterAnswers
) -> tuple[int, Finding | None]:
    """The index of the line with titles: the first that names people and their category, else the
    line with the most known titles. A question, if there is no known title at all.
    """
    if answers.title_line is not None:
        numbers = [line_in_sheet(line.number) for line in lines]
        return numbers.index(answers.title_line) if answers.title_line in numbers else 0, None
    counts: list[int] = []
    for place, line in enumerate(lines):
        if export_of(line.cells) or has_orders_only(line.cells):
            return place, None
        columns = find_columns(line.cells, replace(mapping, places={}), ProblemList(0)).indexes
        named = NAMES & columns.keys()
        if named and ("category" in columns or (mapping.categories.get("") and len(columns) > 1)):
            return place, None
        counts.append(len(columns) + len(status_columns(line.cells, columns)))
    if any(counts):
        return counts.index(max(counts)), None
    return 0, _asked(lines)


def _asked(lines: Sequence[Line]) -> Finding:
    filled = [line for line in lines if sum(map(bool, map(str.strip, line.cells))) > 1] or lines
    first = filled[0]
    choices = [Choice("title_line", "0", Phrase("there are no titles: every row is a person"))]
    choices += [
        Choice(
            "title_line",
            str(line_in_sheet(line.number)),
            Phrase("line %(line)s: %(what)s has the titles", line=line.number, what=_cells(line)),
        )
        for line in filled[:_CHOICES_MOST]
    ]
    message = Phrase(
        "no known titles were found. Is line %(line)s a person? %(what)s",
        line=first.number,
        what=_cells(first),
    )
    return Finding("title_line", 1, message, (), tuple(choices))


def _cells(line: Line) -> str:
    texts = [shown(cell.strip(), 20) for cell in line.cells if cell.strip()]
    return ", ".join(texts[:_CELLS_SHOWN]) + ("…" if len(texts) > _CELLS_SHOWN else "")


def _header(line: Line, name: str) -> Line:
    if line.flaw:
        raise RosterError(
            N_("%(name)s, line %(number)s: %(flaw)s"),
            name=shown(name),
            number=line.number,
            flaw=line.flaw,
        )
    titles = list(line.cells)
    while titles and not titles[-1].strip():
        titles.pop()
    return Line(line.number, tuple(titles))


def _with_second_line(header: Line, below: Sequence[Line]) -> tuple[Line, Sequence[Line]]:
    """Join titles in two lines: below a title for several columns, such as 联系方式, is one for
    each.
    """
    second = below[0].cells if below else ()
    filled = {index: cell for index, cell in enumerate(second) if cell.strip()}
    titles = dict(enumerate(header.cells))
    if not filled or not all(
        column_of(cell) and not column_of(titles.get(index, "")) for index, cell in filled.items()
    ):
        return header, below
    titles |= filled
    cells = tuple(titles.get(index, "") for index in range(max(titles) + 1))
    return Line(header.number, cells), below[1:]


def _width(header: Line, below: Iterable[Line], *, is_rectangular: bool) -> int:
    """The number of columns. A row of a text file that is longer than the titles may have a
    separator too many, but if most rows are, then titles are missing.
    """
    widths = [
        max((index + 1 for index, cell in enumerate(line.cells) if cell.strip()), default=0)
        for line in below
        if not line.flaw
    ]
    own = len(header.cells)
    widest = max(widths, default=0)
    longer = sum(width > own for width in widths)
    if is_rectangular or (longer >= _UNTITLED_ROWS_LEAST and longer * 2 > len(widths)):
        return max(own, widest)
    return own


def _without_repeated(
    header: Line, below: Sequence[Line]
) -> tuple[tuple[Line, ...], list[Finding]]:
    """Leave out rows that repeat the titles, as printed lists do on each page."""
    titles = tuple(cell.strip() for cell in header.cells)
    rows = [line for line in below if tuple(map(str.strip, line.cells)) != titles]
    count = len(below) - len(rows)
    if not count:
        return tuple(rows), []
    message = Phrase("rows that repeat the titles, and are not read: %(count)s", count=Count(count))
    return tuple(rows), [Finding("repeated_titles", count, message)]
