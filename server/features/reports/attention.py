"""Lists what needs attention: discrepancies, conflicts after a reconnection, overrides, a person's
repeated denials, and unusual doors.

Further denials reopen an item.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from badges.i18n import N_, Spoken
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.ledger import denial_rates, entries
from server.core.ledger.denial_rates import DoorRate
from server.core.ledger.entries import Entry
from server.core.people.attendees import whole_name
from server.storage import dialect
from server.storage.connection import Connection, Row
from server.storage.localized import names_of

PAGE_ROWS = 30
COUNTED_MAX = 500  # Counting stops here.
DENIALS_MIN = 3  # Of one person on one day
NOTE_CHARS_MAX = 200
STATES = ("open", "seen", "settled")


class MarkError(Spoken, ValueError):
    """The mark was refused. The text gives the reason."""


class Kind(StrEnum):
    """The kinds of items. `CONFLICT` and `DISCREPANCY` are stored as discrepancies."""

    CONFLICT = "conflict"
    DISCREPANCY = "discrepancy"
    OVERRIDE = "override"
    DENIALS = "denials"
    DOOR = "door"

    @property
    def stored(self) -> str:
        return "discrepancy" if self is Kind.CONFLICT else self.value


@dataclass(frozen=True)
class Mark:
    """Staff's mark, by whom and when. `since` is the number of denials after it."""

    state: str
    note: str = ""
    by: str = ""
    at: int | None = None
    since: int = 0


OPEN = Mark("open")


@dataclass(frozen=True)
class Thing:
    """The key of a mark. `count` is the number of denials now, or 1."""

    kind: Kind
    subject: int
    period: int = 0
    count: int = 1


@dataclass(frozen=True)
class Denied:
    serial: int
    name: str
    count: int
    first_at: int
    last_at: int
    why: tuple[tuple[str, dict[str, str], int], ...]


@dataclass(frozen=True)
class Item:
    """An item. Exactly one field of the last four is set."""

    thing: Thing
    mark: Mark
    discrepancy: entries.Discrepancy | None = None
    override: Entry | None = None
    denied: Denied | None = None
    door: DoorRate | None = None


@dataclass(frozen=True)
class Day:
    """A venue day, from `since` to `until` (Unix ms). `number` identifies it."""

    number: int
    since: int
    until: int


@dataclass(frozen=True)
class Asked:
    """The requested items. `state` None means any. Denials are one day's."""

    kind: Kind
    state: str | None
    day: Day


def items(db: Connection, asked: Asked, *, limit: int, offset: int) -> list[Item]:
    if asked.kind is Kind.OVERRIDE:
        return _overrides(db, asked.state, limit, offset)
    if asked.kind is Kind.DENIALS:
        return _denials(db, asked, limit, offset)
    if asked.kind is Kind.DOOR:
        return _doors(db, asked)[offset : offset + limit]
    return _discrepancies(db, asked.kind, asked.state, limit, offset)


def open_counts(db: Connection, day: Day) -> dict[Kind, int]:
    """Return each kind's number of open items, at most COUNTED_MAX + 1."""
    most = COUNTED_MAX + 1
    counts: dict[Kind, int] = {}
    for kind in (Kind.CONFLICT, Kind.DISCREPANCY):
        query, values = _numbers(kind, "open")
        counts[kind] = _count(db, f"{query} LIMIT ?", (*values, most))
    query, values = _override_numbers("open")
    counts[Kind.OVERRIDE] = _count(db, f"{query} LIMIT ?", (*values, most))
    query, denied = _denied_query(day, "open")
    counts[Kind.DENIALS] = _count(db, f"{query} LIMIT ?", (*denied, most))
    counts[Kind.DOOR] = len(_doors(db, Asked(Kind.DOOR, "open", day)))
    return counts


def put_mark(db: Connection, thing: Thing, state: str, note: str, *, by: str, now: int) -> None:
    """Set and log an item's state and note.

    Raises MarkError for an unknown state or item, a note that is too long, or a settled item
    without one.
    """
    note = " ".join(note.split())
    if state not in STATES:
        raise MarkError(N_("choose a state."))
    if len(note) > NOTE_CHARS_MAX:
        raise MarkError(N_("the note is longer than %(most)s characters."), most=NOTE_CHARS_MAX)
    if state == "settled" and not note:
        raise MarkError(N_("describe in the note how it was settled."))
    _check(db, thing)
    kind = thing.kind.stored
    db.execute(
        "INSERT INTO attention (kind, subject, period, state, count, note, set_by, set_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (kind, subject, period) DO UPDATE SET"
        " state = excluded.state, count = excluded.count, note = excluded.note,"
        " set_by = excluded.set_by, set_at = excluded.set_at",
        (kind, thing.subject, thing.period, state, thing.count, note, by, now),
    )
    subject: dict[str, str | int | None] = {"about": kind, "state": state, "note": note or None}
    subject[_FIELDS[kind]] = thing.subject
    if thing.period:
        subject["period"] = thing.period
    entry_log.act(db, by, Act.ATTENTION_MARKED, subject, now)


_FIELDS = {
    "discrepancy": "discrepancy", "override": "entry", "denials": "serial", "door": "door",
}  # fmt: skip
_THERE = {
    "discrepancy": "SELECT 1 FROM discrepancy WHERE discrepancy_id = ?",
    "override": "SELECT 1 FROM scan WHERE number = ? AND act = 'override'",
    "denials": "SELECT 1 FROM scan WHERE serial = ? AND decision = 'denied'",
    "door": "SELECT 1 FROM door WHERE door_id = ?",
}


def _check(db: Connection, thing: Thing) -> None:
    if db.execute(f"{_THERE[thing.kind.stored]} LIMIT 1", (thing.subject,)).fetchone() is None:
        raise MarkError(N_("it no longer exists. Load the page again."))


def _count(db: Connection, query: str, values: Sequence[str | int]) -> int:
    (total,) = db.execute(f"SELECT COUNT(*) FROM ({query}) AS found", tuple(values)).fetchone()
    return int(total)


def _with_marks(
    table: str, number: str, kind: str, state: str | None
) -> tuple[str, tuple[str | int, ...]]:
    """Return a FROM clause with conditions, joining a table with its marks of a state."""
    mark = f"t.kind = '{kind}' AND t.subject = {number} AND t.period = 0"
    if state in (None, "open"):
        wanted = "" if state is None else " WHERE COALESCE(t.state, 'open') = 'open'"
        return f"{table} LEFT JOIN attention t ON {mark}{wanted or ' WHERE TRUE'}", ()
    return f"attention t CROSS JOIN {table} WHERE {mark} AND t.state = ?", (str(state),)


def _numbers(kind: Kind, state: str | None) -> tuple[str, tuple[str | int, ...]]:
    """Return the query for conflicts (discrepancies from offline scans), or for others, newest
    first.
    """
    source, values = _with_marks("discrepancy n", "n.discrepancy_id", "discrepancy", state)
    away = (
        "EXISTS (SELECT 1 FROM scan s JOIN outage a ON a.kiosk = s.kiosk"
        " AND a.generation = s.generation AND s.seq BETWEEN a.first_seq AND a.last_seq"
        " WHERE s.number = n.number)"
    )
    return (
        f"SELECT n.discrepancy_id FROM {source}"
        f" AND {'' if kind is Kind.CONFLICT else 'NOT '}{away} ORDER BY n.discrepancy_id DESC",
        values,
    )


def _discrepancies(
    db: Connection, kind: Kind, state: str | None, limit: int, offset: int
) -> list[Item]:
    query, values = _numbers(kind, state)
    rows = db.execute(f"{query} LIMIT ? OFFSET ?", (*values, limit, offset)).fetchall()
    page_rows = entries.discrepancies_of(db, [row["discrepancy_id"] for row in rows])
    return [_item(db, Thing(kind, row.discrepancy_id), discrepancy=row) for row in page_rows]


def _override_numbers(state: str | None) -> tuple[str, tuple[str | int, ...]]:
    source, values = _with_marks("scan s", "s.number", "override", state)
    return (
        f"SELECT s.number FROM {source} AND s.act <> 'scan' AND s.act = 'override'"
        " ORDER BY s.number DESC",
        values,
    )


def _overrides(db: Connection, state: str | None, limit: int, offset: int) -> list[Item]:
    query, values = _override_numbers(state)
    rows = db.execute(f"{query} LIMIT ? OFFSET ?", (*values, limit, offset)).fetchall()
    scans = entries.entries_of(db, [row["number"] for row in rows])
    return [_item(db, Thing(Kind.OVERRIDE, scan.number), override=scan) for scan in scans]


def _denied_query(day: Day, state: str | None) -> tuple[str, tuple[str | int, ...]]:
    stands = "CASE WHEN t.state IS NULL OR d.denials > t.count THEN 'open' ELSE t.state END"
    condition = "" if state is None else f" WHERE {stands} = ?"
    values = () if state is None else (state,)
    return (
        "SELECT d.* FROM (SELECT serial, COUNT(*) AS denials, MIN(scanned_at) AS first_at,"
        f" MAX(scanned_at) AS last_at FROM scan {dialect.by_index('scan_denied')}"
        " WHERE decision = 'denied' AND reason <> 'roll_call' AND serial IS NOT NULL"
        " AND scanned_at >= ? AND scanned_at < ? GROUP BY serial HAVING COUNT(*) >= ?) AS d"
        " LEFT JOIN attention t ON t.kind = 'denials' AND t.subject = d.serial AND t.period = ?"
        f"{condition} ORDER BY d.last_at DESC, d.serial",
        (day.since, day.until, DENIALS_MIN, day.number, *values),
    )


def _denials(db: Connection, asked: Asked, limit: int, offset: int) -> list[Item]:
    query, values = _denied_query(asked.day, asked.state)
    rows = db.execute(f"{query} LIMIT ? OFFSET ?", (*values, limit, offset)).fetchall()
    denied = [_denied(db, row, asked.day) for row in rows]
    return [
        _item(db, Thing(Kind.DENIALS, person.serial, asked.day.number, person.count), denied=person)
        for person in denied
    ]


def _denied(db: Connection, row: Row, day: Day) -> Denied:
    serial = row["serial"]
    why = db.execute(
        "SELECT s.reason, d.names, COUNT(*) AS times FROM scan s"
        " LEFT JOIN door d ON d.door_id = s.door_id WHERE s.serial = ? AND s.decision = 'denied'"
        " AND s.reason <> 'roll_call' AND s.scanned_at >= ? AND s.scanned_at < ?"
        " GROUP BY s.reason, s.door_id, d.names ORDER BY 3 DESC, 1",
        (serial, day.since, day.until),
    ).fetchall()
    person = db.execute(
        "SELECT given_name, family_name FROM attendee WHERE serial = ?", (serial,)
    ).fetchone()
    return Denied(
        serial=serial,
        name="" if person is None else whole_name(person["given_name"], person["family_name"]),
        count=row["denials"],
        first_at=row["first_at"],
        last_at=row["last_at"],
        why=tuple(
            (cause["reason"], names_of(cause["names"] or "{}"), cause["times"]) for cause in why
        ),
    )


def _doors(db: Connection, asked: Asked) -> list[Item]:
    rates = denial_rates.unusual(db, asked.day.since, asked.day.until)
    doors = [
        _item(db, Thing(Kind.DOOR, rate.door_id, rate.hour, rate.own.denied), door=rate)
        for rate in rates
    ]
    return [item for item in doors if asked.state in (None, item.mark.state)]


def _item(db: Connection, thing: Thing, **about: Any) -> Item:
    """Return an item with its mark. `about` sets one of its last four fields."""
    row = db.execute(
        "SELECT * FROM attention WHERE kind = ? AND subject = ? AND period = ?",
        (thing.kind.stored, thing.subject, thing.period),
    ).fetchone()
    return Item(thing, OPEN if row is None else _mark(row, thing), **about)


def _mark(row: Row, thing: Thing) -> Mark:
    since = max(0, thing.count - row["count"])
    state = "open" if since else row["state"]
    return Mark(state, row["note"], row["set_by"], row["set_at"], since)
