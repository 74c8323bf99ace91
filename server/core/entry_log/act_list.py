"""Lists acts of the entry log for pages, CSV and workbooks, by the server's clock, then by number.

Pages are keyed by both, so a late page costs as much as the first.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.entry_log.act_words import Names, label
from server.core.entry_log.entry_log import Subject
from server.storage import dialect
from server.storage.connection import Connection
from server.storage.sheets.csv_cells import csv_chunks
from server.storage.sheets.xlsx_sheets import xlsx_chunks

PAGE_ROWS = 50
# The first field of a filter selects the index, so the most frequent fields come last.
THINGS = ("serial", "session", "door", "kiosk", "user", "hall")
CHUNK_ROWS = 2000
COLUMNS = ("number", "at", "who", "what", "about", "by", "act", "subject")
_ACT = dialect.in_json("body", "act")
_BY = dialect.in_json("body", "by")

Instant = Callable[[int], str]  # formats an instant (Unix ms) for programs


@dataclass(frozen=True)
class Filter:
    """A filter for acts. None matches any value. `since` is inclusive, `until` exclusive (Unix ms,
    server's clock).
    """

    by: str | None = None
    act: Act | None = None
    since: int | None = None
    until: int | None = None
    serial: int | None = None
    hall: int | None = None
    door: int | None = None
    session: int | None = None
    user: int | None = None
    kiosk: str | None = None

    @property
    def things(self) -> dict[str, int | str]:
        asked = {field: getattr(self, field) for field in THINGS}
        return {field: value for field, value in asked.items() if value is not None}

    @property
    def index(self) -> str:
        for field in self.things:
            return f"leaf_act_of_{field}"
        if self.by is None:
            return "leaf_act_at" if self.act is None else "leaf_act"
        return "leaf_act_by" if self.act is None else "leaf_act_by_act"


@dataclass(frozen=True)
class Edge:
    """The end of a page: an act's time (Unix ms) and number."""

    at: int
    number: int

    def __str__(self) -> str:
        return f"{self.at}-{self.number}"


@dataclass(frozen=True)
class LoggedAct:
    number: int
    at: int
    by: str
    act: str
    subject: Subject

    @property
    def edge(self) -> Edge:
        return Edge(self.at, self.number)

    @property
    def serial(self) -> int | None:
        value = self.subject.get("serial")
        return value if isinstance(value, int) else None


@dataclass(frozen=True)
class Page:
    """A page of acts, newest first. `older` and `newer` are the acts at which the neighbouring
    pages start, or None.
    """

    acts: list[LoggedAct]
    older: Edge | None
    newer: Edge | None


def page(
    db: Connection,
    wanted: Filter,
    *,
    before: Edge | None = None,
    after: Edge | None = None,
    rows: int = PAGE_ROWS,
) -> Page:
    """Return the matching acts before `before` or after `after`."""
    upwards = after is not None and before is None
    edge = after if upwards else before
    acts = _acts(db, wanted, edge, rows + 1, upwards=upwards)
    more = len(acts) > rows
    acts = acts[:rows]
    if upwards:
        acts.reverse()
    behind = more if upwards else before is not None
    ahead = after is not None if upwards else more
    return Page(
        acts,
        older=acts[-1].edge if acts and ahead else None,
        newer=acts[0].edge if acts and behind else None,
    )


More = Callable[[Connection, Sequence[LoggedAct]], Sequence[tuple[object, ...]]]


@dataclass(frozen=True)
class Asked:
    """A request for a file of acts. `more` returns the cells of `more_columns` for an act."""

    wanted: Filter
    instant: Instant
    more_columns: tuple[str, ...] = ()
    more: More | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return COLUMNS + self.more_columns


def csv_lines(db: Connection, asked: Asked) -> Iterator[str]:
    """Yield the filtered acts, oldest first, with English descriptions and logged values.

    Acts added meanwhile are left out. Attendees appear by badge number, unless `more` adds columns.
    """
    return csv_chunks(asked.columns, _chunks(db, asked))


def xlsx_pieces(db: Connection, asked: Asked) -> Iterator[bytes]:
    """Yield a workbook with the rows of `csv_lines`. A full sheet continues on the next."""
    return xlsx_chunks("acts", asked.columns, _chunks(db, asked))


def _chunks(db: Connection, asked: Asked) -> Iterator[list[tuple[object, ...]]]:
    names = Names(db)
    end = entry_log.size(db) - 1
    last: Edge | None = Edge(-1, -1)
    while last is not None:
        acts = _acts(db, asked.wanted, last, CHUNK_ROWS, upwards=True)
        last = acts[-1].edge if len(acts) == CHUNK_ROWS else None
        kept = [act for act in acts if act.number <= end]
        more = [()] * len(kept) if asked.more is None else asked.more(db, kept)
        yield [
            (*_cells(act, names, asked.instant), *cells)
            for act, cells in zip(kept, more, strict=True)
        ]


def _cells(act: LoggedAct, names: Names, instant: Instant) -> tuple[object, ...]:
    return (
        act.number,
        instant(act.at),
        names.who(act.by),
        label(act.act),
        names.about(act.act, act.subject),
        act.by,
        act.act,
        json.dumps(dict(act.subject), sort_keys=True, ensure_ascii=False),
    )


def _acts(
    db: Connection, wanted: Filter, edge: Edge | None, rows: int, *, upwards: bool
) -> list[LoggedAct]:
    sign, order = (">", "ASC") if upwards else ("<", "DESC")
    given: list[tuple[str, tuple[str | int, ...] | None]] = [
        (f"{_BY} = ?", None if wanted.by is None else (wanted.by,)),
        (f"{_ACT} = ?", None if wanted.act is None else (wanted.act,)),
        ("at >= ?", None if wanted.since is None else (wanted.since,)),
        ("at < ?", None if wanted.until is None else (wanted.until,)),
        (f"(at, number) {sign} (?, ?)", None if edge is None else (edge.at, edge.number)),
    ]
    for field, value in wanted.things.items():
        about = dialect.in_json("body", "subject", field)
        given.append((f"{about} IS NOT NULL AND {about} = ?", (value,)))
    used = [(text, values) for text, values in given if values is not None]
    conditions = " AND ".join(("kind = 'act'", *(text for text, _ in used)))
    selected = db.execute(
        f"SELECT number, at, body FROM leaf {dialect.by_index(wanted.index)} WHERE {conditions}"
        f" ORDER BY at {order}, number {order} LIMIT ?",
        (*(value for _, values in used for value in values), rows),
    )
    return [_act(*row) for row in selected]


def _act(number: int, at: int, body: bytes) -> LoggedAct:
    entry = json.loads(body)
    return LoggedAct(number, at, entry["by"], entry["act"], entry["subject"])
