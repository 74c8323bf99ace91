"""Ends connections that say nothing, and those of strangers who hold too many.

The server behind which the app runs has a deadline for a request's headers, and none for a
handshake, a body, or a client that reads slowly; nor does it count connections by address. So a
thread of the app's process looks at the process' own sockets: the kernel tells of each when data
was last sent on it (`tcp_info`, Linux). On a connection that lives something is sent now and then:
an answer, or the comment that a held feed has every 15 s. One on which nothing was sent for longer
is idle, or waits for headers or a body that do not come. To end an idle one does no harm.
"""

import contextlib
import logging
import os
import socket
import struct
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

log = logging.getLogger(__name__)

SILENT_KNOWN_S = 45.0  # A held feed has sent three comments in that time.
SILENT_STRANGER_S = 20.0
STRANGER_ADDRESS_MAX = 100
STRANGERS_MAX = 2_000  # All of them together.
KNOWN_ADDRESS_MAX = 3_000  # The 300 kiosks and their staff may share one address.
SWEEP_S = 2.0
BUSY_SWEEP_S = 0.25  # While there are more files open than BUSY_FILES.
BUSY_FILES = 1_000
_LAST_DATA_SENT = struct.Struct("@I")
# Its offset in struct tcp_info of <linux/tcp.h>. The value is in milliseconds ago.
_LAST_DATA_SENT_AT = 44


@dataclass(frozen=True)
class Connection:
    """Represents an open connection, as the kernel tells of it."""

    file: int
    address: str
    # How long nothing was sent on it, or where nothing was, since it began.
    silent_s: float


def to_end(connections: Iterable[Connection], is_known: Callable[[str], bool]) -> list[Connection]:
    """Return the connections that have to go. They are silent for too long, or the most silent of
    too many.
    """
    ended = []
    left: defaultdict[str, list[Connection]] = defaultdict(list)
    known = {one: is_known(one) for one in {one.address for one in connections}}
    for one in connections:
        limit = SILENT_KNOWN_S if known[one.address] else SILENT_STRANGER_S
        if one.silent_s > limit:
            ended.append(one)
        else:
            left[one.address].append(one)
    strangers = []
    for address, found in left.items():
        most = KNOWN_ADDRESS_MAX if known[address] else STRANGER_ADDRESS_MAX
        kept, too_many = _most_silent(found, most)
        ended += too_many
        if not known[address]:
            strangers += kept
    return ended + _most_silent(strangers, STRANGERS_MAX)[1]


def _most_silent(found: list[Connection], most: int) -> tuple[list[Connection], list[Connection]]:
    """Divide the connections into up to `most` that may stay, and the others."""
    if len(found) <= most:
        return found, []
    ordered = sorted(found, key=lambda one: one.silent_s)
    return ordered[:most], ordered[most:]


class Guard:
    """Watches the connections to one port of this process. Close it."""

    def __init__(self, port: int, is_known: Callable[[str], bool]) -> None:
        """`is_known` tells whether somebody at an address has proven who they are."""
        self._port = port
        self._is_known = is_known
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="connections", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        pause_s = SWEEP_S
        while not self._stop.wait(pause_s):
            try:
                pause_s = BUSY_SWEEP_S if self.sweep() > BUSY_FILES else SWEEP_S
            except Exception as error:
                # If this thread died, strangers could hold any number of connections.
                log.error("connections could not be looked at: %s", type(error).__name__)

    def sweep(self) -> int:
        """Look at all connections once, and end those that have to go. How many there were."""
        found = list(connections_to(self._port))
        ended = to_end(found, self._is_known)
        for one in ended:
            _end(one)
        if ended:
            addresses = len({one.address for one in ended})
            log.info("ended %d silent connections of %d addresses", len(ended), addresses)
        return len(found)


def connections_to(port: int) -> Iterable[Connection]:
    """Find the connections that this process has accepted on `port`."""
    for name in os.listdir("/proc/self/fd"):
        found = _connection_to(port, int(name))
        if found is not None:
            yield found


def _connection_to(port: int, file: int) -> Connection | None:
    with contextlib.suppress(OSError, ValueError), _as_socket(file) as found:
        if found.family not in (socket.AF_INET, socket.AF_INET6):
            return None
        if found.getsockname()[1] != port:
            return None
        peer = found.getpeername()[0]
        info = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        (silent_ms,) = _LAST_DATA_SENT.unpack_from(info, _LAST_DATA_SENT_AT)
        return Connection(file, peer.removeprefix("::ffff:"), silent_ms / 1000)
    return None


def _end(connection: Connection) -> None:
    """Shut the connection, if its file still is that connection. Whoever waits for it learns of its
    end.
    """
    with contextlib.suppress(OSError, ValueError), _as_socket(connection.file) as found:
        if found.getpeername()[0].removeprefix("::ffff:") == connection.address:
            found.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def _as_socket(file: int) -> Iterator[socket.socket]:
    """Lend an open file of this process as the socket that it is. Raises OSError where it is none.

    Nothing is copied and nothing is closed here, because the file may be the database. A process
    that closes any copy of it loses all locks that SQLite has on it. Then a command beside the
    server takes itself for the last one to close, and deletes the write-ahead log in use.
    """
    found = socket.socket(fileno=file)
    try:
        yield found
    finally:
        found.detach()
