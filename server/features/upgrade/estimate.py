"""Estimates how long a step of the tables takes, by the number of rows that it reads."""

import re

from server.storage import migrations
from server.storage.connection import Connection
from server.storage.migrations import Step
from server.storage.tables import columns_of
from server.storage.traced import statements_of

ROWS_A_SECOND = 100_000  # measured on a busy computer (docs/upgrade.md)
# Statements that read or write a whole table. All others only change its definition.
_WHOLE_TABLE = re.compile(
    r"(?:CREATE (?:UNIQUE )?INDEX \w+ ON|UPDATE|DELETE FROM|ALTER TABLE (?=\w+ DROP COLUMN))"
    r"\s+(\w+)"
)


def rows_of(db: Connection, step: Step) -> int:
    """Return the number of rows that the step goes through."""
    before = migrations.names()[: migrations.names().index(step.name)]
    statements = statements_of(migrations.run_steps, before, step.name)
    tables = [
        table
        for statement in statements
        for table in _WHOLE_TABLE.findall(statement)
        if columns_of(db, table)
    ]
    counts = [db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in tables]
    return int(sum(counts))


def duration(rows: int) -> str:
    if not rows:
        return "at once"
    return f"about {max(1, round(rows / ROWS_A_SECOND)):,} s"
