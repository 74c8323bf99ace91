"""Triggers the relay of a turnstile or a lock after the commit, in a thread, with a timeout.

A failing relay is reported and never delays the answer. Sounds are played by the page.
"""

import base64
import http.client
import queue
import threading
import time
from collections.abc import Callable
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit

from kiosk.config.settings import KioskSettings, relay_bytes
from kiosk.relay.serial_port import SerialError, SerialPort
from kiosk.texts.messages import Code, Message, why_of

# More pulses would open the door for people who passed long ago.
WAITING_MAX = 2
PULSE_AGE_MAX_S = 3.0  # greatest age of a pulse when it is sent

RelayState = Literal["off", "works", "failed"]
TOO_SLOW = Message(Code.RELAY_TOO_SLOW)


class RelayError(Exception):
    """The relay did not accept the pulse. The text has no secret of its address."""

    def __init__(self, message: Message) -> None:
        super().__init__(str(message))
        self.message = message


class Relay:
    """Calls `pulse` in its own thread. `on_result` gets "" or the error in English.

    `trouble` is the error as a message, None while all is well. `state` is "off" until the first
    pulse, then the last result.
    """

    def __init__(
        self,
        pulse: Callable[[], None],
        on_result: Callable[[str], None],
        *,
        release: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`release` closes the device at the end. `clock` is in seconds."""
        self.trouble: Message | None = None
        self.state: RelayState = "off"
        self._pulse = pulse
        self._on_result = on_result
        self._release = release
        self._clock = clock
        self._queue: queue.Queue[float | None] = queue.Queue(WAITING_MAX)
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._thread.start()

    def fire(self) -> None:
        """Queue a pulse for an admission that is on disk. Never blocks."""
        try:
            self._queue.put_nowait(self._clock())
        except queue.Full:
            self._tell(TOO_SLOW)

    def close(self, within_s: float = 2.0) -> None:
        try:
            self._queue.put(None, timeout=within_s)
        except queue.Full:
            return
        self._thread.join(within_s)

    def _run(self) -> None:
        while (fired_at := self._queue.get()) is not None:
            self._tell(self._try(fired_at))
        self._release()

    def _tell(self, trouble: Message | None) -> None:
        self.trouble = trouble
        self.state = "works" if trouble is None else "failed"
        self._on_result("" if trouble is None else str(trouble))

    def _try(self, fired_at: float) -> Message | None:
        if self._clock() - fired_at > PULSE_AGE_MAX_S:
            return TOO_SLOW
        try:
            self._pulse()
        except RelayError as error:
            return error.message
        except Exception as error:
            # The thread must survive any error of a relay.
            return Message(Code.RELAY_FAILED, why=why_of(error))
        return None


def make_relay(settings: KioskSettings, on_result: Callable[[str], None]) -> Relay | None:
    timeout_s = settings.relay_timeout_ms / 1000
    if settings.relay_url:
        return Relay(lambda: call(settings.relay_url, timeout_s), on_result)
    if settings.relay_file:
        port = SerialPort(settings.relay_file, settings.relay_baud)
        on, off = relay_bytes(settings.relay_text), relay_bytes(settings.relay_off_text)
        pulse_s = settings.relay_pulse_ms / 1000
        return Relay(
            lambda: switch(port, settings.relay_file, on, off, pulse_s, timeout_s),
            on_result,
            release=port.close,
        )
    return None


def call(url: str, timeout_s: float) -> None:
    """Raises RelayError unless `url` answers with 2xx in time."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        connection = kind(host, parts.port, timeout=timeout_s)
    except ValueError:
        # `port` raises for an impossible number
        raise _failed(host, Message(Code.PORT)) from None
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, headers={"Content-Length": "0", **_login(parts)})
        status = connection.getresponse().status
    except TimeoutError:
        raise RelayError(Message(Code.RELAY_SILENT, host=host)) from None
    except (OSError, http.client.HTTPException) as error:
        raise _failed(host, why_of(error)) from None
    finally:
        connection.close()
    if not 200 <= status < 300:
        raise RelayError(Message(Code.RELAY_STATUS, host=host, n=status))


def _login(parts: SplitResult) -> dict[str, str]:
    """HTTP Basic (RFC 7617), if the address has a user."""
    if not parts.username:
        return {}
    user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(user.encode()).decode()}"}


def _failed(host: str, why: Message) -> RelayError:
    return RelayError(Message(Code.RELAY_AT_FAILED, host=host, why=why))


def switch(
    port: SerialPort, name: str, on: bytes, off: bytes, pulse_s: float, timeout_s: float
) -> None:
    """Write `on`, and `off` after the pulse if not empty. Raises RelayError."""
    try:
        port.write(on, timeout_s)
        if off:
            time.sleep(pulse_s)
            port.write(off, timeout_s)
    except SerialError as error:
        raise RelayError(Message(Code.RELAY_DEVICE_FAILED, name=name, why=error.why)) from None
