"""Pytest plugin: a test fails if it leaves a thread, file, socket or connection open.

Open files and threads are compared before and after each test. Objects in a reference cycle are
collected at the end of each file, where Python's ResourceWarning is an error.
"""

import gc
import os
import signal
import threading
import time
from collections.abc import Iterator
from multiprocessing import resource_tracker
from pathlib import Path

import pytest

from tests.sqlite import locks

OPEN = Path("/proc/self/fd")  # Linux; elsewhere only threads are checked
GRACE_S = 60.0  # for threads that are ending
SOON_S = 0.03  # Most have ended by then; a garbage collection takes longer.
POLL_S = 0.005
# Libraries keep these open for the life of the process.
KEPT = ("anon_inode:", "/dev/", "/proc/", "/sys/", "/usr/share/fonts/", "/memfd:")
TEMPORARY = "/pytest-of-"  # temporary files of tests, also in /dev/shm
_shared: set[str] = set()


def share(path: Path) -> None:
    """Let a file that several tests share stay open."""
    _shared.add(str(path))


def pytest_configure() -> None:
    if OPEN.is_dir():
        locks.watch()


def pytest_collection_finish() -> None:
    """Exclude the imported modules from later collections, which would take 60 ms each."""
    gc.freeze()


def pytest_sessionfinish() -> None:
    gc.unfreeze()


@pytest.fixture(scope="session", autouse=True)
def _resource_tracker() -> None:
    """Start the process that `multiprocessing` keeps to the end, before the first test."""
    resource_tracker.ensure_running()


@pytest.fixture(scope="module", autouse=True)
def _cycles_hold_nothing_open() -> Iterator[None]:
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _process_settings_are_restored() -> Iterator[None]:
    """Restore the umask, working directory and signal handlers that a command may set."""
    mask, folder = os.umask(0o022), Path.cwd()
    os.umask(mask)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    os.umask(mask)
    os.chdir(folder)
    for number, handler in handlers.items():
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)


@pytest.fixture(autouse=True)
def _sqlite_locks_are_kept() -> Iterator[None]:
    locks.taken_notes()
    yield
    if noted := locks.taken_notes():
        pytest.fail("this drops SQLite's locks: " + ", ".join(noted), pytrace=False)


@pytest.fixture(autouse=True)
def _nothing_is_left_open() -> Iterator[None]:
    threads, files = set(threading.enumerate()), _open_files()
    yield
    if not _left(threads, files, SOON_S):
        return
    gc.collect()  # closes objects in a cycle; its ResourceWarning fails this test
    if left := _left(threads, files, GRACE_S):
        pytest.fail("left behind: " + ", ".join(left), pytrace=False)


def _left(threads: set[threading.Thread], files: dict[str, str], longest_s: float) -> list[str]:
    """Wait until nothing new is open; return the rest."""
    deadline = time.monotonic() + longest_s
    while left := _new_threads(threads) + _new_files(files):
        if time.monotonic() >= deadline:
            return left
        time.sleep(POLL_S)
    return []


def _new_threads(before: set[threading.Thread]) -> list[str]:
    new = [thread for thread in threading.enumerate() if thread not in before]
    return [f"thread {thread.name}" for thread in new if thread.is_alive()]


def _new_files(before: dict[str, str]) -> list[str]:
    now = _open_files()
    return [
        target
        for number, target in now.items()
        if before.get(number) != target and target not in _shared
    ]


def _open_files() -> dict[str, str]:
    """Return the target of each open file of this process, by its descriptor."""
    files: dict[str, str] = {}
    if not OPEN.is_dir():
        return files
    for link in OPEN.iterdir():
        try:
            target = str(link.readlink())
        except FileNotFoundError:  # the descriptor that listed them
            continue
        if TEMPORARY in target or not target.startswith(KEPT):
            files[link.name] = target
    return files
