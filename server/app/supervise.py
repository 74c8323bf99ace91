"""Restarts the worker of `hallkeeper serve` when it fails or hangs.

A dead worker is explained by its exit status. A hanging one is detected by its heartbeat, which
passes through the app and the writer's thread. The supervisor forwards it to systemd
(server/app/systemd/hallkeeper.service).
"""

import contextlib
import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from flask import Flask
from granian.constants import SSLProtocols
from granian.server.mp import MPServer, WorkerProcess

from server.storage import disk
from server.storage.database import Database
from server.storage.disk import DatabaseError
from server.storage.errors import EngineError, cause

log = logging.getLogger(__name__)

BEAT_S = 2.0
LOOK_S = 0.5
ACCEPTS_S, ACCEPTS_EVERY_S = 1.0, 0.05
NOTIFY_S = 1.0  # timeout for a message to systemd
# A worker without a heartbeat for this long hangs. Waits for another process's import are shorter.
HANG_S = 30.0
# Time for a worker to clean up at a stop. systemd allows longer.
LEAVE_S = 4.0
LEAVE, LEFT = b"leave", b"left"
# Heartbeats: the worker works, or waits for its database.
WORKS, WAITS = b"works", b"waits"
# Limit for the first heartbeat. A large event takes a while to open.
START_S = 120.0
QUICK_S = 60.0  # an earlier failure counts as quick
FAILURES_MAX = 6  # quick failures in a row before giving up
PAUSES_S = (0.0, 1.0, 2.0, 5.0, 10.0)  # pauses before each new worker
# Extends systemd's start timeout to five minutes while a database is awaited.
AWAITED = "EXTEND_TIMEOUT_USEC=300000000\nSTATUS=Waiting for the database"
REFUSED = 3  # the worker's exit status after it has printed why it can't start
# Only for tests: seconds for HANG_S.
HANG_VARIABLE = "HALLKEEPER_TEST_HANG_S"


# granian has few types, hence the ignored type errors.
class Supervisor(MPServer):
    """granian with one worker, which is restarted if it fails. `failed` is the reason for giving
    up.
    """

    failed = ""
    # The certificate and key files, which may change before the next worker.
    certificate: Callable[[], tuple[Path, Path]] | None = None
    # Called when the first worker accepts connections.
    listens: Callable[[], object] = staticmethod(lambda: None)

    def startup(self, spawn_target: Any, target_loader: Any) -> None:
        self._hang_s = float(os.environ.get(HANG_VARIABLE, HANG_S))
        self._quick_failures = 0
        self._ready = self._waits = False
        super().startup(spawn_target, target_loader)  # type: ignore[no-untyped-call]

    def _spawn_worker(  # type: ignore[override]
        self, idx: int, target: Any, callback_loader: Any
    ) -> WorkerProcess:
        self._read_certificate()
        self._beats, sender = multiprocessing.Pipe()
        self._started_at = time.monotonic()
        self._beat_at: float | None = None
        self._waits, self._ended = False, ""
        loader = partial(callback_loader, sender)
        worker: WorkerProcess = super()._spawn_worker(idx, target, loader)
        return worker

    def _read_certificate(self) -> None:
        if self.certificate is None:
            return
        try:
            self.build_ssl_context(*self.certificate(), None, SSLProtocols.tls13, None, [], False)
        except OSError as error:
            log.error("The certificate can't be read; the previous one stays in use: %s.", error)

    def _serve_loop(self, spawn_target: Any, target_loader: Any) -> None:
        """Serve until a signal, or until the worker has failed too often.

        It replaces granian's own loop, which starts the new worker beside the old one, and ends
        without a reason.
        """
        while not self._wait(LOOK_S):
            self._listen()
            worker: Any = self.wrks[0]
            if self.reload_signal:
                self.reload_signal = False
                worker.terminate()
                worker.join(self.workers_kill_timeout)
                worker.kill()
                worker.join()
                self._replace(spawn_target, target_loader)
            elif not worker.is_alive():
                if not self._after_failure(self._ended or said(worker.inner.exitcode)):
                    return
                self._replace(spawn_target, target_loader)
            elif self._hangs():
                self._ended = "was ended by its supervisor"
                log.error("The server's worker has not answered for %.0f s: it is ended.",
                          self._limit_s)  # fmt: skip
                worker.inner.kill()
                worker.inner.join()

    def _wait(self, seconds: float) -> bool:
        self.main_loop_interrupt.wait(seconds)
        if not self.interrupt_signal:
            self.main_loop_interrupt.clear()
        return bool(self.interrupt_signal)

    def _listen(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while self._beats.poll():
                self._waits = self._beats.recv_bytes() == WAITS
                self._beat_at = time.monotonic()
        if self._beat_at is None or time.monotonic() - self._beat_at > self._limit_s:
            return
        if self._waits and not self._ready:
            notify(AWAITED)
            return
        if not self._ready:
            self._ready = True
            self.listens()
            notify("READY=1\nSTATUS=Serving")
        notify("WATCHDOG=1")

    @property
    def _limit_s(self) -> float:
        """Seconds until the next heartbeat is due. Opening an event takes longer."""
        return START_S if self._beat_at is None or self._waits else self._hang_s

    def _hangs(self) -> bool:
        since = self._started_at if self._beat_at is None else self._beat_at
        return time.monotonic() - since > self._limit_s

    def _after_failure(self, why: str) -> bool:
        """Return whether to start another worker."""
        lived_s = time.monotonic() - self._started_at
        self._quick_failures = self._quick_failures + 1 if lived_s < QUICK_S else 1
        # A worker that never served would fail the same way again.
        if not self._ready:
            self.failed = f"the server's worker could not start: it {why}"
            return False
        if self._quick_failures >= FAILURES_MAX:
            self.failed = (
                f"the server's worker has failed {FAILURES_MAX} times within a minute of its "
                f"start; the last one {why}. All acknowledged data is on disk. Read the log lines "
                "above, fix the cause, and start the server again."
            )
            return False
        pause_s = PAUSES_S[min(self._quick_failures, len(PAUSES_S)) - 1]
        log.error(
            "The server's worker %s after %.0f s. All acknowledged data is on disk. Starting "
            "another%s.", why, lived_s, f" in {pause_s:.0f} s" if pause_s else ""
        )  # fmt: skip
        return not self._wait(pause_s) if pause_s else True

    def _replace(self, spawn_target: Any, target_loader: Any) -> None:
        self.interrupt_children.clear()
        self._beats.close()
        worker: Any = self._spawn_worker(0, spawn_target, target_loader)
        worker.start()
        self.wrks[0] = worker

    def shutdown(self, exit_code: int = 0) -> None:
        notify("STOPPING=1")
        self._await_leave()
        # granian would also report the worker's exit, which `failed` already covers.
        self.interrupt_children.clear()
        super().shutdown(exit_code)  # type: ignore[no-untyped-call]

    def _await_leave(self) -> None:
        """Wait while the worker cleans up, and still answers. It ends the feeds, which would delay
        its own end.
        """
        worker: Any = self.wrks[0]
        until = time.monotonic() + LEAVE_S
        with contextlib.suppress(EOFError, OSError):
            self._beats.send_bytes(LEAVE)
            while time.monotonic() < until and worker.is_alive():
                if self._beats.poll(LOOK_S) and self._beats.recv_bytes() == LEFT:
                    return


class Leaving:
    """Cleans up in the worker before it ends, once."""

    def __init__(self, leave: Callable[[], object], asked: Connection) -> None:
        self._leave = leave
        self._asked = asked
        self._lock = threading.Lock()
        self._done = False
        threading.Thread(target=self._listen, name="leaving", daemon=True).start()

    def __call__(self) -> None:
        with self._lock:
            if not self._done:
                self._done = True
                self._leave()

    def _listen(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            self._asked.recv_bytes()
            self()
            self._asked.send_bytes(LEFT)


def said(exitcode: int | None) -> str:
    if exitcode is None:
        return "was lost"
    if exitcode >= 0:
        return f"ended by itself with status {exitcode}"
    try:
        name = signal.Signals(-exitcode).name
    except ValueError:
        name = f"signal {-exitcode}"
    more = ", perhaps for lack of memory" if -exitcode == signal.SIGKILL else ""
    return f"was killed by {name}{more}"


def beat(
    app: Flask,
    database: Database,
    sender: Connection,
    address: tuple[str, int],
    await_turn: Callable[[], None] = lambda: None,
) -> None:
    """Send heartbeats to the supervisor while the app answers and the database's writer works,
    first once the worker accepts connections at `address`. `await_turn` returns once the event
    loop has run.

    Errors of app and writer do not matter: a restart would not fix a full disk, nor a database
    that blocks its writer.
    """
    client = app.test_client(use_cookies=False)
    room = disk.Watch(database.path)

    def run() -> None:
        # granian listens only after the app is loaded, and clients may connect as soon as the
        # server is reported ready.
        while not accepts(address):
            time.sleep(ACCEPTS_EVERY_S)
        turned = _ask(database)
        while True:
            try:
                await_turn()
                client.get("/admin/sign-in")
                if turned.wait(BEAT_S) or database.waits:
                    sender.send_bytes(WORKS)
                if turned.is_set():
                    turned = _ask(database)
                room.look()
            except OSError:
                return  # the supervisor has gone
            except Exception as error:
                # This thread must survive any error. Without a heartbeat the supervisor restarts
                # the worker.
                log.error("the heartbeat failed: %s", cause(error))
            time.sleep(BEAT_S)

    threading.Thread(target=run, name="heartbeat", daemon=True).start()


def _ask(database: Database) -> threading.Event:
    """Submit an empty write, and return an event that is set when the writer has reached it."""
    turned = threading.Event()
    try:
        database.write_then(lambda db: None, lambda *_: turned.set(), early=True)
    except (EngineError, DatabaseError):
        turned.set()  # refused at once
    return turned


def accepts(address: tuple[str, int]) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(address, timeout=ACCEPTS_S):
        return True
    return False


def notify(state: str) -> None:
    """Send a state to systemd, if it asked for it (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    # an abstract name
    if address.startswith("@"):
        address = f"\0{address[1:]}"
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        # The receiver may be slow; a hanging worker must be replaced anyway.
        sender.settimeout(NOTIFY_S)
        sender.connect(address)
        sender.sendall(state.encode())
