"""Mappings: which column of a file is which of ours, and the meaning of its words for categories
and countries.

A mapping is TOML with the tables `columns`, `categories`, `sheets`, `countries` and `days`. An
import can save its choices as a mapping, for the next file from the same system.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from badges.whole_toml import whole_toml

EMPTY = "none"  # a country's meaning: leave the cell empty
_TABLES = ("columns", "categories", "sheets", "countries", "days")
_HEAD = """\
# How a roster's columns and words are read: hallkeeper import ROSTER --mapping THIS_FILE
# Each word of the file has its meaning here. Words without a meaning ("") are asked for again.
"""


class MappingError(ValueError):
    """Raised for an invalid mapping. The message has the place and the remedy."""


@dataclass(frozen=True)
class WantedColumn:
    """A column of the file, by its title. Several titles are read together, such as an order's
    code and the position in it.
    """

    titles: tuple[str, ...]
    # Which of several columns with this title, from 1. 0: there is only one.
    number: int = 0


@dataclass(frozen=True)
class RosterMapping:
    """The organiser's assignment of a file's titles and words to ours. The empty word means an
    empty cell or an absent column.
    """

    columns: Mapping[str, WantedColumn] = field(default_factory=dict)  # by our column
    # a category's key by the file's word
    categories: Mapping[str, str] = field(default_factory=dict)
    # Of sheets that are read together: the category's key of people without one, by sheet. The
    # empty word of `categories` does not count there, since it was said of one list.
    sheets: Mapping[str, str] = field(default_factory=dict)
    countries: Mapping[str, str] = field(default_factory=dict)  # a country by the file's word
    days: Mapping[str, str] = field(default_factory=dict)  # event days by the file's word
    # Our column by the place of the file's, from 0; "" is not read. They come first.
    places: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class WordRead:
    word: str
    category: str  # empty: no meaning given yet
    rows: int
    is_unknown: bool = False
    sheet: str = ""  # of people without a word, where several sheets are read together
    proposed: str = ""  # a category that the sheet's name has


@dataclass(frozen=True)
class UnknownWord:
    """A cell of the file without a meaning. `near` are suggestions, by code."""

    word: str
    rows: int
    near: Mapping[str, str] = field(default_factory=dict)


def read_mapping(text: str) -> RosterMapping:
    """Keys outside of tables are columns. Raises MappingError."""
    try:
        document = whole_toml(text)
    except (ValueError, RecursionError) as error:  # also for a whole number of over 4,300 digits
        raise MappingError(f"is not TOML: {error}") from None
    tables: dict[str, dict[str, Any]] = {name: {} for name in _TABLES}
    for name, value in document.items():
        if name in tables and isinstance(value, dict):
            tables[name] |= value
        elif name in tables:
            raise MappingError(f"{name} is a table: write [{name}] above its lines")
        else:
            tables["columns"][name] = value
    return RosterMapping(
        {column: _wanted(column, value) for column, value in tables["columns"].items()},
        _words("categories", tables["categories"], "the key of a category"),
        _words("sheets", tables["sheets"], "the key of a category"),
        _words("countries", tables["countries"], "the ISO code of a country"),
        _words("days", tables["days"], "1,3"),
    )


def _wanted(column: str, value: object) -> WantedColumn:
    match value:
        case str():
            return WantedColumn((value,))
        case [str(), *_]:
            titles = [title for title in value if isinstance(title, str)]
            if len(titles) == len(value):
                return WantedColumn(tuple(titles))
        case {"title": str() as title, "number": int() as number} if number > 0:
            return WantedColumn((title,), number)
    raise MappingError(f'write {column} = "the column\'s title in the file"')


def _words(table: str, meanings: Mapping[str, Any], example: str) -> dict[str, str]:
    for word, meaning in meanings.items():
        if not isinstance(meaning, str):
            raise MappingError(f'[{table}]: write {_quoted(word)} = "{example}"')
    return {word: meaning for word, meaning in meanings.items() if meaning}


def mapping_text(
    columns: Mapping[str, WantedColumn], words: tuple[WordRead, ...], mapping: RosterMapping
) -> str:
    """Write TOML, with the number of rows beside each word."""
    lines = [_HEAD, "[columns]"]
    lines += [f"{column} = {_column(wanted)}" for column, wanted in columns.items()]
    lines += ["", "[categories]"]
    lines += [_word_line(read.word, read) for read in words if not read.sheet]
    of_sheets = [_word_line(read.sheet, read) for read in words if read.sheet]
    if of_sheets:
        lines += ["", "# The category of people without one, by sheet", "[sheets]", *of_sheets]
    for table, meanings in (("countries", mapping.countries), ("days", mapping.days)):
        if meanings:
            lines += ["", f"[{table}]"]
            lines += [f"{_quoted(word)} = {_quoted(code)}" for word, code in meanings.items()]
    return "\n".join(lines) + "\n"


def _word_line(word: str, read: WordRead) -> str:
    rows = f"{read.rows:,} {'row' if read.rows == 1 else 'rows'}"
    proposed = f', perhaps "{read.proposed}"' if read.proposed and not read.category else ""
    return f"{_quoted(word)} = {_quoted(read.category)}  # {rows}{proposed}"


def _column(wanted: WantedColumn) -> str:
    titles = [_quoted(title) for title in wanted.titles]
    if wanted.number:
        return f"{{ title = {titles[0]}, number = {wanted.number} }}"
    return titles[0] if len(titles) == 1 else f"[{', '.join(titles)}]"


def _quoted(text: str) -> str:
    """TOML's escapes are JSON's, except for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
