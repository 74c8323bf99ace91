"""Bitmap index of entries by value, in blocks of numbers.

Filters combine hall, category, remark and more. No set of indexes serves all combinations, and each
would slow every scan. So each full block gets a bitmap for each value in it, and a filter combines
a few bitmaps, 8,192 entries at a time. Bitmaps can be rebuilt. Blocks without them are scanned.
"""

from array import array
from collections.abc import Iterator
from itertools import compress
from typing import NamedTuple

from server.core.entry_log import entry_log
from server.core.ledger import remarks
from server.repeating import Repeating
from server.storage.connection import Connection, Row
from server.storage.database import Database
from server.storage.tables import write_rows

BLOCK = 8192  # also in triggers of the scan table
EVERY_S = 5.0
MORE_S = 0.05  # until the next block, while there are more
NOBODY = 0xFFFFFFFF  # marks an entry without a serial
MINUTE_MS = 60_000
_MINUTES_MAX = 10**12 - 1
_BYTES = BLOCK // 8
_ALL = (1 << BLOCK) - 1
_DIGITS = bytes.maketrans(b"01", b"\x00\x01")
_OF_COLUMNS = (
    ("hall", "hall_id"), ("door", "door_id"), ("kiosk", "kiosk"), ("session", "session_id"),
    ("category", "category"), ("supervisor", "supervisor"), ("decision", "decision"),
    ("reason", "reason"),
)  # fmt: skip


class Block(NamedTuple):
    number: int
    oldest_at: int  # by the doors' clocks, Unix ms
    newest_at: int


def marked_blocks(db: Connection, first: int, last: int) -> dict[int, Block]:
    rows = db.execute(
        "SELECT block, oldest_at, newest_at FROM entry_block"
        " WHERE marked = 1 AND block >= ? AND block <= ?",
        (first, last),
    )
    return {row[0]: Block(*row) for row in rows.fetchall()}


def with_values(db: Connection, block: int, facet: str, values: tuple[str, ...]) -> int:
    """Return a bitmap of the block's entries with any of the values. The lowest bit is the first
    entry.
    """
    several = ", ".join("?" * len(values))
    rows = db.execute(
        f"SELECT bits FROM entry_mark WHERE block = ? AND facet = ? AND value IN ({several})",
        (block, facet, *values),
    ).fetchall()
    return _either(rows)


def at_times(db: Connection, block: Block, since: int | None, until: int | None) -> int:
    """Return a bitmap of the block's entries from `since` to before `until` (Unix ms). Whole
    minutes are included, so the edges may include other entries.
    """
    since = block.oldest_at if since is None else since
    until = block.newest_at + 1 if until is None else until
    if since <= block.oldest_at and block.newest_at < until:
        return _ALL
    if since > block.newest_at or until <= block.oldest_at:
        return 0
    rows = db.execute(
        "SELECT bits FROM entry_mark WHERE block = ? AND facet = 'minute'"
        " AND value >= ? AND value <= ?",
        (block.number, _minute(since), _minute(until - 1)),
    ).fetchall()
    return _either(rows)


def between(first: int, end: int) -> int:
    return (1 << end) - (1 << first)


def places(bits: int) -> list[int]:
    digits = format(bits, f"0{BLOCK}b").encode()[::-1].translate(_DIGITS)
    return list(compress(range(BLOCK), digits))


def serials_of(db: Connection, block: int) -> "array[int]":
    """Return the serial of each entry of the block, NOBODY for those without a holder."""
    serials: array[int] = array("I")
    (packed,) = db.execute("SELECT serials FROM entry_block WHERE block = ?", (block,)).fetchone()
    serials.frombytes(packed)
    return serials


def mark_next(database: Database) -> bool:
    """Compute the bitmaps of the newest full block without any. Return False if there is none.

    If an entry of the block changes meanwhile, nothing is stored; the next call tries again.
    """
    with database.reading() as db:
        block = _next(db)
    if block is None:
        return False
    insert = "INSERT INTO entry_block (block) VALUES (?) ON CONFLICT DO NOTHING"
    database.write(lambda db: db.execute(insert, (block,)) and None)
    with database.reading() as db:
        computed = _Made(db, block)
    database.write(computed.keep)
    return True


def marking(database: Database) -> Repeating:
    """The background job that computes bitmaps."""
    return Repeating("marking", EVERY_S, lambda: MORE_S if mark_next(database) else None, first_s=0)


def _next(db: Connection) -> int | None:
    full = entry_log.size(db) // BLOCK
    rows = db.execute("SELECT block FROM entry_block WHERE marked = 1").fetchall()
    marked = {row[0] for row in rows}
    if len(marked) >= full:
        return None
    return next((block for block in range(full - 1, -1, -1) if block not in marked), None)


class _Made:
    def __init__(self, db: Connection, block: int) -> None:
        self.block = block
        first = block * BLOCK
        rows = db.execute(
            "SELECT number, kiosk, act, direction, door_id, hall_id, serial, category, session_id,"
            " decision, reason, flags, scanned_at, received_at, skew_ms, facts_age_ms, supervisor,"
            " note, quarantined FROM scan WHERE number >= ? AND number < ?",
            (first, first + BLOCK),
        ).fetchall()
        self.serials = array("I", [NOBODY]) * BLOCK
        self.places: dict[tuple[str, str], list[int]] = {}
        for row in rows:
            place = row["number"] - first
            if row["serial"] is not None:
                self.serials[place] = row["serial"]
            for mark in _marks_of(row):
                self.places.setdefault(mark, []).append(place)
        times = [row["scanned_at"] for row in rows]
        self.times = (min(times), max(times)) if times else (0, -1)

    def keep(self, db: Connection) -> None:
        done = db.execute(
            "UPDATE entry_block SET marked = 1, oldest_at = ?, newest_at = ?, serials = ?"
            " WHERE block = ? AND marked = 0",
            (*self.times, self.serials.tobytes(), self.block),
        )
        if done.rowcount == 1:
            marks = [
                (self.block, *mark, _packed(set_places)) for mark, set_places in self.places.items()
            ]
            write_rows(db, "entry_mark", ("block", "facet", "value", "bits"), marks)


def _marks_of(row: Row) -> Iterator[tuple[str, str]]:
    for facet, column in _OF_COLUMNS:
        if row[column] is not None:
            yield facet, str(row[column])
    yield "minute", _minute(row["scanned_at"])
    if row["note"]:
        yield "noted", "yes"
    for kind in remarks.kinds_of(row):
        yield "kind", kind
    for remark in remarks.remarks_of(row):
        yield "remark", remark


def _minute(at: int) -> str:
    """Return the minute of a time (Unix ms), padded with zeros so that texts sort by time."""
    return f"{min(max(at // MINUTE_MS, 0), _MINUTES_MAX):012}"


def _packed(positions: list[int]) -> bytes:
    """Pack positions in the shorter of two forms: a list of numbers, or a bitmap of the block."""
    if len(positions) * 2 < _BYTES:
        return array("H", positions).tobytes()
    bits = bytearray(_BYTES)
    for place in positions:
        bits[place >> 3] |= 1 << (place & 7)
    return bytes(bits)


def _either(rows: list[Row]) -> int:
    bits = bytearray(_BYTES)
    whole = 0
    for (packed,) in rows:
        if len(packed) == _BYTES:
            whole |= int.from_bytes(packed, "little")
        else:
            few: array[int] = array("H")
            few.frombytes(packed)
            for place in few:
                bits[place >> 3] |= 1 << (place & 7)
    return whole | int.from_bytes(bits, "little")
