"""Lets one server at a time begin to listen on a port.

granian listens with SO_REUSEPORT, and not before its worker has loaded the app. So two servers that
begin at once would both find the port free, and share it: a client would reach one or the other.
Whoever has the turn finds out whether the port is taken, and gives the turn back once it listens.
"""

import socket
import time

from server.core.event.settings import EventError

WAIT_S = 180.0  # Longer than a worker may take to begin (server/app/supervise.py).
LOOK_S = 0.1


class PortTurn:
    """Holds the turn on a port of this machine, or of this network namespace. It ends with the
    process.
    """

    def __init__(self, port: int) -> None:
        """Wait for the turn. Raises EventError where another server keeps it for too long."""
        # The system has one socket of a name without a file.
        self._name = f"\0hallkeeper begins to listen on port {port}"
        self._held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        until = time.monotonic() + WAIT_S
        while not self._takes():
            if time.monotonic() > until:
                self._held.close()
                raise EventError(
                    f"another server has been beginning on port {port} for {WAIT_S:.0f} s. Stop "
                    "that one, or choose another port with --port."
                )
            time.sleep(LOOK_S)

    def close(self) -> None:
        """End the turn in this process. A fork holds it until it has done so too."""
        self._held.close()

    def _takes(self) -> bool:
        try:
            self._held.bind(self._name)
        except OSError:
            return False
        return True
