"""Notes when conditions that webhooks report begin and end."""

from server.features.integrations import outbox
from server.storage.connection import Connection

Found = frozenset[tuple[str, str]]  # An alert's kind, and what it is about.


def noted(db: Connection) -> Found:
    """Return the troubles that have begun and not ended, as far as was noted."""
    rows = db.execute("SELECT kind, subject FROM webhook_trouble").fetchall()
    return frozenset((row["kind"], row["subject"]) for row in rows)


def note(db: Connection, troubles: Found, now: int) -> None:
    """Note the troubles of now, and tell of those that began or ended since."""
    before = noted(db)
    for kind, subject in sorted(troubles - before):
        db.execute("INSERT INTO webhook_trouble VALUES (?, ?, ?)", (kind, subject, now))
        outbox.note(db, "troubles", "trouble.began", _data(kind, subject), now)
    for kind, subject in sorted(before - troubles):
        db.execute("DELETE FROM webhook_trouble WHERE kind = ? AND subject = ?", (kind, subject))
        outbox.note(db, "troubles", "trouble.ended", _data(kind, subject), now)


def _data(kind: str, subject: str) -> dict[str, str]:
    what, _, _ = kind.partition(".")
    return {"trouble": kind, **({what: subject} if subject else {})}
