"""Reads entries for integrations: by codes and badge numbers, without names."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

from badges.credential.badge_number import badge_number
from server.storage.connection import Connection, Row

PAGE_MAX = 500
PAGE_USUAL = 100
Time = Annotated[datetime, msgspec.Meta(tz=True)]


class Entry(msgspec.Struct):
    """One scan at a door, from the ledger."""

    number: Annotated[int, msgspec.Meta(description="of the leaf in the entry log; it rises")]
    act: Literal["scan", "override", "annul"]
    direction: Literal["entry", "exit"]
    decision: Literal["admitted", "denied"]
    reason: Annotated[str | None, msgspec.Meta(description="why it was denied")]
    hall: Annotated[str, msgspec.Meta(description="the hall's code")]
    door: Annotated[str, msgspec.Meta(description="the door's code")]
    kiosk: str
    badge: Annotated[str | None, msgspec.Meta(description="the badge number, if one was read")]
    issue: int | None
    category: Annotated[str | None, msgspec.Meta(description="the category's code")]
    session: Annotated[str | None, msgspec.Meta(description="the session's code")]
    scanned_at: Annotated[Time, msgspec.Meta(description="by the kiosk's clock")]
    received_at: Annotated[Time, msgspec.Meta(description="by the server's clock")]


_SELECT = (
    "SELECT s.number, s.act, s.direction, s.decision, s.reason, s.kiosk, s.serial, s.issue,"
    " s.scanned_at, s.received_at, s.door_id, s.hall_id, d.code AS door, h.code AS hall,"
    " c.code AS category, x.code AS session"
    " FROM scan s LEFT JOIN door d ON d.door_id = s.door_id"
    " LEFT JOIN hall h ON h.hall_id = s.hall_id LEFT JOIN category c ON c.category = s.category"
    " LEFT JOIN session x ON x.session_id = s.session_id"
)


def entries_from(
    db: Connection, first: int, limit: int, *, before: int | None = None, hall: str | None = None
) -> list[Entry]:
    """Return at most `limit` entries from number `first` on.

    `before` limits the numbers, exclusive; `hall` is a code.
    """
    conditions, values = ["s.number >= ?"], [first]
    if before is not None:
        conditions.append("s.number < ?")
        values.append(before)
    if hall is not None:
        row = db.execute("SELECT hall_id FROM hall WHERE code = ?", (hall,)).fetchone()
        conditions.append("s.hall_id = ?")
        values.append(-1 if row is None else row["hall_id"])
    rows = db.execute(
        f"{_SELECT} WHERE {' AND '.join(conditions)} ORDER BY s.number LIMIT ?", (*values, limit)
    ).fetchall()
    return [_entry(row) for row in rows]


def _entry(row: Row) -> Entry:
    return Entry(
        number=row["number"],
        act=row["act"],
        direction=row["direction"],
        decision=row["decision"],
        reason=row["reason"],
        # A removed door or hall has no code.
        hall=row["hall"] or f"#{row['hall_id']}",
        door=row["door"] or f"#{row['door_id']}",
        kiosk=row["kiosk"],
        badge=None if row["serial"] is None else badge_number(row["serial"]),
        issue=row["issue"],
        category=row["category"],
        session=row["session"],
        scanned_at=time_of(row["scanned_at"]),
        received_at=time_of(row["received_at"]),
    )


def time_of(at: int) -> datetime:
    """Convert Unix ms to UTC.

    Values outside the calendar, from a broken clock, become its nearest end.
    """
    return datetime.fromtimestamp(min(max(at, 0), _LAST_MS) / 1000, UTC)


_LAST_MS = 253_402_300_799_000  # 9999-12-31 23:59:59
