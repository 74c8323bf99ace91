"""Lists the log's entries, newest first: scans, staff actions, inferred exits and erased entries.

Pages begin at entry numbers, so addresses stay valid and all are equally fast.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from badges.transparency.merkle import leaf_hash
from server.core.entry_log import entry_log
from server.core.entry_log.act_list import LoggedAct
from server.core.entry_log.act_names import Act
from server.core.ledger import entries, finding, remarks
from server.core.ledger.entries import Entry
from server.storage import dialect
from server.storage.connection import Connection

PAGE_ROWS = 50
# The most entries read for a page without a fitting index.
LOOKED_AT_MAX = 10_000
SCAN, ACT, INFERRED = "scan", "act", "inferred_exit"
KINDS = (SCAN, ACT, INFERRED, entry_log.ERASED)
_ACT = dialect.in_json("body", "act")


@dataclass(frozen=True)
class Filter:
    """Selects entries. None means any.

    `since` is inclusive and `until` exclusive (Unix ms), by the door's clock for scans, else the
    server's. `kind` is in `KINDS` or a kind of scan.
    """

    since: int | None = None
    until: int | None = None
    hall_id: int | None = None
    kiosk: str | None = None
    kind: str | None = None
    act: Act | None = None

    @property
    def period(self) -> tuple[int, int]:
        since, until = self.since, self.until
        return 0 if since is None else since, 2**62 if until is None else until

    @property
    def wants_scans(self) -> bool:
        return self.act is None and self.kind in (None, SCAN, *remarks.KINDS)

    def wants(self, kind: str) -> bool:
        if self.act is not None:
            return kind == ACT
        if kind == INFERRED and self.kiosk is not None:
            return False  # No kiosk inferred it.
        # An erased scan is found as a scan too, by its ledger row.
        of_all = self.hall_id is None and self.kiosk is None
        return self.kind == kind or (self.kind is None and (of_all or kind != entry_log.ERASED))


@dataclass(frozen=True)
class Item:
    """One entry. `at` is the scan's or action's time. An erased scan's `scan` has the ledger's
    remaining data.
    """

    number: int
    kind: str
    at: int
    scan: Entry | None = None
    act: LoggedAct | None = None
    hall_id: int | None = None  # Of an inferred exit


@dataclass(frozen=True)
class Page:
    """One page, newest first. `older` and `newer` are entry numbers of neighbouring pages or
    None. `looked_until` is where a limited search stopped.
    """

    items: list[Item]
    older: int | None
    newer: int | None
    looked_until: int | None = None


@dataclass(frozen=True)
class _Range:
    """Entries to search, from `start` to before `end`, the direction and number of rows."""

    start: int
    end: int
    upwards: bool
    rows: int

    @property
    def order(self) -> str:
        return "ASC" if self.upwards else "DESC"


def page(
    db: Connection,
    wanted: Filter,
    *,
    before: int | None = None,
    after: int | None = None,
    rows: int = PAGE_ROWS,
) -> Page:
    """Return the page that ends before entry `before`, or begins after `after`."""
    upwards = after is not None and before is None
    start, end = 0, entry_log.size(db)
    if upwards:
        start = (after or 0) + 1
    elif before is not None:
        end = min(end, before)
    numbers, stopped = _numbers(db, wanted, _Range(start, end, upwards, rows + 1))
    edge = numbers[rows - 1] if len(numbers) > rows else stopped
    items = items_of(db, numbers[:rows])
    newest, oldest = (items[0].number, items[-1].number) if items else (end - 1, start)
    looked_until = None if len(numbers) > rows else stopped
    if upwards:
        return Page(items, oldest, edge, looked_until)
    return Page(items, edge, None if before is None else newest, looked_until)


def _numbers(db: Connection, wanted: Filter, where: _Range) -> tuple[list[int], int | None]:
    """Return the first matching numbers, and the entry where a limited search stopped."""
    matching: set[int] = set()
    stops: list[int] = []
    if wanted.wants_scans:
        kind = wanted.kind if wanted.kind in remarks.KINDS else None
        scans = finding.Filter(
            hall_id=wanted.hall_id, kiosk=wanted.kiosk, act=kind, since=wanted.since,
            until=wanted.until,
        )  # fmt: skip
        in_order = finding.numbers(db, scans, where.start, where.end, upwards=where.upwards)
        numbers = list(islice(in_order, where.rows))
        matching |= set(numbers)
        if len(numbers) == where.rows:
            # The page ends here at the latest, so other searches stop here.
            last = numbers[-1]
            where = replace(where, end=last) if where.upwards else replace(where, start=last)
    if wanted.wants(ACT):
        matching |= set(_acts(db, wanted, where))
    for kind in (INFERRED, entry_log.ERASED):
        if wanted.wants(kind):
            numbers_of_kind, stop = _others(db, kind, wanted, where)
            matching |= set(numbers_of_kind)
            stops += [] if stop is None else [stop]
    first = sorted(matching, reverse=not where.upwards)[: where.rows]
    if not stops:
        return first, None
    stopped = min(stops) if where.upwards else max(stops)
    return [
        number for number in first if (number <= stopped) is where.upwards or number == stopped
    ], stopped


def _acts(db: Connection, wanted: Filter, where: _Range) -> list[int]:
    conditions = ["kind = 'act'", "number >= ?", "number < ?"]
    values: list[int | str] = [where.start, where.end]
    index = "leaf_kind"
    if wanted.act is not None:
        conditions.append(f"{_ACT} = ?")
        values.append(wanted.act)
        index = "leaf_act"
    for field, value in (("hall", wanted.hall_id), ("kiosk", wanted.kiosk)):
        if value is not None:
            about = dialect.in_json("body", "subject", field)
            conditions += [f"{about} IS NOT NULL", f"{about} = ?"]
            values.append(value)
            index = f"leaf_act_of_{field}"
    if index == "leaf_kind":
        # SQLite uses this partial index only if the query repeats its condition.
        conditions.append("kind <> 'scan'")
        first, last = _bounds(db, "kind = 'act'", "leaf_act_at", wanted)
        conditions += ["number >= ?", "number <= ?"]
        values += [first, last]
    for text, time in (("at >= ?", wanted.since), ("at < ?", wanted.until)):
        if time is not None:
            conditions.append(text)
            values.append(time)
    rows = db.execute(
        f"SELECT number FROM leaf {dialect.by_index(index)} WHERE {' AND '.join(conditions)}"
        f" ORDER BY number {where.order} LIMIT ?",
        (*values, where.rows),
    )
    return [number for (number,) in rows]


def _bounds(db: Connection, kind: str, index: str, wanted: Filter) -> tuple[int, int]:
    """Return the first and last number of entries in the period; few others are between."""
    if wanted.since is None and wanted.until is None:
        return 0, entry_log.size(db)
    first, last = db.execute(
        f"SELECT MIN(number), MAX(number) FROM leaf {dialect.by_index(index)}"
        f" WHERE {kind} AND at >= ? AND at < ?",
        wanted.period,
    ).fetchone()
    return (0, -1) if first is None else (first, last)


def _others(
    db: Connection, kind: str, wanted: Filter, where: _Range
) -> tuple[list[int], int | None]:
    """Return inferred exits or erased entries, and where the search stopped at LOOKED_AT_MAX, or
    None.
    """
    first, last = _bounds(db, "kind <> 'scan' AND kind <> 'act'", "leaf_other_at", wanted)
    start, end = max(where.start, first), min(where.end, last + 1)
    matching: list[int] = []
    looked_at, chunk = 0, max(where.rows, 500)
    while start < end and len(matching) < where.rows:
        rows = db.execute(
            f"SELECT number, at FROM leaf {dialect.by_index('leaf_kind')} WHERE kind = ?"
            " AND kind <> 'scan' AND number >= ? AND number < ?"
            f" ORDER BY number {where.order} LIMIT ?",
            (kind, start, end, chunk),
        ).fetchall()
        matching += _meant(db, kind, wanted, rows)
        if len(rows) < chunk:
            return matching[: where.rows], None
        start, end = (rows[-1][0] + 1, end) if where.upwards else (start, rows[-1][0])
        looked_at += chunk
        if looked_at >= LOOKED_AT_MAX and len(matching) < where.rows:
            return matching, rows[-1][0]
    return matching[: where.rows], None


def _meant(db: Connection, kind: str, wanted: Filter, rows: Sequence[Sequence[int]]) -> list[int]:
    since, until = wanted.period
    numbers = [number for number, at in rows if since <= at < until]
    if wanted.hall_id is None and wanted.kiosk is None:
        return numbers
    if kind == INFERRED:
        halls = _halls_of_inferred(db, numbers)
        return [number for number in numbers if halls.get(number) == wanted.hall_id]
    scans = db.execute(
        f"SELECT number, hall_id, kiosk FROM scan WHERE {dialect.one_of('number')}",
        (dialect.many(numbers),),
    )
    meant = {
        number
        for number, hall_id, kiosk in scans
        if wanted.hall_id in (None, hall_id) and wanted.kiosk in (None, kiosk)
    }
    return [number for number in numbers if number in meant]


def _halls_of_inferred(db: Connection, numbers: Sequence[int]) -> dict[int, int]:
    """Return each inferred exit's hall: its own, else that of the entry scan that it closes."""
    part = [dialect.in_json("l.body", "closes", name) for name in ("kiosk", "generation", "seq")]
    rows = db.execute(
        f"SELECT l.number, COALESCE({dialect.in_json('l.body', 'hall')}, s.hall_id)"
        f" FROM leaf l LEFT JOIN scan s ON s.kiosk = {part[0]} AND s.generation = {part[1]}"
        f" AND s.seq = {part[2]} WHERE {dialect.one_of('l.number')}",
        (dialect.many(numbers),),
    )
    return {number: hall for number, hall in rows if hall is not None}


def items_of(db: Connection, numbers: Sequence[int]) -> list[Item]:
    rows = db.execute(
        f"SELECT number, kind, at, body FROM leaf WHERE {dialect.one_of('number')}"
        " ORDER BY number DESC",
        (dialect.many(numbers),),
    ).fetchall()
    scans = {
        row.number: row
        for row in entries.entries_of(
            db, [number for number, kind, _, _ in rows if kind in (SCAN, entry_log.ERASED)]
        )
    }
    halls = _halls_of_inferred(db, [number for number, kind, *_ in rows if kind == INFERRED])
    items = []
    for number, kind, at, body in rows:
        scan = scans.get(number)
        act = None
        if kind == ACT:
            logged = json.loads(body)
            act = LoggedAct(number, at, logged["by"], logged["act"], logged["subject"])
        when = at if scan is None else scan.scanned_at
        items.append(Item(number, kind, when, scan, act, halls.get(number)))
    return items


@dataclass(frozen=True)
class Single:
    """One entry with all data. `record` and `salt` are None if erased; `salt` also if the entry
    predates salts. `is_true`: the record matches its hash.
    """

    item: Item
    record: bytes | None
    salt: bytes | None
    entry: bytes
    digest: bytes
    is_true: bool


def single(db: Connection, number: int) -> Single | None:
    row = db.execute(
        "SELECT kind, hash, body, salt FROM leaf WHERE number = ?", (number,)
    ).fetchone()
    if row is None:
        return None
    (item,) = items_of(db, [number])
    is_erased = row["kind"] == entry_log.ERASED
    entry = entry_log.entry_of(row["body"], row["salt"])
    is_true = leaf_hash(entry) == row["hash"] or (is_erased and not row["body"])
    record = None if is_erased else row["body"]
    return Single(item, record, row["salt"], entry, row["hash"], is_true)
