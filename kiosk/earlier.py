"""Sends what earlier enrolments of a kiosk's directory hold.

`enrol --again` moves the files of the enrolment before to `earlier-1`, `earlier-2` and so on in the
directory. Their journals may have scans that no server has. These are sent under the name and with
the key of their own enrolment, and free places are returned. The files stay where they are.
"""

import logging
import threading
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

from kiosk.clock import now_ms
from kiosk.config.files import (
    IDENTITY_FILE,
    JOURNAL_FILE,
    REPLICA_FILE,
    ConfigError,
    load_servers,
    locked,
    write_whole,
)
from kiosk.config.identity import KioskIdentity, load_identity, load_key
from kiosk.journal.errors import JournalError
from kiosk.journal.journal import Journal
from kiosk.replica.replica import Replica
from kiosk.steps import run
from kiosk.sync.exchange import Exchange
from kiosk.sync.known_server import KnownServer
from kiosk.sync.link import Link
from kiosk.sync.protocol import TransportError, send
from kiosk.sync.servers import Servers
from kiosk.sync.signer import Signer
from kiosk.sync.transport import Transport

PREFIX = "earlier-"
SENT_FILE = "sent"  # in such a directory, once the server has everything from it
PAUSE_S = 30.0  # between attempts, unless the server answers again before
JOIN_S = 2.0

log = logging.getLogger(__name__)


def unsent(directory: Path) -> list[Path]:
    """Return the directories of earlier enrolments that the server may not have everything from."""
    return sorted(
        path
        for path in directory.glob(f"{PREFIX}*")
        if (path / IDENTITY_FILE).exists() and not (path / SENT_FILE).exists()
    )


def waiting_in(own: Path) -> int:
    """Return the number of scans in this directory's journal that the server has not acknowledged.

    Raises ConfigError or JournalError.
    """
    identity, key = load_identity(own), load_key(own)
    name = (identity.kiosk, identity.generation)
    with Journal(own / JOURNAL_FILE, *name, key, must_exist=True, check=False) as journal:
        return journal.state().waiting


def send_waiting(
    own: Path,
    *,
    server: KioskIdentity,
    servers: bytes = b"",
    leave: bool = False,
    stop: threading.Event | None = None,
) -> int:
    """Send the scans of this directory's journal, and return how many wait after `stop`.

    `server` and the signed list `servers` have the addresses, if they are of the same event.
    `leave` first returns the free places, and takes no others. Raises ConfigError, JournalError
    or TransportError.
    """
    identity, key = load_identity(own), load_key(own)
    if server.identity.event_id == identity.identity.event_id:
        addressed = replace(server, signed=identity.signed, identity=identity.identity)
    else:
        addressed, servers = identity, b""
    name = (identity.kiosk, identity.generation)
    with ExitStack() as parts:
        journal = parts.enter_context(
            Journal(
                own / JOURNAL_FILE,
                *name,
                key,
                root=identity.root,
                event_id=identity.identity.event_id,
                must_exist=True,
            )
        )
        replica = parts.enter_context(Replica(own / REPLICA_FILE, *name, identity.root))
        signer = Signer(*name, key, journal.next_counter)
        transport = Transport(Servers(KnownServer(addressed), servers), signer)
        parts.callback(transport.close)
        exchange = Exchange(
            journal, replica, transport, Link(now_ms), clock=now_ms, wake=lambda: None
        )
        if leave:
            journal.rest()
        more = leave or journal.state().waiting > 0
        while more and not (stop is not None and stop.is_set()):
            more = run(exchange.steps(), lambda request: send(transport, request))
        return journal.state().waiting


class EarlierEnrolments:
    """Sends everything of the earlier enrolments, on a thread of its own. Start it, close it."""

    def __init__(self, directory: Path, known: KnownServer, *, pause_s: float = PAUSE_S) -> None:
        """`known` is the server of the present enrolment."""
        self._directory = directory
        self._known = known
        self._pause_s = pause_s
        # The scans that wait, for each enrolment that is not sent yet.
        self._waiting: dict[Path, int] = {}
        for own in unsent(directory):
            self._waiting[own] = 0
            self._count(own)
        self._over = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="earlier", daemon=True)

    @property
    def waiting(self) -> int:
        return sum(self._waiting.copy().values())

    def start(self) -> None:
        if self._waiting:
            self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)

    def network_is_back(self) -> None:
        self._wake.set()

    def _run(self) -> None:
        left = list(self._waiting)
        while left and not self._over.is_set():
            left = [own for own in left if self._is_left(own)]
            self._wake.wait(self._pause_s if left else 0)
            self._wake.clear()

    def _is_left(self, own: Path) -> bool:
        """Send what waits there. Whether to try it again in this run of the kiosk."""
        try:
            with locked(own):
                self._send(own)
        except TransportError as error:
            self._count(own)
            if not error.permanent:
                return True
            log.warning("the server refuses the scans of %s: %s", own.name, error)
        except (ConfigError, JournalError, OSError) as error:
            log.warning("the scans of %s can't be sent: %s", own.name, error)
        except Exception as error:
            # This thread must not end before it has tried the others.
            log.error("sending the scans of %s failed: %s", own.name, type(error).__name__)
        else:
            return not (own / SENT_FILE).exists()
        return False

    def _send(self, own: Path) -> None:
        waiting = send_waiting(
            own,
            server=self._known.identity,
            servers=load_servers(self._directory),
            leave=True,
            stop=self._over,
        )
        self._waiting[own] = waiting
        if waiting == 0 and not self._over.is_set():
            write_whole(own / SENT_FILE, b"")
            log.info("the server has every scan of %s", own.name)

    def _count(self, own: Path) -> None:
        with suppress(ConfigError, JournalError):
            self._waiting[own] = waiting_in(own)
