"""Filters and sorts the list of attendees."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from server.core.people import attendees, search
from server.core.people.attendees import Attendee
from server.core.people.collection import named_between
from server.core.people.folding import folded, readings
from server.storage import dialect
from server.storage.connection import Connection

# Needs `a` (attendee) and `b` (the newest badge).
BADGE_STATES: Mapping[str, str] = {
    "none": "a.revoked_at IS NULL AND b.serial IS NULL",
    "to_print": "a.revoked_at IS NULL AND b.printed = 0",
    "to_collect": "a.revoked_at IS NULL AND b.printed > 0 AND b.collected_at IS NULL",
    "collected": "a.revoked_at IS NULL AND b.collected_at IS NOT NULL",
    "valid": "a.revoked_at IS NULL AND b.serial IS NOT NULL",
    "revoked": "a.revoked_at IS NOT NULL",
}
SORTS: Mapping[str, str] = {
    "name": "a.family_name, a.given_name",
    "organisation": "a.organisation, a.family_name, a.given_name",
    "country": "a.country, a.family_name, a.given_name",
    "category": "a.category, a.family_name, a.given_name",
    "newest": "a.created_at DESC",
}
_BETWEEN = re.compile(r"[\n\r\t,;、，；]")
_FROM = "attendee a"
_WITH_BADGE = (
    "attendee a LEFT JOIN badge b ON b.serial = a.serial"
    " AND b.issue = (SELECT MAX(n.issue) FROM badge n WHERE n.serial = a.serial)"
)
_CAME = (
    "EXISTS (SELECT 1 FROM stay y WHERE y.serial = a.serial"
    " AND (y.closed_by IS NULL OR y.closed_by <> 'annul'){})"
)


@dataclass(frozen=True)
class Filter:
    """An empty field excludes no one."""

    text: str = ""
    category: int | None = None
    organisation: str = ""  # words of any of its names
    country: str = ""  # a code of two letters
    badge: str = ""  # a key of BADGE_STATES
    letters: tuple[str, str] = ("", "")  # first letters of the family name, from and to
    come: bool | None = None
    day: tuple[int, int] | None = None  # the day of coming: begin and end (Unix ms)


@dataclass(frozen=True)
class Condition:
    """The FROM clause, the WHERE clause and its values. `total` is the number of people if it is
    known without counting.
    """

    rows: str
    where: str
    values: tuple[object, ...]
    total: int | None = None


def condition(db: Connection, wanted: Filter) -> Condition:
    """Raises BoxError for invalid letters."""
    rows, where, values = _FROM, ["TRUE"], list[object]()
    total = None
    if wanted.text.strip():
        serials = attendees.matching(db, wanted.text)
        where.append(dialect.one_of("a.serial"))
        values.append(dialect.many(serials))
        total = len(serials) if wanted == Filter(wanted.text) else None
    for words in readings(wanted.organisation)[:1]:
        asked = search.within(words, "organisation")
        where.append("a.serial IN (" + asked.query + ")")
        values += asked.values
    for column, value in (("category", wanted.category), ("country", wanted.country or None)):
        if value is not None:
            where.append(f"a.{column} = ?")
            values.append(value)
    if wanted.badge:
        rows = _WITH_BADGE
        where.append(BADGE_STATES[wanted.badge])
    if any(wanted.letters):
        where.append(dialect.one_of("a.serial"))
        values.append(dialect.many(_named(db, *wanted.letters)))
    if wanted.come is not None or wanted.day is not None:
        when = "" if wanted.day is None else " AND y.opened_at >= ? AND y.opened_at < ?"
        where.append(("NOT " if wanted.come is False else "") + _CAME.format(when))
        values += wanted.day or ()
    return Condition(rows, " AND ".join(where), tuple(values), total)


def page(
    db: Connection, wanted: Condition, sort: str, limit: int, offset: int
) -> tuple[list[Attendee], int]:
    """Return one page of the list, and the number of all people."""
    total = wanted.total
    if total is None:
        (total,) = db.execute(
            f"SELECT COUNT(*) FROM {wanted.rows} WHERE {wanted.where}", wanted.values
        ).fetchone()
    order = f"{SORTS[sort]}, a.serial"
    serials = [
        row["serial"]
        for row in db.execute(
            f"SELECT a.serial FROM {wanted.rows} WHERE {wanted.where} ORDER BY {order}"
            " LIMIT ? OFFSET ?",
            (*wanted.values, limit, offset),
        )
    ]
    return people(db, serials), int(total)


def serials(db: Connection, wanted: Condition) -> list[int]:
    """Return the listed people's serials, by name."""
    order = f"{SORTS['name']}, a.serial"
    rows = db.execute(
        f"SELECT a.serial FROM {wanted.rows} WHERE {wanted.where} ORDER BY {order}",
        wanted.values,
    )
    return [row["serial"] for row in rows]


def people(db: Connection, chosen: Sequence[int]) -> list[Attendee]:
    rows = db.execute(
        f"{attendees.SELECT} WHERE {dialect.one_of('a.serial')}", (dialect.many(chosen),)
    )
    by_serial = {row["serial"]: attendees.attendee_of(row) for row in rows}
    return [by_serial[serial] for serial in chosen if serial in by_serial]


def by_labels(db: Connection, text: str) -> tuple[list[int], list[str]]:
    """Find people by badge numbers or external ids, one a line or separated by commas or spaces.

    Return their serials, and the labels that nobody has.
    """
    found: dict[int, None] = {}
    unknown: list[str] = []
    for part in filter(None, map(str.strip, _BETWEEN.split(text))):
        for label in (part,) if _labelled(db, part) else part.split():
            serial = _labelled(db, label)
            if serial is None:
                unknown.append(label)
            else:
                found[serial] = None
    return list(found), unknown


def _labelled(db: Connection, label: str) -> int | None:
    try:
        return attendees.find_by_label(db, label)
    except attendees.UnknownAttendeeError:
        return None


def collected(db: Connection, chosen: Sequence[int]) -> dict[int, str]:
    """Return the state of each person's newest printed card: a key of BADGE_STATES."""
    rows = db.execute(
        f"SELECT serial, printed, collected_at FROM badge WHERE {dialect.one_of('serial')}"
        " ORDER BY serial, issue",
        (dialect.many(chosen),),
    )
    return {
        row["serial"]: "to_print"
        if not row["printed"]
        else "to_collect"
        if row["collected_at"] is None
        else "collected"
        for row in rows
    }


def countries(db: Connection) -> list[str]:
    rows = db.execute("SELECT DISTINCT country FROM attendee WHERE country <> '' ORDER BY country")
    return [row["country"] for row in rows]


def _named(db: Connection, first: str, last: str) -> list[int]:
    fits = named_between(folded(first), folded(last))
    rows = db.execute("SELECT serial, given_name, family_name FROM attendee")
    return [row["serial"] for row in rows if fits(row["given_name"], row["family_name"])]
