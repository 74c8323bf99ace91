from collections.abc import Sequence
from dataclasses import dataclass

from badges.places.pool import KioskKey
from badges.record import ScanRecord
from server.storage import dialect
from server.storage.connection import Connection

AWAY_MS = 10_000  # A scan that arrives later was made without the server.
SAME_MS = 60_000  # Batches within this time belong to the same outage.


@dataclass(frozen=True)
class Outage:
    """A span in which a kiosk was offline, with its scans. Times are the server's, in Unix ms."""

    outage_id: int
    kiosk: str
    generation: int
    door_names: str  # JSON by language
    hall_names: str  # JSON by language
    since: int
    back_at: int
    scans: int
    admitted: int
    denied: int
    exits: int
    overrides: int  # entries admitted by a supervisor
    over_capacity: int  # of these, on places beyond the capacity
    facts_age_ms: int | None  # age of the oldest facts behind a decision
    discrepancies: dict[str, int]  # by reason


def note(db: Connection, kiosk: KioskKey, fresh: Sequence[ScanRecord], now: int) -> None:
    """Begin or extend the kiosk's outage if the batch has scans made offline."""
    late = [record for record in fresh if now - _made_at(record) > AWAY_MS]
    if not late:
        return
    since = min(_made_at(record) - (record.facts_age_ms or 0) for record in late)
    first, last = late[0].seq, late[-1].seq
    extended = db.execute(
        f"UPDATE outage SET last_seq = ?, back_at = ?, since = {dialect.least('since', '?')}"
        " WHERE kiosk = ? AND generation = ? AND last_seq = ? AND back_at >= ?",
        (last, now, max(0, since), *kiosk, first - 1, now - SAME_MS),
    ).rowcount
    if not extended:
        db.execute(
            "INSERT INTO outage (kiosk, generation, since, back_at, first_seq, last_seq)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (*kiosk, max(0, since), now, first, last),
        )


def newest(db: Connection, limit: int = 100) -> list[Outage]:
    rows = db.execute(
        "SELECT a.outage_id, a.kiosk, a.generation, MAX(d.names) AS door_names,"
        " MAX(h.names) AS hall_names, a.since, a.back_at, COUNT(s.number) AS scans,"
        " COUNT(*) FILTER (WHERE s.decision = 'admitted' AND s.direction = 'entry') AS admitted,"
        # At assembly points nobody is turned away.
        " COUNT(*) FILTER (WHERE s.decision = 'denied' AND s.reason <> 'roll_call') AS denied,"
        " COUNT(*) FILTER (WHERE s.direction = 'exit' AND s.act = 'scan') AS exits,"
        " COUNT(*) FILTER (WHERE s.act = 'override') AS overrides,"
        " COUNT(*) FILTER (WHERE s.override_place = 1 AND s.direction = 'entry') AS over_capacity,"
        " MAX(s.facts_age_ms) AS facts_age_ms"
        " FROM outage a JOIN scan s ON s.kiosk = a.kiosk AND s.generation = a.generation"
        " AND s.seq BETWEEN a.first_seq AND a.last_seq"
        " JOIN door d USING (door_id) JOIN hall h ON h.hall_id = s.hall_id"
        " GROUP BY a.outage_id ORDER BY a.back_at DESC, a.outage_id DESC LIMIT ?",
        (limit,),
    ).fetchall()
    return [Outage(**dict(row), discrepancies=_discrepancies(db, row["outage_id"])) for row in rows]


def _discrepancies(db: Connection, outage_id: int) -> dict[str, int]:
    rows = db.execute(
        "SELECT d.reason, COUNT(*) AS scans FROM outage a JOIN scan s ON s.kiosk = a.kiosk"
        " AND s.generation = a.generation AND s.seq BETWEEN a.first_seq AND a.last_seq"
        " JOIN discrepancy d USING (number) WHERE a.outage_id = ? GROUP BY d.reason",
        (outage_id,),
    )
    return {row["reason"]: row["scans"] for row in rows}


def _made_at(record: ScanRecord) -> int:
    return record.scanned_at - (record.skew_ms or 0)
