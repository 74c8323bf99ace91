"""Small files that outlive the page, in a database, because Python's own file system does not."""

import shutil
import sqlite3
from pathlib import Path

from hallkeeper_js import storage

from kiosk.journal import schema

TABLE = "CREATE TABLE IF NOT EXISTS file (path TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT"


class KeptFiles:
    """Puts the files where the kiosk's code reads them, and stores what it writes."""

    def __init__(self, directory: Path) -> None:
        """Raises sqlite3.Error."""
        for name in storage.names():
            # The kiosk's code looks for a database before it opens it.
            path = Path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        directory.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(directory / "files.db", isolation_level=None)
        schema.configure(self._connection, schema.without_wal(schema.PRAGMAS))
        self._connection.execute(TABLE)
        for path, content in self._connection.execute("SELECT path, content FROM file"):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_bytes(content)

    def close(self) -> None:
        self._connection.close()

    def write(self, path: Path, content: bytes) -> None:
        """Replace a file. On return it is on disk. Raises OSError."""
        try:
            self._connection.execute(
                "INSERT OR REPLACE INTO file (path, content) VALUES (?, ?)", (str(path), content)
            )
        except sqlite3.Error as error:
            raise OSError(str(error)) from None
        path.write_bytes(content)

    def forget(self, directory: Path) -> None:
        """Delete a directory with its files and closed databases. Raises OSError."""
        for name in storage.names():
            if Path(name).is_relative_to(directory):
                storage.remove(name)
        prefix = f"{directory}/"
        try:
            self._connection.execute(
                "DELETE FROM file WHERE substr(path, 1, ?) = ?", (len(prefix), prefix)
            )
        except sqlite3.Error as error:
            raise OSError(str(error)) from None
        shutil.rmtree(directory)
