"""Finds people by words that are typed. The words may stand anywhere in names, organisation, e-mail
and external id.

Each attendee's words are stored folded (without case, accents and width) in a narrow table. SQLite
looks through it alone: 100,000 people in a twentieth of a second, while other threads go on. An
index of three-letter pieces is quicker for long words, but not for Chinese names of two characters,
and it more than doubles the file. Triggers note whose words have changed, and whoever changes them
calls `fold`.
"""

import unicodedata
from collections.abc import Callable

from server.storage import dialect
from server.storage.connection import Connection
from server.storage.tables import insert_many

SEARCH_CHARS_MAX = 100
FOLDED_TOGETHER = 2_000

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


def fold(db: Connection, limit: int = -1) -> int:
    """Keep the folded words of everybody who is new or has changed, in the caller's transaction.

    `limit` is how many at most, and a negative one stands for all. Returns how many it were.
    """
    due = db.execute(
        f"SELECT a.serial, {_NAMES}, {_CONTACT} FROM search_due JOIN attendee a USING (serial)"
        " LIMIT ?",
        (limit,),
    ).fetchall()
    if not due:
        return 0
    serials = dialect.many(serial for serial, _, _ in due)
    db.execute(f"DELETE FROM attendee_search WHERE {dialect.one_of('serial')}", (serials,))
    rows = [(serial, folded(name), folded(contact)) for serial, name, contact in due]
    insert_many(db, "attendee_search", ("serial", "name", "contact"), rows)
    db.execute(f"DELETE FROM search_due WHERE {dialect.one_of('serial')}", (serials,))
    return len(due)


def fold_all(write: Callable[[Callable[[Connection], int]], int]) -> None:
    """Keep everybody's folded words, some people at a time, so that others can write in between.

    `write` runs a step in a transaction of its own. If it ends before everybody is through, the
    next start of the server goes on.
    """
    while write(lambda db: fold(db, FOLDED_TOGETHER)) == FOLDED_TOGETHER:
        pass


def by_name(wanted: list[str]) -> str:
    """Return a condition on `attendee_search`. It is true where every word is in the names or the
    organisation.

    Its parameters are the words.
    """
    return " AND ".join([dialect.contains("name")] * len(wanted))


def by_anything(wanted: list[str]) -> str:
    """Return the same condition for everything that may be searched."""
    return " AND ".join([dialect.contains("name || ' ' || contact")] * len(wanted))
