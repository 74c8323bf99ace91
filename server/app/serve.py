"""Runs granian with the app for `hallkeeper serve`, one server per event directory.

The supervisor (server/app/supervise.py) holds the event's lock and the signals; its one worker has
the app. A stop ends the feeds: kiosks reconnect.
"""

import contextlib
import gc
import logging
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from granian.constants import HTTPModes, Interfaces, Loops, SSLProtocols
from granian.http import HTTP1Settings

from badges.po import CatalogueError
from server.app.app import close_app
from server.app.gateway import Gateway
from server.app.port_turn import PortTurn
from server.app.supervise import (
    AWAITED,
    REFUSED,
    WAITS,
    Leaving,
    Supervisor,
    beat,
    notify,
)
from server.app.wsgi import open_app
from server.console import wall_clock
from server.core.event import served
from server.core.event.directory import Event, load_event
from server.core.event.lock import only_server
from server.core.event.settings import EventError, is_address
from server.core.second_disk.copy import check_directory
from server.features.wallet import certificates
from server.storage import disk, opening, tables
from server.storage.disk import DatabaseError
from server.storage.errors import EngineError, may_pass
from server.storage.migrations import VersionError
from server.web.connections import Guard
from server.web.logs import write_json_lines, write_lines
from server.web.services import keep_services, services_of

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

# For pages. A live page holds one; kiosks' feeds and scans hold none.
THREADS = 400
# Far above the limit for unknown clients (server/web/connections.py).
CONNECTIONS = 8192
HEADERS_MS = 10_000  # deadline for a request's headers
STOP_S = 2  # for requests in progress
FILES_WANTED = 16_384  # for sockets, and two files for each database reader
PARENT_CHECK_S = 0.5
AGAIN_S = 2.0  # between two attempts to open an event whose database is unavailable

log = logging.getLogger(__name__)
T = TypeVar("T")


def serve(event_dir: Path, host: str | None = None, port: int | None = None) -> None:
    """Serve the event until Ctrl-C or SIGTERM.

    Raises EventError if it can't start, or if its worker fails repeatedly.
    """
    write_lines()
    event = _awaiting(partial(load_event, event_dir), lambda: notify(AWAITED))
    host = host or event.settings.host
    port = event.settings.port if port is None else port
    # Lock first: if this event is already served, the lock's message is better than that of the
    # port.
    with only_server(event_dir), contextlib.closing(PortTurn(port)) as turn:
        _check_address(host, port)
        served.check_served(event)
        warnings = (
            check_directory(event),
            disk.room(event.path).warning,
            certificates.trouble(event, wall_clock()),
        )
        for warning in warnings:
            if warning:
                click.echo(f"Warning: {warning}", err=True)
        _raise_file_limit()
        tables.load()  # Loaded before the fork, once for all workers.
        server = _granian(event, host, port)
        server.certificate = lambda: (event.certificate_path, event.certificate_key_path)
        server.listens = partial(_begin, turn, event, host, port)
        server.on_shutdown(lambda: _fold_journal(event))
        loader = partial(_load, os.getpid(), str(event_dir), (host, port), turn)
        # RSGI calls the object itself.
        server.serve(target_loader=loader, wrap_loader=False)  # type: ignore[arg-type]
    if server.failed:
        raise EventError(server.failed)
    click.echo("Stopped.")


def _granian(event: Event, host: str, port: int) -> Supervisor:
    return Supervisor(
        target="hallkeeper",
        address=host,
        port=port,
        interface=Interfaces.RSGI,
        workers=1,
        loop=Loops.uvloop,
        backlog=CONNECTIONS,
        backpressure=CONNECTIONS,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEADERS_MS),
        websockets=False,
        log_enabled=False,
        log_access=False,
        ssl_cert=event.certificate_path,
        ssl_key=event.certificate_key_path,
        ssl_protocol_min=SSLProtocols.tls13,
        workers_kill_timeout=STOP_S,
    )


def _load(
    parent: int, event_dir: str, address: tuple[str, int], turn: PortTurn, beats: "Connection"
) -> Gateway:
    """Load the app in the worker process, with its heartbeat and a thread that ends the worker
    with the supervisor.
    """
    turn.close()  # The supervisor holds it until the worker listens.
    threading.Thread(target=_end_with, args=(parent,), name="supervisor", daemon=True).start()
    _, port = address
    try:
        app = _awaiting(partial(open_app, Path(event_dir), port), lambda: beats.send_bytes(WAITS))
    except (EngineError, EventError, DatabaseError, VersionError, CatalogueError) as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(REFUSED) from None
    keep_services(app, replace(services_of(app), restart=lambda: os.kill(parent, signal.SIGHUP)))
    here = services_of(app)
    if here.event.settings.log_lines == "json":
        write_json_lines(app)
    gateway = Gateway(app, ThreadPoolExecutor(THREADS, "page"))
    beat(app, here.database, beats, address, await_turn=gateway.await_turn)
    gateway.on_end(Leaving(partial(close_app, app), beats))
    proxy = here.event.settings.proxy
    # Many clients share a proxy's connections.
    Guard(port, lambda client: client == proxy or here.lanes.is_known(client)).start()
    # Build the log's tree before kiosks connect.
    here.log.size()
    gc.collect()
    # Exclude loaded objects from collections, which took 60 ms each.
    gc.freeze()
    return gateway


def _awaiting(opened: Callable[[], T], waits: Callable[[], object]) -> T:
    """Repeat `opened` while the database is unavailable or busy or its disk is full.

    `waits` is called after each attempt. A server that exited would not start again with its
    database.
    """
    began, logged = time.monotonic(), ""
    while True:
        try:
            value = opened()
        except (EngineError, DatabaseError, EventError) as error:
            if not (may_pass(error) or isinstance(error, disk.DiskError)):
                raise
            if str(error) != logged:
                logged = str(error)
                log.warning("Waiting for the database, and trying again: %s", logged)
            waits()
            time.sleep(AGAIN_S)
        else:
            if logged:
                log.warning("The database is there, after %.0f s.", time.monotonic() - began)
            return value


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_S)
    # As safe as a power cut: acknowledged data is on disk.
    os._exit(1)


def _begin(turn: PortTurn, event: Event, host: str, port: int) -> None:
    """Let the next server begin on this port, and print the addresses, which answer by now."""
    turn.close()
    here = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104
    for line in announcement(event, here, port):
        click.echo(line)


def announcement(event: Event, host: str, port: int) -> list[str]:
    """Addresses, certificate fingerprints, and how to stop the server."""
    here = f"[{host}]" if ":" in host else host
    names = dict.fromkeys((event.settings.public_host, here))
    return [
        f"Serving {' / '.join(event.settings.name.values())}",
        *(f"  https://{name}:{port}/" for name in names),
        f"  The certificate is {_whose(event)} Its fingerprints (SHA-256):",
        f"  certificate  {_pairs(_certificate_digest(event.certificate_path))}",
        f"  public key   {_pairs(event.spki_sha256.hex())}",
        "Stop with Ctrl-C.",
    ]


def _whose(event: Event) -> str:
    if not event.has_installed_certificate:
        return "the event's own; browsers warn once."
    certificate = served.served(event)
    soon = served.until(certificate, time.time_ns() // 1_000_000)
    return f"installed, good until {certificate.not_valid_after_utc:%Y-%m-%d}. {soon}".rstrip()


def _certificate_digest(path: Path) -> str:
    return x509.load_pem_x509_certificate(path.read_bytes()).fingerprint(hashes.SHA256()).hex()


def _pairs(digest: str) -> str:
    """Format a hash as browsers do: `AB:CD:…`."""
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2)).upper()


def _check_address(host: str, port: int) -> None:
    """Raise EventError with a clear text if the server can't listen at the address."""
    if not 1 <= port <= 65535:
        raise EventError(f"port {port} is not between 1 and 65535")
    if not is_address(host):  # granian takes no names
        raise EventError(f"{host} is not an address to listen on, such as 0.0.0.0 or 127.0.0.1")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        reason = error.strerror or "it is not an address of this computer"
        raise EventError(
            f"can't listen on {host} port {port}: {reason}. Choose another with --host and --port."
        ) from None


def _raise_file_limit() -> None:
    """Raise the limit of open files. Many systems allow 1024, too few for 300 feeds and their
    readers.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_WANTED if hard == resource.RLIM_INFINITY else min(FILES_WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _fold_journal(event: Event) -> None:
    with contextlib.suppress(EngineError, DatabaseError):  # the server works without it
        opening.connect(event.database_path).close()
