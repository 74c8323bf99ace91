"""Writes everyone's link as CSV, for mailings by another program. Each link opens a badge."""

from collections.abc import Iterator

from badges.credential.badge_number import badge_number
from badges.i18n import N_
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.directory import Event
from server.core.people.attendees import whole_name
from server.core.people.phone_token import phone_token
from server.features.wallet.links import links_of
from server.storage.connection import Connection
from server.storage.sheets.csv_cells import csv_chunks

NOTE = N_("This file has personal data, and each link gives access to a badge: keep it private.")
HEADER = (
    "badge", "id", "name", "given name", "family name", "organisation", "e-mail", "language",
    "link", "calendar",
)  # fmt: skip
_AT_ONCE = 1_000


def links(db: Connection, event: Event) -> list[tuple[object, ...]]:
    rows = db.execute(
        "SELECT a.serial, a.external_id, a.given_name, a.family_name, a.organisation, a.email,"
        " a.language, MAX(b.issue) AS issue, COALESCE(p.number, 0) AS link"
        " FROM attendee a JOIN badge b ON b.serial = a.serial"
        " LEFT JOIN phone_link p ON p.serial = a.serial"
        " WHERE a.revoked_at IS NULL AND p.revoked_at IS NULL GROUP BY a.serial, a.external_id,"
        " a.given_name, a.family_name, a.organisation, a.email, a.language, p.number"
        " ORDER BY a.family_name, a.given_name, a.serial"
    )
    table: list[tuple[object, ...]] = []
    for row in rows:
        token = phone_token(event, row["serial"], row["issue"], row["link"])
        addresses = links_of(event, token)
        name = whole_name(row["given_name"], row["family_name"])
        table.append(
            (
                badge_number(row["serial"]), row["external_id"] or "", name, row["given_name"],
                row["family_name"], row["organisation"], row["email"], row["language"],
                addresses.badge, addresses.calendar,
            )
        )  # fmt: skip
    return table


def csv_lines(rows: list[tuple[object, ...]]) -> Iterator[str]:
    """Format the rows of `links`, guarding cells against formulas."""
    return csv_chunks(HEADER, (rows[at : at + _AT_ONCE] for at in range(0, len(rows), _AT_ONCE)))


def note_exported(db: Connection, count: int, *, by: str, now: int) -> None:
    entry_log.act(db, by, Act.LINKS_EXPORTED, {"count": count}, now)
