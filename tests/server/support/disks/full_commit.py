"""A disk that takes a step's statements and files, and is full at its commit."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

from server.storage.database import Database


@contextmanager
def full_at_commit(database: Database) -> Iterator[None]:
    """Within the block SQLite can't write the commit of a step to its log, as on a full disk. Files
    that are smaller than the log can be written.
    """
    database.write(_grow)
    log = database.path.with_name(f"{database.path.name}-wal")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _grow(db) -> None:
    db.execute("CREATE TABLE grown (bytes BLOB)")
    db.execute("INSERT INTO grown VALUES (zeroblob(1000000))")
