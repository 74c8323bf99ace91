"""A Chromium of its own, by its DevTools protocol, which can be killed at any moment.

One thread reads: every call and wait handles the events that arrived.
"""

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.server.support.authority import Authority, pem
from tests.tools import need

websocket = pytest.importorskip("websocket", reason="needs websocket-client, as selenium does")

NAMES = ("chromium", "google-chrome")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--mute-audio",
    "--disable-background-networking", "--disable-component-update", "--disable-quic",
    "--no-first-run", "--no-default-browser-check", "--remote-debugging-port=0",
    "--remote-allow-origins=*", "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip
WAIT_S = 240.0  # on a busy machine
LOOK_S = 0.05
Session = str
Found = TypeVar("Found")
Handler = Callable[[Session | None, str, dict[str, Any]], None]


def needed() -> str:
    """The path of Chromium. Skips the test without it."""
    path = next((path for name in NAMES if (path := shutil.which(name))), None)
    if path is None:
        need("chromium")
    need("certutil")
    return str(path)


def trust(home: Path, authority: Authority) -> None:
    """Make a home whose Chromium trusts the authority, as `certutil` does for a user."""
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    root = home / "root.pem"
    root.write_bytes(pem(authority.root))
    for words in (["-N", "--empty-password"], ["-A", "-t", "C,,", "-n", "tests", "-i", root]):
        command = ["certutil", "-d", f"sql:{store}", *map(str, words)]
        subprocess.run(command, check=True, timeout=WAIT_S, capture_output=True)


class GoneError(Exception):
    """Chromium, or the page, has ended."""


class Chromium:
    """Close it, or `kill` it."""

    def __init__(self, home: Path, flags: Iterable[str] = (), within: Iterable[str] = ()) -> None:
        """`home` has the profile. `within` are words before the command, such as `cgexec`."""
        profile = home / "profile"
        marks = profile / "DevToolsActivePort"
        marks.unlink(missing_ok=True)
        self._log = (home / "chromium.log").open("ab")
        self.child = subprocess.Popen(
            [*within, needed(), *FLAGS, f"--user-data-dir={profile}", *flags, "about:blank"],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
            start_new_session=True, env={**os.environ, "HOME": str(home)},
        )  # fmt: skip
        self._handlers: list[Handler] = []
        self._answers: dict[int, dict[str, Any]] = {}
        self._sent = 0
        self._line = self._connect(marks)

    def _connect(self, marks: Path) -> Any:
        deadline = time.monotonic() + WAIT_S
        while True:
            assert self.child.poll() is None, "Chromium ended at its start"
            assert time.monotonic() < deadline, "Chromium opens no port"
            with contextlib.suppress(OSError, ValueError):
                port, path = marks.read_text().split()
                return websocket.create_connection(
                    f"ws://127.0.0.1:{port}{path}", timeout=WAIT_S, suppress_origin=True
                )
            time.sleep(LOOK_S)

    def listen(self, handler: Handler) -> None:
        self._handlers.append(handler)

    def call(self, method: str, session: Session | None = None, **words: Any) -> dict[str, Any]:
        """Raises GoneError, or AssertionError if Chromium refuses."""
        number = self.send(method, session, **words)
        answer = self.wait(method, lambda: self._answers.pop(number, None))
        assert "error" not in answer, (method, answer["error"])
        return dict(answer["result"])

    def send(self, method: str, session: Session | None = None, **words: Any) -> int:
        """Without a wait for the answer."""
        self._sent += 1
        message: dict[str, Any] = {"id": self._sent, "method": method, "params": words}
        if session is not None:
            message["sessionId"] = session
        try:
            self._line.send(json.dumps(message))
        except (OSError, websocket.WebSocketException) as error:
            raise GoneError(method) from error
        return self._sent

    def wait(
        self, event: str, check: Callable[[], Found | None], timeout_s: float = WAIT_S
    ) -> Found:
        """Handle events until `check` returns something. Raises GoneError."""
        deadline = time.monotonic() + timeout_s
        while not (found := check()):
            left = deadline - time.monotonic()
            assert left > 0, f"waited {timeout_s} s for {event}"
            self._read(min(left, LOOK_S))
        return found

    def pass_time(self, seconds: float) -> None:
        """Handle events for a while."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._read(min(left, LOOK_S))

    def drain(self) -> None:
        """Handle what Chromium had sent before it ended."""
        with contextlib.suppress(GoneError):
            while True:
                self._read(LOOK_S)

    def _read(self, timeout_s: float) -> None:
        self._line.settimeout(timeout_s)
        try:
            text = self._line.recv()
        except websocket.WebSocketTimeoutException:
            return
        except (OSError, websocket.WebSocketException) as error:
            raise GoneError("Chromium") from error
        if not text:
            raise GoneError("Chromium")
        message = json.loads(text)
        if "id" in message:
            self._answers[message["id"]] = message
            return
        for handler in self._handlers:
            handler(message.get("sessionId"), message["method"], message.get("params", {}))

    def renderers(self) -> list[int]:
        """The processes of its pages."""
        processes = self.call("SystemInfo.getProcessInfo")["processInfo"]
        return [process["id"] for process in processes if process["type"] == "renderer"]

    def kill(self) -> None:
        """SIGKILL to all of its processes at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self._ended()

    def close(self) -> None:
        """As a user closes it."""
        with contextlib.suppress(GoneError, AssertionError):
            self.call("Browser.close")
        try:
            self.child.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._ended()

    def _ended(self) -> None:
        self.child.wait()
        self.drain()
        self._line.close()
        self._log.close()


def picture(chromium: Chromium, session: Session, path: Path) -> None:
    taken = chromium.call("Page.captureScreenshot", session, format="png")
    path.write_bytes(base64.b64decode(taken["data"]))
