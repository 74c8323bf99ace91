"""Copies the organiser's files (cards, mail and wallet settings) into a backup and back.

A file unchanged since the last backup becomes a hard link to its copy, if the disk supports that.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from server.core.event.directory import CARDS_FOLDER, MAIL_FOLDER, WALLET_FILE
from server.storage import durable_files

FOLDERS = (CARDS_FOLDER, MAIL_FOLDER)
FILES = (WALLET_FILE,)
NAMES = (*FOLDERS, *FILES)

FILES_MAX = 300_000

GoOn = Callable[[], None]  # raises to cancel the copy


class TooManyFilesError(Exception):
    pass


def copied_bytes(source: Path, before: Path | None) -> int:
    """Files unchanged since the backup `before` take none."""
    return sum(
        path.stat().st_size
        for path in _all_files(source)
        if not _is_as(path, _earlier(source, before, path))
    )


def copy_own_files(
    source: Path, target: Path, before: Path | None = None, go_on: GoOn = lambda: None
) -> None:
    """Copy the event's files, except the database, from `source` into `target`.

    `before` is an earlier backup on the same disk. Only the owner may read the copy. Files deleted
    meanwhile are left out. Raises OSError and TooManyFilesError.
    """
    created = {target}
    for name in FOLDERS:
        if (source / name).is_dir():
            _make_folder(target / name, created)
    for path in _all_files(source):
        go_on()
        copy = target / path.relative_to(source)
        _make_folder(copy.parent, created)
        earlier = _earlier(source, before, path)
        if not (_is_as(path, earlier) and _linked(earlier, copy)):
            _copied(path, copy)
    for directory in sorted(created, reverse=True):
        durable_files.sync_directory(directory)


def _make_folder(folder: Path, created: set[Path]) -> None:
    """Make it, and the folders around it below those in `created`."""
    if folder not in created:
        _make_folder(folder.parent, created)
        durable_files.make_directory(folder)
        created.add(folder)


def _all_files(source: Path) -> Iterator[Path]:
    for name in FOLDERS:
        yield from _files(source / name)
    yield from (source / name for name in FILES if (source / name).is_file())


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder, without unfinished ones. Links are not followed."""
    count = 0
    for directory, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(directory, name)
            if path.is_file() and path.suffix != ".new":
                count += 1
                if count > FILES_MAX:
                    raise TooManyFilesError(f"{folder} has more than {FILES_MAX:,} files")
                yield path


def _earlier(source: Path, before: Path | None, path: Path) -> Path | None:
    return before / path.relative_to(source) if before else None


def _is_as(path: Path, earlier: Path | None) -> bool:
    if earlier is None or not earlier.is_file():
        return False
    now, then = path.stat(), earlier.stat()
    return (now.st_size, now.st_mtime_ns) == (then.st_size, then.st_mtime_ns)


def _linked(earlier: Path | None, copy: Path) -> bool:
    """Return False if a hard link is impossible."""
    assert earlier is not None
    try:
        os.link(earlier, copy)
    except OSError:
        return False
    return True


def _copied(path: Path, copy: Path) -> None:
    try:
        with path.open("rb") as file:
            stat = os.fstat(file.fileno())
            data = file.read()
    except FileNotFoundError:
        return
    durable_files.write_new(copy, data)
    # The next backup detects changes by the time.
    os.utime(copy, ns=(stat.st_atime_ns, stat.st_mtime_ns))
