"""Draws badges in several processes, in chunks.

Each process empties Typst's cache between chunks to limit memory.
"""

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from badges.i18n import N_, phrase_of
from badges.printing.card import Card, CardError, forget_drawn, render_pdf
from badges.printing.look import Look

# Cards per process at a time, a multiple of a sheet's cards. Typst keeps 0.2 MB for each.
CHUNK_CARDS = 60
PROCESSES_MAX = 3  # 110 MB each
# A fork would copy locks held by other threads.
_SPAWN = multiprocessing.get_context("spawn")


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: Connection
    chunk: int | None = None  # The current chunk; None while it waits


class Drawing:
    """PDFs being drawn, one per chunk. Take them in order, or cancel."""

    def __init__(self, chunks: Sequence[Sequence[Card]], look: Look) -> None:
        """Start drawing in one process per processor, at most three."""
        self._chunks = chunks
        self._begun = 0
        self._workers: list[_Worker] = []
        try:
            for _ in range(min(len(chunks), len(os.sched_getaffinity(0)), PROCESSES_MAX)):
                self._start(look)
        except BaseException:
            self.cancel()
            raise

    def pdfs(self) -> Iterator[bytes]:
        """Yield the PDFs in order. Raises CardError, also if a process was killed."""
        drawn: dict[int, bytes] = {}
        for at in range(len(self._chunks)):
            while at not in drawn:
                for worker in self._answered():
                    chunk, pdf = self._take(worker)
                    drawn[chunk] = pdf
                    self._give(worker)
            yield drawn.pop(at)

    def cancel(self) -> None:
        for worker in self._workers:
            if worker.process.pid is not None:
                worker.process.kill()
                worker.process.join()
            worker.pipe.close()
        self._workers.clear()

    def _start(self, look: Look) -> None:
        ours, theirs = _SPAWN.Pipe()
        process = _SPAWN.Process(target=_work, args=(theirs, look), daemon=True)
        worker = _Worker(process, ours)
        self._workers.append(worker)
        try:
            with _ctrl_c_held():
                start_deaf(process)
        finally:
            theirs.close()
        self._give(worker)

    def _give(self, worker: _Worker) -> None:
        """Give a process its next chunk, or end it to free its memory."""
        worker.chunk = None
        if self._begun == len(self._chunks):
            worker.pipe.close()
        else:
            worker.chunk = self._begun
            self._begun += 1
            with suppress(BrokenPipeError):  # `_take` reports it
                worker.pipe.send(list(self._chunks[worker.chunk]))

    def _answered(self) -> list[_Worker]:
        busy = {worker.pipe: worker for worker in self._workers if worker.chunk is not None}
        return [busy[pipe] for pipe in wait(list(busy)) if isinstance(pipe, Connection)]

    def _take(self, worker: _Worker) -> tuple[int, bytes]:
        assert worker.chunk is not None
        try:
            problem = worker.pipe.recv()
            if problem:
                raise CardError(problem)
            return worker.chunk, worker.pipe.recv_bytes()
        except (EOFError, ConnectionResetError):
            worker.process.join()
            raise CardError(
                N_(
                    "drawing was cut off (exit status %(exitcode)s): the memory may not "
                    "suffice. End other programs, or print fewer badges at a time"
                ),
                exitcode=worker.process.exitcode,
            ) from None


def start_deaf(process: SpawnProcess) -> None:
    """Start a process that ignores Ctrl-C, by the signal mask that it inherits."""
    # Up to Python 3.11 the first start of this process would lift the mask again.
    resource_tracker.ensure_running()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextmanager
def _ctrl_c_held() -> Iterator[None]:
    """Raise Ctrl-C at the end, because other threads may get the signal meanwhile."""
    came: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if came:
        raise KeyboardInterrupt


def _work(pipe: Connection, look: Look) -> None:
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            cards: list[Card] = pipe.recv()
            problem, drawn = "", b""
            try:
                drawn = render_pdf(cards, look)
            except CardError as error:
                problem = phrase_of(error)
            pipe.send(problem)
            pipe.send_bytes(drawn)
            forget_drawn()
