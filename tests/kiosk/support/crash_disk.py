"""A disk with power cuts: synced data stays, other writes may be lost, completely or in part.

An APSW file system on which the journal's own SQL and settings run. `Disk.cut_after` cuts the
power after some writes and syncs, also in the middle of a commit. `recovered` are the files that
a computer finds afterwards.
"""

import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import apsw

SECTOR = 512
Loss = Literal["all", "some", "torn"]  # of unsynced writes


class PowerCutError(Exception):
    """The power is off."""


class Disk:
    """Files by name: as a running computer reads them, and as they are on the medium."""

    def __init__(self, rng: random.Random, loss: Loss) -> None:
        self.live: dict[str, bytearray] = {}
        self.recovered: dict[str, bytes] | None = None  # after the cut
        self.cut_after: int | None = None
        self._rng = rng
        self._loss = loss
        self._medium: dict[str, bytearray] = {}
        self._pending: dict[str, list[tuple[int, bytes | None]]] = {}
        self._unlinked: set[str] = set()

    def begin_as(self, other: "Disk") -> None:
        """Copy the present files of another disk, both written and synced."""
        self.live = {name: bytearray(file) for name, file in other.live.items()}
        self._medium = {name: bytearray(file) for name, file in other._medium.items()}
        self._pending = {name: list(writes) for name, writes in other._pending.items()}
        self._unlinked = set(other._unlinked)

    def write(self, name: str, offset: int, data: bytes) -> None:
        self._spend()
        _put(self.live[name], offset, data)
        self._pending.setdefault(name, []).append((offset, bytes(data)))

    def truncate(self, name: str, size: int) -> None:
        self._spend()
        del self.live[name][size:]
        self._pending.setdefault(name, []).append((size, None))

    def sync(self, name: str) -> None:
        """The file is on the medium, and earlier unlinks too: the system journals."""
        self._spend()
        self._forget_unlinked()
        self._medium[name] = bytearray(self.live[name])
        self._pending[name] = []

    def unlink(self, name: str, *, sync: bool) -> None:
        self._spend()
        self.live.pop(name, None)
        self._pending.pop(name, None)
        self._unlinked.add(name)
        if sync:
            self._forget_unlinked()

    def cut(self) -> None:
        """Cut the power. A computer that still runs changes nothing on the medium."""
        if self.recovered is None:
            self.recovered = self._after_the_cut()

    def _spend(self) -> None:
        if self.cut_after is None or self.recovered is not None:
            return
        self.cut_after -= 1
        if self.cut_after < 0:
            self.cut()
            raise PowerCutError

    def _forget_unlinked(self) -> None:
        for name in self._unlinked:
            self._medium.pop(name, None)
        self._unlinked.clear()

    def _after_the_cut(self) -> dict[str, bytes]:
        images = {}
        for name in sorted(set(self._medium) | set(self._pending)):
            image = bytearray(self._medium.get(name, b""))
            pending = self._pending.get(name, [])
            if name in self._unlinked:
                if self._loss == "all" or self._rng.random() < 0.5:
                    pending = []  # the old file is still there, the new one of its name is not
                else:
                    image.clear()
            for offset, data in pending:
                if self._loss != "all" and self._rng.random() < 0.5:
                    self._arrive(image, offset, data)
            if image or (name in self._medium and name not in self._unlinked):
                images[name] = bytes(image)
        return images

    def _arrive(self, image: bytearray, offset: int, data: bytes | None) -> None:
        """An unsynced write reaches the medium, sector by sector."""
        if data is None:
            del image[offset:]
            return
        for start in range(0, len(data), SECTOR):
            if self._loss == "some" or self._rng.random() < 0.7:
                _put(image, offset + start, data[start : start + SECTOR])


def _put(file: bytearray, offset: int, data: bytes) -> None:
    if len(file) < offset + len(data):
        file.extend(bytes(offset + len(data) - len(file)))
    file[offset : offset + len(data)] = data


class FileSystem(apsw.VFS):
    """SQLite's view of a Disk. Keep it while a connection is open."""

    def __init__(self, disk: Disk, name: str = "crash") -> None:
        self.disk = disk
        self.name = name
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: Any) -> "File":
        return File(self.disk, name.filename() if isinstance(name, apsw.URIFilename) else str(name))

    def xFullPathname(self, name: str) -> str:
        return name

    def xAccess(self, name: str, flags: int) -> bool:
        return name in self.disk.live

    def xDelete(self, name: str, syncdir: bool) -> None:
        self.disk.unlink(name, sync=syncdir)


class File:
    """One open file, with a single user, so every lock is granted."""

    def __init__(self, disk: Disk, name: str) -> None:
        self._disk = disk
        self._name = name
        disk.live.setdefault(name, bytearray())

    def xRead(self, amount: int, offset: int) -> bytes:
        return bytes(self._disk.live[self._name][offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.write(self._name, offset, data)

    def xTruncate(self, size: int) -> None:
        self._disk.truncate(self._name, size)

    def xSync(self, flags: int) -> None:
        self._disk.sync(self._name)

    def xFileSize(self) -> int:
        return len(self._disk.live.get(self._name, b""))

    def xLock(self, level: int) -> None:
        pass

    def xUnlock(self, level: int) -> None:
        pass

    def xCheckReservedLock(self) -> bool:
        return False

    def xFileControl(self, op: int, pointer: int) -> bool:
        return False

    def xSectorSize(self) -> int:
        return 4096

    def xDeviceCharacteristics(self) -> int:
        return 0

    def xClose(self) -> None:
        pass


class Row(tuple):
    """A row that is also read by name, as in `sqlite3.Row`."""

    names: tuple[str, ...]

    def keys(self) -> tuple[str, ...]:
        return self.names

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(self.names.index(key) if isinstance(key, str) else key)


def named(cursor: apsw.Cursor, values: tuple[Any, ...]) -> Row:
    row = Row(values)
    row.names = tuple(name for name, _ in cursor.get_description())
    return row


class CrashConnection:
    """An APSW connection with the interface and the errors of the standard library's."""

    def __init__(self, file_system: FileSystem, path: Path, *, exclusive: bool) -> None:
        self._connection = apsw.Connection(path.name, vfs=file_system.name)
        self._connection.row_trace = named
        if exclusive:
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        try:
            return self._connection.execute(sql, parameters)
        except (apsw.Error, PowerCutError) as error:
            raise sqlite3.OperationalError(type(error).__name__) from None

    def close(self) -> None:
        self._connection.close(True)


def connect_to(file_system: FileSystem, *, exclusive: bool) -> Callable[[Path], CrashConnection]:
    """A Journal's `connect`. A write-ahead log needs `exclusive` here, so that its index needs no
    shared memory.
    """
    return lambda path: CrashConnection(file_system, path, exclusive=exclusive)


def restore(images: dict[str, bytes], directory: Path) -> None:
    """Write the remaining files, for a computer that starts again."""
    for old in directory.iterdir():
        old.unlink()
    for name, image in images.items():
        (directory / name).write_bytes(image)
