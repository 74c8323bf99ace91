"""Exports entries as CSV and XLSX, with time zone offsets.

Attendees appear by badge number, and by name and organisation if the user may see those.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from badges.credential.badge_number import badge_number
from server.core.event.calendar import Clock
from server.core.ledger.entries import Entry, found, newest_number
from server.core.ledger.finding import Filter
from server.storage.connection import Connection
from server.storage.sheets.csv_cells import csv_chunks
from server.storage.sheets.xlsx_sheets import xlsx_chunks

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


NAMED = ("name", "organisation")


@dataclass(frozen=True)
class Asked:
    wanted: Filter
    time_zone: str
    language: str = "en"
    has_names: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        return COLUMNS + NAMED if self.has_names else COLUMNS


def csv_lines(db: Connection, asked: Asked) -> Iterator[str]:
    """Oldest scans first.

    The columns include the supervisor's account name and the reason they typed. Scans that arrive
    meanwhile are left out.
    """
    return csv_chunks(asked.columns, _chunks(db, asked))


def xlsx_pieces(db: Connection, asked: Asked) -> Iterator[bytes]:
    """Yield a workbook with the rows of `csv_lines`. A full sheet continues on the next."""
    return xlsx_chunks("entries", asked.columns, _chunks(db, asked))


def _chunks(db: Connection, asked: Asked) -> Iterator[list[tuple[object, ...]]]:
    end, zone = newest_number(db) + 1, ZoneInfo(asked.time_zone)
    for chunk in found(db, asked.wanted, end, CHUNK_ROWS):
        yield [
            (
                *_cells(entry, zone, asked.language),
                *((entry.name, entry.organisation) if asked.has_names else ()),
            )
            for entry in chunk
        ]


def _cells(entry: Entry, zone: ZoneInfo, language: str) -> tuple[object, ...]:
    clock = Clock(zone)

    def name(names: dict[str, str]) -> str:
        return names.get(language) or next(iter(names.values()), "")

    return (
        entry.number,
        clock.iso(entry.scanned_at),
        clock.iso(entry.received_at),
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
