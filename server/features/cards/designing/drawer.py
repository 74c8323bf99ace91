"""Keeps a process that draws card previews.

Starting it takes a second or two, so it stays for some minutes. It has a lower priority than the
server, so as not to delay the doors.
"""

import os
import pickle
import select
import subprocess
import sys
import threading
import time
from contextlib import suppress

from badges.i18n import N_, Spoken
from server.features.cards.designing.preview import Drawn, Job, draw

DRAW_S = 20.0  # A template may never finish
TURN_S = 20.0
IDLE_S = 180.0
NICE = 5


class PreviewError(Spoken):
    """Nothing was drawn. The text gives the reason."""


class Drawer:
    """A process that draws one card at a time. Thread-safe. Close it after use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._timer: threading.Timer | None = None
        self._used_at = 0.0

    def draw(self, job: Job) -> Drawn:
        """Draw a job in the process. Raises PreviewError."""
        if not self._lock.acquire(timeout=TURN_S):
            raise PreviewError(N_("Others are looking at cards. Try again in a moment."))
        try:
            process = self._process or self._start()
            try:
                return self._ask(process, job)
            except (OSError, EOFError, pickle.UnpicklingError):
                self._end()
                raise PreviewError(
                    N_(
                        "The card was not drawn: the drawing ended. Try again, and look at the "
                        "template if it ends again."
                    )
                ) from None
        finally:
            self._used_at = time.monotonic()
            self._lock.release()

    def close(self) -> None:
        with self._lock:
            self._end()

    def _start(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "server.features.cards.designing.drawer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self._watch(IDLE_S)
        return self._process

    def _ask(self, process: subprocess.Popen[bytes], job: Job) -> Drawn:
        assert process.stdin is not None
        assert process.stdout is not None
        data = pickle.dumps(job, pickle.HIGHEST_PROTOCOL)
        process.stdin.write(len(data).to_bytes(8) + data)
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], DRAW_S)
        if not ready:
            self._end()
            raise PreviewError(
                N_("The card was not drawn within %(draw_s)s seconds."), draw_s=f"{DRAW_S:.0f}"
            )
        drawn: Drawn = _received(process.stdout.fileno())
        return drawn

    def _watch(self, wait_s: float) -> None:
        self._timer = threading.Timer(wait_s, self._end_if_idle)
        self._timer.daemon = True
        self._timer.start()

    def _end_if_idle(self) -> None:
        with self._lock:
            left_s = self._used_at + IDLE_S - time.monotonic()
            if self._process is not None and left_s <= 0:
                self._end()
            elif self._process is not None:
                self._watch(left_s)

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):
                    pipe.close()  # type: ignore[union-attr]  # both are pipes


def _received(descriptor: int) -> Drawn:
    size = int.from_bytes(_exactly(descriptor, 8))
    drawn: Drawn = pickle.loads(_exactly(descriptor, size))  # noqa: S301 - our own process wrote it
    return drawn


def _exactly(descriptor: int, size: int) -> bytes:
    parts = []
    while size:
        part = os.read(descriptor, min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def main() -> None:
    """Draw jobs one after the other until the server ends."""
    os.nice(NICE)
    with suppress(EOFError):
        while True:
            size = int.from_bytes(_exactly(0, 8))
            job = pickle.loads(_exactly(0, size))  # noqa: S301 - our own server wrote it
            data = pickle.dumps(draw(job), pickle.HIGHEST_PROTOCOL)
            sys.stdout.buffer.write(len(data).to_bytes(8) + data)
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
