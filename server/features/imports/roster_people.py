"""The event's people, as the import of a roster compares them with its rows."""

from dataclasses import dataclass
from typing import NamedTuple

from badges.credential.badge_number import badge_number
from badges.i18n import Phrase, joined
from badges.roster.problems import shown
from server.core.entry_log import entry_log
from server.core.people.attendees import whole_name
from server.storage import dialect
from server.storage.connection import Connection


class RosterValues(NamedTuple):
    """The values that a roster gives an attendee, named like the columns of the table."""

    external_id: str | None
    given_name: str
    family_name: str
    organisation: str
    country: str
    email: str
    category: int
    valid_days: int
    zones: int
    language: str
    latin_name: str = ""
    phone: str = ""
    order_number: str = ""
    job_title: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    serial: int
    values: RosterValues
    revoked_at: int | None
    issue: int  # 0: no badge
    at_desk: bool  # registered at the desk, not yet on a roster

    @property
    def external_id(self) -> str:
        return self.values.external_id or ""

    @property
    def names(self) -> tuple[str, str]:
        return self.values.given_name, self.values.family_name

    @property
    def email(self) -> str:
        return self.values.email


def load_people(db: Connection) -> dict[int, Person]:
    desk = {
        row[0]
        for row in db.execute(
            f"SELECT {dialect.in_json('body', 'subject', 'serial')} FROM leaf"
            f" WHERE {entry_log.ACTS} AND {dialect.in_json('body', 'act')} = 'attendee_added'"
        )
    }
    issues = dict(db.execute("SELECT serial, MAX(issue) FROM badge GROUP BY serial").fetchall())
    return {
        row["serial"]: Person(
            serial=row["serial"],
            values=RosterValues(*(row[name] for name in RosterValues._fields)),
            revoked_at=row["revoked_at"],
            issue=issues.get(row["serial"], 0),
            at_desk=row["serial"] in desk,
        )
        for row in db.execute(
            f"SELECT serial, revoked_at, {', '.join(RosterValues._fields)}"
            " FROM attendee ORDER BY serial"
        )
    }


def described(person: Person) -> str:
    """Return a person's name, id or e-mail, and badge."""
    name = joined(
        "", [shown(whole_name(*person.names), 80), known_by(person.external_id, person.email)]
    )
    if not person.issue:
        if person.revoked_at is None:
            return Phrase("%(who)s (no badge yet)", who=name)
        return Phrase("%(who)s (no badge yet, revoked)", who=name)
    number = badge_number(person.serial)
    if person.revoked_at is None:
        return Phrase("%(who)s (badge %(number)s)", who=name, number=number)
    return Phrase("%(who)s (badge %(number)s, revoked)", who=name, number=number)


def known_by(external_id: str, email: str) -> str:
    """Return the id or else the e-mail of a person, to follow the name, or ""."""
    if external_id:
        return Phrase(", id %(id)s", id=shown(external_id))
    return f", {email}" if email else ""
