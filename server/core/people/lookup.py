"""Finds attendees without their badge, for a supervisor at a door.

The entry log records the search and its number of results, but not the text.
"""

from msgspec import UNSET

from badges.places.pool import KioskKey
from badges.wire.supervisor import PEOPLE_MAX, Found, PersonFacts
from badges.wire.wire import HolderName
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.entry_log.entry_log import Subject
from server.core.people import search, twins
from server.core.people.attendees import whole_name
from server.core.people.folding import readings
from server.storage.connection import Connection, Row

LOOKUPS_MAX = 30  # by one kiosk within `WINDOW_MS`
WINDOW_MS = 10 * 60_000
HINT_CHARS = 2  # A stolen kiosk shows that much of an e-mail, a telephone or an order number.


def look_up(db: Connection, text: str) -> Found:
    """Find people with a badge by all words of name, pinyin or organisation."""
    words = readings(text)
    if not words:
        return Found([], more=False)
    rows = _rows(db, search.anywhere(words[0], named=True))
    if not rows and (like := search.alike(words[0], named=True)):
        rows = _rows(db, like)
    shown = rows[:PEOPLE_MAX]
    alike = twins.namesakes({row["serial"]: _name(row) for row in shown})
    people = [_person(row, row["serial"] in alike) for row in shown]
    return Found(people, more=len(rows) > PEOPLE_MAX)


def _rows(db: Connection, matching: search.Wanted) -> list[Row]:
    return db.execute(
        f"WITH found AS MATERIALIZED ({matching.query})"
        " SELECT a.serial, (SELECT MAX(b.issue) FROM badge b WHERE b.serial = a.serial) AS issue,"
        " a.category, a.valid_days, a.zones, a.flags, a.given_name, a.family_name, a.organisation,"
        " a.country, a.email, a.phone, a.order_number FROM found CROSS JOIN attendee a"
        " WHERE a.serial = found.serial"
        " AND EXISTS (SELECT 1 FROM badge b WHERE b.serial = a.serial)"
        " ORDER BY a.family_name, a.given_name, a.serial LIMIT ?",
        (*matching.values, PEOPLE_MAX + 1),
    ).fetchall()


def note(db: Connection, kiosk: KioskKey, answers: int, *, by: str, now: int) -> None:
    name, generation = kiosk
    subject: Subject = {"kiosk": name, "generation": generation, "answers": answers}
    entry_log.act(db, by, Act.PEOPLE_LOOKED_UP, subject, now)


def _name(row: Row) -> str:
    return whole_name(row["given_name"], row["family_name"])


def _person(row: Row, is_alike: bool) -> PersonFacts:
    hints = twins.known(
        (
            twins.email_start(row["email"], HINT_CHARS),
            twins.phone_end(row["phone"], HINT_CHARS),
            twins.order_end(row["order_number"], HINT_CHARS),
        )
    )
    return PersonFacts(
        serial=row["serial"],
        issue=row["issue"],
        category=row["category"],
        valid_days=row["valid_days"],
        zones=row["zones"],
        flags=row["flags"],
        holder=HolderName(_name(row), row["organisation"], row["country"]),
        hints=hints if is_alike and hints else UNSET,
    )
