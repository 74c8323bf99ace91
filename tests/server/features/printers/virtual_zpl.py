"""A label printer that speaks ZPL over TCP on loopback, and misbehaves on request.

It follows the printers' manual, not the driver. A received label comes out in time even after the
connection is closed.
"""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_FORMAT = re.compile(rb"\^XA.*?\^XZ", re.DOTALL)
_COUNT = b'! U1 getvar "odometer.total_label_count"'
_ORDERS = (b"~HS", b"~JA", _COUNT)


class VirtualZpl:
    """Counts labels that come out. `printed` are their texts in ZPL."""

    def __init__(self, *, labels: int = 1000, counts: bool = True, takes_s: float = 0.05) -> None:
        self.labels = labels
        self.counts = counts  # Whether it answers how many labels it ever printed.
        self.takes_s = takes_s
        self.paused = False
        self.head_open = False
        self.holds = False  # It keeps its labels, and nothing comes out.
        self.hangs = False  # It takes connections and bytes, and answers nothing.
        self.garbles = False
        self.closes_after: int | None = None  # Bytes of a label, once.
        self.closes_when_printed = False  # The connection, once, as soon as a label is out.
        self.loses_formats = False
        self.printed: list[bytes] = []
        self.cancelled = 0
        self.connections = 0
        self._odometer = 1_200
        self._waiting: list[bytes] = []
        self._partial = False
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=target) for target in (self._accept, self._print)]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """The number of labels received but not out."""
        return len(self._waiting)

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._stop.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop()
        for thread in self._threads:
            thread.join()

    def drop(self) -> None:
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, line: socket.socket) -> None:
        got = b""
        with line, suppress(OSError):
            while more := line.recv(65536):
                if self.hangs:
                    continue
                got += more
                if (
                    self.closes_after is not None
                    and got.count(b"^XA")
                    and len(got) > (self.closes_after)
                ):
                    self._take(got[: self.closes_after], line)
                    self.closes_after = None
                    line.shutdown(socket.SHUT_RDWR)
                    return
                got = self._take(got, line)

    def _take(self, got: bytes, line: socket.socket) -> bytes:
        """Process all complete commands in the bytes. Return the rest."""
        while True:
            got = got.lstrip(b"\r\n ")
            order = next((kind for kind in _ORDERS if got.startswith(kind)), None)
            if order is not None:
                got = got[len(order) :]
                answer = self._answer(order)
                if answer:
                    line.sendall(answer)
                continue
            label = _FORMAT.match(got)
            if label:
                with self._lock:
                    self._partial = False
                    if not self.loses_formats:
                        self._waiting.append(label[0])
                got = got[label.end() :]
                continue
            if got.startswith(b"^XA"):
                self._partial = True
            return got

    def _answer(self, order: bytes) -> bytes:
        if self.garbles:
            return b"\x02what\x03\r\n\x02is\x03\r\n\x02this\x03\r\n"
        with self._lock:
            if order == b"~JA":
                self.cancelled += len(self._waiting) + self._partial
                self._waiting.clear()
                self._partial = False
                return b""
            if order == _COUNT:
                return b'"%d"\r\n' % self._odometer if self.counts else b""
            return (
                b"\x02030,%d,%d,0609,%03d,0,0,%d,000,0,0,0\x03\r\n"
                b"\x02001,0,%d,0,0,2,4,0,%08d,1,000\x03\r\n"
                b"\x021234,0\x03\r\n"
            ) % (
                self.labels == 0,
                self.paused,
                len(self._waiting),
                self._partial,
                self.head_open,
                0,
            )

    def _print(self) -> None:
        while not self._stop.wait(0.003):
            ready = not (self.paused or self.head_open or self.holds) and self.labels > 0
            if not self._waiting or not ready:
                continue
            self._stop.wait(self.takes_s)
            with self._lock:
                if self._waiting and self.labels > 0 and not self.holds:
                    self.printed.append(self._waiting.pop(0))
                    self.labels -= 1
                    self._odometer += 1
            if self.closes_when_printed:
                self.closes_when_printed = False
                self.drop()


@contextmanager
def virtual_zpl(**how: object) -> Iterator[VirtualZpl]:
    """Run such a printer for the block."""
    virtual = VirtualZpl(**how)
    try:
        yield virtual
    finally:
        virtual.close()
