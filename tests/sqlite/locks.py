"""Finds code that drops SQLite's locks, and counts the locks that a process holds.

SQLite's locks are POSIX locks. A process that closes any descriptor of a file loses all its POSIX
locks on that file (sqlite.org/howtocorrupt.html, 2.2). Another process then takes the write-ahead
log for abandoned and deletes it. So while a process has a connection to a database, only SQLite may
open the database's files in it.
"""

import os
import sys
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).parents[2]
PRODUCT = tuple(f"{ROOT / name}/" for name in ("server", "kiosk", "badges"))
TESTS = f"{ROOT / 'tests'}/"
OPEN = Path("/proc/self/fd")  # of Linux
# As sqlite.org/fileformat2.html and walformat.html name them: SHARED, and DMS.
FILE_LOCK, SHARED_MEMORY_LOCK = "1073741826-1073742335", "128-128"
SUFFIXES = ("-wal", "-shm", "-journal")

_databases: set[str] = set()  # the path of each file that SQLite has opened in this process
_notes: list[str] = []


def watch() -> None:
    """From now on, note where the product opens a database file that SQLite has open here."""
    sys.addaudithook(_note)


def taken_notes() -> list[str]:
    """The notes since the last call."""
    noted = _notes.copy()
    _notes.clear()
    return noted


def keeps_locks(pid: int, database: Path) -> bool:
    """Whether the process holds both locks that SQLite keeps while a connection is open: on the
    database and on the shared memory of its write-ahead log.
    """
    database = database.resolve()
    shared = database.with_name(f"{database.name}-shm")
    return (
        shared.exists()
        and {FILE_LOCK} <= locks_of(pid, database)
        and {SHARED_MEMORY_LOCK} <= locks_of(pid, shared)
    )


def locks_of(pid: int, file: Path) -> set[str]:
    """The bytes of the file that the process has locked, as Linux reports them."""
    number, held = str(file.stat().st_ino), set()
    for line in Path("/proc/locks").read_text().splitlines():
        _, kind, _, _, owner, node, begin, end = line.replace("-> ", "").split()
        if (kind, owner, node.rpartition(":")[2]) == ("POSIX", str(pid), number):
            held.add(f"{begin}-{end}")
    return held


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open":
        path = arguments[0]
        if isinstance(path, (str, bytes, os.PathLike)):
            _look(os.fsdecode(path))
    elif event == "sqlite3.connect":
        name = os.fsdecode(arguments[0])  # type: ignore[arg-type]
        _databases.add(os.path.realpath(name.removeprefix("file:").partition("?")[0]))


def _look(path: str) -> None:
    real = os.path.realpath(path)
    for suffix in SUFFIXES:
        real = real.removesuffix(suffix)
    if real in _databases and _is_open(real) and (where := _in_product(sys._getframe(2))):
        _notes.append(f"{where} opened {path}")


def _is_open(path: str) -> bool:
    for link in OPEN.iterdir():
        try:
            if str(link.readlink()) == path:
                return True
        except FileNotFoundError:  # the descriptor that listed them, or closed since
            continue
    return False


def _in_product(frame: FrameType | None) -> str:
    """The innermost line of the product that the opening is part of, "" if a test opens it."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(TESTS):
            return ""
        if file.startswith(PRODUCT):
            return f"{file.removeprefix(f'{ROOT}/')}:{frame.f_lineno}"
        frame = frame.f_back
    return ""
