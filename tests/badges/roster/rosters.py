"""Small rosters for the tests that read them."""

import csv
import io
from typing import Any

from badges.roster.reader import Roster, read_roster

CATEGORIES = ("delegate", "speaker", "press")


def read(text: str | bytes, **options: Any) -> Roster:
    data = text if isinstance(text, bytes) else text.encode()
    return read_roster(data, "roster.csv", **({"categories": CATEGORIES} | options))


def read_cell(column: str, cell: str, **options: Any) -> Roster:
    """A roster of one good attendee but for one cell."""
    cells = {"given_name": "Anna", "category": "press"} | {column: cell}
    out = io.StringIO()
    csv.writer(out).writerows([cells.keys(), cells.values()])
    return read(out.getvalue(), **options)


def messages(roster: Roster) -> str:
    return "\n".join(map(str, roster.problems))
