"""Keeps what passes at every request of a kiosk. That is who sends it, its counter, and what it
says of itself.
"""

from dataclasses import dataclass

from badges.places.pool import KioskKey
from badges.wire import wire
from server.storage import dialect
from server.storage.connection import Connection


class ForkError(Exception):
    """Is raised when the kiosk's journal, or what it says that it returned, is not what it sent
    before. Then its disk was copied or restored.
    """


@dataclass(frozen=True)
class Sender:
    """Describes the kiosk that sends, as the server knows it."""

    kiosk: str
    generation: int
    public_key: bytes
    state: str
    acked_seq: int
    head: bytes  # The chain's head after `acked_seq`.

    @property
    def key(self) -> KioskKey:
        return (self.kiosk, self.generation)


def sender(db: Connection, kiosk: str, generation: int) -> tuple[Sender, int] | None:
    """Return the kiosk as one that sends, and its door. Return None where it is not enrolled."""
    row = db.execute(
        "SELECT public_key, state, acked_seq, head, door_id FROM kiosk"
        " WHERE kiosk = ? AND generation = ? AND state IN ('active', 'retired', 'fenced')"
        " AND head IS NOT NULL",
        (kiosk, generation),
    ).fetchone()
    if row is None:
        return None
    found = Sender(
        kiosk, generation, row["public_key"], row["state"], row["acked_seq"], row["head"]
    )
    return found, row["door_id"]


def count_request(db: Connection, key: KioskKey, counter: int, now: int) -> bool:
    """Keep a request's counter. Returns False where it has not risen, because the request is then a
    replay.
    """
    changed = db.execute(
        "UPDATE kiosk SET counter = ?, seen_at = ?"
        " WHERE kiosk = ? AND generation = ? AND counter < ?",
        (counter, now, *key, counter),
    ).rowcount
    return changed == 1


def last_request(db: Connection, key: KioskKey) -> int:
    """Return the highest counter of the kiosk's requests so far."""
    sql = "SELECT counter FROM kiosk WHERE kiosk = ? AND generation = ?"
    (counter,) = db.execute(sql, key).fetchone()
    return int(counter)


_KEEP_HEALTH = (
    f"UPDATE kiosk SET health = ?, log_size = {dialect.greatest('log_size', '?')}, cursor = ?,"
    " resting = ?, last_seq = ?, reported_at = ? WHERE kiosk = ? AND generation = ?"
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
    minute = now // 60_000
    db.execute(_KEEP_MINUTE, (key[0], minute % 60, minute, batch.health.queue))
    db.execute(
        _KEEP_HEALTH,
        (
            wire.encode(batch.health).decode(),
            batch.log_size,
            batch.cursor,
            batch.resting,
            batch.last_seq,
            now,
            *key,
        ),
    )
