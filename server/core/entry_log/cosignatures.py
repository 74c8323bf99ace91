"""Stores each kiosk's newest cosignature of a checkpoint that it has verified. They prove, without
trust in the server, that its log was never rewritten.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from badges.credential.keys import PublicKey
from badges.transparency.checkpoint import verify_cosignature, witness_name
from badges.transparency.signed_note import NoteError
from badges.wire import wire
from server.core.entry_log.entry_log import Log
from server.storage.connection import Connection


@dataclass(frozen=True)
class Kept:
    """A checkpoint that a kiosk cosigned. `note` is its text with the kiosk's signature."""

    kiosk: str
    generation: int
    size: int
    note: str
    at: int  # arrival, in Unix ms

    @property
    def line(self) -> str:
        return self.note[self.note.rindex("\n— ") + 1 :]


def keep(
    db: Connection,
    log: Log,
    kiosk: tuple[str, int],
    public: bytes,
    cosigned: wire.Cosigned,
    now: int,
) -> None:
    """Raises NoteError if the checkpoint is not of this log."""
    if not log.reaches(cosigned.size):
        raise NoteError("of more entries than there are")
    note = f"{log.note(cosigned.size)}{cosigned.line}"
    verify_cosignature(PublicKey(public), witness_name(log.name, *kiosk), note)
    db.execute(
        "INSERT INTO cosignature (kiosk, generation, size, note, at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (kiosk, generation) DO UPDATE SET size = excluded.size,"
        " note = excluded.note, at = excluded.at",
        (*kiosk, cosigned.size, note, now),
    )


def all_kept(db: Connection) -> Iterator[Kept]:
    for row in db.execute(
        "SELECT kiosk, generation, size, note, at FROM cosignature ORDER BY kiosk, generation"
    ):
        yield Kept(**dict(row))
