"""Reads and writes the mapping of room names to halls and words to kinds of activities.

It is TOML with the tables `[halls]` and `[kinds]`. A word maps to a code, or to false to skip its
events. `[capacities]` has the places of rooms that become new halls, `[columns]` our columns of a
table's titles.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from badges.roster.cells import narrow
from badges.settings_check import unknown_key
from badges.whole_toml import whole_toml
from server.features.imports.programme.formats.columns import COLUMNS, NOT_READ
from server.features.imports.venue_plan import VenueError

_TABLES = ("halls", "kinds")
_CAPACITIES = "capacities"
_COLUMNS = "columns"


def folded(word: str) -> str:
    """Normalise case, width and spaces for comparisons."""
    return " ".join(narrow(word).casefold().split())


@dataclass(frozen=True)
class ProgrammeMapping:
    """Each normalised word's code, None if its events are skipped."""

    halls: Mapping[str, str | None] = field(default_factory=dict)
    kinds: Mapping[str, str | None] = field(default_factory=dict)
    # The capacity of rooms that become halls, as it was written. It precedes the file's own.
    capacities: Mapping[str, str] = field(default_factory=dict)
    # Our columns, or NOT_READ, of a table's folded titles. Other titles are known or not.
    columns: Mapping[str, str] = field(default_factory=dict)
    new_halls: bool = False  # a hall is made for each room that the event does not have


def read_mapping(data: bytes, name: str) -> ProgrammeMapping:
    """Read a mapping from a TOML file called `name`. Raises VenueError with every problem.

    An empty text means: not mapped yet.
    """
    try:
        document = whole_toml(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise VenueError([f"{name} is not UTF-8 text: save it as UTF-8"]) from None
    except (ValueError, RecursionError) as error:  # also for a whole number of over 4,300 digits
        raise VenueError([f"{name} is not TOML: {error}"]) from None
    problems: list[str] = []
    tables: dict[str, dict[str, str | None]] = {table: {} for table in _TABLES}
    capacities: dict[str, str] = {}
    columns: dict[str, str | None] = {}
    for key, table in document.items():
        if key not in (*_TABLES, _CAPACITIES, _COLUMNS):
            problems.append(f"{name}: {unknown_key(key, (*_TABLES, _CAPACITIES, _COLUMNS))}")
        elif not isinstance(table, dict):
            problems.append(f"{name}: write [{key}], and below it a line for each word")
        elif key == _CAPACITIES:
            capacities = {folded(word): str(places) for word, places in table.items()}
        elif key == _COLUMNS:
            _read_table(name, key, table, columns, problems)
        else:
            _read_table(name, key, table, tables[key], problems)
    for title, column in columns.items():
        if column not in (*COLUMNS, None):
            known = ", ".join(COLUMNS)
            problems.append(f'{name}, columns, "{title[:40]}": write one of {known}, or false')
    if problems:
        raise VenueError(problems)
    read = {title: column or NOT_READ for title, column in columns.items()}
    return ProgrammeMapping(tables["halls"], tables["kinds"], capacities, read)


def _read_table(
    name: str,
    key: str,
    table: Mapping[str, Any],
    entries: dict[str, str | None],
    problems: list[str],
) -> None:
    for word, code in table.items():
        if code is False:
            entries[folded(word)] = None
        elif isinstance(code, str):
            if code.strip():
                entries[folded(word)] = code.strip()
        else:
            problems.append(
                f'{name}, {key}, "{word[:40]}": write a code in quotation marks, or false'
            )


def mapping_text(
    halls: Mapping[str, str | None], kinds: Mapping[str, str | None], columns: Mapping[str, str]
) -> str:
    """Return a mapping as TOML. A word's code is None for skipped events, "" if unknown. `columns`
    are those of a table, by its titles.
    """
    ours = {title: None if column == NOT_READ else column for title, column in columns.items()}
    lines = ["# A code, or false to skip everything with this name. Fill in the empty ones."]
    for table, words in (("halls", halls), ("kinds", kinds), (_COLUMNS, ours)):
        if table == _COLUMNS and not words:
            continue  # the file is no table
        lines += ["", f"[{table}]"]
        for word, code in sorted(words.items()):
            lines.append(f"{_quoted(word)} = {'false' if code is None else _quoted(code)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(
        char if char.isprintable() else f"\\U{ord(char):08X}" for char in escaped
    ) + '"'  # fmt: skip
