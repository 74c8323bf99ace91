"""All tests share this: one that leaves a thread, a file, a socket or a connection open has failed.

Python itself says of some of these that nobody closed them, once it throws them away, and here that
is an error. It says so in whichever test happens to run by then, or never. So each test is looked
at when all its fixtures are gone. To look for what hangs in a cycle takes as long as many a test,
so that is done where something seems open, and otherwise once at the end of each file.
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

from tests.lasting import is_lasting
from tests.once.tables import large_tables_are_made_once as large_tables_are_made_once
from tests.once.tables import tables as tables
from tests.once.tries import tries
from tests.order import forks
from tests.order.alone import Watch
from tests.order.kinds import is_long, is_quick, is_slow, waiting
from tests.sqlite import locks

# Or Hypothesis loads what other installed packages have for it, which no test here needs.
os.environ.setdefault("HYPOTHESIS_NO_PLUGINS", "1")
import hypothesis  # noqa: E402

# NumPy would begin threads as it is loaded, and a fork has none of them (tests/order/forks.py).
BLAS = "OPENBLAS_NUM_THREADS"
BLAS_BEFORE = os.environ.get(BLAS)
os.environ[BLAS] = "1"
OPEN = Path("/proc/self/fd")  # of Linux; where it is not there, threads alone are looked at
# Files in memory, as Linux has them. A disk takes milliseconds for each commit, and most tests
# wait for several.
MEMORY = Path("/dev/shm")
MEMORY_FREE_BYTES = 2_000_000_000
MAKES_WAY = 5  # niceness, with which a process gets a third of another's time
HAS_BEGUN = pytest.StashKey[bool]()
WATCH = pytest.StashKey[Watch]()
GRACE_S = 60.0  # for a thread that has been told to end
SOON_S = 0.03  # Most have ended by then. To look for what hangs in a cycle takes longer.
NURSERY = frozenset({"forks", "nursery"})  # fixtures of tests/system/support/nursery.py
# A library's own, for as long as the process lives.
KEPT = ("anon_inode:", "/dev/", "/proc/", "/sys/", "/usr/share/fonts/", "/memfd:")
FONTS_OF_PLOTS = "/matplotlib/mpl-data/fonts/"
OURS = f"{MEMORY}/pytest-of-"  # and not a library's, although it is under `/dev/`


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.register(forks)
    parser.addoption("--quick", action="store_true", help="leave out processes, films and browsers")
    parser.addoption(
        "--long", action="store_true", help="with --quick, leave out none for its time"
    )
    parser.addoption(
        "--fresh", action="store_true", help="draw random examples and seeds that no run had"
    )
    parser.addoption(
        "--engine", choices=("sqlite", "postgresql"), help="run all the server's tests on it alone"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Let tests keep temporary files in memory, unless `--basetemp` or the variable says where.

    Those with real kiosks and servers or a browser have a disk, as there is one in the field
    (tests/order/on_disk.py).
    """
    quick, tries.fresh = config.getoption("--quick"), config.getoption("--fresh")
    # How long an example takes says nothing where several processes share the cores.
    hypothesis.settings.register_profile("all", deadline=None, derandomize=not tries.fresh)
    # The same properties, each with a quarter of the examples.
    hypothesis.settings.register_profile(
        "quick", hypothesis.settings.get_profile("all"), max_examples=25
    )
    hypothesis.settings.load_profile("quick" if quick else "all")
    tries.quick = quick
    if quick:
        config.stash[WATCH] = Watch()
    if OPEN.is_dir():
        locks.watch()
    if memory_suits(MEMORY):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def memory_suits(path: Path) -> bool:
    """Whether there is room for a run, and programs may start there, as those of some tests do.

    A container often has 64 MB there.
    """
    try:
        found = os.statvfs(path)
    except OSError:
        return False
    room = found.f_bavail * found.f_frsize >= MEMORY_FREE_BYTES
    return room and not found.f_flag & os.ST_NOEXEC and os.access(path, os.W_OK)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Don't even load with `--quick` what is left out."""
    return (config.getoption("--quick") and is_slow(collection_path)) or None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--quick"):
        with_long = config.getoption("--long")
        kinds = [(is_quick(item) and (with_long or not is_long(item)), item) for item in items]
        config.hook.pytest_deselected(items=[item for quick, item in kinds if not quick])
        items[:] = [item for quick, item in kinds if quick]


def pytest_collection() -> None:
    """Throw nothing away while modules load: nothing of them can be, and to look takes 3 s."""
    gc.disable()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Leave out of each later collection what is loaded by now: it would take 60 ms each time.

    A first look through all of it would find next to nothing, and takes half a second.
    """
    gc.freeze()
    gc.enable()
    os.environ.pop(BLAS, None)
    if BLAS_BEFORE is not None:
        os.environ[BLAS] = BLAS_BEFORE
    if session.config.option.workers and any(map(starts_forks, session.items)):
        # One for all that share the tests out, because it takes two seconds of a core.
        from tests.system.support.nursery import shared

        shared().begin()


def starts_forks(item: pytest.Item) -> bool:
    """Whether its servers and kiosks are forks of a process with their code."""
    return not NURSERY.isdisjoint(getattr(item, "fixturenames", ()))


def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Let a worker that begins with computing make way for real kiosks and servers, whose answers
    are timed.
    """
    if forks.is_worker(item.config) and not item.config.stash.get(HAS_BEGUN, False):
        item.config.stash[HAS_BEGUN] = True
        if waiting(item.path) is None:
            os.nice(MAKES_WAY)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if (watch := item.config.stash.get(WATCH, None)) is not None:
        watch.has_started()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Fail a quick test that has started a process."""
    yield
    watch = item.config.stash.get(WATCH, None)
    if watch is not None and watch.has_started():
        pytest.fail("started a process: mark the test `system`", pytrace=False)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let libraries say goodbye: one counts what is left of it when the process ends."""
    if not session.config.option.workers:  # Otherwise it ends at once (tests/order/forks.py).
        gc.unfreeze()


@pytest.fixture(scope="module", autouse=True)
def _nothing_hangs_in_a_cycle() -> Iterator[None]:
    """Let Python tell of what has no number among the open files, and so in this file's tests.

    What is left is kept by something, as large tables are. Later collections leave it out.
    """
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _what_tests_share_is_as_before() -> Iterator[None]:
    """A command that runs within a test may set the process's umask, folder and signals, and a
    later test would have them.
    """
    mask, folder = os.umask(0o022), os.getcwd()
    os.umask(mask)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    os.umask(mask)
    os.chdir(folder)
    for number, handler in handlers.items():
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)


@pytest.fixture(autouse=True)
def _no_lock_of_sqlite_is_dropped() -> Iterator[None]:
    locks.found()
    yield
    if noted := locks.found():
        pytest.fail("this drops SQLite's locks: " + ", ".join(noted), pytrace=False)


@pytest.fixture(autouse=True)
def _nothing_is_left_open() -> Iterator[None]:
    threads, files = set(threading.enumerate()), _open_files()
    yield
    soon = time.monotonic() + SOON_S
    while _running(threads) + _still_open(files):
        if time.monotonic() >= soon:
            break
        time.sleep(0.001)
    else:
        return
    gc.collect()  # what hangs in a cycle is told of here, and not in a later test
    deadline = time.monotonic() + GRACE_S
    while left := (_running(threads) + _still_open(files)):
        if time.monotonic() >= deadline:
            pytest.fail("left behind: " + ", ".join(left), pytrace=False)
        time.sleep(0.005)


def _running(before: set[threading.Thread]) -> list[str]:
    found = [thread for thread in threading.enumerate() if thread not in before]
    return [f"thread {thread.name}" for thread in found if thread.is_alive()]


def _still_open(before: dict[str, str]) -> list[str]:
    now = _open_files()
    return [
        target
        for number, target in now.items()
        if before.get(number) != target and not is_lasting(target)
    ]


def _open_files() -> dict[str, str]:
    """What each open file of this process is, by its number."""
    found: dict[str, str] = {}
    try:
        numbers = os.listdir(OPEN)
    except FileNotFoundError:
        return found
    # One process that `multiprocessing` starts with its first child, and keeps to the end.
    kept = str(getattr(resource_tracker._resource_tracker, "_fd", None))
    for number in numbers:
        if number == kept:
            continue
        try:
            target = os.readlink(f"{OPEN}/{number}")
        except FileNotFoundError:  # the one that listed them
            continue
        if OURS in target or not (target.startswith(KEPT) or FONTS_OF_PLOTS in target):
            found[number] = target
    return found
