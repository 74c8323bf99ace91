"""Ends idle connections, and excess connections of unknown clients (limits: docs/clients.md).

granian has a deadline only for request headers. So a thread asks the kernel how long each of the
process's sockets has sent no data (`tcp_info`, Linux). Live connections send an answer, or a feed's
comment every 15 s. Silent ones are idle or wait for the client, and can be closed without harm.
"""

import contextlib
import logging
import os
import socket
import struct
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from server.repeating import Repeating

log = logging.getLogger(__name__)

SILENT_KNOWN_S = 45.0  # a feed has sent three comments in that time
SILENT_STRANGER_S = 20.0
STRANGER_ADDRESS_MAX = 100
STRANGERS_MAX = 2_000  # all of them together
KNOWN_ADDRESS_MAX = 3_000  # 300 kiosks and their staff may share one address
SWEEP_S = 4.0
BUSY_SWEEP_S = 0.25  # while it ends connections, or strangers have more than BUSY_STRANGERS
BUSY_STRANGERS = 500
_LAST_DATA_SENT = struct.Struct("@I")
# Offset in struct tcp_info of <linux/tcp.h>; the value is in ms.
_LAST_DATA_SENT_AT = 44


@dataclass(frozen=True)
class Connection:
    file: int
    address: str
    # Time since data was last sent, or since the connection began.
    silent_s: float


def to_end(connections: Iterable[Connection], is_known: Callable[[str], bool]) -> list[Connection]:
    """Return those silent for too long, and the most silent ones above the limits."""
    ended = []
    left: defaultdict[str, list[Connection]] = defaultdict(list)
    known_addresses = {
        connection: is_known(connection)
        for connection in {connection.address for connection in connections}
    }
    for connection in connections:
        limit = SILENT_KNOWN_S if known_addresses[connection.address] else SILENT_STRANGER_S
        if connection.silent_s > limit:
            ended.append(connection)
        else:
            left[connection.address].append(connection)
    strangers = []
    for address, of_address in left.items():
        most = KNOWN_ADDRESS_MAX if known_addresses[address] else STRANGER_ADDRESS_MAX
        kept, too_many = _most_silent(of_address, most)
        ended += too_many
        if not known_addresses[address]:
            strangers += kept
    return ended + _most_silent(strangers, STRANGERS_MAX)[1]


def _most_silent(
    connections: list[Connection], most: int
) -> tuple[list[Connection], list[Connection]]:
    if len(connections) <= most:
        return connections, []
    ordered = sorted(connections, key=lambda connection: connection.silent_s)
    return ordered[:most], ordered[most:]


class Guard:
    """Regularly closes silent and excess connections to one port of this process. Close it."""

    def __init__(self, port: int, is_known: Callable[[str], bool]) -> None:
        """`is_known` returns whether a client at an address has authenticated."""
        self._port = port
        self._is_known = is_known
        self._repeating = Repeating(
            "connections", SWEEP_S, lambda: BUSY_SWEEP_S if self.sweep() else None
        )

    def start(self) -> None:
        self._repeating.start()

    def close(self) -> None:
        self._repeating.close()

    def sweep(self) -> bool:
        """Return whether the next sweep is due soon.

        It takes some 10 µs for each connection, so a thousand kiosks alone are not swept often.
        """
        connections = list(connections_to(self._port))
        ended = to_end(connections, self._is_known)
        for connection in ended:
            _end(connection)
        if ended:
            addresses = len({connection.address for connection in ended})
            log.info("ended %d silent connections of %d addresses", len(ended), addresses)
        counts = Counter(connection.address for connection in connections)
        strangers = sum(count for address, count in counts.items() if not self._is_known(address))
        return bool(ended) or strangers > BUSY_STRANGERS


def connections_to(port: int) -> Iterable[Connection]:
    with os.scandir("/proc/self/fd") as files:
        for file in files:
            connection = _connection_to(port, int(file.name))
            if connection is not None:
                yield connection


def _connection_to(port: int, file: int) -> Connection | None:
    with contextlib.suppress(OSError, ValueError), _as_socket(file) as peer_socket:
        if peer_socket.family not in (socket.AF_INET, socket.AF_INET6):
            return None
        if peer_socket.getsockname()[1] != port:
            return None
        peer = peer_socket.getpeername()[0]
        info = peer_socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        (silent_ms,) = _LAST_DATA_SENT.unpack_from(info, _LAST_DATA_SENT_AT)
        return Connection(file, peer.removeprefix("::ffff:"), silent_ms / 1000)
    return None


def _end(connection: Connection) -> None:
    """Shut the connection down, unless its file descriptor was reused."""
    with contextlib.suppress(OSError, ValueError), _as_socket(connection.file) as peer_socket:
        if peer_socket.getpeername()[0].removeprefix("::ffff:") == connection.address:
            peer_socket.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def _as_socket(file: int) -> Iterator[socket.socket]:
    """Raises OSError if it is no socket.

    The descriptor may be the database: closing a copy releases SQLite's locks, and a command beside
    the server would delete the write-ahead log in use.
    """
    opened = socket.socket(fileno=file)
    try:
        yield opened
    finally:
        opened.detach()
