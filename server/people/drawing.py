"""Draws each file of badges in a process of its own.

Typst keeps much of the documents that it has drawn until its process ends: ten files drawn by one
process take ten times the memory of one.
"""

import multiprocessing
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection

from badges.printing.card import CardError, draw_pdf

# A fork would copy locks that the parent's threads hold.
_SPAWN = multiprocessing.get_context("spawn")


class Drawing:
    """Represents a PDF that is being drawn. Take its result, or cancel it."""

    def __init__(self, prepared: bytes, template: str | None) -> None:
        """Begin to draw what `badges.printing.card.prepare` made."""
        self._answers, theirs = _SPAWN.Pipe(duplex=False)
        self._process = _SPAWN.Process(target=_draw, args=(theirs, prepared, template), daemon=True)
        try:
            with _ctrl_c_held():
                self._process.start()
        except BaseException:
            if self._process.pid is not None:
                self.cancel()
            raise
        finally:
            theirs.close()

    def result(self) -> bytes:
        """Return the PDF. Raises CardError, also where the process was killed."""
        try:
            problem = self._answers.recv()
            if problem:
                raise CardError(problem)
            return self._answers.recv_bytes()
        except EOFError:
            self._process.join()
            raise CardError(
                f"drawing was cut off (exit status {self._process.exitcode}): the memory may not "
                "suffice. Try fewer badges in a file, with --per-file"
            ) from None
        finally:
            self.cancel()

    def cancel(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.join()
        self._answers.close()


@contextmanager
def _ctrl_c_held() -> Iterator[None]:
    """Let a process start without being interrupted. It never gets Ctrl-C, because the process that
    started it ends it.

    The new process inherits the signal mask. The mask does not keep the signal from other threads
    of this process. So a signal is noted, and raised when all is done.
    """
    came: list[int] = []
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    handler = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    if came:
        raise KeyboardInterrupt


def _draw(answers: Connection, prepared: bytes, template: str | None) -> None:
    problem, drawn = "", b""
    try:
        drawn = draw_pdf(prepared, template)
    except CardError as error:
        problem = str(error)
    with suppress(BrokenPipeError):  # Perhaps nobody waits for it any more.
        answers.send(problem)
        answers.send_bytes(drawn)
