"""A person's history, newest first: registration, badges, staff actions, prints, mails, scans."""

import heapq
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

from server.core.entry_log.act_names import Act
from server.core.ledger.entries import SELECT_ENTRY, Entry, entry_of
from server.storage import dialect
from server.storage.connection import Connection, Row

PAGE_ROWS = 60
REGISTERED, ISSUED, PRINTED, JOB, MAIL, COPY, ACT, SCAN = range(8)
_WHOM = dialect.in_json("l.body", "subject", "serial")
_ACT = dialect.in_json("l.body", "act")


@dataclass(frozen=True)
class Edge:
    """The last event of a page: time (Unix ms), part and number."""

    at: int
    part: int
    number: int

    def __str__(self) -> str:
        return f"{self.at}-{self.part}-{self.number}"


@dataclass(frozen=True)
class LoggedAct:
    by: str
    act: str
    subject: Mapping[str, str | int | None]


@dataclass(frozen=True)
class Moment:
    """One event. Its kind `part` decides which other field is set."""

    edge: Edge
    values: Mapping[str, str | int | None] = field(default_factory=dict)
    act: LoggedAct | None = None
    entry: Entry | None = None

    @property
    def at(self) -> int:
        return self.edge.at

    @property
    def part(self) -> int:
        return self.edge.part


@dataclass(frozen=True)
class Page:
    """One page. `older` is the edge of the next page, None at the end."""

    moments: list[Moment]
    older: Edge | None
    # The server's differing reasons, by scan number.
    discrepancies: Mapping[int, tuple[str, ...]]


@dataclass(frozen=True)
class _Part:
    """How to read a part from its table. `at` and `number` are columns, `rows` the FROM clause."""

    part: int
    at: str
    number: str
    columns: str
    rows: str


# Rows of `badge` and printing without a logged action: a bulk action is logged once, without
# serials.
_NO_ACT = (
    f"NOT EXISTS (SELECT 1 FROM leaf l {dialect.by_index('leaf_act_serial')}"
    f" WHERE l.kind = 'act' AND {_WHOM} = b.serial AND {_ACT} = '{{}}' AND {{}})"
)
_PARTS = (
    _Part(REGISTERED, "a.created_at", "0", "a.serial", "attendee a WHERE a.serial = ?"),
    _Part(
        ISSUED, "b.issued_at", "b.issue", "b.issue",
        "badge b WHERE b.serial = ? AND "
        + _NO_ACT.format(Act.BADGE_REISSUED, dialect.in_json("l.body", "subject", "issue")
                         + " = b.issue"),
    ),
    _Part(
        PRINTED, "b.printed_at", "b.issue", "b.issue, b.printed",
        "badge b WHERE b.serial = ? AND b.printed_at IS NOT NULL AND "
        + _NO_ACT.format(Act.BADGES_PRINTED, "l.at = b.printed_at"),
    ),
    _Part(
        JOB, "j.made_at", "j.job_id", "j.issue, j.desk, j.state, j.made_by AS \"by\","
        " j.done_at, p.name AS printer",
        "print_job j JOIN printer p ON p.printer_id = j.printer_id WHERE j.serial = ?",
    ),
    _Part(MAIL, "m.at", "m.issue", "m.issue, m.template, m.state", "mail m WHERE m.serial = ?"),
    _Part(
        COPY, "c.noticed_at", "c.number", "c.issue, c.cleared_at",
        "likely_copy c WHERE c.serial = ?",
    ),
)  # fmt: skip


def page(db: Connection, serial: int, *, before: Edge | None = None, rows: int = PAGE_ROWS) -> Page:
    """Return the page that ends just before the edge."""
    parts = [
        *(_plain(db, item, serial, before, rows + 1) for item in _PARTS),
        _acts(db, serial, before, rows + 1),
        _scans(db, serial, before, rows + 1),
    ]
    merged = heapq.merge(*parts, key=lambda item: _order(item.edge))
    moments = list(islice(merged, rows + 1))
    more, moments = len(moments) > rows, moments[:rows]
    return Page(moments, moments[-1].edge if more else None, _discrepancies(db, moments))


def _order(edge: Edge) -> tuple[int, int, int]:
    return (-edge.at, -edge.part, -edge.number)


def _edge(part: int, at: str, number: str, before: Edge | None) -> tuple[str, tuple[int, ...]]:
    if before is None:
        return "", ()
    if part < before.part:
        return f" AND {at} <= ?", (before.at,)
    if part > before.part:
        return f" AND {at} < ?", (before.at,)
    return f" AND ({at} < ? OR ({at} = ? AND {number} < ?))", (
        before.at, before.at, before.number,
    )  # fmt: skip


def _plain(
    db: Connection, source: _Part, serial: int, before: Edge | None, rows: int
) -> list[Moment]:
    condition, values = _edge(source.part, source.at, source.number, before)
    rows_found = db.execute(
        f"SELECT {source.at} AS moment_at, {source.number} AS moment_number, {source.columns}"
        f" FROM {source.rows}{condition} ORDER BY 1 DESC, 2 DESC LIMIT ?",
        (serial, *values, rows),
    )
    return [_moment(source.part, row) for row in rows_found]


def _moment(part: int, row: Row) -> Moment:
    values = dict(row)
    return Moment(Edge(values.pop("moment_at"), part, values.pop("moment_number")), values)


def _acts(db: Connection, serial: int, before: Edge | None, rows: int) -> list[Moment]:
    condition, values = _edge(ACT, "l.at", "l.number", before)
    rows_found = db.execute(
        f"SELECT l.number, l.at, l.body FROM leaf l {dialect.by_index('leaf_act_serial')}"
        f" WHERE l.kind = 'act' AND {_WHOM} = ?{condition}"
        " ORDER BY l.at DESC, l.number DESC LIMIT ?",
        (serial, *values, rows),
    )
    return [_act(row["number"], row["at"], json.loads(row["body"])) for row in rows_found]


def _act(
    number: int, at: int, record: Mapping[str, str | Mapping[str, str | int | None]]
) -> Moment:
    by, act, subject = record["by"], record["act"], record["subject"]
    assert isinstance(by, str)
    assert isinstance(act, str)
    assert isinstance(subject, Mapping)
    return Moment(Edge(at, ACT, number), act=LoggedAct(by, act, subject))


def _scans(db: Connection, serial: int, before: Edge | None, rows: int) -> list[Moment]:
    condition, values = _edge(SCAN, "s.scanned_at", "s.number", before)
    rows_found = db.execute(
        f"{SELECT_ENTRY} WHERE s.serial = ?{condition}"
        " ORDER BY s.scanned_at DESC, s.number DESC LIMIT ?",
        (serial, *values, rows),
    )
    entries = (entry_of(row) for row in rows_found)
    return [Moment(Edge(scan.scanned_at, SCAN, scan.number), entry=scan) for scan in entries]


def _discrepancies(db: Connection, moments: list[Moment]) -> dict[int, tuple[str, ...]]:
    numbers = [moment.entry.number for moment in moments if moment.entry is not None]
    reasons: dict[int, tuple[str, ...]] = {}
    for row in db.execute(
        f"SELECT number, reason FROM discrepancy WHERE {dialect.one_of('number')} ORDER BY 1",
        (dialect.many(numbers),),
    ):
        reasons[row["number"]] = (*reasons.get(row["number"], ()), row["reason"])
    return reasons
