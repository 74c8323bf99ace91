"""Keeps the stamps by which an authority says when a checkpoint of the entry log was there."""

from dataclasses import dataclass

from server.storage.connection import Connection


@dataclass(frozen=True)
class Stamp:
    """Holds a stamp. `answer` is the authority's whole answer (RFC 3161, DER) over `note`'s bytes.

    Times are Unix ms. `stamped_at` is the authority's word.
    """

    stamp_id: int
    size: int
    note: str
    authority: str  # As its certificate is called.
    stamped_at: int
    at: int
    answer: bytes


_SELECT = (
    "SELECT stamp_id, size, note, authority, stamped_at, at, answer FROM time_stamp WHERE log = ?"
)


def stamps(db: Connection, log: str) -> list[Stamp]:
    """Return all stamps of the log of this name, the oldest first."""
    return [Stamp(**dict(row)) for row in db.execute(f"{_SELECT} ORDER BY stamp_id", (log,))]


def newest(db: Connection, log: str) -> Stamp | None:
    """Return the newest stamp."""
    row = db.execute(f"{_SELECT} ORDER BY stamp_id DESC LIMIT 1", (log,)).fetchone()
    return None if row is None else Stamp(**dict(row))


def keep(db: Connection, log: str, one: Stamp) -> None:
    """Keep a new stamp. Its number is made here."""
    db.execute(
        "INSERT INTO time_stamp (log, size, note, authority, answer, stamped_at, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (log, one.size, one.note, one.authority, one.answer, one.stamped_at, one.at),
    )
