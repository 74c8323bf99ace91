"""Serialises servers that start on the same port.

granian listens with SO_REUSEPORT, and only after the app is loaded, so two starting servers could
share the port. A server holds the turn until it listens.
"""

import socket
import time

from server.core.event.settings import EventError

WAIT_S = 180.0  # longer than a worker may take to start (server/app/supervise.py)
LOOK_S = 0.1


class PortTurn:
    """A lock by which servers use a port of this computer or network namespace in turn. It ends
    with the process.
    """

    def __init__(self, port: int) -> None:
        """Wait for the lock. Raises EventError if another server keeps it too long."""
        # An abstract socket name is unique and needs no file.
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
        """Release the lock in this process. A fork holds it until it calls this too."""
        self._held.close()

    def _takes(self) -> bool:
        try:
            self._held.bind(self._name)
        except OSError:
            return False
        return True
