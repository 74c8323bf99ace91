"""Shares the tests out to forks of a process that has collected them.

A process that begins from nothing, as those of pytest-xdist do, loads all modules and collects all
tests first. That took a fifth of the time of `make quick`, and there is no library yet that forks,
tells of each test as it ends and begins with what waits.

A fork has one thread of the process that it comes from. So collecting must begin none, and it is
said where it did: a lock that another thread held would never be free in the fork.
"""

import atexit
import contextlib
import os
import pickle
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.order.sequence import shared_out
from tests.order.shares import Shares

THREADS = Path("/proc/self/task")  # of Linux
INTERRUPTED = 128 + signal.SIGINT  # as a shell says it
END_S = 30.0  # for a process that is to end what its tests have begun
WORKER = pytest.StashKey[int]()
ENDING: list[pytest.Session] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--workers", type=int, default=0, metavar="N", help="share the tests out to N processes"
    )


def is_worker(config: pytest.Config) -> bool:
    """Whether this is one of the processes that share the tests out."""
    return WORKER in config.stash


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    options = session.config.option
    workers = min(options.workers, len(session.items))
    if workers < 1 or options.collectonly or options.usepdb or session.testsfailed:
        return None  # pytest itself goes on
    if (threads := len(list(THREADS.glob("*")))) > 1:
        raise pytest.UsageError(
            f"{threads - 1} threads began while the tests were collected, and a fork has none of"
            " them: start them in a fixture, or use --workers 0"
        )
    session.items[:] = shared_out(session.items, workers)
    with Forks(session, workers) as forks:
        forks.run()
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if session.shouldstop:
        raise session.Interrupted(session.shouldstop)
    return True


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.option.workers:
        ENDING.append(session)


@atexit.register  # so early that pytest's own come before it
def _leave_all_to_the_system() -> None:
    """End without throwing away what was collected: it takes seconds, and nothing was done with it
    here.
    """
    if ENDING:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(ENDING[-1].exitstatus))


@dataclass
class Fork:
    worker: int
    pid: int


@dataclass
class Forks:
    """The processes that run a session's tests, and what becomes of each test."""

    session: pytest.Session
    workers: int
    _shares: Shares = field(init=False)
    _folder: Path = field(init=False)
    _running: dict[Connection, Fork] = field(default_factory=dict)
    _interrupted: bool = False

    def __enter__(self) -> "Forks":
        config = self.session.config
        self._shares = Shares(len(self.session.items), self.workers)
        self._folder = config._tmp_path_factory.getbasetemp()
        terminal = config.pluginmanager.getplugin("terminalreporter")
        if terminal is not None:
            terminal.showfspath = False  # They come from several files at a time.
        return self

    def __exit__(self, *_: object) -> None:
        """End those that still run, as Ctrl-C would. Nobody waits for them at a second Ctrl-C."""
        try:
            self._shares.stop()
            for fork in self._running.values():
                os.kill(fork.pid, signal.SIGINT)
            deadline = time.monotonic() + END_S
            while self._running and (left := deadline - time.monotonic()) > 0:
                for told in wait(list(self._running), left):
                    try:
                        told.recv()
                    except EOFError:
                        self._ended(told)
        finally:
            for told, fork in list(self._running.items()):
                os.kill(fork.pid, signal.SIGKILL)
                self._ended(told)
            self._shares.close()

    def run(self) -> None:
        for worker in range(self.workers):
            self._start(worker)
        while self._running:
            for told in wait(list(self._running)):
                try:
                    place, data, warned = told.recv()
                except EOFError:
                    self._has_ended(*self._ended(told))
                else:
                    self._tell(place, [self._report(one) for one in data], warned)
        if self._interrupted:
            raise KeyboardInterrupt

    def _start(self, worker: int) -> None:
        ours, theirs = Pipe(duplex=False)
        with _no_ctrl_c() as before:  # Nobody would know of the fork.
            if (pid := os.fork()) == 0:
                for other in (ours, *self._running):
                    other.close()
                self.session.config.option.basetemp = self._folder / f"worker{worker}"
                _be_worker(self.session, self._shares, worker, theirs, before)
            self._running[ours] = Fork(worker, pid)
        theirs.close()

    def _tell(
        self, place: int, reports: list[pytest.TestReport], warned: list[dict[str, Any]]
    ) -> None:
        """Tell all of pytest, such as what it writes, of a test that has run."""
        hook, item = self.session.config.hook, self.session.items[place]
        for one in warned:
            hook.pytest_warning_recorded.call_historic(kwargs=one)
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in reports:
            hook.pytest_runtest_logreport(report=report)
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        if self.session.shouldfail or self.session.shouldstop:
            self._shares.stop()

    def _ended(self, told: Connection) -> tuple[int, int]:
        """Say which process has told all, and with what status it has ended."""
        with _no_ctrl_c():
            fork = self._running.pop(told)
            told.close()
            return fork.worker, os.waitstatus_to_exitcode(os.waitpid(fork.pid, 0)[1])

    def _has_ended(self, worker: int, status: int) -> None:
        """Go on with another process where one has ended within a test, which has failed so."""
        if status == INTERRUPTED:  # If it was Ctrl-C at a terminal, this process hears of it too.
            self._interrupted = True
            self._shares.stop()
            return
        place = self._shares.running(worker)
        if place is None:
            if status != 0:
                raise RuntimeError(f"a process of the tests ended with {status} while it ran none")
            return
        item = self.session.items[place]
        said = f"the process of this test ended with {status}"
        report = pytest.TestReport(item.nodeid, item.location, {}, "failed", said, "call")
        self._tell(place, [report], [])
        self._start(worker)

    def _report(self, data: dict[str, Any]) -> pytest.TestReport:
        config = self.session.config
        report: pytest.TestReport = config.hook.pytest_report_from_serializable(
            config=config, data=data
        )
        return report


@contextlib.contextmanager
def _no_ctrl_c() -> Iterator[set[int]]:
    """Let a Ctrl-C wait until this is done. It gives the signals that wait otherwise."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield before
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Heard:
    """Keeps what pytest tells of a test in a fork, until it is handed over."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.reports: list[dict[str, Any]] = []
        self.warned: list[dict[str, Any]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self.reports.append(data)

    def pytest_warning_recorded(
        self, warning_message: warnings.WarningMessage, when: str, nodeid: str, location: object
    ) -> None:
        # A warning may hold anything. People are shown its text and its kind.
        one, kind = warning_message, warning_message.category
        try:
            pickle.dumps(kind)
        except (pickle.PicklingError, AttributeError):  # It has no name in a module.
            kind = UserWarning
        text = str(one.message)
        plain = warnings.WarningMessage(text, kind, one.filename, one.lineno, line=one.line)
        self.warned.append(
            {"warning_message": plain, "when": when, "nodeid": nodeid, "location": location}
        )


def _be_worker(
    session: pytest.Session,
    shares: Shares,
    worker: int,
    told: Connection,
    signals: set[int],
) -> NoReturn:
    """Run tests until there are none, and end. Nothing of what the other process has to do at its
    end is done here.
    """
    status = 1
    try:
        _set_up(session.config, worker)
        signal.pthread_sigmask(signal.SIG_SETMASK, signals)
        _run(session, shares, worker, told)
        # Where all were stopped, what tests share is still there.
        session._setupstate.teardown_exact(None)
        status = 0
    except KeyboardInterrupt:
        # The process from which it comes sends this, and the terminal may have sent it as well.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        status = INTERRUPTED
        with contextlib.suppress(Exception):  # Each fixture that can be taken down is.
            session._setupstate.teardown_exact(None)
    except BaseException:  # Whatever it is, it is told where people read.
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            atexit._run_exitfuncs()
        os._exit(status)


def _set_up(config: pytest.Config, worker: int) -> None:
    """Take what a fork has of its own: its number, its temporary files, what it says and what it
    does at its end.
    """
    config.stash[WORKER] = worker
    atexit._clear()
    # Ignored it may be where all of this runs in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config._tmp_path_factory = pytest.TempPathFactory.from_config(config, _ispytest=True)
    capture = config.pluginmanager.getplugin("capturemanager")
    if capture is not None:  # Or all forks would write into one file, at one place of it.
        capture.stop_global_capturing()
        capture.start_global_capturing()
        capture.suspend_global_capture()
    config.pluginmanager.unregister(name="terminalreporter")


def _run(session: pytest.Session, shares: Shares, worker: int, told: Connection) -> None:
    heard = Heard(session.config)
    session.config.pluginmanager.register(heard)
    heard.warned = []  # Of what was collected all is told by now.
    while (found := shares.next(worker)) is not None:
        place, after = found
        following = None if after is None else session.items[after]
        session.config.hook.pytest_runtest_protocol(item=session.items[place], nextitem=following)
        told.send((place, heard.reports, heard.warned))
        heard.reports, heard.warned = [], []
