"""Uploads scans at once, on a thread of its own."""

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Protocol

from badges.wire import wire
from kiosk.journal.errors import JournalError
from kiosk.journal.journal import Journal
from kiosk.replica.replica import Replica
from kiosk.steps import run
from kiosk.sync.exchange import (
    BACK_OFF_S,
    HEARTBEAT_S,
    UNSETTLED_S,
    Exchange,
    pause_after,
)
from kiosk.sync.link import Link
from kiosk.sync.protocol import CurrentServer, Sender, TransportError, send

log = logging.getLogger(__name__)

TIDY_S = 60.0


class Transport(Sender, CurrentServer, Protocol):
    def abort(self) -> None:
        """Interrupt another thread's post."""


class Sync(Exchange):
    """The uploading thread. Start it, wake it after each committed scan, close it."""

    def __init__(
        self,
        journal: Journal,
        replica: Replica,
        transport: Transport,
        link: Link,
        *,
        clock: Callable[[], int],
        health: Callable[[], wire.Health] = wire.Health,
        on_back: Callable[[], None] = lambda: None,
        on_restored: Callable[[], None] = lambda: None,
        on_stale: Callable[[], None] = lambda: None,
        heartbeat_s: float = HEARTBEAT_S,
        back_off_s: tuple[float, float] = BACK_OFF_S,
    ) -> None:
        super().__init__(
            journal,
            replica,
            transport,
            link,
            clock=clock,
            wake=self._hurry,
            health=health,
            on_back=on_back,
            on_restored=on_restored,
            on_stale=on_stale,
        )
        self._transport = transport
        self.heartbeat_s = heartbeat_s
        self.back_off_s = back_off_s
        self._tidied_at = time.monotonic()
        self._changed = threading.Condition()
        self._work = False  # there is something to send
        self._retry = False  # the network is back, so stop waiting
        self._stop_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self, within_s: float = 2.0) -> bool:
        """Upload waiting scans within the time, and stop. True if nothing waits."""
        with self._changed:
            self._stop_at = time.monotonic() + within_s
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(within_s)
            if self._thread.is_alive():
                self._transport.abort()
                self._thread.join(1.0)
        try:
            self.save()
            return self._journal.state().waiting == 0
        except JournalError:
            return False

    def wake(self) -> None:
        with self._changed:
            self._work = True
            self._changed.notify_all()

    def _hurry(self) -> None:
        """Exchange at once, even with a server that is away."""
        with self._changed:
            self._work = self._retry = True
            self._changed.notify_all()

    def network_is_back(self) -> None:
        with self._changed:
            self._retry = True
            self._changed.notify_all()

    def exchange(self) -> bool:
        """Send one batch or a heartbeat. True if another should follow at once.

        Raises TransportError or JournalError, after updating the link.
        """
        return run(self.steps(), lambda request: send(self._transport, request))

    def _run(self) -> None:
        pause_s = self.back_off_s[0]
        while not self._is_over():
            try:
                more = self.exchange()
                self._tidy()
            except Exception as error:
                # This thread must survive any error, or no scan would be sent again.
                if not isinstance(error, TransportError | JournalError):
                    log.error("sync failed: %s", type(error).__name__)
                if self._stop_at is not None:
                    # it has tried once more before stopping
                    return
                pause_s = pause_after(error, pause_s, self.back_off_s[1])
                if self.is_awaited:
                    pause_s = self.back_off_s[0]
                self._wait_offline(pause_s * random.uniform(0.5, 1.0))
                pause_s = min(pause_s * 2, self.back_off_s[1])
            else:
                pause_s = self.back_off_s[0]
                beat_s = self.heartbeat_s if self._link.is_settled else UNSETTLED_S
                self._wait_online(0.0 if more else min(beat_s, self.heartbeat_s))

    def _tidy(self) -> None:
        """Do SQLite's checkpoints outside of the scans' commits."""
        if time.monotonic() - self._tidied_at >= TIDY_S:
            self._tidied_at = time.monotonic()
            self._journal.tidy()

    def _is_over(self) -> bool:
        """Whether to stop: it was requested, and time is up or nothing is left to send."""
        with self._changed:
            if self._stop_at is None:
                return False
            if time.monotonic() >= self._stop_at:
                return True
        try:
            return self._journal.state().waiting == 0
        except JournalError:
            return True

    def _wait_online(self, timeout_s: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._work or self._stop_at is not None, timeout_s)
            # Before the batch is made, so that later scans wake the thread again.
            self._work = self._retry = False

    def _wait_offline(self, timeout_s: float) -> None:
        """Wait while the server is away. New scans wait too, because more requests do not help such
        a server.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._retry or self._stop_at is not None, timeout_s)
            self._work = self._retry = False
