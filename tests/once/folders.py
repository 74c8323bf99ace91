"""Folders that many tests begin with, read once and written for each."""

import os
from dataclasses import dataclass
from pathlib import Path
from stat import S_IMODE


@dataclass(frozen=True)
class Folder:
    """What is in a folder, with what may be read by whom. It is kept in memory, because to look it
    up again on a disk takes as long as to write it.
    """

    mode: int
    folders: tuple[tuple[str, int], ...]  # Each after the one that it is in.
    files: tuple[tuple[str, int, bytes], ...]

    @classmethod
    def read(cls, path: Path) -> "Folder":
        found = sorted(path.rglob("*"))
        names = [(str(one.relative_to(path)), S_IMODE(one.stat().st_mode), one) for one in found]
        return cls(
            S_IMODE(path.stat().st_mode),
            tuple((name, mode) for name, mode, one in names if one.is_dir()),
            tuple((name, mode, one.read_bytes()) for name, mode, one in names if one.is_file()),
        )

    def write(self, path: Path, without: str = "", **instead: bytes) -> None:
        """Write it to a new folder, `without` one file. One whose name is in `instead` has other
        bytes there.
        """
        os.mkdir(path)
        for name, _ in self.folders:
            os.mkdir(path / name)
        base = os.fspath(path)
        for name, mode, data in self.files:
            if name == without:
                continue
            number = os.open(f"{base}/{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            try:
                os.fchmod(number, mode)
                whole = instead.get(name, data)
                assert os.write(number, whole) == len(whole)
            finally:
                os.close(number)
        for name, mode in (*self.folders, ("", self.mode)):
            os.chmod(path / name, mode)

    def bytes_of(self, file: str) -> bytes:
        return next(data for name, _, data in self.files if name == file)
