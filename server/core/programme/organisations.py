"""Organisations of attendees and exhibitors, which also host activities.

An attendee belongs to the organisation whose name is on the card.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from badges.roster.same_name import name_key
from server.core.people.attendees import SELECT, Attendee, attendee_of
from server.core.people.folding import folded, readings
from server.storage import dialect
from server.storage.connection import Connection, Row
from server.storage.localized import names_of

KINDS = (
    "company", "university", "institute", "international", "government", "association", "media",
    "other",
)  # fmt: skip
_COUNTED = (
    "SELECT o.*, (SELECT COUNT(*) FROM attendee a WHERE a.organisation_id = o.organisation_id)"
    " AS people FROM organisation o"
)


class UnknownOrganisationError(ValueError):
    pass


@dataclass(frozen=True)
class Organisation:
    """`people` counts the attendees."""

    organisation_id: int
    code: str
    names: dict[str, str]
    country: str  # ISO 3166, or ""
    kind: str  # a value of KINDS
    other_names: tuple[str, ...]  # from rosters and lists; not shown on pages
    people: int

    @property
    def all_names(self) -> tuple[str, ...]:
        return (*self.names.values(), *self.other_names)


def organisations(db: Connection) -> list[Organisation]:
    return [_organisation(row) for row in db.execute(f"{_COUNTED} ORDER BY o.code")]


@dataclass(frozen=True)
class OrganisationFilter:
    """A filter for organisations. None matches any."""

    kind: str | None = None
    country: str | None = None
    text: str | None = None  # words of its code and names, ignoring case and accents


def find_organisations(
    db: Connection, wanted: OrganisationFilter, limit: int, offset: int
) -> tuple[list[Organisation], int]:
    """Return a page sorted by code, and the total count."""
    asked = {"o.kind = ?": wanted.kind, "o.country = ?": wanted.country}
    if wanted.text and wanted.text.strip():
        asked[dialect.one_of("o.organisation_id")] = dialect.many(_called(db, wanted.text))
    filters = {condition: value for condition, value in asked.items() if value is not None}
    where = f" WHERE {' AND '.join(filters)}" if filters else ""
    values = tuple(filters.values())
    (total,) = db.execute(f"SELECT COUNT(*) FROM organisation o{where}", values).fetchone()
    rows = db.execute(
        f"{_COUNTED}{where} ORDER BY o.code LIMIT ? OFFSET ?", (*values, limit, offset)
    )
    return [_organisation(row) for row in rows], total


def _called(db: Connection, text: str) -> list[int]:
    """Find all these words in code or names, in any case and width."""
    asked = readings(text)[:1]
    rows = db.execute("SELECT organisation_id, code, names, other_names FROM organisation")
    return [
        row["organisation_id"]
        for row in rows.fetchall()
        if asked and all(word in _words(row) for word in asked[0])
    ]


def _words(row: Row) -> str:
    names = [row["code"], *names_of(row["names"]).values(), *json.loads(row["other_names"])]
    return "\n".join(map(folded, names))


def countries_of_organisations(db: Connection) -> list[str]:
    rows = db.execute("SELECT DISTINCT country FROM organisation WHERE country <> ''")
    return sorted(row["country"] for row in rows)


def people_of(db: Connection, organisation_id: int, limit: int, offset: int) -> list[Attendee]:
    rows = db.execute(
        f"{SELECT} WHERE a.organisation_id = ?"
        " ORDER BY a.family_name, a.given_name, a.serial LIMIT ? OFFSET ?",
        (organisation_id, limit, offset),
    )
    return [attendee_of(row) for row in rows]


def organisation(db: Connection, code: str) -> Organisation:
    row = db.execute(f"{_COUNTED} WHERE o.code = ?", (code,)).fetchone()
    if row is None:
        raise UnknownOrganisationError(f"organisation {code}")
    return _organisation(row)


def _organisation(row: Row) -> Organisation:
    others = tuple(json.loads(row["other_names"]))
    return Organisation(**{**dict(row), "names": names_of(row["names"]), "other_names": others})


def link_people(db: Connection) -> int:
    """Link attendees to the organisation named on their card, and return how many changed.

    A name shared by two organisations links nobody. `db` must be in a transaction.
    """
    ids = organisations_by_name(db)
    printed = db.execute(
        "SELECT DISTINCT organisation, organisation_id FROM attendee WHERE organisation <> ''"
    ).fetchall()
    due = [
        (wanted, row["organisation"], wanted)
        for row in printed
        if (wanted := ids.get(name_key("", row["organisation"]))) != row["organisation_id"]
    ]
    return _link(db, due)


def organisations_by_name(db: Connection) -> dict[str, int | None]:
    """Return organisations' ids by name (normalised by `badges.roster.same_name`), None for a name
    shared by two.

    An organisation's main name has precedence over others' further names.
    """
    rows = db.execute("SELECT organisation_id, names, other_names FROM organisation").fetchall()
    others = _known((row["organisation_id"], json.loads(row["other_names"])) for row in rows)
    return others | _known(
        (row["organisation_id"], names_of(row["names"]).values()) for row in rows
    )


def _known(named: Iterable[tuple[int, Iterable[str]]]) -> dict[str, int | None]:
    ids: dict[str, int | None] = {}
    for number, names in named:
        for key in {name_key("", name) for name in names}:
            if ids.setdefault(key, number) != number:
                ids[key] = None
    return ids


def _link(db: Connection, due: Iterable[tuple[int | None, str, int | None]]) -> int:
    return max(
        0,
        db.executemany(
            "UPDATE attendee SET organisation_id = ? WHERE organisation = ?"
            f" AND {dialect.differs('organisation_id', '?')}",
            due,
        ).rowcount,
    )
