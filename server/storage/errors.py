"""What a database raises by itself, under names of our own, and what it means.

`DatabaseError` and `DiskError` of `database.py` are ours: their texts say what to do.
"""

import sqlite3

EngineError = sqlite3.Error  # anything that the database raises
ConstraintError = sqlite3.IntegrityError  # a row that may not be: the one statement is undone
UnusableError = sqlite3.OperationalError  # another program writes, a table is missing, and such


def is_busy(error: EngineError) -> bool:
    """Return whether another program is writing: later the same would do."""
    return "locked" in str(error) or "busy" in str(error)


def is_about(error: ConstraintError, column: str) -> bool:
    """Return whether the column is the one whose value may not be so."""
    return column in str(error)
