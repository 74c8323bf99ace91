"""A fork of the process with all code loaded is like a process that was started directly."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.processes import has_ended
from tests.system.support.nursery import Child, Nursery, shared
from tests.system.support.site import Process, free_port, hallkeeper, wait_for

pytestmark = pytest.mark.system


# A nursery that loads only one of the two commands.
ONLY = """
from tests.system.support import nursery
nursery.COMMANDS = {{"{0}": nursery.COMMANDS["{0}"]}}
nursery.main()
"""
OF_SERVERS, OF_KIOSKS = ONLY.format("server.cli.main"), ONLY.format("kiosk.cli.main")
OF_NOTHING = """
from tests.system.support import nursery
nursery.COMMANDS = {}
nursery.main()
"""


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Process]]:
    monkeypatch.setattr(Process, "starts", shared().start)
    processes: list[Process] = []
    yield processes
    for process in processes:
        process.kill()


def test_where_its_process_is_unfit_each_command_is_started_by_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    unfit = Nursery("-c", "")
    monkeypatch.setattr(Process, "starts", unfit.start)
    try:
        process = start([], tmp_path / "log", "kiosk", "status", "--no-such-option")
        assert isinstance(process.child, subprocess.Popen)
        assert process.child.wait(240) == 2
        process.kill()
    finally:
        unfit.close()
    assert "--no-such-option" in (tmp_path / "log").read_text()


def start(started: list[Process], log: Path, module: str, *words: str) -> Process:
    process = Process("one", [sys.executable, "-m", module, *words], log)
    started.append(process)
    process.start()
    return process


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("server.cli.main", ("serve", "--event", "nothing-here")),
        ("kiosk", ("run", "--dir", "nothing-here")),
        ("kiosk", ("status", "--no-such-option")),
    ],
)
def test_it_says_and_returns_what_the_command_does(
    module: str, words: tuple[str, ...], started: list[Process], tmp_path: Path
) -> None:
    alone = subprocess.run([sys.executable, "-m", module, *words], capture_output=True, timeout=240)
    process = start(started, tmp_path / "log", module, *words)
    assert process.child is not None
    assert process.child.wait(240) == alone.returncode != 0
    lines = (tmp_path / "log").read_text().splitlines()
    # Except for the name by which it was called.
    assert lines[-1:] == alone.stderr.decode().splitlines()[-1:]


def test_it_has_a_session_and_files_of_its_own(
    started: list[Process], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HALLKEEPER_TESTED", "yes")
    monkeypatch.chdir(tmp_path)
    first, other = (lasting_server(started, tmp_path / f"log-{n}", f"event-{n}") for n in range(2))
    assert first.child is not None
    assert other.child is not None
    assert os.getsid(other.child.pid) == other.child.pid != os.getsid(first.child.pid)
    first.kill()
    assert first.child.returncode == -signal.SIGKILL
    assert other.alive


def lasting_server(started: list[Process], log: Path, folder: str) -> Process:
    """A server that runs until it is ended. The folder is relative to the working directory."""
    hallkeeper("init", folder, "--port", str(free_port()))
    return start(started, log, "server.cli.main", "serve", "--event", folder)


def test_what_it_opens_is_told_of_by_nobody_else(started: list[Process], tmp_path: Path) -> None:
    """A fork that held another's output would never let it end."""
    path, port = tmp_path / "event", free_port()
    hallkeeper("init", str(path), "--port", str(port))
    lasting = start(started, tmp_path / "log", "server.cli.main", "serve", "--event", str(path))
    brief = start(started, tmp_path / "brief", "kiosk", "status", "--no-such-option")
    brief.end()
    assert brief.child is not None
    assert brief.child.returncode == 2
    assert lasting.alive
    wait_for("the server, which can be told to stop then", lambda: is_open(port))
    assert lasting.stop() == 0


def is_open(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def test_two_threads_may_start_the_first_forks_and_wait_for_one() -> None:
    """For example a test's mail server, in its own thread, ends the mailer for which the test
    waits.
    """
    nursery = Nursery("-c", OF_KIOSKS)
    command = [sys.executable, "-m", "kiosk", "status", "--no-such-option"]

    def end() -> int:
        child = nursery.start(command)
        with child.stdout, ThreadPoolExecutor(3) as others:
            waiting = [others.submit(child.wait, 240.0) for _ in range(2)]
            others.submit(child.kill).result(240)
            assert child.poll() in (None, child.wait(240))
            child.kill()  # harmless now
            (status,) = {future.result(240) for future in waiting} | {child.wait(0)}
        return status

    try:
        with ThreadPoolExecutor(4) as pool:
            ended = [pool.submit(end) for _ in range(8)]
        # Some had reported before the kill that there is no such option.
        assert {future.result() for future in ended} <= {-signal.SIGKILL, 2}
    finally:
        nursery.close()


def test_nothing_outlives_tests_that_are_ended_by_force(tmp_path: Path) -> None:
    path = tmp_path / "event"
    hallkeeper("init", str(path), "--port", str(free_port()))
    nursery = Nursery("-c", OF_SERVERS)
    command = [sys.executable, "-m", "server.cli.main", "serve", "--event", str(path)]
    child = nursery.start(command)
    if not isinstance(child, Child):
        nursery.close()
        with child:
            child.kill()
        pytest.skip("a library begins threads here, so that nothing is a fork")
    try:
        assert child.stdout.readline(), "it has begun"
        nursery.close()
        wait_for("its end", lambda: has_ended(child.pid))
    finally:
        nursery.close()
        child.forget()
        child.stdout.close()


def test_forks_of_the_tests_share_it_and_one_that_is_killed_leaves_nothing() -> None:
    nursery = Nursery("-c", OF_NOTHING)
    nursery.begin()
    numbers, pipe = os.pipe()
    try:
        if not (fork := os.fork()):
            child = nursery.start([sys.executable, "-c", "import time; time.sleep(600)"])
            os.write(pipe, str(child.pid).encode())
            time.sleep(600)
            os._exit(0)
        pid = int(os.read(numbers, 64))
        lasting = nursery.start(
            [sys.executable, "-c", "import sys; sys.exit(len(sys.stdin.read()))"]
        )
        assert not has_ended(pid)
        os.kill(fork, signal.SIGKILL)
        os.waitpid(fork, 0)
        wait_for("the end of what it started", lambda: has_ended(pid))
        assert lasting.wait(240) == 0
        lasting.stdout.close()
    finally:
        nursery.close()
        os.close(numbers)
        os.close(pipe)
