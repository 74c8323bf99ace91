"""Reads sheets of an XLSX workbook as lines of text. Formulas stay visible.

Reports what the sheet hides: other sheets, filtered rows, and merged cells.
"""

import datetime as dt
import io
import re
import shlex
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from badges.i18n import N_, Count, Phrase, joined
from badges.roster.columns import NAMES, column_of
from badges.roster.exports import export_of, has_orders_only
from badges.roster.problems import Choice, Finding, RosterError, shown, to_answer
from badges.roster.table import (
    HEADER_LINES,
    MERGED_CELLS_MOST,
    SAVE_AS,
    Line,
    RosterAnswers,
    RosterLimits,
    SheetLine,
    UnreadSheet,
)

SHEETS_BETWEEN = "/"  # no name of a sheet has it
# The most rows of a sheet. Many files end in empty rows with formatting.
_SHEET_ROWS = 1_048_576
_TITLES_MOST = 256  # that are compared between sheets
_LAYOUT_TAGS = re.compile(rb"<(?:\w+:)?(row|mergeCell|col)\b([^>]*)>")
_FORMULA_TAGS = re.compile(rb"<(?:\w+:)?f\b")
_FILLED_TAGS = re.compile(rb"<(?:\w+:)?(row|v|t|f)\b[^>]*(?<!/)>")
_ROW_NUMBER = re.compile(rb"""\br=["'](\d{1,7})["']""")
_HIDDEN = re.compile(rb"""\bhidden=["'](?:1|true)["']""")
_COLUMN_MIN = re.compile(rb"""\bmin=["'](\d{1,5})["']""")
_COLUMN_MAX = re.compile(rb"""\bmax=["'](\d{1,5})["']""")
_RANGE = re.compile(rb"""\bref=["']([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})["']""")


def xlsx_sheets(
    data: bytes,
    name: str,
    limits: RosterLimits,
    answers: RosterAnswers,
    tell: Callable[[Finding], None],
) -> list[tuple[str, list[Line]]]:
    """The chosen sheets with their lines, or the first visible sheet with rows. All rows of a sheet
    have the same width. Raises RosterError.
    """
    _check_archive(data, name, limits)
    try:
        with warnings.catch_warnings():
            # Warnings are about styles and extensions, which are not used here.
            warnings.simplefilter("ignore")
            sheets = _read(data, name, limits, answers, tell)
    except (RosterError, MemoryError):
        raise
    except Exception:
        # openpyxl lets errors of its parts through, such as KeyError, ParseError or zlib.error.
        raise RosterError(
            N_("%(name)s is damaged: open it in the spreadsheet and save it again"),
            name=shown(name),
        ) from None
    hidden = [line for sheet in sheets for line in sheet.hidden]
    if hidden:
        tell(_hidden_rows(hidden, answers))
    hidden_columns = tuple(
        column for sheet in sheets for column in _hidden_columns(sheet.rows, sheet.hidden_columns)
    )
    if hidden_columns:
        message = Phrase(
            "hidden columns, which are read too: %(count)s",
            count=Count(len(hidden_columns)),
        )
        tell(Finding("hidden_columns", len(hidden_columns), message, hidden_columns))
    left_out = set(hidden) if answers.hidden_rows == "leave" else set()
    return [(sheet.title, _lines(sheet, left_out)) for sheet in sheets]


def _lines(sheet: "_Sheet", left_out: set[int]) -> list[Line]:
    width = max(map(len, sheet.rows), default=0)
    above = _merged_values(sheet.rows, sheet.merged, sheet.header)
    return [
        Line(
            sheet.number(place),
            cells + ("",) * (width - len(cells)),
            above=above.get(place, {}),
            numbers=sheet.numeric[place - 1],
        )
        for place, cells in enumerate(sheet.rows, 1)
        if cells and sheet.number(place) not in left_out
    ]


def _hidden_columns(rows: list[tuple[str, ...]], hidden: list[tuple[int, int]]) -> tuple[str, ...]:
    """Hidden columns with text, by letter and first text."""
    from openpyxl.utils import get_column_letter

    width = max(map(len, rows), default=0)
    described = []
    for first, last in hidden:
        for column in range(first, min(last, width) + 1):
            texts = (cells[column - 1] for cells in rows if len(cells) >= column)
            text = next((text for text in texts if text.strip()), None)
            if text is not None:
                described.append(
                    Phrase(
                        "column %(column)s, %(text)s",
                        column=get_column_letter(column),
                        text=shown(text),
                    )
                )
    return tuple(described)


def _hidden_rows(hidden: list[int], answers: RosterAnswers) -> Finding:
    done = {"take": Phrase(", included"), "leave": Phrase(", left out")}.get(
        answers.hidden_rows or "", ""
    )
    return to_answer(
        "hidden_rows",
        len(hidden),
        Phrase(
            "rows that are hidden or filtered away: %(count)s%(done)s",
            count=Count(len(hidden)),
            done=done,
        ),
        [Phrase("line %(number)s", number=number) for number in hidden],
        answers.hidden_rows,
        leave=Phrase("skip these rows"),
        take=Phrase("these people come too"),
    )


def _merged_values(
    rows: list[tuple[str, ...]], merged: list[tuple[int, int, int, int]], header: int
) -> dict[int, dict[int, str]]:
    """The text of merged cells, by row and column, for each cell below the top one."""
    above: dict[int, dict[int, str]] = {}
    cells = 0
    for top, left, bottom, _ in merged:
        if not header < top < bottom or top > len(rows):
            continue
        text = rows[top - 1][left - 1] if left <= len(rows[top - 1]) else ""
        cells += min(bottom, len(rows)) - top
        if cells > MERGED_CELLS_MOST:
            raise RosterError(
                N_("over %(most)s cells are merged: copy the rows into a new workbook"),
                most=Count(MERGED_CELLS_MOST),
            )
        for number in range(top + 1, min(bottom, len(rows)) + 1):
            if text:
                above.setdefault(number, {})[left - 1] = text
    return above


def _check_archive(data: bytes, name: str, limits: RosterLimits) -> None:
    """Check the sizes in the zip file's directory before unpacking. Raises RosterError."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except Exception:
        # The damage determines the exception, such as BadZipFile or struct.error.
        raise RosterError(
            N_("%(name)s is damaged: %(save_as)s again"), name=shown(name), save_as=SAVE_AS
        ) from None
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > limits.unpacked_bytes or len(entries) > 10_000:
        raise RosterError(
            N_(
                "%(name)s unpacks to %(unpacked)s bytes in %(count)s parts; the limits "
                "are %(unpacked_bytes)s and 10,000. Copy the rows into a new workbook"
            ),
            name=shown(name),
            unpacked=Count(unpacked),
            count=Count(len(entries)),
            unpacked_bytes=Count(limits.unpacked_bytes),
        )
    if not any(entry.filename == "xl/workbook.xml" for entry in entries):
        raise RosterError(
            N_("%(name)s is not an XLSX workbook: %(save_as)s"), name=shown(name), save_as=SAVE_AS
        )


@dataclass(frozen=True)
class _Sheet:
    title: str
    rows: list[tuple[str, ...]]
    numeric: list[frozenset[int]]
    hidden_rows: list[int]
    hidden_columns: list[tuple[int, int]]  # first and last of each run, from 1
    merged: list[tuple[int, int, int, int]]  # top, left, bottom and right, from 1
    start: int | None  # the number of the line before, if several sheets are read

    @property
    def header(self) -> int:
        return next((place for place, cells in enumerate(self.rows, 1) if cells), 0)

    @property
    def hidden(self) -> list[int]:
        return [
            self.number(place)
            for place in self.hidden_rows
            if self.header < place <= len(self.rows) and any(self.rows[place - 1])
        ]

    def number(self, place: int) -> int:
        return place if self.start is None else SheetLine(self.start + place, place, self.title)


def _read(
    data: bytes,
    name: str,
    limits: RosterLimits,
    answers: RosterAnswers,
    tell: Callable[[Finding], None],
) -> list[_Sheet]:
    # Imported here because it loads slowly, and most commands need no workbook.
    import openpyxl

    values = answers.formulas == "values"
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=values)
    with closing(book):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            chosen = _chosen(book, archive, name, answers, tell)
            xmls = [archive.read(_part(sheet)) for sheet in chosen]
        formulas = sum(len(_FORMULA_TAGS.findall(xml)) for xml in xmls)
        if formulas:
            tell(_formulas(formulas, values=values))
        sheets: list[_Sheet] = []
        start = 0 if len(chosen) > 1 else None
        for sheet, xml in zip(chosen, xmls, strict=True):
            sheet.reset_dimensions()  # a file may claim any size
            cells = sheet.iter_rows(max_row=_SHEET_ROWS, max_col=limits.columns + 1)
            texts, numbers = [], []
            for text, numeric in _all_texts(cells):
                texts.append(text)
                numbers.append(numeric)
            sheets.append(_Sheet(sheet.title, texts, numbers, *_layout(xml), start))
            start = start + len(texts) if start is not None else None
        return sheets


def _formulas(count: int, *, values: bool) -> Finding:
    done = Phrase(", read as the values that the spreadsheet last computed") if values else ""
    message = Phrase("formulas: %(count)s%(done)s", count=Count(count), done=done)
    choice = Choice("formulas", "values", Phrase("take the values that the spreadsheet computed"))
    return Finding("formulas", count, message, (), () if values else (choice,), optional=True)


def _chosen(
    book: Any,
    archive: zipfile.ZipFile,
    name: str,
    answers: RosterAnswers,
    tell: Callable[[Finding], None],
) -> list[Any]:
    rows = {book.worksheets[0].title: 1}
    if len(book.worksheets) > 1:
        rows = {sheet.title: _filled_rows(archive.read(_part(sheet))) for sheet in book.worksheets}
    wanted = [_named(book, name, title) for title in dict.fromkeys(answers.sheets)]
    fit = bool(wanted) and _fit([_titles(sheet) for sheet in wanted])
    chosen = wanted if fit else [_first(book, name, rows)]
    filled = [sheet for sheet in book.worksheets if sheet in chosen or rows[sheet.title]]
    if len(filled) > len(chosen):
        tell(_other_sheets(name, chosen, filled, rows, [] if fit else wanted, fit=fit))
    return chosen


def _named(book: Any, name: str, title: str) -> Any:
    wanted = title.strip().casefold()
    named = [sheet for sheet in book.worksheets if sheet.title.strip().casefold() == wanted]
    if not named:
        raise RosterError(
            N_("%(name)s has no sheet %(sheet)s: name one of %(has)s"),
            name=shown(name),
            sheet=shown(title),
            has=", ".join(shown(sheet.title) for sheet in book.worksheets),
        )
    return named[0]


def _first(book: Any, name: str, rows: Mapping[str, int]) -> Any:
    visible = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    if not visible:
        raise RosterError(
            N_("%(name)s has no visible sheet: show the one with the roster"), name=shown(name)
        )
    return next((sheet for sheet in visible if rows[sheet.title]), visible[0])


def _first_lines(sheet: Any) -> list[tuple[str, ...]]:
    sheet.reset_dimensions()  # a file may claim any size
    rows = sheet.iter_rows(max_row=HEADER_LINES, max_col=_TITLES_MOST)
    return [_texts(cells) for cells in rows]


def _titles(sheet: Any) -> tuple[str, ...]:
    """The line with the most known titles among the first ones."""
    lines = _first_lines(sheet)
    known = [sum(column_of(text) is not None for text in line) for line in lines]
    return tuple(map(str.strip, lines[known.index(max(known))])) if lines else ()


def _known(titles: Iterable[str]) -> set[str]:
    return {column for column in map(column_of, titles) if column}


def _fit(titles: Sequence[tuple[str, ...]]) -> bool:
    """Whether sheets with these titles can be read together."""
    return len({*titles}) == 1 or all(map(_names_people, titles))


def _names_people(titles: Sequence[str]) -> bool:
    """Whether columns can be matched with those of another sheet. An export's sheets differ in
    kind, such as orders and people.
    """
    known = _known(titles)
    is_export = export_of(titles) is not None or has_orders_only(titles)
    return bool(NAMES & known) and len(known) > 1 and not is_export


def _may_have_people(sheet: Any, rows: int) -> bool:
    """False for titles without rows, and for one column without names, such as a cover. The titles
    of a list of people may be unknown.
    """
    known = _known(_titles(sheet))
    width = max((sum(map(bool, line)) for line in _first_lines(sheet)), default=0)
    return not (known and rows == 1) and (width > 1 or bool(NAMES & known))


def _other_sheets(
    name: str,
    chosen: list[Any],
    filled: list[Any],
    rows: Mapping[str, int],
    misfits: list[Any],
    *,
    fit: bool,
) -> Finding:
    """`misfits` were chosen, and can't be read together."""
    others = [sheet for sheet in filled if sheet not in chosen]
    message = Phrase(
        "of the sheets of %(name)s only these are read: %(title)s (%(rows)s rows). Other sheets"
        " with rows: %(count)s",
        name=shown(name),
        title=", ".join(shown(sheet.title) for sheet in chosen),
        rows=Count(sum(rows[sheet.title] for sheet in chosen)),
        count=Count(len(others)),
    )
    examples = tuple(
        Phrase("%(title)s, %(rows)s rows", title=shown(other.title), rows=Count(rows[other.title]))
        + ("" if other.sheet_state == "visible" else Phrase(", hidden"))
        for other in others
    )
    unread = tuple(
        UnreadSheet(other.title, rows[other.title], _may_have_people(other, rows[other.title]))
        for other in others
    )
    if fit:
        return Finding("other_sheets", len(others), message, examples, sheets=unread)
    groups = _readable_together(filled, rows)
    choices = tuple(_sheet_choices(groups, rows))
    # Of two sheets each set that can be read is a choice of its own, and one of them is chosen.
    several = any(len(titles) > 2 for titles in groups)
    reason = _misfits(misfits) if misfits else message
    return Finding(
        "other_sheets", len(others), reason, examples, choices, several=several, sheets=unread
    )


def _misfits(chosen: Iterable[Any]) -> str:
    """The reason why the chosen sheets can't be read together."""
    titles = {sheet.title: _titles(sheet) for sheet in chosen}
    sheets = [
        Phrase(
            "%(sheet)s (titles: %(titles)s)",
            sheet=shown(title),
            titles=", ".join(shown(cell, 20) for cell in cells if cell) or "-",
        )
        for title, cells in titles.items()
        if not _names_people(cells)
    ]
    return Phrase(
        "the chosen sheets can't be read together. By their titles these are no lists of people:"
        " %(sheets)s. Read them alone, or leave them out",
        sheets=joined("; ", sheets),
    )


def _readable_together(filled: list[Any], rows: Mapping[str, int]) -> list[list[str]]:
    """The titles of the sheets with rows, in groups whose columns match."""
    groups: dict[tuple[str, ...] | None, list[str]] = {}
    for sheet in filled:
        if rows[sheet.title]:
            titles = _titles(sheet)
            group = None if _names_people(titles) else titles
            groups.setdefault(group, []).append(sheet.title)
    return list(groups.values())


def _sheet_choices(groups: list[list[str]], rows: Mapping[str, int]) -> Iterator[Choice]:
    """Each sheet, below all those that can be read together."""
    for names in groups:
        if len(names) > 1:
            words = Phrase(
                "read these %(count)s together, whose columns match: %(titles)s",
                count=Count(len(names)), titles=", ".join(map(shown, names)),
            )  # fmt: skip
            options = " ".join(f"--sheet {shlex.quote(title)}" for title in names)
            yield Choice("sheets", SHEETS_BETWEEN.join(names), words, options)
        for title in names:
            words = Phrase(
                "read %(title)s (%(rows)s rows)", title=shown(title), rows=Count(rows[title])
            )
            yield Choice("sheets", title, words, f"--sheet {shlex.quote(title)}")


def _part(sheet: Any) -> str:
    """openpyxl has no public name for it."""
    return str(sheet._worksheet_path).lstrip("/")


def _layout(
    xml: bytes,
) -> tuple[list[int], list[tuple[int, int]], list[tuple[int, int, int, int]]]:
    """Find hidden rows, hidden columns and merged cells by their XML tags.

    Parsing the whole tree again would take as long as reading the cells.
    """
    from openpyxl.utils import column_index_from_string

    hidden = []
    columns = []
    merged = []
    number = 0
    if b"hidden=" in xml or b"mergeCell" in xml:
        for tag, attributes in _LAYOUT_TAGS.findall(xml):
            if tag == b"row":
                given = _ROW_NUMBER.search(attributes)
                number = int(given[1]) if given else number + 1
                if _HIDDEN.search(attributes):
                    hidden.append(number)
            elif tag == b"col":
                first, last = _COLUMN_MIN.search(attributes), _COLUMN_MAX.search(attributes)
                if first and last and _HIDDEN.search(attributes):
                    columns.append((int(first[1]), int(last[1])))
            elif (merge := _RANGE.search(attributes)) is not None:
                left, top, right, bottom = (corner.decode() for corner in merge.groups())
                merged.append(
                    (int(top), column_index_from_string(left), int(bottom),
                     column_index_from_string(right))
                )  # fmt: skip
    return hidden, columns, merged


def _filled_rows(xml: bytes) -> int:
    rows, filled = 0, False
    for tag in _FILLED_TAGS.findall(xml):
        if tag == b"row":
            filled = False
        elif not filled:
            filled = True
            rows += 1
    return rows


def _all_texts(rows: Iterable[Iterable[Any]]) -> Iterator[tuple[tuple[str, ...], frozenset[int]]]:
    """Yield each row's texts, and the columns that are numbers."""
    # openpyxl returns the same tuple for all rows that the file leaves out.
    blank = None
    for cells in rows:
        if cells is blank:
            yield (), frozenset()
            continue
        texts = _texts(cells)
        blank = blank if texts else cells
        yield texts, frozenset(at for at, cell in enumerate(cells) if _is_number(cell.value))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _texts(cells: Iterable[Any]) -> tuple[str, ...]:
    texts = [cell_text(cell.value) if cell.value is not None else "" for cell in cells]
    while texts and not texts[-1]:
        texts.pop()
    return tuple(texts)


def cell_text(value: object) -> str:
    """A cell's value as a person would type it: 1001.0 is "1001", a date is ISO, a formula starts
    with "=".
    """
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value) if abs(value) < 10**15 else f"{value:.14E}"
        case float():
            return _number_text(value)
        case dt.datetime() if value.time() == dt.time():
            return value.date().isoformat()
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
        case _:
            from openpyxl.worksheet.formula import ArrayFormula, DataTableFormula

            return "=" if isinstance(value, ArrayFormula | DataTableFormula) else str(value)


def _number_text(value: float) -> str:
    """A number as text. Spreadsheets keep 15 digits; longer numbers get an exponent, which shows
    the loss.
    """
    if abs(value) >= 1e15:
        return f"{value:.14E}"
    return str(int(value)) if value.is_integer() else f"{value:.15g}"
