"""Turns the lines of a roster into rows, and notes what is unusual in their cells."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from badges.i18n import Count, Phrase
from badges.roster import cells
from badges.roster.cell_findings import cell_finding
from badges.roster.columns import COLUMN_WORDS, COLUMNS, NAMES
from badges.roster.countries import near_names
from badges.roster.duplicates import Duplicates
from badges.roster.mapping import RosterMapping, UnknownWord, WordRead
from badges.roster.order_status import Orders
from badges.roster.problems import Finding, ProblemList, in_rows, shown, to_answer
from badges.roster.table import Line, RosterAnswers, sheet_of

PROGRESS_ROWS = 1000
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


@dataclass
class _Word:
    first_line: int
    rows: int = 0
    key: str = ""  # of the category, once known
    is_unknown: bool = False  # False if the word could be several categories
    proposed: str = ""


class RowReader:
    """Turns lines into rows. Problems go to `problems`; `findings` has the rest after all rows."""

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
        """`columns` has the places in a line of each of ours. `readers` turn a text into a value,
        or raise CellError; `language` is for rows without one.
        """
        self._columns = columns
        self._problems = problems
        self._language = language
        self._answers = answers
        self._orders = orders
        self._has_names = bool(NAMES & columns.keys())
        # The categories of rows without one, by sheet. "" is the only table.
        self._defaults = {**mapping.sheets, "": mapping.categories.get("", "")}
        self._mapped_days = {cells.wording(word): days for word, days in mapping.days.items()}
        self._readers: dict[str, Callable[[str], Any]] = {
            "email": cells.email,
            "external_id": cells.external_id,
            "language": cells.language,
            "accessible": cells.accessible,
            "latin_name": cells.latin_name,
            "phone": cells.phone,
            "order_number": cells.external_id,
            **readers,
        }
        self._duplicates = Duplicates(problems)
        self._narrowed: list[str] = []
        self._invisible: list[str] = []
        self._merged: dict[str, list[int]] = {}
        self._words: dict[tuple[str, str], _Word] = {}  # by sheet and word
        self._unknown: dict[str, Counter[str]] = {column: Counter() for column in _ASKED_WORDS}
        # Descriptions of cells and rows that `findings` reports.
        self._noted: dict[str, list[str]] = defaultdict(list)
        self._whole_names = 0  # not yet split into given and family name
        self._asked = 0  # problems that an answer solves
        # Rows whose only problems are asked about. They lack these values.
        self.pending: list[RosterRow] = []

    def words(self) -> tuple[WordRead, ...]:
        return tuple(
            WordRead(word, count.key, count.rows, count.is_unknown, sheet, count.proposed)
            for (sheet, word), count in self._words.items()
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
        """Yield the rows without problems. `width` is the number of titles."""
        for done, line in enumerate(lines, 1):
            if progress and (done % PROGRESS_ROWS == 0 or done == len(lines)):
                progress(done, len(lines))
            if self._orders.columns and self._orders.is_left_out(line, self._answers):
                continue
            if self._is_total(line) and self._answers.totals != "take":
                continue
            before, asked = self._problems.count, self._asked
            values = self._values(line, width)
            if values is None:
                continue
            self._check(line.number, values)
            problems = self._problems.count - before
            if not problems and self._has_names and values["category"]:
                yield self._row(line.number, values)
            elif self._has_names and problems == self._asked - asked:
                self.pending.append(self._row(line.number, values))

    def _values(self, line: Line, width: int) -> dict[str, Any] | None:
        """Return None if the cells can't be separated."""
        flaw = line.flaw or _ragged(line, width)
        if flaw:
            self._problems.add(line.number, None, flaw)
            return None
        values: dict[str, Any] = {}
        for column, indexes in self._columns.items():
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
        if "category" not in self._columns:
            values["category"] = self._category("", line.number)
        self._split_name(line, values)
        return values

    def _value(self, line: Line, column: str, text: str) -> Any:
        """`text` is not empty. Raises CellError."""
        several = column == "email" and text.count("@") + text.count("＠") > 1
        addresses = cells.several_emails(text) if several else []
        if addresses:
            self._note("several_emails", line, column, text)
            if self._answers.several_emails == "empty":
                return ""
            text = addresses[0]
        if column == "days":
            text = self._mapped_days.get(cells.wording(text), text)
        read = self._readers.get(column)
        value = read(text) if read else text
        if not text.isascii() and column in ("email", "external_id"):
            self._note_narrowed(line.number, column, text, value)
        elif column in ("phone", "external_id", "order_number") and value != cells.narrow(text):
            self._note("written_out", line, column, text, value)
        if column == "phone" and line.numbers.intersection(self._columns[column]):
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
            if self._answers.bad_cells:
                return False
        is_word = column in self._unknown or isinstance(error, cells.UnknownCategoryError)
        self._asked += is_word or column in _MAY_BE_EMPTY
        self._problems.add(line.number, column, error.phrase)
        return True

    def _split_name(self, line: Line, values: dict[str, Any]) -> None:
        """Split a name such as "KELLER, Anna", if that was the answer."""
        name = values.get("name")
        if not name or values.get("given_name") or values.get("family_name"):
            return
        self._whole_names += 1
        family, _, given = (part.strip() for part in name.replace("，", ",").partition(","))
        if family and given and "," not in given:
            self._note("comma_names", line, "name", name)
            if self._answers.comma_names == "split":
                del values["name"]
                values |= {"given_name": given, "family_name": family}

    def _is_total(self, line: Line) -> bool:
        first = next((cell.strip() for cell in line.cells if cell.strip()), "")
        if not _TOTAL.fullmatch(first.casefold()):
            return False
        texts = ", ".join(shown(cell.strip()) for cell in line.cells if cell.strip())
        self._noted["totals"].append(
            Phrase("line %(number)s: %(cells)s", number=line.number, cells=texts)
        )
        return True

    def _note(self, kind: str, line: Line, column: str, text: str, value: str = "") -> None:
        described = Phrase(
            "line %(number)s, %(column)s: %(text)s",
            number=line.number, column=Phrase(COLUMN_WORDS[column]), text=shown(text, 80),
        )  # fmt: skip
        self._noted[kind].append(described + (f" → {value}" if value else ""))

    def _category(self, text: str, number: int) -> str:
        """The category's key, or "" if `text` is empty. Raises CellError.

        A word means the same on each sheet. Nothing means something else on each.
        """
        sheet = "" if text else sheet_of(number)
        word = self._words.get((sheet, text))
        if word is None:
            word = self._words[sheet, text] = _Word(number)
            word.proposed = cells.category_in_title(sheet, self._readers["category"])
        word.rows += 1
        if not text:
            word.key = self._defaults.get(sheet, "")
            return word.key
        try:
            word.key = self._readers["category"](text)
        except cells.UnknownCategoryError:
            word.is_unknown = True
            raise
        return word.key

    def _check(self, number: int, values: Mapping[str, Any]) -> None:
        if self._has_names and not NAMES & values.keys():
            self._problems.add(number, "given_name", Phrase("no name. Every attendee needs one"))
        if values.get("category") == "" and "category" in self._columns:
            self._asked += 1
            self._problems.add(number, "category", Phrase("no category. Every attendee needs one"))
        self._duplicates.check(number, values)

    def _text(self, line: Line, column: str, indexes: tuple[int, ...]) -> str:
        if len(indexes) == 1:
            return self._cell(line, column, indexes[0])
        parts = [self._cell(line, column, index) for index in indexes]
        return _BETWEEN.get(column, " ").join(part for part in parts if part.strip())

    def _cell(self, line: Line, column: str, index: int) -> str:
        """The cell's text, or the text of the cell above if the two are merged."""
        if index in line.above and not line.cells[index] and column in _FILLED_DOWN:
            self._merged.setdefault(column, []).append(line.number)
            return line.above[index] if self._answers.merged == "fill" else ""
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
        if len(self._noted["comma_names"]) * 2 <= self._whole_names:
            del self._noted["comma_names"]
        reported = [
            cell_finding(kind, examples, self._answers)
            for kind, examples in self._noted.items()
            if examples
        ]
        if not all(word.key for word in self._words.values()):
            reported.append(self._words_finding())
        if self._merged:
            reported.append(self._merged_finding())
        reported += self._duplicates.findings(self._answers)
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
                in_rows(_word_words(sheet, word, count), count.rows, count.first_line)
                for (sheet, word), count in unknown.items()
            ),
        )

    def _merged_finding(self) -> Finding:
        count = sum(map(len, self._merged.values()))
        done = {"fill": Phrase(", filled from above"), "blank": Phrase(", left empty")}.get(
            self._answers.merged or "", ""
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
            self._answers.merged,
            fill=Phrase("each row has the text of the merged cell"),
            blank=Phrase("these cells are empty"),
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
            language=values.get("language") or self._language,
            accessible=values.get("accessible", ""),
            latin_name=values.get("latin_name") or "",
            phone=values.get("phone") or "",
            order_number=values.get("order_number") or "",
            job_title=values.get("job_title") or "",
        )


def _word_words(sheet: str, word: str, count: _Word) -> str:
    if not sheet:
        return shown(word)
    if not count.proposed:
        return Phrase("no category on the sheet %(sheet)s", sheet=shown(sheet))
    return Phrase(
        "no category on the sheet %(sheet)s (perhaps %(category)s)",
        sheet=shown(sheet),
        category=count.proposed,
    )


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
