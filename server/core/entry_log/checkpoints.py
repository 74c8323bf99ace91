from contextlib import suppress
from dataclasses import dataclass

from badges.transparency import signed_note
from server.core.entry_log.entry_log import Log
from server.storage.connection import Connection

# Interval of checkpoints while there are new entries.
EVERY_MS = 60_000


@dataclass(frozen=True)
class Given:
    """A published checkpoint of the entry log, as text signed by the log's key."""

    size: int
    note: str
    at: int  # Unix ms


@dataclass(frozen=True)
class Cosigned:
    """The newest checkpoint that a witness cosigned. `note` is its text with the witness's
    signature.

    Times are Unix ms. `cosigned_at` is by the witness's clock. `set_back_at` is when the witness
    last asked for a proof from a smaller size than it had cosigned.
    """

    witness: str
    size: int
    note: str
    cosigned_at: int
    at: int
    set_back_at: int | None = None

    @property
    def line(self) -> str:
        return self.note[self.note.rindex("\n— ") + 1 :]


def given(db: Connection, log: str) -> Given | None:
    row = db.execute("SELECT size, note, at FROM given_checkpoint WHERE log = ?", (log,)).fetchone()
    return None if row is None else Given(**dict(row))


def keep_given(db: Connection, log: str, checkpoint: Given) -> None:
    db.execute(
        "INSERT INTO given_checkpoint (log, size, note, at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (log) DO UPDATE SET size = excluded.size, note = excluded.note,"
        " at = excluded.at",
        (log, checkpoint.size, checkpoint.note, checkpoint.at),
    )


def sign_due(log: Log, before: Given | None, now: int) -> Given | None:
    """Sign a checkpoint if there are new entries and the last is a minute old."""
    if before is not None and 0 <= now - before.at < EVERY_MS:
        return None
    return sign_new(log, before, now)


def sign_new(log: Log, before: Given | None, now: int) -> Given | None:
    """Sign a checkpoint if there are new entries."""
    size = log.size()
    if not size or (before is not None and size == before.size):
        return None
    return Given(size, log.note(size), now)


def cosigned(db: Connection, log: str) -> list[Cosigned]:
    """Return each witness's newest cosignature, sorted by witness."""
    rows = db.execute(
        "SELECT witness, size, note, cosigned_at, at, set_back_at FROM witness_cosignature"
        " WHERE log = ? ORDER BY witness",
        (log,),
    )
    return [Cosigned(**dict(row)) for row in rows]


def keep_cosigned(db: Connection, log: str, cosignature: Cosigned) -> None:
    db.execute(
        "INSERT INTO witness_cosignature"
        " (log, witness, size, note, cosigned_at, at, set_back_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (log, witness) DO UPDATE SET size = excluded.size, note = excluded.note,"
        " cosigned_at = excluded.cosigned_at, at = excluded.at, set_back_at = excluded.set_back_at",
        (
            log,
            cosignature.witness,
            cosignature.size,
            cosignature.note,
            cosignature.cosigned_at,
            cosignature.at,
            cosignature.set_back_at,
        ),
    )


def lines_for(db: Connection, log: str, note: str) -> list[str]:
    text = signed_note.SignedNote(note).text
    lines = []
    for cosignature in cosigned(db, log):
        # The database may have been altered.
        with suppress(ValueError):
            if (
                signed_note.SignedNote(cosignature.note).text == text
                and cosignature.line not in note
            ):
                lines.append(cosignature.line)
    return lines


def cosigned_note(db: Connection, log: str, note: str) -> str:
    return note + "".join(lines_for(db, log, note))
