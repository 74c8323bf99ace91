"""Receives batches of scans, which are also a kiosk's heartbeat."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from flask import Response, current_app, request
from msgspec import UNSET

from badges.places.pool import KioskKey
from badges.transparency.signed_note import NoteError
from badges.wire import wire
from badges.wire.wire import ErrorCode
from server.core.entry_log import cosignatures
from server.core.entry_log.entry_log import Log
from server.core.kiosks import contact, registry, runs
from server.core.kiosks.current_ring import CurrentRing
from server.core.ledger import ingest, read_ahead
from server.core.ledger.prepared import Prepared
from server.core.second_disk import set_back
from server.doors.errors import ApiError, answer_json
from server.doors.heartbeats import Last, Taken, heartbeats_of
from server.doors.signatures import Caller, Signed, read_signature, signed_caller, signed_write
from server.storage.connection import Connection
from server.storage.engines import joint
from server.storage.engines.joint import Joinable
from server.web.services import Services, renew_services, services

log = logging.getLogger(__name__)

# In scans, twice as many as a kiosk sends. All clients wait for the commit of a batch.
BATCH_MAX = 100
# in scans; a longer batch is a backlog, and takes turns with other writes
LONG_BATCH = ingest.IN_ORDER

FORKED = (
    "This kiosk's journal differs from the scans that it has sent (a copied or restored disk?). "
    "Keep its directory, and enrol it again."
)


class Arrival(NamedTuple):
    at: int
    epoch: int

    @classmethod
    def now(cls, here: Services) -> "Arrival":
        # Read the epoch after the time: an exchange across two epochs is too slow to measure
        # clocks.
        return cls(here.now(), here.clock.epoch())


def scans() -> Response:
    """Record a batch of scans, empty for a heartbeat. Retired kiosks may send them too.

    `server/doors/scans_lane.py` answers most batches in the same way.
    """
    here = services()
    body = request.get_data()
    batch = wire.decode(body, wire.ScanBatch)
    began, arrived = time.perf_counter(), Arrival.now(here)
    signed = read_signature(body)
    if len(batch.records) > BATCH_MAX:
        raise ApiError(413, ErrorCode.TOO_LARGE, f"A batch may have {BATCH_MAX} scans at most.")
    long = len(batch.records) > LONG_BATCH
    beats = heartbeats_of(here)
    heard = beats.take(signed, batch, here.event.incarnation) if signed.proven_by else None
    if heard is not None:
        return answer_json(answer_to(here, batch, arrived, heard, beats.last))
    # Verify the counter first, since the kiosk's next request may overtake the batch.
    if long:
        signed_caller(signed)
    try:
        try:
            taken = signed_write(
                signed, step_for(here, batch), counted=long, long=long, batch=batch
            )
        except set_back.SetBackError:
            here = _become_the_next(here, signed, batch)
            taken = signed_write(
                signed, step_for(here, batch), counted=long, long=long, batch=batch
            )
    except ingest.GapError as error:
        raise ApiError(409, ErrorCode.GAP, str(error), retry=True) from None
    except contact.ForkError:
        here.database.write(lambda db: registry.fence_forked(db, signed.stamp.key, here.now()))
        raise ApiError(409, ErrorCode.FORK, FORKED) from None
    here.measures.ledger.observe(time.perf_counter() - began)
    beats.keep(signed, batch, taken)
    last = Last(taken.ingested.incarnation, taken.position)
    return answer_json(answer_to(here, batch, arrived, taken, last))


def step_for(
    here: Services, batch: wire.ScanBatch, prepared: Prepared | None = None
) -> Callable[[Connection, Caller, int], Taken]:
    """Return the function that records a batch, for `signed_write`.

    It raises SetBackError, GapError, ForkError or WireError, and then has no effect.
    """

    def step(db: Connection, caller: Caller, now: int) -> Taken:
        # The kiosk's reported state is already stored, because a door out of service gets no
        # places.
        set_back.judge(db, here.event, here.log, caller.sender, batch)
        if isinstance(batch.cosigned, wire.Cosigned):
            _keep_cosigned(db, here.log, caller.sender, batch.cosigned, now)
        ingested = ingest.ingest(
            db, caller.sender, batch, calendar=here.calendar, now=now, prepared=prepared
        )
        position = _NOWHERE if joint.is_on(db) else runs.position(db)
        sender = caller.sender
        return Taken(sender.key, sender.state, sender.old_files, ingested, position)

    return step


def _with_last_position(db: Connection, taken: Sequence[Taken]) -> list[Taken]:
    """Set the position of feed and entry log after all batches of a commit."""
    position = runs.position(db)
    return [result._replace(position=position) for result in taken]


_NOWHERE = runs.Position("", 0, 0)  # until `_with_last_position`
_TOGETHER = read_ahead.kind(_with_last_position)


def joinable(prepared: Prepared, kiosk: KioskKey) -> Joinable:
    """Describe the batch for `Database.write_then`, so that it can share a transaction with
    others.
    """
    return Joinable(_TOGETHER, read_ahead.About(kiosk, prepared))


def answer_to(
    here: Services, batch: wire.ScanBatch, arrived: Arrival, taken: Taken, last: Last
) -> wire.ScanAnswer:
    """Return the answer to a batch, which is on disk. `last` is the newest position known to be on
    disk.
    """
    ingested = taken.ingested
    keys = current_ring_of(here).keys
    checkpoint, consistency = here.log.checkpoint(batch.log_size, least=last.position.entries)
    return wire.ScanAnswer(
        acked_seq=ingested.acked_seq,
        incarnation=ingested.incarnation,
        fenced=taken.state != "active",
        orders=here.voucher.orders(taken.kiosk, ingested.orders),
        received_at=arrived.at,
        answered_at=here.now(),
        epoch=arrived.epoch,
        # The feed may be further: changes of pages are not in the mark yet.
        cursor=max(last.position.cursor, here.hub.cursor),
        checkpoint=checkpoint,
        consistency=consistency,
        full=list(ingested.full),
        mark=here.voucher.mark(*last),
        ring_number=UNSET if keys is None else keys.number,
        ring=UNSET if keys is None else keys.digest,
        update=True if taken.old_files and taken.old_files == batch.health.files else UNSET,
    )


def current_ring_of(here: Services) -> CurrentRing:
    return here.own(CurrentRing, lambda: CurrentRing(here.event, here.database, here.hub))


def _keep_cosigned(
    db: Connection, entries: Log, sender: contact.Sender, cosigned: wire.Cosigned, now: int
) -> None:
    """Store the kiosk's cosignature. An invalid one does not reject the scans."""
    try:
        cosignatures.keep(db, entries, sender.key, sender.public_key, cosigned, now)
    except NoteError as error:
        log.warning("a cosignature of kiosk %s is not kept: %s", sender.kiosk, error)


def _become_the_next(here: Services, signed: Signed, batch: wire.ScanBatch) -> Services:
    """Begin a new incarnation of the server, since the batch proves that an old copy of the
    database is in use.

    The kiosk's signature was verified.
    """
    kept = [] if here.backups is None else here.backups.kept_acts()

    def step(db: Connection, caller: Caller, now: int) -> int | None:
        return set_back.renew(db, here.event, here.log, caller.sender, batch, kept, now)

    incarnation = signed_write(signed, step, counted=True)
    if incarnation is None:
        return services()
    services_now = renew_services(current_app, incarnation)
    if services_now.backups is not None:
        # A restore from an earlier backup must know of it.
        services_now.backups.keep_acts()
    return services_now
