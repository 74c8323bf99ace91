"""Deletes files after the commit of the step that has no more use for them.

They are noted in the database in the step itself. So a file that could not be deleted at once, or
whose server died after the commit, is deleted by the next `sweep`. A note has the file's inode in
place of its name, which may tell of a person; so a file that has been put in its place stays.
"""

import logging
import os
from functools import partial
from pathlib import Path

from badges.system_reasons import reason_of
from server.storage import effects
from server.storage.connection import Connection
from server.storage.database import Database

log = logging.getLogger(__name__)


def delete_after_commit(db: Connection, path: Path) -> None:
    """Delete a file after the commit, if it exists. Raises OSError if it can't be looked at."""
    version = _version(path)
    if not version:
        return
    db.execute(
        "INSERT INTO file_to_delete (directory, version) VALUES (?, ?)"
        " ON CONFLICT (directory, version) DO NOTHING",
        (os.fsencode(path.parent), version),
    )
    effects.after_commit(db, partial(_is_deleted, path, version))


def sweep(database: Database) -> list[Path]:
    """Delete what was noted and is still there, and forget the notes. Return the directories of
    files that can't be deleted now.

    A directory that is not there keeps its notes: its disk may come back.
    """
    with database.reading() as db:
        rows = db.execute("SELECT directory, version FROM file_to_delete").fetchall()
    gone, left = [], []
    for name, version in [(bytes(row["directory"]), row["version"]) for row in rows]:
        directory = Path(os.fsdecode(name))
        if not directory.is_dir():
            continue
        if all(_is_deleted(path, version) for path in directory.iterdir()):
            gone.append((name, version))
        else:
            left.append(directory)
    if gone:
        database.write(lambda db: _forget(db, gone))
    return left


def _forget(db: Connection, gone: list[tuple[bytes, str]]) -> None:
    db.executemany("DELETE FROM file_to_delete WHERE directory = ? AND version = ?", gone)


def _is_deleted(path: Path, version: str) -> bool:
    """Delete the file if it is this one. Return whether it is gone."""
    try:
        if _version(path) == version:
            path.unlink(missing_ok=True)
    except OSError as error:
        log.error("a file in %s can't be deleted yet: %s", path.parent, reason_of(error))
        return False
    return True


def _version(path: Path) -> str:
    """Return a text that differs for another file of the same name, or "" if there is none."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return ""
    return f"{status.st_ino} {status.st_mtime_ns}"
