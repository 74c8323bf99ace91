"""A relay's serial device as plain 8N1, kept open, and reopened after it was away.

Many boards restart, and miss a pulse, when their port is opened. pyserial 3.5 (its last release,
of 2020) refuses pipes and devices that are no terminal, loses the system's reason of a failed
write, and leaves HUPCL on, so that boards restart when it closes.
"""

import os
import select
import time

from kiosk.texts.messages import Code, Message, why_of

try:
    import termios
    import tty
except ImportError:
    # Without termios the device's settings are left as they are.
    termios = None  # type: ignore[assignment]


class SerialError(Exception):
    """The device did not accept the data. `why` is the reason for staff."""

    def __init__(self, why: Message) -> None:
        super().__init__(str(why))
        self.why = why


class SerialPort:
    """One device. Not thread-safe."""

    def __init__(self, path: str, baud: int = 9600) -> None:
        self._path = path
        self._baud = baud
        self._device: int | None = None

    def write(self, data: bytes, timeout_s: float) -> None:
        """Raises SerialError if the device is away or too slow. The next call reopens it."""
        deadline = time.monotonic() + timeout_s
        kept = self._device is not None
        try:
            self._write(data, deadline)
        except OSError as error:
            self.close()
            if not kept:
                raise SerialError(why_of(error)) from None
            # The device may have been replugged.
            try:
                self._write(data, deadline)
            except OSError as again:
                self.close()
                raise SerialError(why_of(again)) from None
        except SerialError:
            self.close()
            raise

    def _write(self, data: bytes, deadline: float) -> None:
        if self._device is None:
            self._device = self._open()
        while data:
            wait_s = deadline - time.monotonic()
            if wait_s <= 0 or not select.select([], [self._device], [], wait_s)[1]:
                raise SerialError(Message(Code.TAKES_NOTHING))
            data = data[os.write(self._device, data) :]

    def _open(self) -> int:
        device = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            if termios is not None and os.isatty(device):
                _make_plain(device, self._baud)
        except BaseException:
            os.close(device)
            raise
        return device

    def close(self) -> None:
        if self._device is not None:
            os.close(self._device)
            self._device = None


def _make_plain(device: int, baud: int) -> None:
    """8 bits, no parity, one stop bit, raw, without flow control."""
    try:
        tty.setraw(device)
        settings = termios.tcgetattr(device)
        settings[2] |= termios.CLOCAL
        settings[2] &= ~(termios.CSTOPB | termios.HUPCL | getattr(termios, "CRTSCTS", 0))
        settings[4] = settings[5] = getattr(termios, f"B{baud}")
        termios.tcsetattr(device, termios.TCSANOW, settings)
    except termios.error as error:
        raise OSError(*error.args) from None
