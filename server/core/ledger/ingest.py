"""Takes kiosks' scans into the ledger, once each, in order of arrival, with all consequences.

A batch is one step of a transaction: verify the journal's chain, add leaves to the entry log, open
and close stays, move places, record discrepancies, and notify doors. A repeated batch changes
nothing.
"""

from collections.abc import Container, Iterable, Mapping
from typing import NamedTuple

from msgspec import UnsetType

from badges.admission.facts import Calendar
from badges.places.pool import Limited, PoolKey
from badges.record import PlaceKind, WireError
from badges.transparency.chain import chain_next
from badges.wire import wire
from server.core.kiosks import contact
from server.core.kiosks.contact import ForkError, Sender
from server.core.ledger import outages
from server.core.ledger.batch import BatchRecorder, server_time
from server.core.ledger.prepared import Prepared, is_signed, prepare
from server.core.ledger.rows import Line
from server.core.occupancy import grants, pools
from server.core.occupancy.kiosk_accounts import Accounts
from server.core.venue.rules import rules_of
from server.storage.connection import Connection

# A longer batch takes turns with others, so the kiosk's next request may overtake it.
IN_ORDER = 20


class GapError(Exception):
    """Raised if the batch does not continue the journal at `acked_seq` + 1. The kiosk must send
    its records again from there.
    """

    def __init__(self, acked_seq: int) -> None:
        super().__init__(f"records are missing: send from sequence {acked_seq + 1}")
        self.acked_seq = acked_seq


class Ingested(NamedTuple):
    acked_seq: int
    full: tuple[int, ...]  # halls in which the kiosk wants a place and none can come now
    orders: list[wire.PlaceOrder]  # one for each of its pools
    incarnation: int  # of the server
    halls: Mapping[int, Limited]  # the pools afterwards


def ingest(
    db: Connection,
    sender: Sender,
    batch: wire.ScanBatch,
    *,
    calendar: Calendar,
    now: int,
    prepared: Prepared | None = None,
) -> Ingested:
    """Raises ForkError, GapError or WireError; the caller must then roll back."""
    fresh = _verified(sender, batch, prepared)
    standing = sender.standing
    venue = rules_of(db, standing.rules_version)
    accounts = Accounts(db, sender.key, standing.state, venue, sender.memo)
    reported = [(PoolKey(totals.hall, totals.kind), totals) for totals in batch.places]
    for key, totals in reported:
        if len(batch.records) <= IN_ORDER and accounts.has_forgotten(key, totals):
            raise ForkError
        accounts.hear(key, totals, batch.incarnation)
    came: Mapping[int, int] = {}
    entries, came_since = standing.entries, now
    if fresh:
        quarantined = sender.state != "active"
        recorder = BatchRecorder(
            db, accounts, calendar, now, (line.record for line in fresh),
            entries=entries, quarantined=quarantined, memo=sender.memo,
        )  # fmt: skip
        gone, gone_outer = set(batch.gone), _gone_outer(batch)
        for line in fresh:
            seq = line.record.seq
            recorder.take(line, gone=seq in gone, gone_outer=gone_outer.get(seq, ()))
        recorder.judge_again()
        came, entries = recorder.came, recorder.entries
        came_since = min(server_time(line.record, now) for line in fresh)
    acked = fresh[-1].record.seq if fresh else sender.acked_seq
    # Before that, returned places may still come back by later records.
    if acked >= batch.last_seq:
        for key, totals in reported:
            accounts.hear_returned(key, totals)
    grants.store_needs(accounts.pools, sender.key, sender.accounts, reported, came, came_since, now)
    accounts.save()
    if fresh:
        outages.note(db, sender.key, [line.record for line in fresh], now)
    full, orders, halls = _share(db, sender, batch, accounts, _halls_beyond(fresh), now)
    accounts.pools.keep()
    head = fresh[-1].chain if fresh else sender.head
    contact.acknowledge(db, sender, acked, head, accounts.known(sender.accounts), entries)
    return Ingested(acked, full, orders, accounts.pools.incarnation, halls)


def _share(
    db: Connection,
    sender: Sender,
    batch: wire.ScanBatch,
    accounts: Accounts,
    beyond: Container[int],
    now: int,
) -> tuple[tuple[int, ...], list[wire.PlaceOrder], dict[int, Limited]]:
    """Share the places of the batch's halls, at once in halls with entries `beyond` the capacity.
    Return the ids of halls that have no place for the kiosk, its orders, and the halls' pools.
    """
    halls, usual = accounts.pools.halls, PlaceKind.ORDINARY
    wanting = {totals.hall for totals in batch.places if totals.wants and totals.kind is usual}
    empty = {
        totals.hall
        for totals in batch.places
        if totals.wants or (not totals.free and totals.kind is usual)
    }
    reporter = (sender.key, batch.resting) if sender.visit is not None else None
    full = set()
    for hall in halls:
        asked = hall in empty or hall in beyond
        hopeless = grants.share(db, hall, now, accounts.pools, asked=asked, reporter=reporter)
        if sender.key in hopeless:
            full.add(hall)
    keys = accounts.pools.keys_of(sender.key, sender.accounts)
    limited = {hall: accounts.pools.limited(hall, now) for hall in halls | {key[0] for key in keys}}
    orders = [pools.order(key, limited[key[0]].of(key.kind), sender.key) for key in keys]
    return tuple(sorted(wanting & full)), orders, limited


def _halls_beyond(lines: Iterable[Line]) -> set[int]:
    halls = set()
    for record in (line.record for line in lines if line.record.direction == "entry"):
        if record.kind is PlaceKind.OVERRIDE:
            halls.add(record.hall)
        halls |= {outer.hall for outer in record.outer_halls if outer.kind is PlaceKind.OVERRIDE}
    return halls


def _gone_outer(batch: wire.ScanBatch) -> dict[int, list[int]]:
    halls_by_seq: dict[int, list[int]] = {}
    if not isinstance(batch.gone_outer, UnsetType):
        for gone in batch.gone_outer:
            halls_by_seq.setdefault(gone.seq, []).append(gone.hall)
    return halls_by_seq


def _verified(sender: Sender, batch: wire.ScanBatch, prepared: Prepared | None) -> list[Line]:
    """Return the batch's records that are not in the ledger yet, after verifying chain and
    signature.
    """
    if batch.last_seq < sender.acked_seq:
        raise ForkError
    acked = sender.acked_seq - batch.first_seq + 1
    if acked < 0:
        raise GapError(sender.acked_seq)
    prepared = prepare(batch) if prepared is None else prepared
    head = sender.head
    fresh = []
    for seq, (record, raw) in enumerate(prepared.records[acked:], sender.acked_seq + 1):
        if (record.kiosk, record.generation) != sender.key or record.seq != seq:
            raise WireError(f"scan record {seq}: of another kiosk or out of order")
        head = chain_next(head, raw)
        fresh.append(Line(record, raw, head))
    if acked > len(batch.records):
        # An old batch sent again; its head is behind ours.
        return []
    if head != batch.head:
        raise ForkError
    if not fresh:
        # The kiosk signed this head in an earlier batch.
        return []
    if prepared.signed_by != sender.public_key and not is_signed(batch, sender.public_key):
        raise ForkError
    fresh[-1] = fresh[-1]._replace(signature=batch.signature)
    return fresh
