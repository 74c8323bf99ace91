"""A worker that dies, hangs or can't start: its detection, the log and the losses."""

import base64
import configparser
import contextlib
import http.client
import multiprocessing
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from badges.wire import wire
from badges.wire.enrolment import RequestStamp, request_message
from server.app import supervise
from server.app.serve import STOP_S
from server.console import SERVICE_EVENT
from server.core.event.directory import Event
from server.storage.database import Database
from tests.processes import await_ended, children
from tests.server.app.test_serve import BUSY_S, Server
from tests.server.support.fake_door import FakeDoor
from tests.server.support.pages import Pages
from tests.system.support.nursery import forks as forks
from tests.system.support.nursery import shared
from tests.system.support.site import free_port
from tests.tools import needs
from tests.waiting import until

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("forks")]
UNIT = Path(supervise.__file__).parent / "systemd" / "hallkeeper.service"
SCRIPT = """
import sys
from pathlib import Path
from server.app import serve, supervise
from server.core.event.settings import EventError

def refuse(*_):
    raise EventError("the second disk is gone")

def die(*_):
    import os, signal
    os.kill(os.getpid(), signal.SIGSEGV)

{change}
try:
    serve.serve(Path(sys.argv[1]), "127.0.0.1", int(sys.argv[2]))
except EventError as error:
    sys.exit(f"Error: {{error}}")
"""


# A slow worker still beats more often than this, even on a busy machine.
HANG_S = 4
BEATS = "supervise.BEAT_S = 0.1"
TRY_S = 20.0  # for one request; a killed worker leaves its connections unanswered


@dataclass
class Supervised(Server):
    log: Path = field(kw_only=True)

    @property
    def worker(self) -> int:
        return children(self.process.pid)[-1]

    def output(self) -> str:
        return self.log.read_text()

    def await_new(self, old: int) -> None:
        """Wait until another worker answers."""

        def answers() -> bool:
            now = children(self.process.pid)
            if not now or now[-1] == old:
                return False
            with contextlib.suppress(OSError, http.client.HTTPException):
                return self.get("/", timeout_s=TRY_S).status == 302
            return False

        until(answers, self.output)


@contextlib.contextmanager
def supervised(
    event: Event, tmp_path: Path, change: str = "", **environment: str
) -> Iterator[Supervised]:
    """A fork of a process with the code loaded. tests/server/app/test_serve.py also starts and ends
    the real processes.
    """
    log, port = tmp_path / "server.log", free_port()
    command = [sys.executable, "-c", SCRIPT.format(change=change), str(event.path), str(port)]
    with log.open("wb") as out:
        process = shared().start(command, out, {**os.environ, **environment})
    server = Supervised(process, event, port, log=log)
    try:
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(BUSY_S)
        assert process.stdout is not None
        process.stdout.close()


@contextlib.contextmanager
def serving(event: Event, tmp_path: Path, change: str = "") -> Iterator[Supervised]:
    """Starts once the supervisor knows that it serves: a worker that dies before its first
    heartbeat never served.
    """
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(address))
        systemd.setblocking(False)
        with supervised(event, tmp_path, change, NOTIFY_SOCKET=str(address)) as server:

            def is_ready() -> bool:
                assert server.process.poll() is None, server.output()
                with contextlib.suppress(BlockingIOError):
                    return systemd.recv(100).startswith(b"READY=1")
                return False

            until(is_ready, server.output)
            systemd.close()  # Later output would not be read.
            yield server


def send(server: Supervised, door: FakeDoor) -> None:
    """Send the door's new scans by HTTP; `acked` is the server's answer."""
    body = wire.encode(door.batch(time.time_ns() // 1_000_000))
    door.counter += 1
    stamp = RequestStamp(door.kiosk, door.generation, door.counter)
    signature = door.key.sign(request_message(stamp, "POST", "/api/scans", body))
    headers = {
        stamp.KIOSK_HEADER: f"{stamp.kiosk}/{stamp.generation}",
        stamp.COUNTER_HEADER: str(stamp.counter),
        stamp.SIGNATURE_HEADER: base64.b64encode(signature).decode(),
    }
    connection = server.connect()
    with contextlib.closing(connection):
        connection.request("POST", "/api/scans", body=body, headers=headers)
        answer = connection.getresponse()
        reply = answer.read()
        assert answer.status == 200, reply
        door.acked = wire.decode(reply, wire.ScanAnswer).acked_seq


def keep_sending(server: Supervised, door: FakeDoor, serial: int, stop: threading.Event) -> None:
    """Send scan after scan, each until it is acknowledged."""
    while not stop.is_set() or door.acked < len(door.records):
        if door.acked == len(door.records):
            door.scan(int(time.time() * 1000), serial, decision="denied", reason="already_inside")
        try:
            send(server, door)
        except (OSError, http.client.HTTPException):
            time.sleep(0.02)


@pytest.mark.system
@pytest.mark.parametrize(
    ("killed_by", "times"), [(signal.SIGKILL, 1), (signal.SIGSEGV, 2)], ids=["killed", "crashed"]
)
def test_a_worker_that_dies_is_replaced(
    event: Event, site: Database, tmp_path: Path, killed_by: signal.Signals, times: int
) -> None:
    with Pages(event, site, now=time.time_ns() // 1_000_000) as pages:
        pages.issue()
        door = pages.kiosk("main-1", "main")
        serial = pages.serial("A1")
    with serving(event, tmp_path) as server:
        stop = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            try:
                sending = pool.submit(keep_sending, server, door, serial, stop)
                for _ in range(times):
                    before = door.acked
                    until(lambda: door.acked > before + 5, server.output)  # noqa: B023
                    old = server.worker
                    os.kill(old, killed_by)
                    acked = door.acked  # answered by then, or in flight
                    server.await_new(old)
                    (count,) = site.reader.execute("SELECT COUNT(*) FROM scan").fetchone()
                    assert count >= acked
            finally:
                stop.set()
            sending.result(BUSY_S)
        (count,) = site.reader.execute("SELECT COUNT(*) FROM scan").fetchone()
        assert count == door.acked == len(door.records)
        assert server.process.poll() is None
        output = server.output()
    assert output.count(f"was killed by {killed_by.name}") == times, output
    assert "All acknowledged data is on disk" in output


@pytest.mark.system
def test_a_worker_that_hangs_is_replaced_and_systemd_hears_how_it_stands(
    event: Event, tmp_path: Path
) -> None:
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(address))
        systemd.settimeout(BUSY_S)
        hang = {supervise.HANG_VARIABLE: str(HANG_S), "NOTIFY_SOCKET": str(address)}
        with supervised(event, tmp_path, BEATS, **hang) as server:
            assert systemd.recv(100) == b"READY=1\nSTATUS=Serving"
            assert systemd.recv(100) == b"WATCHDOG=1"
            assert server.get("/").status == 302, "ready before it answers"
            old = server.worker
            os.kill(old, signal.SIGSTOP)
            server.await_new(old)
            await_ended([old], BUSY_S)
            assert f"has not answered for {HANG_S} s" in server.output()
            assert "was ended by its supervisor" in server.output()
            assert "memory" not in server.output()
            systemd.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    systemd.recv(100)
            systemd.settimeout(BUSY_S)
            assert systemd.recv(100) == b"WATCHDOG=1"
            server.process.terminate()
            assert server.process.wait(BUSY_S) == 0
            heard = b""
            while heard != b"STOPPING=1":
                heard = systemd.recv(100)


@pytest.mark.system
def test_ready_is_said_only_when_it_takes_connections(event: Event, tmp_path: Path) -> None:
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(address))
        systemd.settimeout(BUSY_S)
        # The app is loaded, but granian listens only a while later.
        late = "import time; serve.gc.freeze = lambda: time.sleep(1)"
        with supervised(event, tmp_path, late, NOTIFY_SOCKET=str(address)) as server:
            assert systemd.recv(100).startswith(b"READY=1")
            assert server.get("/").status == 302


@pytest.mark.system
def test_it_prints_that_it_serves_once_its_port_answers(event: Event, tmp_path: Path) -> None:
    loaded, go_on = tmp_path / "loaded", tmp_path / "go-on"
    # The app is loaded, but granian listens only when the test says so.
    late = f"""
import os, time
def wait():
    open("{loaded}", "w").close()
    while not os.path.exists("{go_on}"):
        time.sleep(0.05)
serve.gc.freeze = wait
"""
    with supervised(event, tmp_path, late) as server:
        until(loaded.exists, server.output)
        printed = server.process.stdout
        assert printed is not None
        assert select.select([printed], [], [], 0)[0] == [], printed.readline()
        go_on.touch()
        assert printed.readline().startswith(b"Serving Harbour Forum")
        assert server.get("/").status == 302, "printed before it answers"


@pytest.mark.system
def test_nobody_vouches_for_a_worker_that_hangs(event: Event, tmp_path: Path) -> None:
    address = f"\0hallkeeper-test-{os.getpid()}-{free_port()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address)
        systemd.settimeout(BUSY_S)
        named = {"NOTIFY_SOCKET": f"@{address[1:]}", supervise.HANG_VARIABLE: str(HANG_S)}
        # The new worker never answers.
        late = "import time; supervise.Supervisor._replace = lambda *_: time.sleep(60)"
        with supervised(event, tmp_path, f"{BEATS}; {late}", **named) as server:
            assert systemd.recv(100).startswith(b"READY=1")
            os.kill(server.worker, signal.SIGSTOP)
            until(lambda: "has not answered" in server.output(), server.output)
            systemd.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    systemd.recv(100)
            systemd.settimeout(4 * supervise.LOOK_S)
            with pytest.raises(TimeoutError):
                systemd.recv(100)


@pytest.mark.system
def test_a_worker_that_fails_again_and_again_ends_the_server(event: Event, tmp_path: Path) -> None:
    change = "supervise.PAUSES_S = (0.0, 0.2); supervise.LOOK_S = 0.05"
    with serving(event, tmp_path, change) as server:
        for _ in range(supervise.FAILURES_MAX):
            old = server.worker
            os.kill(old, signal.SIGKILL)
            until(lambda old=old: old not in children(server.process.pid), server.output)
            until(
                lambda: server.process.poll() is not None or children(server.process.pid) != [],
                server.output,
            )
        assert server.process.wait(BUSY_S) == 1
        output = server.output()
    assert f"has failed {supervise.FAILURES_MAX} times within a minute" in output
    assert "in 0 s" in output, "no pause was made"
    assert "Traceback" not in output


@pytest.mark.system
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("serve.open_app = refuse", "Error: the second disk is gone"),
        ("serve.open_app = die", "was killed by SIGSEGV"),
    ],
)
def test_a_server_that_never_served_says_why_and_ends(
    event: Event, tmp_path: Path, change: str, why: str
) -> None:
    with supervised(event, tmp_path, change) as server:
        assert server.process.wait(BUSY_S) == 1
        output = server.output()
        assert server.process.stdout is not None
        assert server.process.stdout.read() == b"", "it said that it serves"
    assert why in output
    assert "could not start" in output
    assert "Traceback" not in output


@pytest.mark.system
def test_hup_starts_the_worker_anew_never_two_at_once(event: Event, tmp_path: Path) -> None:
    with serving(event, tmp_path) as server:
        old = server.worker
        server.process.send_signal(signal.SIGHUP)
        seen = 0

        def replaced() -> bool:
            nonlocal seen
            now = children(server.process.pid)
            seen = max(seen, len(now))
            return bool(now) and old not in now

        until(replaced, server.output)
        assert seen == 1, "two workers would give out a hall's places twice"
        server.await_new(old)


@pytest.mark.parametrize(
    ("exitcode", "words"),
    [
        (None, "was lost"),
        (0, "ended by itself with status 0"),
        (1, "ended by itself with status 1"),
        (-signal.SIGSEGV, "was killed by SIGSEGV"),
        (-signal.SIGKILL, "was killed by SIGKILL, perhaps for lack of memory"),
        (-99, "was killed by signal 99"),
    ],
)
def test_what_became_of_a_worker(exitcode: int | None, words: str) -> None:
    assert supervise.said(exitcode) == words


def test_without_systemd_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    supervise.notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere/at/all")
    supervise.notify("READY=1")


def test_the_unit_vouches_by_the_watchdog_and_restarts() -> None:
    unit = configparser.RawConfigParser()
    unit.optionxform = str  # type: ignore[method-assign,assignment]
    unit.read(UNIT)
    service = unit["Service"]
    assert (service["Type"], service["Restart"]) == ("notify", "on-failure")
    assert float(service["WatchdogSec"]) > supervise.START_S + supervise.HANG_S
    assert float(service["TimeoutStartSec"]) > supervise.START_S
    assert service["ExecStart"] == "hallkeeper serve"
    event = service["Environment"].removeprefix("HALLKEEPER_EVENT_DIR=")
    assert event == f"/var/lib/{service['StateDirectory']}/event" == str(SERVICE_EVENT)
    assert unit["Unit"]["ConditionPathExists"] == f"{event}/event.toml"


@needs("systemd-analyze")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    """With this machine's paths and user, so that only the unit is tested."""
    text = UNIT.read_text().replace("=hallkeeper\n", "=root\n")
    text = text.replace("ExecStart=hallkeeper", f"ExecStart={sys.executable}")
    copy = tmp_path / UNIT.name
    copy.write_text(text)
    verdict = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True
    )
    assert verdict.returncode == 0, verdict.stderr
    assert UNIT.name not in verdict.stderr, verdict.stderr


def test_things_are_left_in_order_once_whoever_asks_first() -> None:
    """The supervisor asks through the worker's pipe; the worker does so at the loop's end."""
    ours, theirs = multiprocessing.Pipe()
    done: list[str] = []
    with ours, theirs:
        leaving = supervise.Leaving(lambda: done.append("left"), theirs)
        ours.send_bytes(supervise.LEAVE)
        assert ours.poll(BUSY_S)
        assert ours.recv_bytes() == supervise.LEFT
        leaving()
        assert done == ["left"]


def test_systemd_waits_until_things_are_left_in_order() -> None:
    unit = configparser.ConfigParser(strict=False)
    unit.read(UNIT)
    assert float(unit["Service"]["TimeoutStopSec"]) > supervise.LEAVE_S + STOP_S
