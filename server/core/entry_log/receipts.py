"""Makes receipts. A receipt proves to anybody that one entry is in the entry log, with nothing else
of it (C2SP tlog-proof).

Its `extra` has the record and the salt, from which the entry is worked out again. So one text file
is all that somebody needs beside the log's key. Its checkpoint bears the lines of those witnesses
and kiosks that cosigned it.
"""

import base64
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from badges.transparency.merkle import leaf_hash
from badges.transparency.signed_note import SignedNote
from server.core.entry_log import checkpoints, cosignatures
from server.core.entry_log.checkpoints import Cosigned
from server.core.entry_log.cosignatures import Kept
from server.core.entry_log.entry_log import ERASED, Log, canonical, entry_of
from server.storage.connection import Connection

# What its holder may prove by themselves. A supervisor's word may be about more than the holder,
# and so the organiser gives a receipt of that. An annulled entry says that nobody passed.
_OFFERED = (
    "FROM scan s LEFT JOIN stay t ON t.kiosk = s.kiosk AND t.generation = s.generation"
    " AND t.seq = s.seq AND t.hall_id = s.hall_id"
    " WHERE s.serial = ? AND s.act = 'scan' AND s.decision = 'admitted' AND s.quarantined = 0"
    " AND COALESCE(s.note, '') = '' AND COALESCE(t.closed_by, '') <> 'annul'"
)
OFFERED_MAX = 200
# A note has the log's own line as well, and verifiers need not accept more than 16 (C2SP).
COSIGNERS_MAX = 15


class ReceiptError(Exception):
    """Is raised where no receipt can be given. The text says why."""


@dataclass(frozen=True)
class Offered:
    """Describes an entry or exit whose receipt its holder may have. `at` is by the door's clock."""

    number: int
    direction: str
    at: int
    hall_id: int
    door_id: int


def offered(db: Connection, serial: int) -> list[Offered]:
    """Return the newest entries and exits of which their holder may have a receipt."""
    rows = db.execute(
        f"SELECT s.number, s.direction, s.scanned_at, s.hall_id, s.door_id {_OFFERED}"
        " ORDER BY s.number DESC LIMIT ?",
        (serial, OFFERED_MAX),
    )
    return [Offered(*row) for row in rows]


def own_receipt(db: Connection, log: Log, serial: int, number: int) -> str:
    """Return the receipt of an entry or exit that its holder may have. Raises ReceiptError."""
    row = db.execute(f"SELECT 1 {_OFFERED} AND s.number = ?", (serial, number)).fetchone()
    if row is None:
        raise ReceiptError(f"there is no receipt of entry {number} for this badge")
    return receipt(db, log, number)


def scan_receipt(db: Connection, log: Log, number: int) -> str:
    """Return the receipt of a scan, of anybody. Raises ReceiptError where it is another entry."""
    if db.execute("SELECT 1 FROM scan WHERE number = ?", (number,)).fetchone() is None:
        raise ReceiptError(f"there is no scan with the number {number}")
    return receipt(db, log, number)


def receipt(db: Connection, log: Log, number: int) -> str:
    """Return the receipt of entry `number`. Raises ReceiptError."""
    row = db.execute(
        "SELECT kind, hash, body, salt FROM leaf WHERE number = ?", (number,)
    ).fetchone()
    if row is None:
        raise ReceiptError(f"there is no entry {number}; the log has {log.size()}")
    if row["kind"] == ERASED:
        raise ReceiptError(f"the record of entry {number} was erased")
    if leaf_hash(entry_of(row["body"], row["salt"])) != row["hash"]:
        raise ReceiptError(
            f"entry {number} in the database is not the record that was logged: it was altered"
        )
    size, cosigners = _cosigned(db, log, number)
    note, proof = log.inclusion(number, size)
    salt = None if row["salt"] is None else row["salt"].hex()
    extra = canonical({"record": row["body"].decode(), "salt": salt})
    lines = ["c2sp.org/tlog-proof@v1", f"extra {base64.b64encode(extra).decode()}"]
    lines.append(f"index {number}")
    lines += [base64.b64encode(digest).decode() for digest in proof]
    return "\n".join(lines) + f"\n\n{note}" + "".join(cosigners)


def _cosigned(db: Connection, log: Log, number: int) -> tuple[int | None, list[str]]:
    """Return the size of the checkpoint to prove entry `number` with, and the lines under it.

    It is the one that most witnesses outside cosigned, then most kiosks, and then the newest. What
    nobody else has seen, the log's owner could take back. Where there is none with the entry yet,
    it is the present one, which is None.
    """
    outside = _lines(log, number, checkpoints.cosigned(db, log.name))
    kiosks = _lines(log, number, cosignatures.all_kept(db))
    sizes = outside.keys() | kiosks.keys()
    if not sizes:
        return None, []
    best = max(sizes, key=lambda size: (len(outside[size]), len(kiosks[size]), size))
    return best, (outside[best] + kiosks[best])[:COSIGNERS_MAX]


def _lines(log: Log, number: int, kept: Iterable[Kept | Cosigned]) -> dict[int, list[str]]:
    """Return the lines under checkpoints of this log that have entry `number`, by their sizes."""
    present = log.size()
    notes: dict[int, str] = {}
    found = defaultdict(list)
    for one in kept:
        if not number < one.size <= present:
            continue
        if one.size not in notes:
            notes[one.size] = log.note(one.size)
        note = notes[one.size]
        # It may be of another log, from before a restore. Whoever altered the database may have
        # made it anything.
        with suppress(ValueError):
            if SignedNote(one.note).text == SignedNote(f"{note}{one.line}").text:
                found[one.size].append(one.line)
    return found
