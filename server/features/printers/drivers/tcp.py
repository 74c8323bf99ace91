"""A TCP connection with bounded waits."""

import socket
import time
from collections.abc import Callable

from badges.i18n import Phrase

ANSWER_BYTES_MAX = 20_000


class Line:
    """A connection to a printer, as a context manager."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes, timeout_s: float) -> None:
        """Send all data. Raises OSError, including TimeoutError."""
        self._socket.settimeout(timeout_s)
        self._socket.sendall(data)

    def read(self, is_whole: Callable[[bytes], bool], timeout_s: float) -> bytes:
        """Read until the answer is whole. Raises OSError, also for too long or late ones."""
        until = time.monotonic() + timeout_s
        got = b""
        while not is_whole(got):
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError(Phrase("the answer did not come in time"))
            self._socket.settimeout(left)
            more = self._socket.recv(4096)
            if not more:
                raise ConnectionResetError(Phrase("the printer closed the connection"))
            got += more
            if len(got) > ANSWER_BYTES_MAX:
                raise OSError(Phrase("the answer is too long"))
        return got

    def finish(self, timeout_s: float) -> None:
        """Close the sending side, and wait until the printer has read everything.

        Raises OSError.
        """
        self._socket.shutdown(socket.SHUT_WR)
        until = time.monotonic() + timeout_s
        while (left := until - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                if not self._socket.recv(4096):
                    return
            except TimeoutError:
                return
