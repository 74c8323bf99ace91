from dataclasses import dataclass

from server.storage.connection import Connection


@dataclass(frozen=True)
class Stamp:
    """A time stamp. `answer` is the authority's (RFC 3161, DER), over `note`.

    Times are Unix ms; `stamped_at` is by the authority's clock.
    """

    stamp_id: int
    size: int
    note: str
    authority: str  # As in its certificate
    stamped_at: int
    at: int
    answer: bytes


_SELECT = (
    "SELECT stamp_id, size, note, authority, stamped_at, at, answer FROM time_stamp WHERE log = ?"
)


def stamps(db: Connection, log: str) -> list[Stamp]:
    return [Stamp(**dict(row)) for row in db.execute(f"{_SELECT} ORDER BY stamp_id", (log,))]


def newest(db: Connection, log: str) -> Stamp | None:
    row = db.execute(f"{_SELECT} ORDER BY stamp_id DESC LIMIT 1", (log,)).fetchone()
    return None if row is None else Stamp(**dict(row))


def keep(db: Connection, log: str, stamp: Stamp) -> None:
    db.execute(
        "INSERT INTO time_stamp (log, size, note, authority, answer, stamped_at, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (log, stamp.size, stamp.note, stamp.authority, stamp.answer, stamp.stamped_at, stamp.at),
    )
