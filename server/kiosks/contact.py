"""Keeps what passes at every request of a kiosk. That is who sends it, its counter, and what it
says of itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from badges.places.pool import KioskKey, PoolKey
from badges.wire import wire
from server.entry_log import entry_log
from server.feed import changes
from server.occupancy import kiosk_accounts
from server.occupancy.kiosk_accounts import KnownAccount, known_accounts
from server.storage import dialect, event_state
from server.storage.connection import Connection, Row
from server.storage.event_state import EventState
from server.venue import rules


class ForkError(Exception):
    """Is raised when the kiosk's journal, or what it says that it returned, is not what it sent
    before. Then its disk was copied or restored.
    """


class Standing(NamedTuple):
    """Says how the event stands where a step begins. It is read together with the sender, because
    each statement costs more than what it reads.
    """

    state: EventState
    rules_version: str | None
    cursor: int  # The newest change's.
    entries: int  # How many leaves the entry log has.


@dataclass(frozen=True)
class Sender:
    """Describes the kiosk that sends, as the server knows it. It is good in one transaction."""

    kiosk: str
    generation: int
    public_key: bytes
    state: str
    acked_seq: int
    head: bytes  # The chain's head after `acked_seq`.
    word: str  # Of the server, whether it was ever given it (`server/backup/set_back.py`).
    accounts: Mapping[PoolKey, KnownAccount]
    standing: Standing

    @property
    def key(self) -> KioskKey:
        return (self.kiosk, self.generation)


_KNOWN = (
    f"public_key, state, acked_seq, head, door_id, word, {kiosk_accounts.KNOWN} AS accounts,"
    f" {event_state.INCARNATION} AS incarnation, {event_state.WITHOUT_ACTS} AS without_acts,"
    f" {event_state.GRANTS_FROM} AS grants_from,"
    f" {rules.VERSION} AS rules_version, {changes.CURSOR} AS newest, {entry_log.SIZE} AS entries"
)
_WHO = (
    "kiosk = ? AND generation = ? AND state IN ('active', 'retired', 'fenced') AND head IS NOT NULL"
)


def sender(db: Connection, kiosk: str, generation: int) -> tuple[Sender, int] | None:
    """Return the kiosk as one that sends, and its door. Return None where it is not enrolled."""
    sql = f"SELECT {_KNOWN} FROM kiosk WHERE {_WHO}"
    row = db.execute(sql, (kiosk, generation)).fetchone()
    return None if row is None else _sender((kiosk, generation), row)


def _sender(key: KioskKey, row: Row) -> tuple[Sender, int]:
    public_key, state, acked_seq, head, door_id, word, accounts, incarnation, *standing = row
    without_acts, grants_from, rules_version, cursor, entries = standing
    event = EventState(int(incarnation), bool(without_acts), int(grants_from))
    found = Sender(
        *key, public_key, state, acked_seq, head, word, known_accounts(accounts),
        Standing(event, rules_version, cursor, entries),
    )  # fmt: skip
    return found, door_id


_COUNT = f"UPDATE kiosk SET counter = ?, seen_at = ? WHERE {_WHO} AND counter < ?"


def count_request(db: Connection, key: KioskKey, counter: int, now: int) -> bool:
    """Keep a request's counter. Returns False where it has not risen, because the request is then a
    replay.
    """
    return db.execute(_COUNT, (counter, now, *key, counter)).rowcount == 1


def counted_sender(
    db: Connection, key: KioskKey, counter: int, now: int, batch: wire.ScanBatch | None
) -> tuple[Sender, int] | None:
    """Keep a request's counter, and of its batch what the kiosk says of itself. Return the kiosk
    and its door, or None where it is not enrolled or the counter has not risen.

    One statement does all of it, for a request of a kiosk mostly has little else to do.
    """
    if batch is None:
        values = (counter, now, *key, counter)
        row = db.execute(f"{_COUNT} RETURNING {_KNOWN}", values).fetchone()
    else:
        row = db.execute(_COUNT_AND_KEEP, (counter, now, *_health(batch, now), *key, counter))
        row = row.fetchone()
        if row is not None:
            _keep_minute(db, key, batch, now)
    return None if row is None else _sender(key, row)


def last_request(db: Connection, key: KioskKey) -> int:
    """Return the highest counter of the kiosk's requests so far."""
    sql = "SELECT counter FROM kiosk WHERE kiosk = ? AND generation = ?"
    (counter,) = db.execute(sql, key).fetchone()
    return int(counter)


_HEALTH = (
    f"health = ?, log_size = {dialect.greatest('log_size', '?')}, cursor = ?, resting = ?,"
    " last_seq = ?, reported_at = ?"
)
_KEEP_HEALTH = f"UPDATE kiosk SET {_HEALTH} WHERE kiosk = ? AND generation = ?"
_COUNT_AND_KEEP = (
    f"UPDATE kiosk SET counter = ?, seen_at = ?, {_HEALTH} WHERE {_WHO} AND counter < ?"
    f" RETURNING {_KNOWN}"
)


# A ring of an hour. A slot of an earlier hour begins anew.
_KEEP_MINUTE = (
    "INSERT INTO kiosk_minute (kiosk, slot, minute, heard, queue) VALUES (?, ?, ?, 1, ?)"
    " ON CONFLICT (kiosk, slot) DO UPDATE SET minute = excluded.minute,"
    " heard = CASE WHEN kiosk_minute.minute = excluded.minute"
    "  THEN kiosk_minute.heard + 1 ELSE 1 END,"
    " queue = CASE WHEN kiosk_minute.minute = excluded.minute"
    "  AND kiosk_minute.queue > excluded.queue THEN kiosk_minute.queue ELSE excluded.queue END"
)


def keep_health(db: Connection, key: KioskKey, batch: wire.ScanBatch, now: int) -> None:
    """Keep what the kiosk says of itself. That is its health, how long its journal is, and how far
    it follows log and feed.
    """
    _keep_minute(db, key, batch, now)
    db.execute(_KEEP_HEALTH, (*_health(batch, now), *key))


def _keep_minute(db: Connection, key: KioskKey, batch: wire.ScanBatch, now: int) -> None:
    minute = now // 60_000
    db.execute(_KEEP_MINUTE, (key[0], minute % 60, minute, batch.health.queue))


def _health(batch: wire.ScanBatch, now: int) -> tuple[object, ...]:
    """Return the values of `_HEALTH`."""
    health = wire.encode(batch.health).decode()
    return health, batch.log_size, batch.cursor, batch.resting, batch.last_seq, now
