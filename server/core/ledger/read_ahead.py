"""Reads the data for batches of several kiosks together (`server/storage/engines/joint.py`).

A batch reads missing data itself, so this affects only the cost, never the result.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from badges.places.pool import KioskKey
from badges.record import ScanRecord, StayRef
from server.core.kiosks import contact, runs
from server.core.ledger import batch as batches
from server.core.ledger.holders import Holders
from server.core.ledger.prepared import Prepared
from server.core.occupancy import copies, pools, stays
from server.storage.connection import Connection
from server.storage.engines import joint, memory
from server.storage.engines.joint import Joinable, Kind
from server.storage.event_state import EventState


class About(NamedTuple):
    kiosk: KioskKey
    prepared: Prepared


def read_ahead(db: Connection, asked: Sequence[About]) -> None:
    memo = memory.memo_of(db)
    records = [record for batch in asked for record, _ in batch.prepared.records]
    opened = stays.opened(db)
    holders = joint.shared(db, Holders, lambda: Holders(db, opened.write))

    def state() -> EventState | None:
        standing = contact.known_standing(memo)
        return None if standing is None else standing.state

    joint.read(
        db,
        runs.read_ahead(db),
        contact.read_ahead(db, [batch.kiosk for batch in asked]),
        batches.read_ahead(db, memo),
        pools.read_ahead(db, memo, _halls(asked), state),
        opened.read_ahead(_named(records)),
        holders.read_ahead(
            (record.serial, batches.server_time(record, record.scanned_at) - copies.WINDOW_MS)
            for record in records
            if batches.is_presented(record) and record.serial is not None
        ),
    )


def _halls(asked: Sequence[About]) -> Iterator[int]:
    for batch in asked:
        for totals in batch.prepared.batch.places:
            yield totals.hall
        for record, _ in batch.prepared.records:
            yield record.hall
            for around in record.outer_halls:
                yield around.hall


def _named(records: Sequence[ScanRecord]) -> Iterator[tuple[StayRef, int]]:
    for record in records:
        if record.closes is not None:
            yield record.closes, record.hall
        for around in record.outer_halls:
            if around.closes is not None:
                yield around.closes, around.hall


def as_they_are(db: Connection, results: Sequence[Any]) -> Sequence[Any]:
    return results


def kind(finish: Callable[[Connection, Sequence[Any]], Sequence[Any]] = as_they_are) -> Kind:
    return Kind(read_ahead, finish)


_BATCHES = kind()


def joinable(kiosk: KioskKey, prepared: Prepared, of: Kind = _BATCHES) -> Joinable:
    """Describe a batch for `Database.write_then`, so that it can share a transaction
    with others.
    """
    return Joinable(of, About(kiosk, prepared))
