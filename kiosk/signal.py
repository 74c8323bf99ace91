"""A relay for a turnstile or a lock: told after the commit, in a thread, with a time limit.

Sounds are the page's. A relay that fails is told, and never holds the door's answer.
"""

import http.client
import os
import queue
import select
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from kiosk.config import KioskSettings

WAITING_MAX = 2  # pulses; more would open a door for people who have long passed


class RelayError(Exception):
    """The relay did not take the pulse. The text names no secret of its address."""


class Relay:
    """Calls `pulse` in a thread of its own; `on_result` gets "" or what went wrong."""

    def __init__(self, pulse: Callable[[], None], on_result: Callable[[str], None]) -> None:
        self._pulse = pulse
        self._on_result = on_result
        self._queue: queue.Queue[bool] = queue.Queue(WAITING_MAX)
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._thread.start()

    def fire(self) -> None:
        """Somebody was admitted, and it is on disk."""
        try:
            self._queue.put_nowait(True)
        except queue.Full:
            self._on_result("The relay is too slow: a pulse was left out.")

    def close(self, within_s: float = 2.0) -> None:
        """Let the last pulse end and stop."""
        try:
            self._queue.put(False, timeout=within_s)
        except queue.Full:
            return
        self._thread.join(within_s)

    def _run(self) -> None:
        while self._queue.get():
            try:
                self._pulse()
            except RelayError as error:
                self._on_result(str(error))
            except Exception as error:  # a relay must not end the thread that fires it
                self._on_result(f"The relay failed ({type(error).__name__}).")
            else:
                self._on_result("")


def make_relay(settings: KioskSettings, on_result: Callable[[str], None]) -> Relay | None:
    """The relay that the settings name; None where they name none."""
    timeout_s = settings.relay_timeout_ms / 1000
    if settings.relay_url:
        return Relay(lambda: call(settings.relay_url, timeout_s), on_result)
    if settings.relay_file:
        text = settings.relay_text.encode()
        return Relay(lambda: write(settings.relay_file, text, timeout_s), on_result)
    return None


def call(url: str, timeout_s: float) -> None:
    """POST to a relay's address. Raises RelayError unless it answers with 2xx in time."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(host, parts.port, timeout=timeout_s)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, headers={"Content-Length": "0"})
        status = connection.getresponse().status
    except TimeoutError:
        raise RelayError(f"The relay at {host} does not answer.") from None
    except (OSError, http.client.HTTPException) as error:
        raise RelayError(f"The relay at {host} failed ({type(error).__name__}).") from None
    finally:
        connection.close()
    if not 200 <= status < 300:
        raise RelayError(f"The relay at {host} answered with status {status}.")


def write(path: str, text: bytes, timeout_s: float) -> None:
    """Write to a serial device. Raises RelayError where it takes too long."""
    deadline = time.monotonic() + timeout_s
    try:
        device = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        raise RelayError(f"The relay {path} can't be opened ({error.strerror}).") from None
    try:
        left = text
        while left:
            wait_s = deadline - time.monotonic()
            if wait_s <= 0 or not select.select([], [device], [], wait_s)[1]:
                raise RelayError(f"The relay {path} takes nothing.")
            left = left[os.write(device, left) :]
    except OSError as error:
        raise RelayError(f"The relay {path} failed ({error.strerror}).") from None
    finally:
        os.close(device)
