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
    counts: dict[str, int]  # Rows by table
    mended: int  # Rows with a NUL in a text, which was left out
    entries: int
    root: bytes


def move(event_dir: Path, to: str, progress: Progress) -> Moved:
    """Move the event to PostgreSQL, with the address `to` or in a file of that name, or to SQLite.

    Raises AlreadyServingError while a server runs, EventError, DatabaseError and EngineError, with
    the event unchanged.
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
            copied = moving.move_to_sqlite(event.database_path, progress, check)
        else:
            copied = moving.move_to_postgresql(event.database_path, to, progress, check)
    load_event(event_dir)
    return Moved(*copied, *seen[0])


def _root(db: Connection) -> tuple[int, bytes]:
    """Return the entry log's size, and its root computed from its leaves."""
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
