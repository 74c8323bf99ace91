"""People found by what is typed: words anywhere in names, organisation, e-mail and external id.

Each attendee's words stand folded (without case, accents and width) in a narrow table, which SQLite
looks through by itself: 100,000 people in a twentieth of a second, while other threads go on. An
index of three-letter pieces is quicker for long words, but not for Chinese names of two characters,
and more than doubles the file. Triggers note whose words have changed, and whoever changes them
calls `fold`.
"""

import unicodedata

from server.storage import dialect
from server.storage.connection import Connection

SEARCH_CHARS_MAX = 100

# East Asian names are written without a space, and asked for in either order.
_NAMES = (
    "a.family_name || a.given_name || ' ' || a.given_name || ' ' || a.family_name || ' '"
    " || a.organisation"
)
_CONTACT = "a.email || ' ' || COALESCE(a.external_id, '')"


def folded(text: str) -> str:
    """`text` without case and accents, for searching."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text)
    return "".join(char for char in plain if not unicodedata.combining(char)).casefold()


def words(text: str) -> list[str]:
    """What is asked for, folded, each word once."""
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
    """A condition on `attendee_search`: every word is in the names or the organisation.

    Its parameters are the words.
    """
    return " AND ".join([dialect.contains("name")] * len(wanted))


def by_anything(wanted: list[str]) -> str:
    """The same in all that may be searched."""
    return " AND ".join([dialect.contains("name || ' ' || contact")] * len(wanted))
