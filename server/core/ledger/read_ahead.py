"""Reads the data for batches of several kiosks together (`server/storage/engines/joint.py`).

A batch reads missing data itself, so this affects only the cost, never the result.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from badges.places.pool import KioskKey
from badges.record import ScanRecord, StayRef
from server.core.entry_log import entry_log
from server.core.feed import changes
from server.core.kiosks import contact, runs
from server.core.ledger import batch
from server.core.ledger.holders import Holders
from server.core.ledger.prepared import Prepared
from server.core.occupancy import copies, pools, stays
from server.storage import dialect
from server.storage.connection import Connection
from server.storage.engines import joint, memory
from server.storage.engines.joint import Kind, Reading
from server.storage.event_state import EventState
from server.storage.tables import padded


class About(NamedTuple):
    """The kiosk and the batch of one step."""

    kiosk: KioskKey
    prepared: Prepared


def read_ahead(db: Connection, steps: Sequence[About]) -> None:
    memo = memory.memo_of(db)
    records = [record for step in steps for record, _ in step.prepared.records]
    opened = stays.opened(db)
    holders = joint.shared(db, Holders, lambda: Holders(db, opened.write))

    def state() -> EventState | None:
        standing = contact.known_standing(memo)
        if standing is None:
            return None
        if standing.state.incarnation > 1 or standing.state.restored_without_acts:
            # After a restore, scans also concern what the database lacks.
            joint.require_exclusive(db)
        return standing.state

    joint.read(
        db,
        _locking(db, steps, records),
        runs.read_ahead(db),
        contact.read_ahead(db, [step.kiosk for step in steps]),
        batch.read_ahead(db, memo),
        pools.read_ahead(db, memo, _halls(steps), state),
        opened.read_ahead(_named(records)),
        holders.read_ahead(
            (record.serial, batch.server_time(record, record.scanned_at) - copies.WINDOW_MS)
            for record in records
            if batch.is_presented(record) and record.serial is not None
        ),
    )


# The halls that batches name, those where their kiosks have places, and those where their people
# are inside.
_CONCERNED = (
    f"SELECT hall_id FROM hall WHERE {dialect.one_of('hall_id')}"
    " UNION SELECT hall_id FROM place_account WHERE kiosk IN ({names})"
    f" UNION SELECT hall_id FROM stay WHERE {dialect.one_of('serial')} AND closed_at IS NULL"
)


def _locking(db: Connection, steps: Sequence[About], records: Sequence[ScanRecord]) -> Reading:
    if not joint.is_concurrent(db):
        return
    kiosks = sorted({step.kiosk[0] for step in steps})
    people = sorted({record.serial for record in records if record.serial is not None})
    names = next(iter(padded(kiosks)))
    halls = _CONCERNED.format(names=", ".join("?" * len(names)))
    values = (dialect.many(set(_halls(steps))), *names, dialect.many(people))
    yield from joint.locking(db, kiosks, people, halls, values)


def _numbers(db: Connection) -> dict[str, int]:
    row = db.execute(f"SELECT {changes.CURSOR}, {entry_log.SIZE}").fetchone()
    return {"change": row[0], "leaf": row[1]}


def _halls(steps: Sequence[About]) -> Iterator[int]:
    for step in steps:
        for totals in step.prepared.batch.places:
            yield totals.hall
        for record, _ in step.prepared.records:
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


def kind(finish: Callable[[Connection, Sequence[Any]], Sequence[Any]]) -> Kind:
    """Return the kind of steps that record a batch. Each step is about an `About`."""
    return Kind(read_ahead, finish, _numbers)
