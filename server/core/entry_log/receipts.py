"""A receipt proves that one entry is in the entry log, and reveals nothing else (C2SP tlog-proof).

Its `extra` has record and salt, from which the entry is recomputed with the log's key alone. Its
checkpoint carries the cosignatures of witnesses and kiosks.
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

# Entries whose receipt the holder may get. A supervisor's act may concern others too. An annulled
# entry did not happen.
_OFFERED = (
    "FROM scan s LEFT JOIN stay t ON t.kiosk = s.kiosk AND t.generation = s.generation"
    " AND t.seq = s.seq AND t.hall_id = s.hall_id"
    " WHERE s.serial = ? AND s.act = 'scan' AND s.decision = 'admitted' AND s.quarantined = 0"
    " AND COALESCE(s.note, '') = '' AND COALESCE(t.closed_by, '') <> 'annul'"
)
OFFERED_MAX = 200
# Verifiers need not accept more than 16 lines (C2SP), and one is the log's own.
COSIGNERS_MAX = 15


class ReceiptError(Exception):
    pass


@dataclass(frozen=True)
class Offered:
    """An entry or exit whose holder may get a receipt. `at` is by the door's clock."""

    number: int
    direction: str
    at: int
    hall_id: int
    door_id: int


def offered(db: Connection, serial: int) -> list[Offered]:
    rows = db.execute(
        f"SELECT s.number, s.direction, s.scanned_at, s.hall_id, s.door_id {_OFFERED}"
        " ORDER BY s.number DESC LIMIT ?",
        (serial, OFFERED_MAX),
    )
    return [Offered(*row) for row in rows]


def own_receipt(db: Connection, log: Log, serial: int, number: int) -> str:
    """Return the holder's receipt for an entry. Raises ReceiptError if it is not the
    holder's own.
    """
    row = db.execute(f"SELECT 1 {_OFFERED} AND s.number = ?", (serial, number)).fetchone()
    if row is None:
        raise ReceiptError(f"there is no receipt of entry {number} for this badge")
    return receipt(db, log, number)


def scan_receipt(db: Connection, log: Log, number: int) -> str:
    """Return the receipt for a scan. Raises ReceiptError if the entry is no scan."""
    if db.execute("SELECT 1 FROM scan WHERE number = ?", (number,)).fetchone() is None:
        raise ReceiptError(f"there is no scan with the number {number}")
    return receipt(db, log, number)


def receipt(db: Connection, log: Log, number: int) -> str:
    """Return an entry's record with its proof. Raises ReceiptError."""
    size = log.size()
    row = None
    if number < size:  # The database takes no number of more than 64 bits.
        row = db.execute(
            "SELECT kind, hash, body, salt FROM leaf WHERE number = ?", (number,)
        ).fetchone()
    if row is None:
        raise ReceiptError(f"there is no entry {number}; the log has {size}")
    if row["kind"] == ERASED:
        raise ReceiptError(f"the record of entry {number} was erased")
    if leaf_hash(entry_of(row["body"], row["salt"])) != row["hash"]:
        raise ReceiptError(
            f"entry {number} in the database is not the record that was logged: it was altered"
        )
    cosigned_size, cosigners = _cosigned(db, log, number)
    note, proof = log.inclusion(number, cosigned_size)
    salt = None if row["salt"] is None else row["salt"].hex()
    extra = canonical({"record": row["body"].decode(), "salt": salt})
    lines = ["c2sp.org/tlog-proof@v1", f"extra {base64.b64encode(extra).decode()}"]
    lines.append(f"index {number}")
    lines += [base64.b64encode(digest).decode() for digest in proof]
    return "\n".join(lines) + f"\n\n{note}" + "".join(cosigners)


def _cosigned(db: Connection, log: Log, number: int) -> tuple[int | None, list[str]]:
    """Return the size of the checkpoint for the proof (None: the current one, without
    cosignatures), and its cosignature lines.

    Checkpoints with most witnesses are preferred, then with most kiosks, then the newest, since
    the log's owner could withdraw a checkpoint that nobody else saw.
    """
    outside = _lines(log, number, checkpoints.cosigned(db, log.name))
    kiosks = _lines(log, number, cosignatures.all_kept(db))
    sizes = outside.keys() | kiosks.keys()
    if not sizes:
        return None, []
    best = max(sizes, key=lambda size: (len(outside[size]), len(kiosks[size]), size))
    return best, (outside[best] + kiosks[best])[:COSIGNERS_MAX]


def _lines(log: Log, number: int, kept: Iterable[Kept | Cosigned]) -> dict[int, list[str]]:
    present = log.size()
    notes: dict[int, str] = {}
    lines = defaultdict(list)
    for cosignature in kept:
        if not number < cosignature.size <= present:
            continue
        if cosignature.size not in notes:
            notes[cosignature.size] = log.note(cosignature.size)
        note = notes[cosignature.size]
        # It may be of another log, from before a restore, or an altered row.
        with suppress(ValueError):
            if SignedNote(cosignature.note).text == SignedNote(f"{note}{cosignature.line}").text:
                lines[cosignature.size].append(cosignature.line)
    return lines
