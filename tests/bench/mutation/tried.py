"""Runs tests on mutants: does any test of the changed function fail?

A test run is collected once. One forked child records each test's calls and time. Then each mutant
gets its own child, which puts the changed code into the existing functions and runs the quickest
tests first, until one fails. Code that runs at import (constants, defaults) needs a child that
imports all again.
"""

import gc
import importlib
import json
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from functools import partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType

import _pytest.main
import pytest
from hypothesis import Phase
from hypothesis import settings as hypothesis_settings

from tests.bench.mutation.made import Mutant, Source

CHILDREN = int(os.environ.get("MUTANTS_CHILDREN", "2"))
CPU_S = 15.0  # plus eight times the tests' own; beyond that the mutant hangs
WALL_S = 90.0  # plus eight times, too: the mutant waits in vain
# The same for one test, plus eight times its own: most hanging mutants hang in one. On a busy
# machine the clock alone proves nothing, so a mutant late by the clock gets more time once.
TEST_CPU_S = 5.0
TEST_WALL_S = 30.0
PATIENCE = 5
LATE = (-signal.SIGALRM, -signal.SIGKILL)
OURS = ("badges", "kiosk", "server", "tests")
LIVES, FAILED, ELSEWHERE = 0, 1, 98  # how a child ends; ELSEWHERE: its code can't be put in
KILLED, SURVIVED = "killed", "survived"
HEAVY = (
    "flask", "flask_wtf", "flask_limiter", "flask_babel", "waitress", "nacl.bindings", "argon2",
    "cryptography.x509", "sqlite_utils", "hypothesis.stateful", "cv2", "zxingcpp", "apsw",
)  # fmt: skip
# pyproject.toml excludes these plugins too. Each fresh import would load them anew.
QUIET = ["-q", "-s", "-p", "no:cacheprovider", "-p", "no:schemathesis", "-p", "no:anyio",
         "-o", "timeout=0", "-o", "addopts=",
         "-W", "ignore::pytest.PytestAssertRewriteWarning"]  # fmt: skip

Fates = dict[str, str]  # the fate of each mutant, by its name
Calls = dict[str, tuple[float, list[str]]]  # of each test: seconds, and "file function" called
Took = dict[str, tuple[float, float]]  # of each test: seconds of CPU and by the clock


def in_child(work: Callable[[], int], limit_s: float | None = None) -> int:
    """Start `work` in a forked child with its own temporary directory; return its process id."""
    child = os.fork()
    if child:
        return child
    code = 99
    try:
        home = tempfile.mkdtemp(prefix="mutant-", dir=os.environ["MUTANTS_TMP"])
        tempfile.tempdir = os.environ["PYTEST_DEBUG_TEMPROOT"] = home
        log = os.environ["MUTANTS_LOG"] if limit_s is None else os.devnull
        out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        for stream in (1, 2):
            os.dup2(out, stream)
        if limit_s is not None:
            resource.setrlimit(resource.RLIMIT_CPU, (int(limit_s), int(limit_s) + 1))
        code = work()
    except Exception:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        shutil.rmtree(home, ignore_errors=True)
        os._exit(code)


class Children:
    """A few at a time, each with a deadline. `done` receives each end: LIVES is a survivor."""

    def __init__(self, done: Callable[[str, int], None]) -> None:
        self._done = done
        self._running: dict[int, tuple[str, float]] = {}

    def start(
        self, name: str, work: Callable[[], int], expected_s: float, patience: int = 1
    ) -> None:
        while len(self._running) >= CHILDREN:
            self._look()
        child = in_child(work, CPU_S + 8 * expected_s)
        self._running[child] = (name, time.monotonic() + patience * (WALL_S + 8 * expected_s))

    def finish(self) -> None:
        while self._running:
            self._look()

    def end(self) -> None:
        """Leave no child behind if this process is interrupted."""
        for child in self._running:
            os.kill(child, 9)

    def _look(self) -> None:
        for child, (name, deadline) in list(self._running.items()):
            if time.monotonic() > deadline:
                os.kill(child, 9)
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                del self._running[child]
                self._done(name, os.waitstatus_to_exitcode(status))
        time.sleep(0.02)


class Watcher:
    """Notes which functions of the files each test calls."""

    def __init__(self, paths: dict[str, str]) -> None:
        self._paths = paths
        self.calls: Calls = {}
        self.took: Took = {}
        self.failed: set[str] = set()
        self._now: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.add(report.nodeid)

    def _called(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename in self._paths:
            outer = frame.f_code.co_qualname.split(".<locals>")[0]
            self._now.add(f"{self._paths[frame.f_code.co_filename]} {outer}")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._now = set()
        began, began_at = time.process_time(), time.monotonic()
        threading.setprofile(self._called)
        sys.setprofile(self._called)
        try:
            return (yield)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
            took = time.process_time() - began
            self.calls[item.nodeid] = (took, sorted(self._now))
            self.took[item.nodeid] = (took, time.monotonic() - began_at)


class Deadline:
    """Ends a child whose test takes far longer than without the change: then the mutant hangs.

    Also logs which test noticed a mutant, because a flaky test would hide many.
    """

    def __init__(self, name: str, took: Took, patience: int = 1) -> None:
        self._name = name
        self._took = took
        self._patience = patience

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        cpu, wall = self._took.get(item.nodeid, (60.0, 60.0))
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        soft = int(time.process_time() + TEST_CPU_S + 8 * cpu) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (min(soft, most - 1), most))
        signal.setitimer(signal.ITIMER_REAL, self._patience * (TEST_WALL_S + 8 * wall))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            say(f"noticed: {self._name} by {report.nodeid}")


class Living:
    """The files' functions in memory, each with its place."""

    def __init__(self, paths: Collection[str]) -> None:
        gc.unfreeze()  # frozen objects are not listed
        self._found: dict[tuple[str, str], list[FunctionType]] = {}
        for thing in gc.get_objects():
            if isinstance(thing, FunctionType) and thing.__code__.co_filename in paths:
                scope = thing.__code__.co_qualname.split(".<locals>")[0]
                self._found.setdefault((thing.__code__.co_filename, scope), []).append(thing)
        gc.freeze()

    def patch(self, path: str, scope: str, code: CodeType) -> bool:
        """Give them their code in `code`; False if they can't take it."""
        new = {(inner.co_qualname, inner.co_firstlineno): inner for inner in _codes(code)}
        patched = False
        for function in self._found.get((path, scope), []):
            key = function.__code__.co_qualname, function.__code__.co_firstlineno
            if key in new:
                try:
                    function.__code__ = new[key]
                except ValueError:  # it closes over other names
                    return False
                patched = True
        return patched


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


class Trial:
    """The run that is collected once: `wanted` mutants of `sources` by the tests in it."""

    def __init__(self, sources: dict[str, Source], wanted: Sequence[Mutant], fates: Fates) -> None:
        self._sources = sources
        self._wanted = wanted
        self.fates = fates
        self.later: list[str] = []  # they need a fresh import
        self.lived: set[str] = set()  # those of them that were tried in place, too
        self._late: list[str] = []  # they get more time
        self._patience = 1
        self.calls: Calls = {}
        self.took: Took = {}
        self._living = Living(())

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.calls = self._watched(session)
        self._living = Living({source.path for source in self._sources.values()})
        children = Children(self._done)
        try:
            for number, mutant in enumerate(self._wanted):
                if number % 50 == 0:
                    say(f"{number} of {len(self._wanted)} begun")
                self._start(children, session, mutant)
            children.finish()
            self._patience = PATIENCE
            for mutant in [late for late in self._wanted if late.name in self._late]:
                self._start(children, session, mutant)
            children.finish()
        finally:
            children.end()
        say(f"{len(self.fates)} killed in place, {len(self.later)} to try by a fresh import")
        return True

    def _start(self, children: Children, session: pytest.Session, mutant: Mutant) -> None:
        tests = self.tests_of(f"{mutant.file} {mutant.scope}")
        if mutant.at_import or not tests:
            self.later.append(mutant.name)
        else:
            took = sum(self.calls[test][0] for test in tests)
            work = self._work(session, mutant, tests)
            children.start(mutant.name, work, took, self._patience)

    def _done(self, name: str, code: int) -> None:
        """A survivor is tried again by a fresh import: its tests may ask at their own import."""
        if code in (LIVES, ELSEWHERE):
            self.later.append(name)
            if code == LIVES:
                self.lived.add(name)
                say(f"lives in place: {name}")
        elif code in LATE and self._patience == 1:
            self._late.append(name)
        else:
            if code < 0:
                say(f"noticed: {name} by its deadline")
            self.fates[name] = KILLED

    def tests_of(self, function: str) -> list[str]:
        """The tests that call it, the quickest first."""
        calling = [test for test, (_, called) in self.calls.items() if function in called]
        return sorted(calling, key=lambda test: self.calls[test][0])

    def _watched(self, session: pytest.Session) -> Calls:
        path = Path(os.environ["MUTANTS_TMP"]) / "calls.json"

        def work() -> int:
            watcher = Watcher({source.path: file for file, source in self._sources.items()})
            session.config.pluginmanager.register(watcher)
            _pytest.main.pytest_runtestloop(session)
            path.write_text(json.dumps([watcher.calls, watcher.took, sorted(watcher.failed)]))
            return LIVES

        os.waitpid(in_child(work), 0)
        calls, self.took, failed = json.loads(path.read_text())
        for test in failed:
            say(f"left out, for it fails without any change when it is watched: {test}")
        return {
            test: (took, called) for test, (took, called) in calls.items() if test not in failed
        }

    def _work(self, session: pytest.Session, mutant: Mutant, tests: list[str]) -> Callable[[], int]:
        def work() -> int:
            source = self._sources[mutant.file]
            if not self._living.patch(source.path, mutant.scope, source.compiled(mutant)):
                return ELSEWHERE
            items = {item.nodeid: item for item in session.items}
            session.items = [items[test] for test in tests]
            session.config.pluginmanager.register(Deadline(mutant.name, self.took, self._patience))
            return _run(session)

        return work


def _run(session: pytest.Session) -> int:
    session.config.option.maxfail = 1
    session.testsfailed = 0
    with suppress(session.Failed, session.Interrupted):
        _pytest.main.pytest_runtestloop(session)
    return FAILED if session.testsfailed else LIVES


class _Changed(MetaPathFinder, Loader):
    """Imports one file with a change in it."""

    def __init__(self, source: Source, mutant: Mutant) -> None:
        self._module = mutant.file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        self._path = source.path
        self._code = source.compiled(mutant)

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        if name != self._module:
            return None
        return spec_from_file_location(name, self._path, loader=self)

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(self._code, module.__dict__)


class _Chosen:
    """Runs only the tests that pass without a change; those that call the file come first."""

    def __init__(self, order: list[str], passing: Collection[str]) -> None:
        self.order = {test: place for place, test in enumerate(order)}
        self._passing = passing

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid in self._passing]
        items.sort(key=lambda item: self.order.get(item.nodeid, len(self.order)))


def note(fates: Fates, name: str, code: int) -> None:
    fates[name] = SURVIVED if code == LIVES else KILLED
    if code == LIVES:
        say(f"{fates[name]}: {name}")


def say(line: str) -> None:
    with Path(os.environ["MUTANTS_LOG"]).open("a", encoding="utf-8") as log:
        log.write(line + "\n")


def ready() -> None:
    """Import the children's common modules once; Hypothesis neither shrinks nor remembers."""
    for name in HEAVY:
        with suppress(ImportError):
            importlib.import_module(name)
    hypothesis_settings.register_profile(
        "mutants", phases=[Phase.explicit, Phase.generate], database=None, derandomize=True,
        deadline=None,
    )  # fmt: skip
    hypothesis_settings.load_profile("mutants")


def attempt(
    sources: dict[str, Source], wanted: list[Mutant], tests: list[str], *, once: bool = False
) -> Fates:
    """Try the wanted mutants of the files by these tests, and return the fate of each.

    With `once`, survivors in place are not tried again by a fresh import.
    """
    home = os.environ["MUTANTS_TMP"]
    path = Path(home) / "found.json"

    def work() -> int:
        trial = Trial(sources, wanted, {})
        pytest.main([*QUIET, *tests], plugins=[trial])
        lived = sorted(trial.lived) if once else []
        path.write_text(json.dumps([trial.fates, trial.later, lived, trial.calls, trial.took]))
        return 0

    os.waitpid(in_child(work), 0)
    fates, left, lived, calls, took_by = json.loads(path.read_text())
    fates |= dict.fromkeys(lived, SURVIVED)
    children = Children(partial(note, fates))
    by_name = {mutant.name: mutant for mutant in wanted}
    for name in (name for name in left if name not in fates):
        mutant = by_name[name]
        mine = {
            test: took
            for test, (took, called) in calls.items()
            if any(function.startswith(f"{mutant.file} ") for function in called)
        }
        asking = [file for file in tests if _names(file, mutant.file)]
        took = sum(
            calls[test][0] for test in calls if test in mine or test.startswith(tuple(asking))
        )
        order = sorted(mine, key=lambda test: mine[test])
        work = _fresh(
            sources[mutant.file], mutant, asking, _Chosen(order, calls.keys()),
            Deadline(name, took_by, PATIENCE),
        )  # fmt: skip
        children.start(name, work, took + 5, PATIENCE)
    children.finish()
    return fates


def _names(test_file: str, file: str) -> bool:
    """Whether the tests mention the module: they may call it while they are imported."""
    return bool(re.search(rf"\b{Path(file).stem}\b", Path(test_file).read_text(encoding="utf-8")))


def _forget_modules(changed: str) -> None:
    """Import ours anew: a module that is already imported, or its users, would lack the change."""
    for name in list(sys.modules):
        if name.split(".")[0] in (changed, *OURS):
            del sys.modules[name]


def _fresh(
    source: Source, mutant: Mutant, asking: list[str], chosen: _Chosen, deadline: Deadline
) -> Callable[[], int]:
    def work() -> int:
        _forget_modules(mutant.file.removesuffix(".py").split("/")[0])
        sys.meta_path.insert(0, _Changed(source, mutant))
        files = sorted({test.split("::")[0] for test in chosen.order} | set(asking))
        failed = pytest.main([*QUIET, "-x", *files], plugins=[chosen, deadline])
        return FAILED if failed else LIVES

    return work
