"""Finds people for the badge desk, from one box in which anything that is known of them is typed or
scanned.
"""

from dataclasses import dataclass

from server.people import attendees, cards
from server.people.attendees import Attendee
from server.storage import dialect
from server.storage.connection import Connection


@dataclass(frozen=True)
class Hit:
    """Holds what a list shows of somebody who was found."""

    serial: int
    name: str
    latin: str  # The name in Latin letters, from the roster or made here, or "".
    organisation: str
    category: int
    issue: int  # The newest badge, or 0 where there is none.
    printed: bool  # Whether the newest badge was printed.
    revoked: bool


@dataclass(frozen=True)
class Found:
    """Holds who was found, the best first, and whether there are more."""

    people: list[Hit]
    more: bool


def find(db: Connection, text: str, *, limit: int) -> Found:
    """Find the people whom `text` means, at most `limit` of them."""
    if not text.strip():
        return Found([], more=False)
    people, total = attendees.find_attendees(db, text, limit)
    printed = _printed(db, people)
    hits = [_hit(one, one.serial in printed) for one in people]
    return Found(hits, more=total > len(hits))


def _printed(db: Connection, people: list[Attendee]) -> set[int]:
    """Return the serials of those whose newest badge was printed."""
    issues = {one.serial: one.issue for one in people}
    rows = db.execute(
        f"SELECT serial, issue FROM badge WHERE printed > 0 AND {dialect.one_of('serial')}",
        (dialect.many(issues),),
    )
    return {row["serial"] for row in rows if issues[row["serial"]] == row["issue"]}


def _hit(one: Attendee, printed: bool) -> Hit:
    return Hit(
        serial=one.serial,
        name=one.name,
        latin=cards.latin_line(one)[0],
        organisation=one.organisation,
        category=one.category,
        issue=one.issue,
        printed=printed,
        revoked=one.revoked_at is not None,
    )
