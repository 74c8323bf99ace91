"""Small rosters for the tests that read them."""

import csv
import io
from typing import Any

from badges.roster.mapping import RosterMapping, WantedColumn
from badges.roster.reader import Roster, read_roster

CATEGORIES = ("delegate", "speaker", "press")


def read(
    text: str | bytes,
    mapping: dict[str, str] | None = None,
    words: RosterMapping | None = None,
    **options: Any,
) -> Roster:
    """Read a roster. `mapping` has the file's title for each of our columns; `words` is a whole
    mapping.
    """
    columns = {column: WantedColumn((title,)) for column, title in (mapping or {}).items()}
    options = {"mapping": words or RosterMapping(columns), "categories": CATEGORIES} | options
    data = text if isinstance(text, bytes) else text.encode()
    return read_roster(data, "roster.csv", **options)


def read_cell(column: str, cell: str, **options: Any) -> Roster:
    """Read a roster of one good attendee with one changed cell."""
    cells = {"given_name": "Anna", "category": "press"} | {column: cell}
    out = io.StringIO()
    csv.writer(out).writerows([cells.keys(), cells.values()])
    return read(out.getvalue(), **options)


def messages(roster: Roster) -> str:
    return "\n".join(map(str, roster.problems))
