"""Caches holders' data for a batch, or for all batches taken together, read by one statement.

The transaction locks out other writers about these people, so data stays valid until a batch
reports a change.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from server.core.occupancy import stays, unmatched_exits
from server.core.occupancy.stays import Span
from server.storage.connection import Connection, Row, Rows
from server.storage.engines import joint
from server.storage.engines.joint import Collected, Reading
from server.storage.tables import padded

# A typed value of a list, whose type the database can't infer.
_VALUE = "(CAST(? AS BIGINT), CAST(? AS BIGINT))"


class _Stays(NamedTuple):
    since: int  # complete for stays that ended at this time or later
    spans: Sequence[Span]
    unnamed: bool  # whether an exit of the holder waits for its entry


class Holders(Collected):
    def __init__(self, db: Connection, before: Callable[[], object] = lambda: None) -> None:
        """`before` is called before stays are read, to write pending ones."""
        super().__init__(db)
        self._before = before
        self._stays: dict[int, _Stays] = {}
        self._people: dict[int, Row | None] = {}

    def put(self) -> None:
        pass

    def read_ahead(self, asked: Iterable[tuple[int, int]]) -> Reading:
        """Cache the facts of holders, given as (serial, earliest end of relevant stays in Unix
        ms).
        """
        earliest: dict[int, int] = {}
        for serial, since in asked:
            if serial not in self._stays:
                earliest[serial] = min(since, earliest.get(serial, since))
        readings = [(wanted, self._ask(wanted)) for wanted in padded(list(earliest.items()))]
        yield
        for wanted, rows in readings:
            self._take(wanted, rows)

    def stays(self, serial: int, since: int) -> list[Span]:
        """Return the holder's stays that had not ended at `since` (Unix ms), including
        later ones.
        """
        cached = self._stays.get(serial)
        if cached is None or since < cached.since:
            self._read([(serial, since)])
            cached = self._stays[serial]
        return [span for span in cached.spans if stays.was_on(span, since)]

    def person(self, serial: int) -> Row | None:
        """Return the holder's facts, or None if the roster lacks the serial."""
        if serial not in self._people:
            self._read([(serial, stays.NEVER_OVER)])
        return self._people[serial]

    def may_have_unnamed_exit(self, serial: int) -> bool:
        cached = self._stays.get(serial)
        return cached is None or cached.unnamed

    def moved(self, serial: int) -> None:
        """Invalidate the holder's cached stays."""
        cached = self._stays.get(serial)
        if cached is not None:
            # Unnamed exits are unaffected.
            self._stays[serial] = cached._replace(since=stays.NEVER_OVER, spans=())

    def left_unnamed(self, serial: int) -> None:
        """Invalidate the holder's cached stays: an exit waits for its entry."""
        self._stays.pop(serial, None)

    def somebody_moved(self) -> None:
        """Invalidate all cached stays, after a stay of an unknown holder changed."""
        self._stays.clear()

    def suspected(self, serial: int) -> None:
        """Invalidate the holder's cached facts."""
        self._people.pop(serial, None)

    def _read(self, asked: Sequence[tuple[int, int]]) -> None:
        self._take(asked, self._ask(asked))

    def _ask(self, asked: Sequence[tuple[int, int]]) -> Rows:
        joint.require(self._db, people={serial for serial, _ in asked})
        self._before()
        values = [value for pair in asked for value in pair]
        return self._db.execute(_reading(len(asked)), values)

    def _take(self, asked: Sequence[tuple[int, int]], rows: Rows) -> None:
        since = dict(asked)
        for row in rows.fetchall():
            serial = row["serial"]
            spans = stays.unpacked(row["stays"])
            self._stays[serial] = _Stays(since[serial], spans, bool(row["unnamed"]))
            self._people[serial] = None if row["category"] is None else row


@lru_cache(maxsize=256)
def _reading(count: int) -> str:
    return _READ.format(", ".join([_VALUE] * count))


_READ = (
    "SELECT v.column1 AS serial,"
    f" {stays.packed('v.column1', 'v.column2')} AS stays,"
    f" {unmatched_exits.waits('v.column1')} AS unnamed,"
    " a.category, a.valid_days, a.zones, a.flags, a.revoked_at,"
    " (SELECT MAX(issue) FROM badge b WHERE b.serial = v.column1) AS issue,"
    " (SELECT MAX(issued_at) FROM badge b WHERE b.serial = v.column1) AS issued_at,"
    " (SELECT MAX(issue) FROM withdrawn_badge w WHERE w.serial = v.column1) AS withdrawn_to,"
    " (SELECT MAX(withdrawn_at) FROM withdrawn_badge w WHERE w.serial = v.column1)"
    " AS withdrawn_at,"
    " c.issue AS copied_issue, c.noticed_at AS copied_at, c.cleared_at,"
    " EXISTS (SELECT 1 FROM day_credential d WHERE d.serial = v.column1) AS has_days"
    " FROM (VALUES {}) AS v LEFT JOIN attendee a ON a.serial = v.column1"
    " LEFT JOIN likely_copy c ON c.serial = v.column1"
)
