"""Starts servers and kiosks for tests in a tenth of the time that Python needs to load their code.

One process loads all code. Each started program is a fork of that process, in its own session with
its own output, and runs the argument of `python -m` or `python -c`. Some tests of tests/server/cli
and tests/kiosk/cli start the commands themselves.
"""

import atexit
import ctypes
import functools
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, NoReturn

import pytest

from badges.po import compiled
from tests.system.support.namespaces import enter
from tests.system.support.site import Process

ROOT = Path(__file__).parents[3]
# By the argument of `python -m`: the command's place, and its imports at run time.
COMMANDS = {
    "server.cli.main": ("server.app.serve", "server.app.wsgi", "sqlite_utils"),
    "kiosk.cli.main": ("cv2", "zxingcpp", "pyzbar.pyzbar"),
}
WORDS = ("badges/translations", "kiosk/screen/translations", "server/translations")
NAMES = {
    "server": "server.cli.main",
    "server.cli.main": "server.cli.main",
    "kiosk": "kiosk.cli.main",
}
SCRIPT = "-c"  # Python's own name for code on the command line
BEFORE = frozenset(os.environ)
SIGNAL_AT_PARENTS_END = 1  # Linux's PR_SET_PDEATHSIG
READY = b"ready"
LONGEST = 1 << 17  # bytes of an order, which has the environment


class Child:
    """A fork, with the used part of `subprocess.Popen`. Any thread may end it and wait for it."""

    def __init__(self, parent: socket.socket, output: int) -> None:
        self._told = parent
        self._waiting = threading.Lock()  # of the thread that reads its messages
        self.pid = int(parent.recv(64))  # sent once it has its session
        self.stdout: IO[bytes] = open(output, "rb")  # noqa: SIM115
        self.returncode: int | None = None

    def poll(self) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        # If another thread waits already, it gets the result, and this thread reads its copy.
        if not self._waiting.acquire(timeout=-1 if timeout is None else timeout):
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        try:
            if self.returncode is None:
                ready, _, _ = select.select([self._told], [], [], timeout)
                if not ready:
                    raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
                self.returncode = int(self._told.recv(64))
                self._told.close()
            return self.returncode
        finally:
            self._waiting.release()

    def forget(self) -> None:
        self._told.close()

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):  # It has ended, but the notice has not arrived.
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Nursery:
    """Holds the process with the code, which begins with the first start.

    If a library starts threads on import, a fork would have only one of them. Then each command
    starts as a new process.
    """

    def __init__(self, *code: str) -> None:
        """`code` is the command line of that process."""
        self._code = code or ("-m", __name__)
        self._line, self._far_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process: subprocess.Popen[bytes] | None = None
        self._beginning = threading.Lock()  # of the thread that starts that process
        self._is_fit: bool | None = None  # None until it has loaded its code

    def start(
        self,
        command: list[str],
        log: IO[bytes] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> "Child | subprocess.Popen[bytes]":
        """Run a command. Its errors go to the log, or without a log to its output. The default
        environment is that of the tests.
        """
        with self._beginning:
            self.begin()
            if self._is_fit is None:
                # It stays there for forks of this process, which send orders by the same line.
                self._is_fit = self._line.recv(LONGEST, socket.MSG_PEEK) == READY
        if not self._is_fit:
            return Process.popen(command, subprocess.STDOUT if log is None else log, environment)
        network = None
        if command[0] == "nsenter":  # as in Namespace.prefix
            network, *command = command[1].removeprefix("--net="), *command[2:]
        python, kind, target, *words = command
        assert (python, kind) in ((sys.executable, "-m"), (sys.executable, "-c")), command
        name = NAMES[target] if kind == "-m" else SCRIPT
        code = target if name == SCRIPT else ""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        output, written = os.pipe()
        named = os.environ if environment is None else environment
        order = [name, code, words, network, str(Path.cwd()), dict(named)]
        try:
            sent = json.dumps(order).encode()
            assert len(sent) < LONGEST
            errors = written if log is None else log.fileno()
            socket.send_fds(self._line, [sent], [written, errors, theirs.fileno()])
        finally:
            os.close(written)
            theirs.close()
        return Child(ours, output)

    def begin(self) -> None:
        """Start the process if it does not run, without waiting for its code to load."""
        if self._process is not None:
            return
        number = self._far_end.fileno()
        self._process = subprocess.Popen(
            [sys.executable, *self._code, str(number)], pass_fds=[number], cwd=ROOT,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        )  # fmt: skip
        self._far_end.close()

    def close(self) -> None:
        self._line.close()
        self._far_end.close()
        if self._process is not None:
            self._process.wait()


@functools.cache
def shared() -> Nursery:
    """The nursery of all tests, also of this process's forks if it began before them."""
    nursery = Nursery()
    atexit.register(nursery.close)
    return nursery


@pytest.fixture(scope="session")
def forks() -> Nursery:
    return shared()


@pytest.fixture(scope="session", autouse=True)
def nursery() -> Iterator[None]:
    """Let servers and kiosks be forks."""
    with pytest.MonkeyPatch.context() as patch:
        # A test may start its first process from within its own network.
        shared().begin()
        patch.setattr(Process, "starts", shared().start)
        yield


def serve(line: socket.socket) -> Callable[[], object] | None:
    """Fork each order until the tests are over. In a fork, return its command."""
    running: dict[int, tuple[int, socket.socket]] = {}  # by the descriptor that reports the end
    asked: dict[socket.socket, int] = {}  # by the socket for the notice of its end
    while True:
        ready, _, _ = select.select([line, *running, *asked], [], [])
        for descriptor in ready:
            if isinstance(descriptor, int):
                process, parent = running.pop(descriptor)
                asked.pop(parent, None)
                _, status = os.waitpid(process, 0)
                os.close(descriptor)
                with parent, suppress(BrokenPipeError):
                    parent.send(str(os.waitstatus_to_exitcode(status)).encode())
                continue
            if descriptor is not line:
                # No process waits for its end: its tests were killed.
                if (orphan := asked.pop(descriptor, None)) is not None:
                    os.kill(orphan, signal.SIGKILL)
                continue
            try:
                sent, files, _, _ = socket.recv_fds(line, LONGEST, 3)
            except ConnectionResetError:  # The tests have ended, and its output remains.
                return None
            if not sent:
                return None
            process = os.fork()
            parent = socket.socket(fileno=files[2])
            if not process:
                for held in (line, *(other for _, other in running.values())):
                    held.detach()  # closed with all the rest
                return _become(json.loads(sent), files[:2], parent)
            running[os.pidfd_open(process)] = process, parent
            asked[parent] = process
            for number in files[:2]:
                os.close(number)


def _become(
    order: tuple[str, str, list[str], str | None, str, dict[str, str]],
    files: list[int],
    parent: socket.socket,
) -> Callable[[], object]:
    """Become the ordered process, with nothing of the parent."""
    name, code, words, network, folder, environment = order
    os.setsid()
    # Nothing outlives killed tests.
    ctypes.CDLL(None).prctl(SIGNAL_AT_PARENTS_END, signal.SIGKILL)
    if network is not None:
        enter(os.open(network, os.O_RDONLY))
    parent.send(str(os.getpid()).encode())
    parent.detach()
    os.chdir(folder)
    by_its_code = {key: value for key, value in os.environ.items() if key not in BEFORE}
    os.environ.clear()
    os.environ.update(by_its_code | environment)
    for number, at in ((os.open(os.devnull, os.O_RDONLY), 0), (files[0], 1), (files[1], 2)):
        os.dup2(number, at)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    sys.argv = [name, *words]
    if name == SCRIPT:
        return functools.partial(exec, compile(code, "<string>", "exec"), {"__name__": "__main__"})
    command: Callable[[], object] = importlib.import_module(name).main
    return command


def main() -> None:
    for name, more in COMMANDS.items():
        for module in (name, *more):
            with suppress(ImportError):  # the command reports a missing module
                importlib.import_module(module)
    _compile_words()
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        return
    gc.collect()
    gc.freeze()  # Loaded objects stay. Collecting them would cost each fork 0.3 s at its end.
    line = socket.socket(fileno=int(sys.argv[1]))
    with suppress(BrokenPipeError):  # The tests have ended by now.
        line.send(READY)
    command = serve(line)
    _end_after(command or (lambda: None))


def _compile_words() -> None:
    """Compile the catalogues of the code, which takes a third of a server's start."""
    for path in (file for folder in WORDS for file in (ROOT / folder).rglob("*.po")):
        compiled(path.read_text("utf-8"), path.parent.parent.name, str(path))


def _end_after(command: Callable[[], object]) -> NoReturn:
    """Run the command, and end as Python does, but leave loaded objects to the system.

    Freeing them takes 0.4 s. Python's own forks end like this, too.
    """
    status = 1
    try:
        command()
        status = 0
    except SystemExit as end:
        status = _status_of(end)
    except BaseException:
        traceback.print_exc()
    with suppress(Exception):
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def _status_of(end: SystemExit) -> int:
    if end.code is None or isinstance(end.code, int):
        return (end.code or 0) & 0xFF
    sys.stderr.write(f"{end.code}\n")
    return 1


if __name__ == "__main__":
    main()
