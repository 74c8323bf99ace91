"""Keeps a process that draws card previews.

Starting it takes a second or two, so it stays for some minutes. Low priority keeps it from delaying
the doors.
"""

import multiprocessing
import os
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from badges.i18n import N_, Spoken
from server.features.cards.designing.preview import Drawn, Job, draw
from server.features.cards.drawing import start_deaf

DRAW_S = 20.0  # A template may never finish
TURN_S = 20.0
IDLE_S = 180.0
NICE = 5
# A fork would copy locks held by other threads.
_SPAWN = multiprocessing.get_context("spawn")


class PreviewError(Spoken):
    """Nothing was drawn. The text gives the reason."""


class Drawer:
    """A process that draws one card at a time. Thread-safe. Close it after use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: SpawnProcess | None = None
        self._pipe: Connection
        self._timer: threading.Timer | None = None
        self._used_at = 0.0

    def draw(self, job: Job) -> Drawn:
        """Draw a job. Raises PreviewError."""
        if not self._lock.acquire(timeout=TURN_S):
            raise PreviewError(N_("Others are previewing cards. Try again in a moment."))
        try:
            if self._process is None:
                self._start()
            return self._ask(job)
        except (OSError, EOFError):
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

    def _start(self) -> None:
        self._pipe, theirs = _SPAWN.Pipe()
        process = _SPAWN.Process(target=_draw_all, args=(theirs,), daemon=True)
        start_deaf(process)
        self._process = process
        theirs.close()
        self._watch(IDLE_S)

    def _ask(self, job: Job) -> Drawn:
        self._pipe.send(job)
        if not self._pipe.poll(DRAW_S):
            self._end()
            raise PreviewError(
                N_("The card was not drawn within %(draw_s)s seconds."), draw_s=f"{DRAW_S:.0f}"
            )
        drawn: Drawn = self._pipe.recv()
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
            process.join()
            process.close()
            self._pipe.close()


def _draw_all(pipe: Connection) -> None:
    """Draw jobs until the server ends."""
    os.nice(NICE)
    with suppress(EOFError):
        while True:
            pipe.send(draw(pipe.recv()))
