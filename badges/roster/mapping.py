"""Reads and writes mappings. A mapping says which column of a file is which of ours, and what the
file's own words for categories and countries mean here.

It is TOML with the tables `columns`, `categories` and `countries`. What an import used can be
written as such a file, and the next import of a file from the same system reads it.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_TABLES = ("columns", "categories", "countries")
_HEAD = """\
# How a roster's columns and words are read: hallkeeper import ROSTER --mapping THIS_FILE
# Behind each word of the file stands what it means here. Without a meaning ("") it is asked again.
"""


class MappingError(ValueError):
    """Is raised where a text is no mapping. The message says where, and what to write."""


@dataclass(frozen=True)
class WantedColumn:
    """Names the column of the file by its title. Several titles are columns that are read together,
    such as an order's code and a position in it.
    """

    titles: tuple[str, ...]
    # Which of several columns with this title it is, from 1. With 0 there is only one.
    number: int = 0


@dataclass(frozen=True)
class RosterMapping:
    """Holds what a mapping says. The empty word stands for an empty cell, or a column that is not
    there.
    """

    columns: Mapping[str, WantedColumn] = field(default_factory=dict)  # By our column.
    categories: Mapping[str, str] = field(default_factory=dict)  # A category's key by the word.
    countries: Mapping[str, str] = field(default_factory=dict)  # A country by the word.


@dataclass(frozen=True)
class WordRead:
    """Holds a word that the file has for a category, what it was read as, and in how many rows."""

    word: str
    category: str  # Empty where nobody has said what it means.
    rows: int
    is_unknown: bool = False


def read_mapping(text: str) -> RosterMapping:
    """Read a mapping from TOML. Keys outside of the tables name columns. Raises MappingError."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
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
        _words("countries", tables["countries"], "the ISO code of a country"),
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


def _words(table: str, found: Mapping[str, Any], what: str) -> dict[str, str]:
    for word, meaning in found.items():
        if not isinstance(meaning, str):
            raise MappingError(f'[{table}]: write {_quoted(word)} = "{what}"')
    return {word: meaning for word, meaning in found.items() if meaning}


def mapping_text(
    columns: Mapping[str, WantedColumn], words: tuple[WordRead, ...], countries: Mapping[str, str]
) -> str:
    """Write a mapping as TOML, with the number of rows beside each word of the file."""
    lines = [_HEAD, "[columns]"]
    lines += [f"{column} = {_column(wanted)}" for column, wanted in columns.items()]
    lines += ["", "[categories]"]
    for one in words:
        rows = f"{one.rows:,} {'row' if one.rows == 1 else 'rows'}"
        lines.append(f"{_quoted(one.word)} = {_quoted(one.category)}  # {rows}")
    if countries:
        lines += ["", "[countries]"]
        lines += [f"{_quoted(word)} = {_quoted(code)}" for word, code in countries.items()]
    return "\n".join(lines) + "\n"


def _column(wanted: WantedColumn) -> str:
    titles = [_quoted(title) for title in wanted.titles]
    if wanted.number:
        return f"{{ title = {titles[0]}, number = {wanted.number} }}"
    return titles[0] if len(titles) == 1 else f"[{', '.join(titles)}]"


def _quoted(text: str) -> str:
    """Return a basic string of TOML. Its escapes are those of JSON, but for one more character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
