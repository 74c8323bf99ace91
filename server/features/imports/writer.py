"""Writes things of a venue by their codes, and counts what that changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from server.storage.connection import Connection
from server.storage.tables import tables


@dataclass
class ImportedVenue:
    """Holds how many things of each kind were added, changed and left the same, and what the file
    lacks.
    """

    added: dict[str, int] = field(default_factory=dict)
    updated: dict[str, int] = field(default_factory=dict)
    unchanged: dict[str, int] = field(default_factory=dict)
    absent: dict[str, list[str]] = field(default_factory=dict)  # codes, of kinds in the file

    @property
    def changed(self) -> bool:
        return bool(self.added or self.updated)


class Writer:
    """Writes rows of tables that have a column `code`. `result` counts what it did."""

    def __init__(self, db: Connection, result: ImportedVenue) -> None:
        self.db = db
        self.tables = tables(db)
        self.result = result

    def put(self, kind: str, table: str, values: dict[str, Any]) -> None:
        """Add the thing with this code, or change it."""
        before = self.row(table, "code", values["code"])
        self.write(table, values)
        self.count(kind, before, self.row(table, "code", values["code"]))

    def write(self, table: str, values: dict[str, Any]) -> None:
        """Write the row with this code, whether it is there or not. Other columns keep their
        values.
        """
        marks = ", ".join("?" * len(values))
        changes = ", ".join(f"{name} = excluded.{name}" for name in values if name != "code")
        self.db.execute(
            f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})"
            f" ON CONFLICT (code) DO UPDATE SET {changes}",
            tuple(values.values()),
        )

    def count(self, kind: str, before: object, after: object) -> None:
        """Count a thing by what it was before, None where it was not there, and after."""
        result = self.result
        counts = result.unchanged if before == after else result.updated
        if before is None:
            counts = result.added
        counts[kind] = counts.get(kind, 0) + 1

    def absent(self, kind: str, table: str, codes: list[str]) -> None:
        """Keep the codes that the event has and the file lacks, where it has the kind at all."""
        if codes:
            known = {row[0] for row in self.db.execute(f"SELECT code FROM {table}")}
            self.result.absent[kind] = sorted(known.difference(codes))

    def ids(self, table: str, key: str) -> Mapping[str, int]:
        """Return the key of each code."""
        return dict(self.db.execute(f"SELECT code, {key} FROM {table}").fetchall())

    def row(self, table: str, key: str, value: object) -> tuple[Any, ...] | None:
        """Return a row as a whole, or None."""
        row = self.db.execute(f"SELECT * FROM {table} WHERE {key} = ?", (value,)).fetchone()
        return None if row is None else tuple(row)
