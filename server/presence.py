"""Where people are: stays, opened by an entry record and closed once, by what names them."""

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from badges import wire
from badges.admission.facts import StayId
from badges.record import StayRef

CLOCK_MARGIN_MS = 500  # of two measured clocks; nobody is at two doors within that time


@dataclass(frozen=True)
class Stay:
    """One entry of a holder into a hall; open until something names it."""

    ref: StayRef
    hall_id: int
    door_id: int
    serial: int
    opened_at: int  # by the server's clock, as far as the kiosk knew its own error
    clock_known: bool  # whether the kiosk had measured that error
    override: bool = False  # it uses a place beyond the capacity

    @property
    def stay_id(self) -> StayId:
        """As the protocol of places names it."""
        return StayId(self.ref.kiosk, self.ref.generation, self.ref.seq)


# Of which stays the order in time is known: those whose kiosk had measured its clock, and was not
# fenced as lost when it told of them.
_CLOCK_KNOWN = (
    "EXISTS (SELECT 1 FROM scan s WHERE s.kiosk = stay.kiosk AND s.generation = stay.generation"
    " AND s.seq = stay.seq AND s.skew_ms IS NOT NULL AND NOT s.quarantined)"
)
_COLUMNS = "kiosk, generation, seq, hall_id, door_id, serial, opened_at, override"


def add(db: sqlite3.Connection, stay: Stay, *, gone_at: int | None = None) -> None:
    """Record a stay; `gone_at`: it was over before the server heard of it."""
    db.execute(
        f"INSERT INTO stay ({_COLUMNS}, closed_at, closed_by, gone)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            stay.ref.kiosk,
            stay.ref.generation,
            stay.ref.seq,
            stay.hall_id,
            stay.door_id,
            stay.serial,
            stay.opened_at,
            stay.override,
            gone_at,
            None if gone_at is None else "exit",
            gone_at is not None,
        ),
    )


def close(db: sqlite3.Connection, ref: StayRef, by: str, at: int) -> Stay | None:
    """Close a stay and return it; None where it is unknown or was closed before."""
    row = db.execute(
        "UPDATE stay SET closed_at = ?, closed_by = ? WHERE kiosk = ? AND generation = ?"
        f" AND seq = ? AND closed_at IS NULL RETURNING {_COLUMNS}, {_CLOCK_KNOWN}",
        (at, by, ref.kiosk, ref.generation, ref.seq),
    ).fetchone()
    return None if row is None else _stay(row)


def remember_early(db: sqlite3.Connection, ref: StayRef, by: str, at: int) -> bool:
    """Keep an exit that names a stay whose entry is not here yet; False where the stay is known.

    Only after a restore from a backup: a door has the exit, and another one has the entry.
    """
    known = db.execute(
        "SELECT 1 FROM stay WHERE kiosk = ? AND generation = ? AND seq = ?",
        (ref.kiosk, ref.generation, ref.seq),
    ).fetchone()
    if known is None:
        db.execute(
            "INSERT OR IGNORE INTO early_exit VALUES (?, ?, ?, ?, ?)",
            (ref.kiosk, ref.generation, ref.seq, at, by),
        )
    return known is None


def ended(db: sqlite3.Connection, ref: StayRef, at: int) -> None:
    """The exit of a stay that was over before its entry was offered: now its end is known."""
    db.execute(
        "UPDATE stay SET closed_at = ? WHERE kiosk = ? AND generation = ? AND seq = ? AND gone = 1",
        (at, ref.kiosk, ref.generation, ref.seq),
    )


def entered_during(db: sqlite3.Connection, ref: StayRef) -> list[int]:
    """Scans by which the holder entered the hall again while that stay lasted.

    They may have come here before it did, from a door that was not cut off.
    """
    rows = db.execute(
        "SELECT x.number FROM stay s JOIN stay o ON o.serial = s.serial AND o.hall_id = s.hall_id"
        " AND o.opened_at > s.opened_at AND (s.closed_at IS NULL OR o.opened_at < s.closed_at)"
        " JOIN scan x ON x.kiosk = o.kiosk AND x.generation = o.generation AND x.seq = o.seq"
        " WHERE s.kiosk = ? AND s.generation = ? AND s.seq = ?",
        (ref.kiosk, ref.generation, ref.seq),
    )
    return [row[0] for row in rows]


def early_exit(db: sqlite3.Connection, ref: StayRef) -> tuple[str, int] | None:
    """By what and when the stay ended before its entry came here, or None; told once."""
    row = db.execute(
        "DELETE FROM early_exit WHERE kiosk = ? AND generation = ? AND seq = ?"
        " RETURNING closed_by, closed_at",
        (ref.kiosk, ref.generation, ref.seq),
    ).fetchone()
    return None if row is None else (row[0], row[1])


def is_gone(db: sqlite3.Connection, ref: StayRef) -> bool:
    """Whether the kiosk itself had taken the stay's place back before it offered the entry."""
    row = db.execute(
        "SELECT gone FROM stay WHERE kiosk = ? AND generation = ? AND seq = ?",
        (ref.kiosk, ref.generation, ref.seq),
    ).fetchone()
    return row is not None and bool(row[0])


def open_stays(db: sqlite3.Connection, serial: int) -> list[Stay]:
    """The holder's open stays, oldest first."""
    rows = db.execute(
        f"SELECT {_COLUMNS}, {_CLOCK_KNOWN} FROM stay WHERE serial = ? AND closed_at IS NULL"
        " ORDER BY opened_at",
        (serial,),
    )
    return [_stay(row) for row in rows]


def stays_of(db: sqlite3.Connection, serial: int, hall_id: int) -> list[tuple[Stay, int | None]]:
    """Every stay of the holder in the hall, each with when it ended."""
    rows = db.execute(
        f"SELECT {_COLUMNS}, {_CLOCK_KNOWN}, closed_at FROM stay WHERE serial = ? AND hall_id = ?",
        (serial, hall_id),
    )
    return [(_stay(row), row[9]) for row in rows]


def overlapping(
    db: sqlite3.Connection, serial: int, hall_id: int, at: int, but: StayRef
) -> Stay | None:
    """Another stay of the holder in this hall, as far as it is known, at `at`."""
    row = db.execute(
        f"SELECT {_COLUMNS}, {_CLOCK_KNOWN} FROM stay WHERE serial = ? AND hall_id = ?"
        " AND opened_at <= ? AND (closed_at IS NULL OR closed_at > ?)"
        " AND NOT (kiosk = ? AND generation = ? AND seq = ?) ORDER BY opened_at LIMIT 1",
        (serial, hall_id, at, at, but.kiosk, but.generation, but.seq),
    ).fetchone()
    return None if row is None else _stay(row)


def moved_on(
    db: sqlite3.Connection, serial: int, at: int, staying_in: Collection[int]
) -> int | None:
    """When after `at` the holder first entered a hall outside `staying_in`, or None.

    Entries by a kiosk that had not measured its clock do not count: their time is a guess.
    """
    marks = ",".join("?" * len(staying_in))
    row = db.execute(
        f"SELECT MIN(opened_at) FROM stay WHERE serial = ? AND opened_at > ?"
        f" AND hall_id NOT IN ({marks}) AND {_CLOCK_KNOWN}",
        (serial, at, *staying_in),
    ).fetchone()
    return None if row[0] is None else int(row[0])


def in_hall(db: sqlite3.Connection, hall_id: int) -> list[wire.StayFacts]:
    """Open stays of a hall, as its doors hear of them."""
    rows = db.execute(
        f"SELECT {_COLUMNS}, {_CLOCK_KNOWN} FROM stay WHERE hall_id = ? AND closed_at IS NULL",
        (hall_id,),
    )
    return [facts(_stay(row)) for row in rows]


def open_in(
    db: sqlite3.Connection, hall_id: int, *, override: bool, before: int | None = None
) -> list[Stay]:
    """Open stays of one of the hall's pools; `before`: of scans below that number alone."""
    rows = db.execute(
        f"SELECT {_COLUMNS}, {_CLOCK_KNOWN} FROM stay"
        " WHERE hall_id = ? AND override = ? AND closed_at IS NULL AND (? IS NULL OR EXISTS"
        " (SELECT 1 FROM scan s WHERE s.kiosk = stay.kiosk AND s.generation = stay.generation"
        " AND s.seq = stay.seq AND s.number < ?))",
        (hall_id, override, before, before),
    )
    return [_stay(row) for row in rows]


def facts(stay: Stay) -> wire.StayFacts:
    return wire.StayFacts(stay.ref, stay.serial, stay.opened_at, stay.door_id, stay.override)


def lineage(db: sqlite3.Connection, hall_id: int) -> frozenset[int]:
    """The hall and every hall around it."""
    rows = db.execute(
        "WITH RECURSIVE up (hall_id) AS (SELECT ? UNION"
        " SELECT h.parent_id FROM hall h JOIN up USING (hall_id) WHERE h.parent_id IS NOT NULL)"
        " SELECT hall_id FROM up",
        (hall_id,),
    )
    return frozenset(row[0] for row in rows)


def surroundings(db: sqlite3.Connection, hall_id: int) -> frozenset[int]:
    """The hall, every hall around it and every hall inside it."""
    rows = db.execute(
        "WITH RECURSIVE down (hall_id) AS (SELECT ? UNION"
        " SELECT h.hall_id FROM hall h JOIN down ON h.parent_id = down.hall_id)"
        " SELECT hall_id FROM down",
        (hall_id,),
    )
    return lineage(db, hall_id) | frozenset(row[0] for row in rows)


def _stay(row: sqlite3.Row) -> Stay:
    ref = StayRef(row[0], row[1], row[2])
    return Stay(ref, row[3], row[4], row[5], row[6], bool(row[8]), bool(row[7]))
