"""Moves an event's database from SQLite to PostgreSQL, or back, with nothing lost.

The new database has every row of the old one, which is compared, and the same root of the entry
log. Until all that is so, the event stays where it was.
"""

from pathlib import Path
from typing import NamedTuple

from badges.transparency.merkle import Tree
from server.core.event.directory import load_event
from server.core.event.lock import only_server
from server.storage.connection import Connection
from server.storage.disk import DatabaseError
from server.storage.postgresql import moving
from server.storage.postgresql.moving import Progress

SQLITE = "sqlite"
LEAVES_READ = 10_000


class Moved(NamedTuple):
    """Says what was moved."""

    counts: dict[str, int]  # By table, how many rows it has.
    entries: int  # In the entry log.
    root: bytes


def move(event_dir: Path, to: str, progress: Progress) -> Moved:
    """Move the event to PostgreSQL, whose address is `to` or in a file of that name, or to SQLite.

    Raises AlreadyServingError while a server runs, EventError, DatabaseError and EngineError, with
    the event where it was.
    """
    event = load_event(event_dir)
    seen: list[tuple[int, bytes]] = []

    def check(old: Connection, new: Connection) -> None:
        before, after = _root(old), _root(new)
        if before != after:
            raise DatabaseError(
                "the entry log's root is another one in the new database. Nothing was changed, and "
                "the event stays where it was."
            )
        seen.append(after)

    with only_server(event.path):
        if to == SQLITE:
            counts = moving.move_to_sqlite(event.database_path, progress, check)
        else:
            counts = moving.move_to_postgresql(event.database_path, to, progress, check)
    load_event(event_dir)
    return Moved(counts, *seen[0])


def _root(db: Connection) -> tuple[int, bytes]:
    """Return how many leaves the entry log has, and its root, from the leaves' hashes."""
    tree = Tree()
    while True:
        rows = db.execute(
            "SELECT hash FROM leaf WHERE number >= ? ORDER BY number LIMIT ?",
            (tree.size, LEAVES_READ),
        ).fetchall()
        for (digest,) in rows:
            tree.append(digest)
        if len(rows) < LEAVES_READ:
            return tree.size, tree.root()
