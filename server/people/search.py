"""Finds people by words that are typed. The words may stand anywhere in names, organisation, e-mail
and external id.

Each attendee's words are stored folded (without case, accents and width) in a narrow table. SQLite
looks through it alone: 100,000 people in a twentieth of a second, while other threads go on. An
index of three-letter pieces is quicker for long words, but not for Chinese names of two characters,
and it more than doubles the file. Triggers note whose words have changed, and whoever changes them
calls `fold`.
"""

import unicodedata

from server.storage import dialect
from server.storage.connection import Connection

SEARCH_CHARS_MAX = 100

# East Asian names are written without a space, and people search for them in either order.
_NAMES = (
    "a.family_name || a.given_name || ' ' || a.given_name || ' ' || a.family_name || ' '"
    " || a.organisation"
)
_CONTACT = "a.email || ' ' || COALESCE(a.external_id, '')"


def folded(text: str) -> str:
    """Return `text` without case and accents, for searching."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text)
    return "".join(char for char in plain if not unicodedata.combining(char)).casefold()


def words(text: str) -> list[str]:
    """Return the words that are asked for, folded, each of them once."""
    return list(dict.fromkeys(folded(text[:SEARCH_CHARS_MAX]).split()))


def fold(db: Connection) -> None:
    """Keep the folded words of everybody who is new or has changed, in the caller's transaction."""
    due = db.execute(
        f"SELECT a.serial, {_NAMES}, {_CONTACT} FROM search_due JOIN attendee a USING (serial)"
    ).fetchall()
    if not due:
        return
    db.executemany(
        "INSERT INTO attendee_search (serial, name, contact) VALUES (?, ?, ?)"
        " ON CONFLICT (serial) DO UPDATE SET name = excluded.name, contact = excluded.contact",
        ((serial, folded(name), folded(contact)) for serial, name, contact in due),
    )
    db.execute("DELETE FROM search_due")


def by_name(wanted: list[str]) -> str:
    """Return a condition on `attendee_search`. It is true where every word is in the names or the
    organisation.

    Its parameters are the words.
    """
    return " AND ".join([dialect.contains("name")] * len(wanted))


def by_anything(wanted: list[str]) -> str:
    """Return the same condition for everything that may be searched."""
    return " AND ".join([dialect.contains("name || ' ' || contact")] * len(wanted))
