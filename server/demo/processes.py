"""Runs the demo's child processes, each in its own group, and stops all of them."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

STOP_S = 8.0
_TAIL_LINES = 12


class StageError(Exception):
    """Raised if the demo can't continue. The text has the end of the process's log."""


class Child:
    """A process. Each line of its output goes to `on_line`, and its errors to `log`."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        on_line: Callable[[str], None] = lambda line: None,
        *,
        writes: bool = False,
    ) -> None:
        """`writes`: `write` is used, so its standard input stays open."""
        self.name = name
        self._log = log
        self._on_line = on_line
        with log.open("ab") as complaints:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if writes else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaints,
                start_new_session=True,  # Ctrl-C is for the demo, which then stops them in order.
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )
        self._input = self._process.stdin if writes else None
        self._reader = threading.Thread(target=self._read, name=name, daemon=True)
        self._reader.start()

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def write(self, line: str) -> None:
        """Raises StageError if it has ended."""
        assert self._input is not None
        try:
            self._input.write(line.encode() + b"\n")
            self._input.flush()
        except OSError:
            raise self.failed("has ended") from None

    def wait(self, timeout_s: float) -> int:
        """Return the exit status, after all lines were handled. Raises StageError at the
        timeout.
        """
        try:
            status = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise self.failed(f"was not done after {timeout_s:.0f} s") from None
        self._reader.join()
        return status

    def stop(self) -> None:
        """Terminate it, and kill it if it does not end."""
        self._close_input()
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._reader.join()

    def kill(self) -> None:
        self._close_input()
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._reader.join()

    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def failed(self, problem: str) -> StageError:
        lines = self.log().splitlines()[-_TAIL_LINES:]
        return StageError("\n  ".join([f"{self.name} {problem}", *lines]))

    def _close_input(self) -> None:
        if self._input is not None:
            with contextlib.suppress(OSError):  # it has ended before it read the last line
                self._input.close()

    def _signal(self, number: int) -> None:
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._on_line(line.decode("utf-8", "replace").rstrip())


class Children:
    """Stops those started last first. Use it in a `with`."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._children: list[Child] = []

    def start(
        self,
        name: str,
        command: Sequence[str],
        on_line: Callable[[str], None] = lambda line: None,
        *,
        writes: bool = False,
    ) -> Child:
        child = Child(name, command, self._logs / f"{name}.log", on_line, writes=writes)
        self._children.append(child)
        return child

    def stop(self, child: Child) -> None:
        child.stop()
        self._children.remove(child)

    def kill(self, child: Child) -> None:
        child.kill()
        self._children.remove(child)

    def check(self) -> None:
        """Raises StageError if a process has ended with an error."""
        for child in self._children:
            if not child.running and child.wait(STOP_S) != 0:
                raise child.failed("has ended")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        left = self._children.copy()
        try:
            while left:
                left[-1].stop()
                left.pop()
        except KeyboardInterrupt:
            # A second Ctrl-C: stop waiting.
            for child in reversed(left):
                child.kill()
            raise


def wait_until(done: Callable[[], bool], timeout_s: float, pause_s: float = 0.05) -> bool:
    """Return whether `done` came true within the time."""
    deadline = time.monotonic() + timeout_s
    while not done():
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause_s)
    return True
