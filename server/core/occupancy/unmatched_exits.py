"""Matches exits at doors that did not know the stay (docs/doors.md, Exits without the network).

Such an exit ends an earlier stay of the same holder in the same hall, but only if no other stay is
possible and both clocks were measured in the same epoch. The records may arrive in any order.
"""

from server.core.occupancy import stays
from server.core.occupancy.stays import CLOCK_MARGIN_MS, Stay
from server.storage.connection import Connection


def meant(db: Connection, serial: int, hall_id: int, at: int, epoch: int) -> Stay | None:
    """Return the stay that an exit at `at`, which names no stay, must end, or None if not certain.

    It is the holder's only stay in the hall at that time: open, or else the newest that ended by
    an unconfirmed move.
    """
    history = stays.stays_of(db, serial, hall_id)
    if not all(stay.clock_known and stay.epoch == epoch for stay, _ in history):
        return None
    before = at - CLOCK_MARGIN_MS
    still_open = [stay for stay, closed_at in history if closed_at is None]
    moved = [stay for stay, _ in history if stay.after_move and stay.opened_at < before]
    if len(still_open) > 1 or not (still_open or moved):
        return None
    candidate = still_open[0] if still_open else max(moved, key=lambda stay: stay.opened_at)
    if candidate.opened_at >= before:
        return None
    overlapping = any(
        stay.opened_at < at and closed_at is not None and closed_at > candidate.opened_at
        for stay, closed_at in history
        if stay.ref != candidate.ref
    )
    return None if overlapping else candidate


def waits(serial: str) -> str:
    """Return an SQL condition: an exit of the holder `serial` (an SQL expression) waits for its
    entry.
    """
    return f"EXISTS (SELECT 1 FROM unnamed_exit u WHERE u.serial = {serial})"


def remember(db: Connection, number: int, serial: int, hall_id: int, at: int, epoch: int) -> None:
    """Store an exit without a known stay: its entry may still come from an offline door."""
    db.execute(
        "INSERT INTO unnamed_exit (number, serial, hall_id, at, epoch) VALUES (?, ?, ?, ?, ?)",
        (number, serial, hall_id, at, epoch),
    )


def exit_of(db: Connection, stay: Stay) -> tuple[int, int] | None:
    """Delete the stored exit that ends the new stay. Return its (scan number, time), or None."""
    for number, at in db.execute(
        "SELECT number, at FROM unnamed_exit WHERE serial = ? AND hall_id = ? AND at > ?"
        " AND epoch = ? ORDER BY at",
        (stay.serial, stay.hall_id, stay.opened_at + CLOCK_MARGIN_MS, stay.epoch),
    ).fetchall():
        matched = meant(db, stay.serial, stay.hall_id, at, stay.epoch)
        if matched is not None and matched.ref == stay.ref:
            db.execute(
                "DELETE FROM unnamed_exit WHERE number = ? AND hall_id = ?", (number, stay.hall_id)
            )
            return number, at
    return None
