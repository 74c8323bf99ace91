"""All servers of the event, and the choice of one.

The signed list comes with the snapshot and is stored. A kiosk prefers the server of its hall. If
that does not answer, it uses the next one, and returns when the preferred one works again. The
enrolment's address is the last resort, so that a wrong list locks no kiosk out.
"""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Collection

from badges.credential.keys import BadSignatureError
from badges.wire.servers import ServerAddress, ServerList, open_servers, preferred
from kiosk.sync.known_server import Endpoint, KnownServer
from kiosk.sync.transport import Server, answers

log = logging.getLogger(__name__)

# Between two checks of the preferred server, while another one is used. It must answer twice.
LOOK_S = (1.5, 3.0)
LOOKS = 2
# A server left again soon after a return is checked less often, at most at this interval.
LOOK_MAX_S = 60.0
SETTLED_S = 60.0
# For this long after a round without any quick answer, or after some moves, this kiosk waits
# patiently: all servers are slow then, and moving makes them slower.
PATIENT_S = 60.0
MOVES_MAX = 3
LOOK_ANSWER_S = 3.0
READY = "/readyz"


class Servers:
    """Chooses a server. Start it, close it. Thread-safe: a lock guards the list, the order and the
    choice.
    """

    def __init__(
        self,
        server: KnownServer,
        signed: bytes = b"",
        *,
        hall: int | None = None,
        keep: Callable[[bytes], None] = lambda _: None,
        look_s: tuple[float, float] = LOOK_S,
    ) -> None:
        """`server` is that of the enrolment, and `signed` the stored list. `keep` stores a new
        list; it may raise OSError.
        """
        self._known = server
        self._keep = keep
        self._hall = hall
        self._look_s = look_s
        self._lock = threading.Lock()
        self._changed: list[Callable[[], None]] = []
        self._list: ServerList | None = None
        self._endpoints = self._ordered()
        self._now = self._endpoints[0]
        self._patient_until = float("-inf")
        self._moved_at: deque[float] = deque(maxlen=MOVES_MAX)
        self._returned_at = float("-inf")
        self._wait_more = 1.0
        self._wake = threading.Event()
        self._over = False
        self._thread = threading.Thread(target=self._look_back, name="servers", daemon=True)
        if signed:
            self._read_kept(signed)
            self._now = self._endpoints[0]

    def on_change(self, listener: Callable[[], None]) -> None:
        self._changed.append(listener)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._over = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(LOOK_ANSWER_S)

    @property
    def hurried(self) -> bool:
        """Whether to leave a slow server for the next one: not during a patient wait."""
        return len(self._endpoints) > 1 and time.monotonic() >= self._patient_until

    @property
    def addresses(self) -> list[str]:
        return [endpoint.address.text for endpoint in self._endpoints]

    def current(self) -> Endpoint:
        return self._now

    def failed(self, server: Server, tried: Collection[Server]) -> bool:
        """True if another server is left to try."""
        with self._lock:
            moved = server is self._now and len(self._endpoints) > 1
            if moved:
                at = self._endpoints.index(self._now)
                self._now = self._endpoints[(at + 1) % len(self._endpoints)]
                log.warning("%s does not answer: %s is next", _text(server), self._now.address.text)
                self._note_move()
            left = not any(endpoint is self._now for endpoint in tried)
            if not left:
                self._patient_until = time.monotonic() + PATIENT_S
        if moved:
            self._tell()
        return left

    def take(self, signed: bytes) -> bool:
        """True if the list is newer than the known one.

        Only a list signed by the event is taken. Raises OSError if it can't be stored.
        """
        received = self._opened(signed)
        with self._lock:
            number = -1 if self._list is None else self._list.number
            if received is None or received.number <= number:
                return False
        self._keep(signed)
        self._use(received)
        return True

    def stand_at(self, hall: int) -> None:
        """A hall's kiosks prefer one server."""
        if hall != self._hall:
            self._hall = hall
            self._use(self._list)

    def _read_kept(self, signed: bytes) -> None:
        servers = self._opened(signed)
        if servers is None:
            log.warning("the list of servers on this disk is spoilt, and is not used")
        else:
            self._use(servers)

    def _opened(self, signed: bytes) -> ServerList | None:
        identity = self._known.identity
        try:
            servers = open_servers(identity.root, signed)
        except BadSignatureError:
            return None
        return servers if servers.event_id == identity.identity.event_id else None

    def _use(self, servers: ServerList | None) -> None:
        """Switch to another list or hall. The current server is kept if possible; `_look_back`
        returns to the preferred one.
        """
        with self._lock:
            before = self._now
            first = before is self._endpoints[0]
            self._list = servers
            self._endpoints = self._ordered()
            same = [endpoint for endpoint in self._endpoints if endpoint.address == before.address]
            # Report to the server that sent the new list.
            self._now = same[0] if same else self._endpoints[0]
            moved = self._now.address != before.address
        if moved or first:
            self._wake.set()
        if moved:
            self._tell()

    def _ordered(self) -> list[Endpoint]:
        listed = () if self._list is None else self._list.servers
        addresses = preferred(listed, self._hall)
        own = ServerAddress(self._known.host, self._known.port)
        if all((address.host, address.port) != (own.host, own.port) for address in addresses):
            addresses.append(own)
        return [Endpoint(self._known, address) for address in addresses]

    def _note_move(self) -> None:
        """Wait longer for a server left again soon after a return, and for all servers after some
        moves. The caller holds the lock.
        """
        now = time.monotonic()
        self._moved_at.append(now)
        if len(self._moved_at) == MOVES_MAX and now - self._moved_at[0] < PATIENT_S:
            self._patient_until = now + PATIENT_S
        soon = now - self._returned_at < SETTLED_S
        self._wait_more = self._wait_more * 2 if soon else 1.0
        self._wake.set()

    def _tell(self) -> None:
        for listener in self._changed:
            listener()

    def _look_back(self) -> None:
        good = 0
        while not self._over:
            with self._lock:
                best, away = self._endpoints[0], self._now is not self._endpoints[0]
            if not away:
                good = 0
                self._wake.wait()
                self._wake.clear()
                continue
            pause_s = random.uniform(*self._look_s) * (1.0 if good else self._wait_more)
            if self._wake.wait(min(pause_s, LOOK_MAX_S)):
                self._wake.clear()
                good = 0
                continue
            good = good + 1 if answers(best, READY, LOOK_ANSWER_S) else 0
            if good >= LOOKS:
                self._return_to(best)

    def _return_to(self, best: Endpoint) -> None:
        with self._lock:
            moved = best is self._endpoints[0] and best is not self._now
            if moved:
                self._now = best
                self._returned_at = time.monotonic()
        if moved:
            log.info("%s answers again", best.address.text)
            self._tell()


def _text(server: Server) -> str:
    return f"{server.host}:{server.port}"
