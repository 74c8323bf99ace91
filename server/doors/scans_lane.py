"""Answers kiosks' batches of scans on the event loop, without the app.

There are hundreds a second, nearly all small, valid and from kiosks verified before. They are
handled by `server/doors/scans.py`. All others are left to the app: a failed database step has no
effect, so the app handles the request anew and reports the error.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import NamedTuple

from flask import Flask

from badges.record import WireError
from badges.wire import version, wire
from server.core.ledger.prepared import Prepared, prepare
from server.doors.errors import HEADERS
from server.doors.heartbeats import Heartbeats, Last, Taken, heartbeats_of
from server.doors.scans import LONG_BATCH, Arrival, answer_to, joinable, step_for
from server.doors.signatures import Signed, verified_step
from server.storage.disk import AwayError
from server.storage.errors import LostError
from server.web import logs, security
from server.web.lanes import Proof
from server.web.services import Services, address_of, services_of
from server.web.serving.pages import Exchange, Headers, Scope, lines_of, peer_of
from server.web.serving.waker import Waker

METHOD, TARGET = "POST", "/api/scans"


class Left(Exception):
    """Raised to let the Flask app answer. `body` is the request's, if it was read."""

    def __init__(self, body: bytes | None) -> None:
        super().__init__()
        self.body = body


class Sending(NamedTuple):
    address: str
    proof: Proof


class ScansLane:
    """Answers batches of scans on the event loop, without a thread for each. Used by one loop."""

    def __init__(self, app: Flask, waker: Waker) -> None:
        self._app = app
        self._waker = waker
        self._headers: Headers = [
            ("content-type", "application/json"),
            *((name.lower(), value) for name, value in security.headers_of_every_answer().items()),
            ("cache-control", "no-store"),
            *((name.lower(), value) for name, value in HEADERS.items()),
        ]

    @staticmethod
    def takes(scope: Scope) -> bool:
        return scope.path == TARGET and scope.method == METHOD and not scope.query_string

    @contextmanager
    def place(self, scope: Scope) -> Iterator[Sending | None]:
        """Count a request of the kiosk in the block, so that no kiosk takes all threads or the
        loop's time. Yield None if the Flask app must answer.

        Raises BusyError if the kiosk has too many open requests.
        """
        here = services_of(self._app)
        forwarded = ",".join(lines_of(scope, "x-forwarded-for"))
        address = address_of(peer_of(scope), forwarded, here.event.settings.proxy)
        proof = here.lanes.prove(scope.headers, METHOD, TARGET)
        with ExitStack() as held:
            if proof is not None:
                held.enter_context(here.lanes.hold(address, proof.stamp.key))
            yield None if proof is None else Sending(address, proof)

    def send_busy(self, exchange: Exchange) -> None:
        error = wire.ErrorBody(
            wire.ErrorCode.FAILED, "This kiosk sends too much at once.", retry=True
        )
        exchange.response_bytes(503, self._headers, wire.encode(wire.ErrorAnswer(error)))
        logs.answered(METHOD, TARGET, 503, time.perf_counter())

    async def answer(self, scope: Scope, exchange: Exchange, sending: Sending | None) -> None:
        """Raises Left if the Flask app must answer."""
        begun = time.perf_counter()
        here = services_of(self._app)
        if sending is None:
            raise Left(None)
        address, proof = sending
        body = await _read(scope, exchange, proof)
        if here.database.away:
            # All kiosks repeat the request until the database is back.
            self._send_away(exchange, begun)
            return
        try:
            batch = wire.decode(body, wire.ScanBatch)
            if len(batch.records) > LONG_BATCH:
                raise Left(body)
        except WireError:
            raise Left(body) from None
        decoded_at, at, epoch = time.perf_counter(), here.now(), here.clock.known_epoch()
        if epoch is None:
            # A new epoch is written to the database, and the loop must not wait for that.
            raise Left(body)
        arrived = Arrival(at, epoch)
        stated = scope.headers.get(version.HEADER.lower())
        signed = Signed.proven(proof, address, here.lanes, version.read_version(stated))
        beats = heartbeats_of(here)
        try:
            taken = beats.take(signed, batch, here.event.incarnation)
            if taken is None:
                try:
                    prepared = prepare(batch, proof.key)
                    taken = await self._write(here, beats, signed, prepared)
                except (AwayError, LostError):
                    raise
                except Exception:
                    raise Left(body) from None
                here.measures.ledger.observe(time.perf_counter() - decoded_at)
                beats.keep(signed, batch, taken)
            answer = answer_to(here, batch, arrived, taken, beats.last)
        except (AwayError, LostError):
            # The app would have to wait for the database, and another server may reach it. Records
            # that were stored are recognised when the kiosk repeats them.
            self._send_away(exchange, begun)
            return
        exchange.response_bytes(200, self._headers, wire.encode(answer))
        logs.answered(METHOD, TARGET, 200, begun)

    def _send_away(self, exchange: Exchange, begun: float) -> None:
        exchange.response_bytes(503, self._headers, security.database_away())
        logs.answered(METHOD, TARGET, 503, begun)

    async def _write(
        self, here: Services, beats: Heartbeats, signed: Signed, prepared: Prepared
    ) -> Taken:
        """Wait for the disk. Raises like `step_for`."""
        took: asyncio.Future[Taken] = asyncio.get_running_loop().create_future()

        def done(taken: Taken | None, error: BaseException | None) -> None:
            if taken is not None:
                # All steps of a commit report before the loop answers the first, so they share one
                # signed position.
                beats.last = Last(taken.ingested.incarnation, taken.position)
            self._waker.call(partial(_settle, took, taken, error))

        batch = prepared.batch
        step = verified_step(signed, step_for(here, batch, prepared), here.now, batch=batch)
        alike = joinable(prepared, signed.stamp.key)
        # A kiosk keeps its scans until they are acknowledged, and repeats them.
        here.database.write_then(step, done, early=True, joinable=alike, owner=signed.owner)
        return await took


async def _read(scope: Scope, exchange: Exchange, proof: Proof) -> bytes:
    """Raise Left unless the body has the signed hash."""
    length = scope.headers.get("content-length", "")
    if not (length.isascii() and length.isdigit() and len(length) < 10):
        raise Left(None)
    if int(length) > wire.BODY_BYTES_MAX:
        raise Left(None)
    try:
        body = await exchange()
    except RuntimeError:
        raise Left(None) from None
    if len(body) != int(length) or not proof.fits(body):
        raise Left(body)
    return body


def _settle(
    took: "asyncio.Future[Taken]", taken: Taken | None, error: BaseException | None
) -> None:
    if took.done():
        return  # The kiosk has gone. Its scans are in the ledger, and it will repeat the request.
    if taken is None:
        took.set_exception(error or RuntimeError("nothing came of it"))
    else:
        took.set_result(taken)
