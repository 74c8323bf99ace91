"""Finds troubles that machines are told of, and notes when each begins and ends."""

from pathlib import Path

from server.core.entry_log import outside
from server.core.kiosks import registry
from server.core.second_disk.copy import Status
from server.features.integrations import endpoints, outbox
from server.storage import disk
from server.storage.connection import Connection

QUIET_MS = 60_000  # A kiosk that was not heard for so long is quiet.
Found = frozenset[tuple[str, str]]  # Kind of trouble, and what has it.


def found(db: Connection, path: Path, backup: Status | None, now: int) -> Found:
    """Return the troubles of now. `path` is on the disk of the event."""
    troubles = {
        ("kiosk.quiet", row.kiosk)
        for row in registry.kiosks(db)
        if row.state == "active" and (row.seen_at is None or now - row.seen_at > QUIET_MS)
    }
    troubles |= {
        ("webhook.disabled", str(one.endpoint_id))
        for one in endpoints.endpoints(db)
        if one.disabled_at is not None
    }
    troubles |= {
        ("witness.contradicts", one.who.removeprefix(outside.of_witness("")))
        for one in outside.all_troubles(db)
        if one.code.grave
    }
    if backup is not None and (backup.trouble or backup.acts_trouble):
        troubles.add(("backup.failing", ""))
    try:
        if disk.room(path).low:
            troubles.add(("disk.low", ""))
    except OSError:
        troubles.add(("disk.unknown", ""))
    return frozenset(troubles)


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
