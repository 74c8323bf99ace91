"""Stores the values that acts changed, before and after, outside the entry log: they may be
personal, and can be erased by the person's serial.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from server.core.entry_log import entry_log
from server.storage import dialect
from server.storage.connection import Connection
from server.storage.tables import write_rows

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """A record before and after an act. None means that it did not exist.

    `kind` and `key` identify the record as in `server/core/edits/things.py`.
    """

    kind: str
    key: str
    before: Values | None
    after: Values | None


def acts_since(db: Connection, number: int) -> list[int]:
    rows = db.execute(
        f"SELECT number FROM leaf WHERE {entry_log.ACTS} AND number >= ? ORDER BY number",
        (number,),
    )
    return [row[0] for row in rows.fetchall()]


def keep(db: Connection, acts: Sequence[int], changes: Sequence[Change]) -> None:
    """Store the changes made by these acts (leaf numbers), in the caller's transaction.

    If there are as many acts as changes, each act made one; otherwise the last act made all.
    """
    if not acts:
        return
    each = acts if len(acts) == len(changes) else [acts[-1]] * len(changes)
    rows = [
        (number, place, change.kind, change.key, _text(change.before), _text(change.after))
        for place, (number, change) in enumerate(zip(each, changes, strict=True))
    ]
    columns = ("number", "place", "kind", "key", "before", "after")
    write_rows(db, "act_change", columns, rows)


def of_acts(db: Connection, numbers: Iterable[int]) -> dict[int, list[Change]]:
    rows = db.execute(
        "SELECT number, kind, key, before, after FROM act_change"
        f" WHERE {dialect.one_of('number')} ORDER BY number, place",
        (dialect.many(numbers),),
    )
    changes: dict[int, list[Change]] = {}
    for number, kind, key, before, after in rows.fetchall():
        changes.setdefault(number, []).append(Change(kind, key, _values(before), _values(after)))
    return changes


def _text(values: Values | None) -> str | None:
    return None if values is None else json.dumps(values, ensure_ascii=False)


def _values(text: str | None) -> Values | None:
    decoded: Values | None = None if text is None else json.loads(text)
    return decoded
