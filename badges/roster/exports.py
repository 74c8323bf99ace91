"""The exports of ticket shops and registration systems, recognised by their titles.

An id is made of columns that identify one person permanently. An order's code alone does not,
because an order may have several people.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Export:
    """A registration system's export, by its column titles. Each of our columns has several
    choices of titles, of which the first one present is read. A choice of several titles is read
    together.
    """

    name: str
    marks: tuple[frozenset[str], ...]  # the file has all titles of one of these
    columns: Mapping[str, tuple[tuple[str, ...], ...]]
    statuses: tuple[str, ...] = ()
    status_codes: bool = False  # a status may be one letter, such as p for paid
    quantities: tuple[str, ...] = ()  # titles of the number of tickets of a row


def _choices(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(choice.split(" + ")) for choice in text.split(" | "))


_PRETIX = {
    "external_id": _choices("order code + position id | order code + positionid"),
    "given_name": _choices("attendee name: given name | attendee name: first name"),
    "family_name": _choices("attendee name: family name | attendee name: last name"),
    "name": _choices("attendee name | attendee name: full name"),
    "email": _choices("attendee email | attendee e-mail | e-mail | email"),
    "organisation": _choices("company"),
    "job_title": _choices("job title | position"),
    "country": _choices("country"),
    "category": _choices("product + variation | product"),
    "language": _choices("order locale"),
    "phone": _choices("phone number | phone"),
    "order_number": _choices("order code"),
}
EXPORTS = (
    Export(
        "pretix",
        (
            frozenset({"order code", "position id", "product"}),
            frozenset({"order code", "product", "checked in"}),
        ),
        _PRETIX,
        statuses=("status", "paid"),
        status_codes=True,
    ),
    Export(
        "Eventbrite",
        (
            frozenset({"order #", "ticket type", "attendee #"}),
            frozenset({"order #", "ticket type", "attendee status"}),
            frozenset({"order no.", "ticket type", "attendee no."}),
            frozenset({"order id", "ticket type", "attendee status"}),
        ),
        {
            "external_id": _choices("attendee # | attendee no. | attendee id"),
            "given_name": _choices("attendee first name | first name"),
            "family_name": _choices("attendee last name | attendee surname | last name | surname"),
            "email": _choices("attendee email | email | email address"),
            "organisation": _choices("company"),
            "job_title": _choices("job title"),
            "country": _choices("home country | work country | country"),
            "category": _choices("ticket type"),
            "phone": _choices("cell phone | mobile phone | home phone | work phone | phone"),
            "order_number": _choices("order # | order no. | order id"),
        },
        statuses=("attendee status",),
        quantities=("quantity", "qty", "ticket quantity"),
    ),
    Export(
        "Indico",
        (
            frozenset({"id", "name", "registration state"}),
            frozenset({"id", "name", "registration date"}),
        ),
        {
            "external_id": _choices("id"),
            "given_name": _choices("first name"),
            "family_name": _choices("last name"),
            "name": _choices("name"),
            "email": _choices("email address | email"),
            "organisation": _choices("affiliation"),
            "job_title": _choices("position | job title"),
            "country": _choices("country"),
            "phone": _choices("phone | phone number | telephone"),
            "category": _choices(
                "category | registration type | participant type | type of participant"
                " | registration category"
            ),
        },
        statuses=("registration state",),
    ),
)
# Titles of lists in which a row is an order, without its people.
_ORDERS_ONLY = frozenset({"order code", "order total"})


def export_of(header: Sequence[str]) -> Export | None:
    titles = {plain_title(title) for title in header}
    exports = (export for export in EXPORTS if any(marks <= titles for marks in export.marks))
    return next(exports, None)


def has_orders_only(header: Sequence[str]) -> bool:
    titles = {plain_title(title) for title in header}
    return _ORDERS_ONLY <= titles and "product" not in titles


def export_columns(export: Export, header: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """The indexes of the export's columns. Of two equal titles the first counts, because the
    invoice address comes last.
    """
    titles = [plain_title(title) for title in header]
    columns = {}
    for column, choices in export.columns.items():
        there = (choice for choice in choices if set(choice) <= set(titles))
        choice = next(there, None)
        if choice:
            columns[column] = tuple(titles.index(title) for title in choice)
    return columns


def places(titles: Sequence[str], header: Sequence[str]) -> list[int]:
    """The index of the first column with each of these titles. Missing ones are left out."""
    plain = [plain_title(title) for title in header]
    return [plain.index(title) for title in titles if title in plain]


def plain_title(title: str) -> str:
    """Normalise case, width and spaces of a title, but keep its signs."""
    return " ".join(unicodedata.normalize("NFKC", title).casefold().split())
