"""Filters of the pages of entries and of acts, saved by users under a name.

A filter is the query string of an address, so opening it is following a link. Its owner may share
it with all users of the page.
"""

from dataclasses import dataclass

from badges.i18n import N_, Spoken
from server.storage.connection import Connection

NAME_CHARS_MAX = 60
QUERY_CHARS_MAX = 2_000
EACH_MAX = 50


class SavedFilterError(Spoken, ValueError):
    """The filter can't be saved or removed. The text gives the reason."""


@dataclass(frozen=True)
class SavedFilter:
    filter_id: int
    user_id: int
    owner: str
    name: str
    query: str
    shared: bool


def visible(db: Connection, page: str, user_id: int) -> list[SavedFilter]:
    """Return the page's filters that the user may see: their own by name, then shared ones."""
    rows = db.execute(
        "SELECT f.filter_id, f.user_id, u.name AS owner, f.name, f.query, f.shared"
        " FROM saved_filter f JOIN staff_user u USING (user_id)"
        " WHERE f.page = ? AND (f.user_id = ? OR f.shared = 1)"
        " ORDER BY f.user_id <> ?, f.name, f.filter_id",
        (page, user_id, user_id),
    ).fetchall()
    return [SavedFilter(row[0], row[1], row[2], row[3], row[4], bool(row[5])) for row in rows]


def save(
    db: Connection, page: str, user_id: int, name: str, query: str, *, shared: bool, now: int
) -> int:
    """Replaces the user's filter of that name. Raises SavedFilterError."""
    name = " ".join(name.split())
    if not 0 < len(name) <= NAME_CHARS_MAX or not name.isprintable():
        raise SavedFilterError(
            N_("Nothing was saved: give the filter a name of at most %(most)s characters."),
            most=NAME_CHARS_MAX,
        )
    if not query:
        raise SavedFilterError(N_("Nothing was saved: choose something to filter by first."))
    if len(query) > QUERY_CHARS_MAX:
        raise SavedFilterError(N_("Nothing was saved: this filter is too long."))
    (others,) = db.execute(
        "SELECT COUNT(*) FROM saved_filter WHERE user_id = ? AND NOT (page = ? AND name = ?)",
        (user_id, page, name),
    ).fetchone()
    if others >= EACH_MAX:
        raise SavedFilterError(
            N_("Nothing was saved: you have %(most)s filters. Remove one first."), most=EACH_MAX
        )
    row = db.execute(
        "INSERT INTO saved_filter (user_id, page, name, query, shared, made_at)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (user_id, page, name) DO UPDATE SET"
        " query = excluded.query, shared = excluded.shared, made_at = excluded.made_at"
        " RETURNING filter_id",
        (user_id, page, name, query, int(shared), now),
    ).fetchone()
    return int(row[0])


def remove(db: Connection, filter_id: int, user_id: int, *, any_owner: bool) -> str:
    """Remove a filter and return its page. `any_owner` includes others' shared filters. Raises
    SavedFilterError.
    """
    row = db.execute(
        "SELECT page FROM saved_filter WHERE filter_id = ?"
        " AND (user_id = ? OR (shared = 1 AND ? = 1))",
        (filter_id, user_id, int(any_owner)),
    ).fetchone()
    if row is None:
        raise SavedFilterError(N_("Nothing was removed: you have no such filter."))
    db.execute("DELETE FROM saved_filter WHERE filter_id = ?", (filter_id,))
    return str(row[0])
