"""Writes the rows of venue files and programmes that have a code, and counts them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from server.core.venue import numbers
from server.storage.connection import Connection
from server.storage.tables import tables


@dataclass
class ImportedVenue:
    """How many things of each kind were added, changed and unchanged, and which are missing."""

    added: dict[str, int] = field(default_factory=dict)
    updated: dict[str, int] = field(default_factory=dict)
    unchanged: dict[str, int] = field(default_factory=dict)
    absent: dict[str, list[str]] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        return bool(self.kinds_changed)

    @property
    def kinds_changed(self) -> set[str]:
        return {*self.added, *self.updated}


class Writer:
    """Writes rows of tables with a `code`, counting in `result`."""

    def __init__(self, db: Connection, result: ImportedVenue) -> None:
        self.db = db
        self.tables = tables(db)
        self.result = result

    def put(self, kind: str, table: str, values: dict[str, Any]) -> None:
        before = self.row(table, "code", values["code"])
        self.write(table, values)
        self.count(kind, before, self.row(table, "code", values["code"]))

    def write(self, table: str, values: dict[str, Any]) -> None:
        """Insert or update the row with this code. Other columns stay."""
        if table in numbers.NUMBERED and self.row(table, "code", values["code"]) is None:
            values = {f"{table}_id": numbers.new_number(self.db, table, values["code"]), **values}
        marks = ", ".join("?" * len(values))
        changes = ", ".join(f"{name} = excluded.{name}" for name in values if name != "code")
        self.db.execute(
            f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})"
            f" ON CONFLICT (code) DO UPDATE SET {changes}",
            tuple(values.values()),
        )

    def count(self, kind: str, before: object, after: object) -> None:
        """Count a thing by its values before (None: new) and after."""
        result = self.result
        counts = result.unchanged if before == after else result.updated
        if before is None:
            counts = result.added
        counts[kind] = counts.get(kind, 0) + 1

    def absent(self, kind: str, table: str, codes: list[str]) -> None:
        """Record the event's codes that the file lacks, unless it lacks the whole kind."""
        if codes:
            stored = {row[0] for row in self.db.execute(f"SELECT code FROM {table}")}
            self.result.absent[kind] = sorted(stored.difference(codes))

    def ids(self, table: str, key: str) -> Mapping[str, int]:
        return dict(self.db.execute(f"SELECT code, {key} FROM {table}").fetchall())

    def row(self, table: str, key: str, value: object) -> tuple[Any, ...] | None:
        row = self.db.execute(f"SELECT * FROM {table} WHERE {key} = ?", (value,)).fetchone()
        return None if row is None else tuple(row)
