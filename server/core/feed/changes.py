"""Stores the changes that kiosks need. A cursor is a change's number; a kiosk states its newest one
and gets later changes.
"""

from collections.abc import Callable, Iterable

from badges.wire import wire
from server.core.feed.subscription import CursorGoneError, FeedItem
from server.storage.connection import Connection
from server.storage.engines import joint
from server.storage.engines.joint import Collected
from server.storage.tables import write_rows

CURSOR = "(SELECT COALESCE(MAX(cursor), 0) FROM change)"  # `cursor`, in a larger statement
KEEP_CHANGES = 100_000
MISSED_MAX = 5_000  # a kiosk that missed more takes a snapshot, which is faster


def publish(
    db: Connection,
    change: wire.Change,
    *,
    hall_id: int | None = None,
    kiosk: str | None = None,
) -> None:
    """Call it in the transaction that makes the change. It is for one kiosk, the kiosks of one
    hall, or all.
    """
    _published(db).add([(hall_id, kiosk, wire.encode_change(change))])


def publish_venue(db: Connection, halls: Iterable[int] | None = None) -> None:
    """Store a change of the venue for the kiosks of some halls, or of all.

    `server/core/kiosks/venue_edits.py` finds out what changed for each door.
    """
    if halls is None:
        publish(db, wire.VenueChanged())
    else:
        publish_to_halls(db, [(hall_id, wire.VenueChanged()) for hall_id in sorted(halls)])


def publish_to_halls(db: Connection, changes: Iterable[tuple[int, wire.Change]]) -> None:
    """Store changes in order, each for the kiosks of a hall."""
    _published(db).add([(hall_id, None, wire.encode_change(change)) for hall_id, change in changes])


class Published(Collected):
    tables = ("change",)
    in_order = True

    def __init__(self, db: Connection) -> None:
        super().__init__(db)
        self._rows: list[tuple[int | None, str | None, str]] = []

    def add(self, rows: Iterable[tuple[int | None, str | None, str]]) -> None:
        """Add changes as (hall, kiosk, body). Hall and kiosk may be None."""
        self._rows += rows
        self.write()

    @property
    def is_pending(self) -> bool:
        return bool(self._rows)

    def put(self) -> None:
        rows, self._rows = self._rows, []
        numbers = joint.numbers(self._db)
        if numbers:
            numbers["change"] += len(rows)
        write_rows(self._db, "change", ("hall_id", "kiosk", "body"), rows, numbered="cursor")


def _published(db: Connection) -> Published:
    return joint.shared(db, Published, lambda: Published(db))


def publish_all(db: Connection, changes: Iterable[wire.Change]) -> None:
    write_rows(db, "change", ("body",), [(wire.encode_change(change),) for change in changes])


def cursor(db: Connection) -> int:
    """Return the newest change's position in the feed, or 0."""
    return int(db.execute(f"SELECT {CURSOR}").fetchone()[0])


# Returns a change as sent to that kiosk.
Sign = Callable[[str | None, str], str]


def as_it_is(kiosk: str | None, body: str) -> str:
    return body


def changes_after(db: Connection, after: int, sign: Sign = as_it_is) -> list[FeedItem]:
    """Oldest first. Raises CursorGoneError if there are too many or some were deleted."""
    (oldest, newest) = db.execute(
        "SELECT COALESCE(MIN(cursor), 1), COALESCE(MAX(cursor), 0) FROM change"
    ).fetchone()
    if after > newest or after < oldest - 1 or newest - after > MISSED_MAX:
        raise CursorGoneError
    return read_changes(db, after, MISSED_MAX, sign)


def trim(db: Connection, keep: int = KEEP_CHANGES) -> None:
    """Delete all but the newest changes. Kiosks that missed them must take a snapshot."""
    db.execute("DELETE FROM change WHERE cursor <= ?", (cursor(db) - keep,))


def read_changes(db: Connection, after: int, limit: int, sign: Sign) -> list[FeedItem]:
    """Return at most `limit` changes as sent to kiosks, oldest first."""
    rows = db.execute(
        "SELECT cursor, hall_id, kiosk, body FROM change WHERE cursor > ? ORDER BY cursor LIMIT ?",
        (after, limit),
    )
    # A hot path: access by column name costs 6 % more.
    return [
        FeedItem.of(number, hall_id, kiosk, sign(kiosk, body))
        for number, hall_id, kiosk, body in rows
    ]
