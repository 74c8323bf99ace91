"""Reads the entry log's leaves for an export, and formats `records.txt` (docs/entry-log.md).

A line has a record and its salt, or a stand-in if erased or withheld.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from badges.transparency.chain import HASHED_END, record_hash
from badges.transparency.commitment import commitment
from badges.transparency.merkle import leaf_hash
from server.core.entry_log.entry_log import ERASED
from server.features.evidence.selection import Selection
from server.storage.connection import Connection

KioskKey = tuple[str, int]


class DamagedLogError(Exception):
    """The log has a gap and can't be exported."""


class _Scan(msgspec.Struct):
    """The parts of a scan's leaf that a stand-in needs."""

    record: msgspec.Raw
    signature: str | msgspec.UnsetType = msgspec.UNSET


class _Who(msgspec.Struct):
    kiosk: str
    generation: int
    seq: int


_SCAN = msgspec.json.Decoder(_Scan)
_WHO = msgspec.json.Decoder(_Who)


class Leaf(NamedTuple):
    """One leaf. `entry` is None if it would reveal a hidden record, because the leaf predates
    salts. `line` is None without one in `records.txt`.
    """

    number: int
    digest: bytes
    entry: bytes | None
    line: bytes | None
    is_true: bool  # The record matches the logged hash.
    is_shown: bool = False


@dataclass(frozen=True)
class Row:
    number: int
    kind: str
    digest: bytes
    body: bytes
    salt: bytes | None


def leaves(db: Connection, selection: Selection) -> Iterator[Leaf]:
    """Yield every leaf in order. Raises DamagedLogError where one is missing."""
    shown = iter(()) if selection.whole else selection.numbers(db)
    kiosks = None if selection.whole else _kiosks(db, selection)
    following = next(shown, None)
    number = 0
    for fields in db.execute("SELECT number, kind, hash, body, salt FROM leaf ORDER BY number"):
        if fields[0] != number:
            raise DamagedLogError(
                f"entry {number} is missing in the database, and {fields[0]} follows on"
                f" {number - 1}: the log was altered. Restore the event from a backup, and keep"
                " this database as evidence."
            )
        row = Row(*fields)
        show = selection.whole or number == following
        if number == following:
            following = next(shown, None)
        yield _leaf(db, row, show=show, kiosks=kiosks)
        number += 1


def _leaf(db: Connection, row: Row, *, show: bool, kiosks: set[KioskKey] | None) -> Leaf:
    if row.kind == ERASED:
        entry = row.body or None
        line = _erased_line(db, row.number, kiosks)
        return Leaf(row.number, row.digest, entry, line, entry is None or _fits(entry, row))
    entry = row.body if row.salt is None else commitment(row.salt, row.body)
    if show:
        salt = "-" if row.salt is None else row.salt.hex()
        line = b"%d %s %s\n" % (row.number, salt.encode(), row.body)
        return Leaf(row.number, row.digest, entry, line, _fits(entry, row), is_shown=True)
    stands = _stand_in(row, kiosks) if row.kind == "scan" else None
    hidden = None if row.salt is None else entry
    return Leaf(row.number, row.digest, hidden, stands, _fits(entry, row))


def _fits(entry: bytes, row: Row) -> bool:
    return leaf_hash(entry) == row.digest


def _stand_in(row: Row, kiosks: set[KioskKey] | None) -> bytes | None:
    """Return a withheld scan's stand-in line, or None if its kiosk's chain is hidden."""
    try:
        scan = _SCAN.decode(row.body)
        record = bytes(scan.record)
        source = _WHO.decode(record)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if kiosks is not None and (source.kiosk, source.generation) not in kiosks:
        return None
    hashed = record_hash(record) if record.endswith(HASHED_END) else None
    signature = scan.signature if isinstance(scan.signature, str) else None
    return stand_in_line(
        row.number, (source.kiosk, source.generation), source.seq, hashed, signature
    )


def stand_in_line(
    number: int, kiosk: KioskKey, seq: int, hashed: bytes | None, signature: str | None
) -> bytes:
    """Return the line of a scan whose record is erased or withheld."""
    text = f"{number} = {kiosk[0]} {kiosk[1]} {seq} {'-' if hashed is None else hashed.hex()}"
    return (text if signature is None else f"{text} {signature}").encode() + b"\n"


def _erased_line(db: Connection, number: int, kiosks: set[KioskKey] | None) -> bytes | None:
    row = db.execute(
        "SELECT s.kiosk, s.generation, s.seq, e.record_hash, e.signature FROM erased_scan e"
        " JOIN scan s USING (number) WHERE e.number = ?",
        (number,),
    ).fetchone()
    if row is None:
        return b"%d erased\n" % number
    if kiosks is not None and (row["kiosk"], row["generation"]) not in kiosks:
        return None
    signature = None if row["signature"] is None else row["signature"].hex()
    kiosk = (row["kiosk"], row["generation"])
    return stand_in_line(number, kiosk, row["seq"], row["record_hash"], signature)


def _kiosks(db: Connection, selection: Selection) -> set[KioskKey]:
    values: tuple[int | None, ...]
    if selection.hall_id is not None:
        condition, values = "hall_id = ?", (selection.hall_id,)
    elif selection.serial is not None:
        condition, values = "serial = ?", (selection.serial,)
    else:
        condition = "scanned_at >= ? AND scanned_at < ?"
        values = (selection.since, selection.until)
    rows = db.execute(f"SELECT DISTINCT kiosk, generation FROM scan WHERE {condition}", values)
    return {(row["kiosk"], row["generation"]) for row in rows}
