"""Writes the filtered list of attendees as CSV or XLSX."""

from collections.abc import Callable, Iterator, Mapping

from badges.categories import CategoryPlan
from badges.credential.badge_number import badge_number
from server.core.people import attendees
from server.features.attendees.listing import SORTS, Condition
from server.storage.connection import Connection, Row
from server.storage.sheets.csv_cells import csv_chunks
from server.storage.sheets.xlsx_sheets import xlsx_chunks

HEADER = (
    "badge", "id", "given name", "family name", "latin name", "organisation", "job title",
    "country", "category", "email", "phone", "order number", "language", "issue", "printed",
    "collected", "box", "revoked", "first entry", "registered",
)  # fmt: skip
_AT_ONCE = 1_000
_COLUMNS = (
    "a.*, COALESCE(b.issue, 0) AS issue, COALESCE(b.printed, 0) AS printed, b.collected_at,"
    " (SELECT box FROM card_box x WHERE x.serial = a.serial) AS box,"
    " (SELECT MIN(y.opened_at) FROM stay y WHERE y.serial = a.serial) AS first_entry"
)


def pieces(
    db: Connection,
    wanted: Condition,
    sort: str,
    kind: str,
    categories: Mapping[int, CategoryPlan],
    moment: Callable[[int], str],
) -> Iterator[str] | Iterator[bytes]:
    """Yield the file. `moment` writes a time."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM ({attendees.SELECT}) a LEFT JOIN badge b"
        " ON b.serial = a.serial AND b.issue = a.issue"
        f" WHERE a.serial IN (SELECT a.serial FROM {wanted.rows} WHERE {wanted.where})"
        f" ORDER BY {SORTS[sort]}, a.serial",
        wanted.values,
    ).fetchall()
    chunks = (
        [_cells(row, categories, moment) for row in rows[at : at + _AT_ONCE]]
        for at in range(0, len(rows), _AT_ONCE)
    )
    if kind == "csv":
        return csv_chunks(HEADER, chunks)
    return xlsx_chunks("attendees", HEADER, chunks)


def _cells(
    row: Row, categories: Mapping[int, CategoryPlan], moment: Callable[[int], str]
) -> tuple[object, ...]:
    category = categories.get(row["category"])
    times = (row["revoked_at"], row["first_entry"], row["created_at"])
    revoked, entered, registered = ("" if at is None else moment(at) for at in times)
    return (
        badge_number(row["serial"]), row["external_id"] or "", row["given_name"],
        row["family_name"], row["latin_name"], row["organisation"], row["job_title"],
        row["country"], category.key if category else "", row["email"], row["phone"],
        row["order_number"], row["language"], row["issue"], row["printed"],
        "" if row["collected_at"] is None else moment(row["collected_at"]), row["box"] or "",
        revoked, entered, registered,
    )  # fmt: skip
