"""Takes batches of scans, which are also a kiosk's heartbeat."""

import logging
import time

from flask import Response, request

from badges.transparency.signed_note import NoteError
from badges.wire import wire
from server.backup import set_back
from server.entry_log import cosignatures
from server.entry_log.entry_log import Log
from server.kiosks import contact, registry, runs
from server.ledger import ingest
from server.storage.connection import Connection
from server.web.api.errors import ApiError, answer_json
from server.web.api.signatures import Caller, Signed, read_signature, signed_caller, signed_write
from server.web.services import Services, renewed, services

log = logging.getLogger(__name__)

LONG_BATCH = ingest.IN_ORDER  # Scans. More are a backlog, and take turns with what others send.

FORKED = (
    "This kiosk's journal is not the one that it sent before (a copied or restored disk?). "
    "Keep its directory, and enrol it again."
)


def scans() -> Response:
    """Take a batch of scans, or an empty one as a heartbeat. Kiosks that are no longer at work may
    send it too.
    """
    here = services()
    body = request.get_data()
    batch = wire.decode(body, wire.ScanBatch)
    received_at, began = here.now(), time.perf_counter()
    # The epoch is read after the time. An exchange that spans two epochs is too slow to measure by.
    epoch = here.clock.epoch()
    signed = read_signature(body)
    long = len(batch.records) > LONG_BATCH
    # Its counter is checked in its turn, because the kiosk's next request may overtake it.
    if long:
        signed_caller(signed)

    def step(
        db: Connection, caller: Caller, now: int
    ) -> tuple[contact.Sender, ingest.Ingested, runs.Came]:
        set_back.judge(db, here.event, here.log, caller.sender, batch)
        # This comes first, because a door that is out of service gets nothing.
        contact.keep_health(db, caller.sender.key, batch, now)
        if isinstance(batch.cosigned, wire.Cosigned):
            _keep_cosigned(db, here.log, caller.sender, batch.cosigned, now)
        taken = ingest.ingest(db, caller.sender, batch, calendar=here.calendar, now=now)
        return caller.sender, taken, runs.came(db)

    try:
        try:
            sender, taken, came = signed_write(signed, step, counted=long, long=long)
        except set_back.SetBackError:
            here = _become_the_next(here, signed, batch)
            sender, taken, came = signed_write(signed, step, counted=long, long=long)
    except ingest.GapError as error:
        raise ApiError(409, "gap", str(error), retry=True) from None
    except contact.ForkError:
        here.database.write(lambda db: registry.fence_forked(db, signed.stamp.key, here.now()))
        raise ApiError(409, "fork", FORKED) from None
    here.measures.ledger.observe(time.perf_counter() - began)
    checkpoint, consistency = here.log.checkpoint(batch.log_size)
    return answer_json(
        wire.ScanAnswer(
            acked_seq=taken.acked_seq,
            incarnation=taken.incarnation,
            fenced=sender.state != "active",
            orders=here.voucher.orders(sender.key, taken.orders),
            received_at=received_at,
            answered_at=here.now(),
            epoch=epoch,
            cursor=came.cursor,
            checkpoint=checkpoint,
            consistency=consistency,
            full=list(taken.full),
            mark=here.voucher.mark(taken.incarnation, came),
        )
    )


def _keep_cosigned(
    db: Connection, entries: Log, sender: contact.Sender, cosigned: wire.Cosigned, now: int
) -> None:
    """Keep the kiosk's cosignature. One that is wrong keeps no scan out of the ledger."""
    try:
        cosignatures.keep(db, entries, sender.key, sender.public_key, cosigned, now)
    except NoteError as error:
        log.warning("a cosignature of kiosk %s is not kept: %s", sender.kiosk, error)


def _become_the_next(here: Services, signed: Signed, batch: wire.ScanBatch) -> Services:
    """Become the next of the server's line, because the batch shows that the database was put back.
    The kiosk's signature was verified.
    """
    kept = [] if here.backups is None else here.backups.kept_acts()

    def step(db: Connection, caller: Caller, now: int) -> int | None:
        return set_back.renew(db, here.event, here.log, caller.sender, batch, kept, now)

    incarnation = signed_write(signed, step, counted=True)
    if incarnation is None:
        return services()
    found = renewed(incarnation)
    if found.backups is not None:
        # A restore from an earlier backup must know of it.
        found.backups.keep_acts()
    return found
