import ipaddress
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

import msgspec
from flask import Blueprint, Response, request
from prometheus_client import CONTENT_TYPE_LATEST

from server.core.event import served
from server.features.integrations.interface import figures
from server.features.integrations.interface.routes import bearer
from server.storage import disk
from server.storage.errors import EngineError, may_pass
from server.web import auth, problems
from server.web.services import Services, services

FAILED_S = 10.0  # How long the server is not ready after a failed write
METRICS_SCOPE = "read:metrics"
FRESH_S = 1.0  # How long the readiness is reused, so that frequent probes cost little

blueprint = Blueprint("probes", __name__)


class DatabaseState(StrEnum):
    OK = "ok"
    UNKNOWN = "unknown"
    SLOW = "slow"
    AWAY = "away"
    FAILING = "failing"
    DISK_FULL = "disk_full"
    DISK_READ_ONLY = "disk_read_only"
    DISK_FAILING = "disk_failing"


CertificateState = Literal["ok", "unknown", "not_valid_yet", "expired", "unreadable"]
RoomState = Literal["ok", "full", "unknown"]


class Readiness(msgspec.Struct):
    """Each part is "ok", or its problem in one word."""

    ready: bool
    database: DatabaseState
    certificate: CertificateState
    disk: RoomState


class Finding:
    """Caches the last result. One request at a time checks; others don't wait."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._looking = threading.Lock()
        # Set by the holder of the lock.
        self._found = Readiness(False, DatabaseState.UNKNOWN, "unknown", "unknown")
        self._found_at = float("-inf")

    def now(self, look: Callable[[], Readiness]) -> Readiness:
        """Return the result of the last FRESH_S, or call `look`.

        During a check, others get the previous result, "slow" after ten seconds.
        """
        if self._monotonic() - self._found_at < FRESH_S:
            return self._found
        if not self._looking.acquire(blocking=False):
            if self._monotonic() - self._found_at < 10 * FRESH_S:
                return self._found
            return Readiness(False, DatabaseState.SLOW, "unknown", "unknown")
        try:
            self._found = look()
            self._found_at = self._monotonic()
            return self._found
        finally:
            self._looking.release()


@blueprint.get("/healthz")
@auth.allow_everybody
def healthz() -> Response:
    return Response('{"alive":true}', mimetype="application/json")


@blueprint.get("/readyz")
@auth.allow_everybody
def readyz() -> Response:
    """Return whether scans can be accepted: database writable, certificate valid, disk free."""
    here = services()
    readiness = here.own(Finding).now(lambda: _look(here))
    return Response(
        msgspec.json.encode(readiness), 200 if readiness.ready else 503, mimetype="application/json"
    )


@blueprint.get("/metrics")
@auth.allow_everybody
def metrics() -> Response:
    """Show the metrics to this computer and to tokens for them."""
    if not _is_this_computer():
        token = bearer()
        if token is None:
            return problems.answer(401, headers={"WWW-Authenticate": "Bearer"})
        if METRICS_SCOPE not in token.scopes:
            return problems.answer(403, f"The token has not the scope {METRICS_SCOPE}.")
    return Response(figures.exposition(services()), content_type=CONTENT_TYPE_LATEST)


def _is_this_computer() -> bool:
    """Return whether the request is from this computer, not through a proxy."""
    if any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "Via")):
        return False
    try:
        caller = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return False
    return (getattr(caller, "ipv4_mapped", None) or caller).is_loopback


def _look(here: Services) -> Readiness:
    database, certificate, room = _database(here), _certificate(here), _room(here)
    ready = database == certificate == room == "ok"
    return Readiness(ready, database, certificate, room)


def _database(here: Services) -> DatabaseState:
    try:
        here.database.write(lambda db: None, early=True)
    except (disk.DatabaseError, EngineError) as error:
        if isinstance(error, disk.DiskError):
            return DatabaseState(error.code)
        return DatabaseState.AWAY if may_pass(error) else DatabaseState.FAILING
    if here.database.disk_trouble:
        return DatabaseState(here.database.disk_trouble)
    # An empty write may succeed while others fail.
    fails = here.database.failures.within(FAILED_S)
    return DatabaseState.FAILING if fails else DatabaseState.OK


def _certificate(here: Services) -> CertificateState:
    try:
        certificate = served.served(here.event)
    except (OSError, ValueError):
        return "unreadable"
    now = datetime.fromtimestamp(here.now() / 1000, UTC)
    if now < certificate.not_valid_before_utc:
        return "not_valid_yet"
    return "ok" if now < certificate.not_valid_after_utc else "expired"


def _room(here: Services) -> RoomState:
    try:
        free = disk.room(here.database.path).free
    except OSError:
        return "unknown"
    return "ok" if free >= disk.NEEDED_BYTES else "full"
