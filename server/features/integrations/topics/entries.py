"""Reports entries and denials, up to 100 in a message."""

from badges.i18n import N_
from server.features.integrations.entries import entries_from
from server.features.integrations.topics.topic import Content, Leaves, Topic
from server.storage.connection import Connection

TOGETHER_MAX = 100


def _first(db: Connection, first: int, end: int) -> int | None:
    row = db.execute(
        "SELECT MIN(number) AS number FROM scan WHERE number >= ? AND number < ?", (first, end)
    ).fetchone()
    number: int | None = row["number"]
    return number


def _content(db: Connection, first: int, end: int) -> Content:
    entries = entries_from(db, first, TOGETHER_MAX, before=end)
    last = entries[-1]
    at = int(last.received_at.timestamp() * 1000)
    return Content("entries.recorded", at, {"entries": entries}, last.number)


TOPIC = Topic("entries", N_("Entries and denials"), leaves=Leaves(_first, _content))
