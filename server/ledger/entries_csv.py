"""Writes entries as CSV. Times have their offset, and attendees appear by badge number alone."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from badges.credential.badge_number import badge_number
from server.event.calendar import Clock
from server.ledger.entries import SELECT_ENTRY, Entry, Filter, entry_of, newest_number, where
from server.storage.connection import Connection
from server.storage.csv_cells import csv_chunks

CHUNK_ROWS = 2000
COLUMNS = (
    "number",
    "scanned_at",
    "received_at",
    "hall",
    "door",
    "direction",
    "act",
    "decision",
    "reason",
    "flags",
    "badge",
    "issue",
    "category",
    "session",
    "kiosk",
    "generation",
    "sequence",
    "skew_ms",
    "facts_age_ms",
    "quarantined",
    "supervisor",
    "note",
)


def csv_lines(
    db: Connection, wanted: Filter, time_zone: str, *, language: str = "en"
) -> Iterator[str]:
    """Yield the filtered scans as CSV, oldest first.

    Attendees appear by badge number alone. A supervisor appears by the name of their account, and
    `note` is the reason that they typed. Scans that arrive meanwhile are left out.
    """
    return csv_chunks(COLUMNS, _chunks(db, wanted, ZoneInfo(time_zone), language))


def _chunks(
    db: Connection, wanted: Filter, zone: ZoneInfo, language: str
) -> Iterator[list[tuple[object, ...]]]:
    last, end = -1, newest_number(db)
    while True:
        conditions, values = where(wanted, ("s.number > ?", last), ("s.number <= ?", end))
        statement = f"{SELECT_ENTRY}{conditions} ORDER BY s.number LIMIT ?"
        found = db.execute(statement, (*values, CHUNK_ROWS)).fetchall()
        if found:
            last = found[-1]["number"]
            yield [_cells(entry_of(row), zone, language) for row in found]
        if len(found) < CHUNK_ROWS:
            return


def _cells(entry: Entry, zone: ZoneInfo, language: str) -> tuple[object, ...]:
    clock = Clock(zone)

    def name(names: dict[str, str]) -> str:
        return names.get(language) or next(iter(names.values()), "")

    return (
        entry.number,
        clock.machine(entry.scanned_at),
        clock.machine(entry.received_at),
        name(entry.hall_names),
        name(entry.door_names),
        entry.direction,
        entry.act,
        entry.decision,
        entry.reason,
        entry.flags,
        "" if entry.serial is None else badge_number(entry.serial),
        entry.issue,
        name(entry.category_names) if entry.category_names else entry.category,
        name(entry.session_titles) if entry.session_titles else entry.session_id,
        entry.kiosk,
        entry.generation,
        entry.seq,
        entry.skew_ms,
        entry.facts_age_ms,
        "yes" if entry.quarantined else "",
        entry.by,
        entry.note,
    )
