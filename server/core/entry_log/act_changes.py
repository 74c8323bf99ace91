"""Keeps what acts changed, with the values before and after.

The entry log outlives erasure, so its leaves have ids alone. These values may be personal. They
stand in a table of their own, where those of a person are found by the person's serial and can be
erased, and then nobody knows them any more.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from server.storage import dialect
from server.storage.connection import Connection
from server.storage.tables import insert_many

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """Holds a thing as it was before an act and after it. None stands for nothing there.

    `kind` and `key` name the thing as `server/core/edits/things.py` does.
    """

    kind: str
    key: str
    before: Values | None
    after: Values | None


def acts_since(db: Connection, number: int) -> list[int]:
    """Return the numbers of the acts from `number` on, oldest first."""
    # The index over acts leaves scans out. It is used only if the query does so too.
    rows = db.execute(
        "SELECT number FROM leaf WHERE kind = 'act' AND kind <> 'scan' AND number >= ?"
        " ORDER BY number",
        (number,),
    )
    return [row[0] for row in rows.fetchall()]


def keep(db: Connection, acts: Sequence[int], changes: Sequence[Change]) -> None:
    """Keep what these acts changed, in the caller's transaction.

    Where there are as many acts as changes, each has its own. Otherwise the last act has them all.
    """
    if not acts:
        return
    each = acts if len(acts) == len(changes) else [acts[-1]] * len(changes)
    rows = [
        (number, place, one.kind, one.key, _text(one.before), _text(one.after))
        for place, (number, one) in enumerate(zip(each, changes, strict=True))
    ]
    columns = ("number", "place", "kind", "key", "before", "after")
    insert_many(db, "act_change", columns, rows)


def of_acts(db: Connection, numbers: Iterable[int]) -> dict[int, list[Change]]:
    """Return what these acts changed, by their numbers, as far as it is kept."""
    rows = db.execute(
        "SELECT number, kind, key, before, after FROM act_change"
        f" WHERE {dialect.one_of('number')} ORDER BY number, place",
        (dialect.many(numbers),),
    )
    found: dict[int, list[Change]] = {}
    for number, kind, key, before, after in rows.fetchall():
        found.setdefault(number, []).append(Change(kind, key, _values(before), _values(after)))
    return found


def _text(values: Values | None) -> str | None:
    return None if values is None else json.dumps(values, ensure_ascii=False)


def _values(text: str | None) -> Values | None:
    found: Values | None = None if text is None else json.loads(text)
    return found
