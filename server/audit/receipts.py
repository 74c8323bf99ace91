"""Makes receipts. A receipt proves to anybody that one entry is in the entry log, with nothing else
of it (C2SP tlog-proof).

Its `extra` has the record and the salt, from which the entry is worked out again. So one text file
is all that somebody needs beside the log's key.
"""

import base64

from badges.transparency.merkle import leaf_hash
from server.entry_log.entry_log import ERASED, Log, canonical, entry_of
from server.storage.connection import Connection


class ReceiptError(Exception):
    """Is raised where no receipt can be given. The text says why."""


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
    note, proof = log.inclusion(number)
    salt = None if row["salt"] is None else row["salt"].hex()
    extra = canonical({"record": row["body"].decode(), "salt": salt})
    lines = ["c2sp.org/tlog-proof@v1", f"extra {base64.b64encode(extra).decode()}"]
    lines.append(f"index {number}")
    lines += [base64.b64encode(digest).decode() for digest in proof]
    return "\n".join(lines) + f"\n\n{note}"
