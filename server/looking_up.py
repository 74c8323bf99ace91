"""Who somebody is whose badge is lost: a supervisor at a door asks, by name or organisation.

That somebody asked goes into the entry log, with how many answers there were; what they asked for
is kept nowhere.
"""

import sqlite3

from badges.places import KioskKey
from badges.supervising import PEOPLE_MAX, Found, PersonFacts
from badges.wire import HolderName
from server import entry_log
from server.attendees import folded, whole_name

LOOKUPS_MAX = 30  # by one kiosk within `WINDOW_MS`
WINDOW_MS = 10 * 60_000

# East Asian names are written without a space, and asked for in either order.
_SEARCHED = (
    "folded(a.family_name || a.given_name || ' ' || a.given_name || ' ' || a.family_name || ' '"
    " || a.organisation)"
)


def look_up(db: sqlite3.Connection, text: str) -> Found:
    """People with a badge in whose name and organisation every word of `text` is found, whatever
    its case, its accents and the order.
    """
    words = folded(text).split()
    if not words:
        return Found([], more=False)
    db.create_function("folded", 1, folded, deterministic=True)
    found = " AND ".join(f"instr({_SEARCHED}, ?) > 0" for _ in words)
    rows = db.execute(
        "SELECT a.serial, MAX(b.issue), a.category, a.valid_days, a.zones, a.flags, a.given_name,"
        " a.family_name, a.organisation, a.country FROM attendee a JOIN badge b USING (serial)"
        f" WHERE {found} GROUP BY a.serial ORDER BY a.family_name, a.given_name, a.serial LIMIT ?",
        (*words, PEOPLE_MAX + 1),
    ).fetchall()
    return Found([_person(row) for row in rows[:PEOPLE_MAX]], more=len(rows) > PEOPLE_MAX)


def note(db: sqlite3.Connection, kiosk: KioskKey, answers: int, *, by: str, now: int) -> None:
    """That a supervisor asked, and got so many answers."""
    name, generation = kiosk
    subject: dict[str, str | int | None] = {
        "kiosk": name,
        "generation": generation,
        "answers": answers,
    }
    entry_log.act(db, by, "people_looked_up", subject, now)


def _person(row: sqlite3.Row) -> PersonFacts:
    return PersonFacts(
        serial=row[0],
        issue=row[1],
        category=row[2],
        valid_days=row[3],
        zones=row[4],
        flags=row[5],
        holder=HolderName(whole_name(row[6], row[7]), row[8], row[9]),
    )


class Budget:
    """How often each kiosk has asked of late. One thread at a time: the writer's."""

    def __init__(self) -> None:
        self._asked_at: dict[KioskKey, list[int]] = {}

    def take(self, kiosk: KioskKey, now: int) -> bool:
        """Whether the kiosk may ask once more."""
        recent = [at for at in self._asked_at.get(kiosk, []) if now - at < WINDOW_MS]
        allowed = len(recent) < LOOKUPS_MAX
        self._asked_at[kiosk] = [*recent, now] if allowed else recent
        return allowed
