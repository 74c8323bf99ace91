"""Follows the server's changes: first a snapshot, then a stream, resumed where it broke.

One thread is the only writer of the replica. If the stream fails while batches work, it polls
snapshots instead.
"""

import random
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from badges.wire import wire
from kiosk.journal.journal import Journal
from kiosk.replica.replica import Replica
from kiosk.steps import run
from kiosk.sync.changes import POLL_S, Changes, parse_events
from kiosk.sync.link import Link
from kiosk.sync.protocol import (
    ConnectionFault,
    CurrentServer,
    Request,
    Sender,
    Steps,
    TransportError,
    send,
)
from kiosk.sync.transport import SILENCE_S, Lines

BACK_OFF_S = (0.5, 2.0)
SHORT_S = 1.0  # after a shorter stream the next attempt waits longer

Result = TypeVar("Result")


class Transport(Sender, CurrentServer, Protocol):
    def stream(self, target: str, silence_s: float) -> AbstractContextManager[Lines]:
        """The lines of a continuing answer. Raises TransportError."""


class Feed(Changes):
    """The thread that follows the server's changes: start it, close it. Callbacks inform the other
    threads.
    """

    def __init__(
        self,
        journal: Journal,
        replica: Replica,
        transport: Transport,
        link: Link,
        *,
        back_off_s: tuple[float, float] = BACK_OFF_S,
        silence_s: float = SILENCE_S,
        poll_s: float = POLL_S,
        on_back: Callable[[], None] = lambda: None,
        on_returned: Callable[[], None] = lambda: None,
        on_restored: Callable[[], None] = lambda: None,
        on_facts: Callable[[wire.Snapshot], None] = lambda _: None,
    ) -> None:
        """The callbacks are those of `Changes`."""
        super().__init__(
            journal,
            replica,
            transport,
            link,
            on_back=on_back,
            on_returned=on_returned,
            on_restored=on_restored,
            on_facts=on_facts,
            poll_s=poll_s,
        )
        self._transport = transport
        self._back_off_s = back_off_s
        self._silence_s = silence_s
        self._stop = threading.Event()
        self._hurried = threading.Event()  # ends a pause
        self._lines_lock = threading.Lock()
        self._lines: Lines | None = None
        self._breaks = 0  # counts interruptions of the stream
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop, even while the stream is silent."""
        self._stop.set()
        self._hurried.set()
        self._break_off()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def refresh(self) -> None:
        self.snapshot_wanted = True
        self._break_off()

    def move(self) -> None:
        self._break_off()

    def network_is_back(self) -> None:
        self._hurried.set()

    def _break_off(self) -> None:
        with self._lines_lock:
            self._breaks += 1
            if self._lines is not None:
                self._lines.close()

    def _run(self) -> None:
        pause_s = self._back_off_s[0]
        while not self._stop.is_set():
            began = time.monotonic()
            failure: Exception | None = None
            try:
                self.follow()
            except Exception as error:
                # The door must go on, so retry after any error.
                failure = error
            self.ended(failure)
            if time.monotonic() - began >= SHORT_S or (not failure and self.snapshot_wanted):
                pause_s = self._back_off_s[0]
            if failure or not self.snapshot_wanted:
                self._hurried.wait(pause_s * random.uniform(0.5, 1.0))
                self._hurried.clear()
                pause_s = min(pause_s * 2, self._back_off_s[1])

    def follow(self) -> None:
        """Get up to date, and stay so until the stream ends or a snapshot is needed.

        Raises TransportError, JournalError, or ValueError for unusable facts.
        """
        target = self._answered(self.get_ready())
        breaks = self._breaks
        with self._transport.stream(target, self._silence_s) as lines:
            with self._lines_lock:
                self._lines = lines
                # An interruption while the stream was opened found nothing to close.
                over = self._breaks != breaks or self.snapshot_wanted or self._stop.is_set()
            try:
                if not over:
                    self._listen(lines)
            finally:
                with self._lines_lock:
                    self._lines = None

    def _listen(self, lines: Lines) -> None:
        for event in parse_events(lines):
            if not self._answered(self.take(event)) or self._stop.is_set():
                return

    def _answered(self, steps: Steps[Result]) -> Result:
        return run(steps, self._send)

    def _send(self, request: Request) -> Any:
        if self._stop.is_set():
            raise TransportError(ConnectionFault.STOPPED, "The kiosk stops.")
        return send(self._transport, request)
