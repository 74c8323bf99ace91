"""A full or read-only disk is reported as such, in every language, with the remedy."""

import contextlib
import errno
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.config.disk import write_trouble
from kiosk.config.settings import KioskSettings
from kiosk.journal.errors import JournalError
from kiosk.journal.journal import Journal
from kiosk.run import Kiosk
from kiosk.texts.messages import Code, in_language
from tests.kiosk.support.door_fixture import (
    GENERATION,
    KIOSK,
    KIOSK_KEY,
    Clock,
    LocalDoor,
    enrolled,
)
from tests.tools import need


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A separate file system of 8 MB."""
    need("mount")
    mount = tmp_path / "disk"
    mount.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", mount]).returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        yield mount
    finally:
        subprocess.run(["umount", "-l", mount], check=True)


def fill(disk: Path) -> Path:
    """Leave no free space."""
    ballast = disk / "ballast"
    free = os.statvfs(disk)
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for _ in range(free.f_bfree + 1):
            file.write(b"." * free.f_bsize)
    assert os.statvfs(disk).f_bfree == 0
    return ballast


def present_until_it_fails(door: LocalDoor) -> None:
    """SQLite has some free space in its own files."""
    for number in range(2_000):
        door.present(f"HK{number}")


def remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", disk], check=True)


@pytest.mark.system
def test_a_full_disk_is_reported_and_the_door_continues_once_there_is_room(
    small_disk: Path,
) -> None:
    door = LocalDoor(small_disk, Clock())
    door.load()
    door.grant(5)
    ballast = fill(small_disk)
    with pytest.raises(JournalError) as caught:
        present_until_it_fails(door)
    assert caught.value.message.code is Code.DISK_FULL
    assert "磁盘已满" in in_language("zh", caught.value.message)
    waiting = door.journal.state().last_seq
    ballast.unlink()
    assert door.present("HKX").seq == waiting + 1, "nothing was lost, and nothing half written"
    door.close()


@pytest.mark.system
def test_a_read_only_disk_is_reported(small_disk: Path) -> None:
    Journal(small_disk / "journal.db", KIOSK, GENERATION, KIOSK_KEY).close()
    remount(small_disk, "ro")
    with pytest.raises(JournalError) as caught:
        Journal(small_disk / "journal.db", KIOSK, GENERATION, KIOSK_KEY)
    assert caught.value.message.code is Code.DISK_READ_ONLY
    remount(small_disk, "rw")


@pytest.mark.system
@pytest.mark.parametrize(
    "command", [["run", "--camera", "none"], ["enrol", "--code", "HKE1.x.localhost:1"], ["status"]]
)
def test_no_command_answers_a_full_disk_with_a_traceback(
    small_disk: Path, command: list[str]
) -> None:
    directory = enrolled(small_disk / "kiosk")
    fill(small_disk)
    done = subprocess.run(
        [sys.executable, "-m", "kiosk", command[0], "--dir", directory, *command[1:]],
        capture_output=True, text=True, timeout=240, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    if command[0] == "run":
        assert done.returncode == 1
        assert "The disk is full" in done.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), Code.DISK_FULL),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), Code.DISK_FULL),
        (OSError(errno.EROFS, "Read-only file system"), Code.DISK_READ_ONLY),
        (OSError(errno.EACCES, "Permission denied"), None),
        (sqlite3.OperationalError("no code"), None),
        (ValueError(), None),
    ],
    ids=str,
)
def test_faults_of_the_disk_and_others(error: Exception, code: Code | None, tmp_path: Path) -> None:
    message = write_trouble(error, tmp_path)
    assert (message and message.code) == code


def test_a_kiosk_s_files_are_readable_only_by_its_user(tmp_path: Path) -> None:
    directory = enrolled(tmp_path / "kiosk")
    directory.chmod(0o755)
    for name in ("journal.db", "settings.toml", "old.db"):
        (directory / name).touch()
        (directory / name).chmod(0o644)
    (directory / "translations").mkdir(exist_ok=True)
    with Kiosk(directory, KioskSettings()):
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {name for name, mode in modes.items() if mode & 0o077} <= {"translations"}
    assert {"journal.db", "replica.db", "old.db"} <= modes.keys()
