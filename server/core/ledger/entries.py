"""Lists scans and discrepancies for pages.

Pages are keyed by the ledger's number, so a late page costs as much as the first. `entries_files`
exports them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from badges.admission.facts import Reason
from server.core.ledger import finding
from server.core.ledger.finding import Filter
from server.core.people.attendees import whole_name
from server.storage import dialect
from server.storage.connection import Connection, Row
from server.storage.localized import shared_names

PAGE_ROWS = 50
REASONS = tuple(str(reason) for reason in Reason)


@dataclass(frozen=True)
class Entry:
    """A scan, with the current names of its hall, door and so on. `name` is "" for an unknown
    serial.

    `by` is the supervisor's account name, and `note` the reason they typed. Both are "" without a
    supervisor.
    """

    number: int
    kiosk: str
    generation: int
    seq: int
    act: str
    direction: str
    door_id: int
    door_names: dict[str, str]
    hall_id: int
    hall_names: dict[str, str]
    serial: int | None
    issue: int | None
    category: int | None
    category_names: dict[str, str]
    session_id: int | None
    session_titles: dict[str, str]
    decision: str
    reason: str | None
    flags: str
    scanned_at: int
    received_at: int
    skew_ms: int | None
    facts_age_ms: int | None
    quarantined: bool
    by: str
    note: str
    name: str
    organisation: str


@dataclass(frozen=True)
class Page:
    """A page of entries, newest first. `older` and `newer` are the numbers at which the
    neighbouring pages start, or None.
    """

    entries: list[Entry]
    older: int | None
    newer: int | None


@dataclass(frozen=True)
class ScanSite:
    number: int
    door_names: dict[str, str]
    hall_names: dict[str, str]
    kiosk: str
    generation: int
    scanned_at: int


@dataclass(frozen=True)
class Discrepancy:
    """A scan (`at`) which the server would have answered differently. `reason` is the server's
    reason to deny, or `admitted`.

    `decision` and `door_reason` are the door's answer. `other` is the conflicting scan.
    """

    discrepancy_id: int
    reason: str
    noticed_at: int
    serial: int | None
    decision: str
    door_reason: str | None
    at: ScanSite
    other: ScanSite | None


SELECT_ENTRY = (
    "SELECT s.number, s.kiosk, s.generation, s.seq, s.act, s.direction, s.door_id,"
    " d.names AS door_names, s.hall_id, h.names AS hall_names, s.serial, s.issue, s.category,"
    " c.names AS category_names, s.session_id, x.titles AS session_titles, s.decision, s.reason,"
    " s.flags, s.scanned_at, s.received_at, s.skew_ms, s.facts_age_ms, s.quarantined,"
    # An id of no user is shown as sent by the kiosk.
    " CASE WHEN s.supervisor IS NULL THEN '' ELSE COALESCE((SELECT u.name FROM staff_user u"
    " WHERE 'user:' || u.user_id = s.supervisor), s.supervisor) END AS \"by\","
    " COALESCE(s.note, '') AS note,"
    " COALESCE(a.given_name, '') AS given_name, COALESCE(a.family_name, '') AS family_name,"
    " COALESCE(a.organisation, '') AS organisation"
    " FROM scan s LEFT JOIN door d USING (door_id) LEFT JOIN hall h ON h.hall_id = s.hall_id"
    " LEFT JOIN category c ON c.category = s.category"
    " LEFT JOIN session x ON x.session_id = s.session_id"
    " LEFT JOIN attendee a ON a.serial = s.serial"
)


def page(
    db: Connection,
    wanted: Filter,
    *,
    before: int | None = None,
    after: int | None = None,
    rows: int = PAGE_ROWS,
) -> Page:
    """Return entries below the number `before` or above `after`."""
    upwards = after is not None and before is None
    start = 0 if after is None or not upwards else after + 1
    end = newest_number(db) + 1
    if before is not None and not upwards:
        end = min(end, before)
    numbers = list(islice(finding.numbers(db, wanted, start, end, upwards=upwards), rows + 1))
    more = len(numbers) > rows
    entries = entries_of(db, numbers[:rows])
    behind = before is not None if not upwards else more
    ahead = more if not upwards else after is not None
    return Page(
        entries,
        older=entries[-1].number if entries and ahead else None,
        newer=entries[0].number if entries and behind else None,
    )


def found(db: Connection, wanted: Filter, end: int, chunk_rows: int) -> Iterator[list[Entry]]:
    """Yield entries with numbers below `end` in chunks, oldest first."""
    numbers = finding.numbers(db, wanted, 0, end, upwards=True)
    while chunk := list(islice(numbers, chunk_rows)):
        yield entries_of(db, chunk)[::-1]


def entries_of(db: Connection, numbers: Sequence[int]) -> list[Entry]:
    """Newest first. Numbers without a scan are left out."""
    rows = db.execute(
        f"{SELECT_ENTRY} WHERE {dialect.one_of('s.number')} ORDER BY s.number DESC",
        (dialect.many(numbers),),
    ).fetchall()
    return [entry_of(row) for row in rows]


def latest(db: Connection, rows: int) -> list[Entry]:
    return page(db, Filter(), rows=rows).entries


def newest_number(db: Connection) -> int:
    """Return -1 before the first scan."""
    (number,) = db.execute("SELECT COALESCE(MAX(number), -1) FROM scan").fetchone()
    return int(number)


def scans_since(db: Connection, number: int) -> tuple[dict[tuple[str, str], int], int]:
    """Count scans after `number`, by decision and reason, and return the newest number."""
    rows = db.execute(
        "SELECT decision, COALESCE(reason, '') AS reason, COUNT(*) AS count,"
        " MAX(number) AS newest FROM scan WHERE number > ? GROUP BY 1, 2",
        (number,),
    ).fetchall()
    newest = max((row["newest"] for row in rows), default=number)
    return {(row["decision"], row["reason"]): row["count"] for row in rows}, newest


def kiosks(db: Connection) -> list[str]:
    rows = db.execute("SELECT DISTINCT kiosk FROM kiosk ORDER BY kiosk")
    return [row[0] for row in rows.fetchall()]


def sessions_called(db: Connection, text: str) -> tuple[int, ...]:
    """Return the session with this code, else those with the text in a title."""
    rows = db.execute("SELECT session_id, code, titles FROM session ORDER BY session_id").fetchall()
    exact = tuple(row[0] for row in rows if row[1] == text)
    wanted = text.casefold()
    return exact or tuple(
        row[0] for row in rows
        if any(wanted in title.casefold() for title in shared_names(row[2]).values())
    )  # fmt: skip


def discrepancies(db: Connection, limit: int = 100) -> list[Discrepancy]:
    """Newest first."""
    rows = db.execute(f"{_SELECT_DISCREPANCY} ORDER BY n.discrepancy_id DESC LIMIT ?", (limit,))
    return [_discrepancy(row) for row in rows]


def discrepancies_of(db: Connection, numbers: Sequence[int]) -> list[Discrepancy]:
    """Newest first. Missing numbers are left out."""
    rows = db.execute(
        f"{_SELECT_DISCREPANCY} WHERE {dialect.one_of('n.discrepancy_id')}"
        " ORDER BY n.discrepancy_id DESC",
        (dialect.many(numbers),),
    )
    return [_discrepancy(row) for row in rows]


def discrepancy_count(db: Connection) -> int:
    (count,) = db.execute("SELECT COUNT(*) FROM discrepancy").fetchone()
    return int(count)


def entry_of(row: Row) -> Entry:
    values = dict(row)
    for key in ("door_names", "hall_names", "category_names", "session_titles"):
        values[key] = shared_names(values[key])
    values["name"] = whole_name(values.pop("given_name"), values.pop("family_name"))
    values["quarantined"] = bool(values["quarantined"])
    return Entry(**values)


# Columns of the scan, and of the other scan with the prefix `other_`.
_SITES = (
    "s.number, sd.names AS door_names, sh.names AS hall_names, s.kiosk, s.generation,"
    " s.scanned_at,"
    " o.number AS other_number, od.names AS other_door_names, oh.names AS other_hall_names,"
    " o.kiosk AS other_kiosk, o.generation AS other_generation, o.scanned_at AS other_scanned_at"
)


_SELECT_DISCREPANCY = (
    "SELECT n.discrepancy_id, n.reason, n.noticed_at, s.serial, s.decision,"
    f" s.reason AS door_reason, {_SITES}"
    " FROM discrepancy n JOIN scan s ON s.number = n.number"
    " LEFT JOIN door sd ON sd.door_id = s.door_id"
    " LEFT JOIN hall sh ON sh.hall_id = s.hall_id"
    " LEFT JOIN scan o ON o.number = n.other_number"
    " LEFT JOIN door od ON od.door_id = o.door_id"
    " LEFT JOIN hall oh ON oh.hall_id = o.hall_id"
)


def _discrepancy(row: Row) -> Discrepancy:
    return Discrepancy(
        discrepancy_id=row["discrepancy_id"],
        reason=row["reason"],
        noticed_at=row["noticed_at"],
        serial=row["serial"],
        decision=row["decision"],
        door_reason=row["door_reason"],
        at=_site(row),
        other=None if row["other_number"] is None else _site(row, "other_"),
    )


def _site(row: Row, prefix: str = "") -> ScanSite:
    return ScanSite(
        number=row[f"{prefix}number"],
        door_names=shared_names(row[f"{prefix}door_names"]),
        hall_names=shared_names(row[f"{prefix}hall_names"]),
        kiosk=row[f"{prefix}kiosk"],
        generation=row[f"{prefix}generation"],
        scanned_at=row[f"{prefix}scanned_at"],
    )
