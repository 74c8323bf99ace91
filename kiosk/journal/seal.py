"""Seals: a short keyed hash on each row that the scans do not prove.

A row altered on disk, by decay or by hand, no longer matches its seal. A person with the kiosk's
key can make seals; the server's signatures protect against that.
"""

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec

from badges.credential.keys import PrivateKey
from kiosk.journal.schema import Connection

SEAL_BYTES = 16

# The columns that a seal covers, by table. The first one is the row's key.
SEALED = {
    "state": (
        *("one", "kiosk", "generation", "acked", "offered", "counter", "incarnation"),
        *("fenced", "resting"),
    ),
    "account": (
        *("hall", "override", "granted", "returned", "entries", "credited", "trusted"),
        *("signed", "signed_in", "signature"),
    ),
    "witnessed": ("one", "log_name", "log_key", "size", "root", "note"),
    "evidence": ("number", "noticed_at", "problem", "old_note", "new_note"),
    "mark": ("one", "incarnation", "run", "cursor", "entries", "signature"),
}

Seal = Callable[..., bytes]  # takes the table and the values of its columns


def sealer(key: PrivateKey) -> Seal:
    own = hashlib.blake2b(key.seed, digest_size=32, person=b"hallkeeper/seal").digest()

    def seal(table: str, *values: Any) -> bytes:
        data = msgspec.msgpack.encode((table, *values))
        return hashlib.blake2b(data, key=own, digest_size=SEAL_BYTES).digest()

    return seal


def put_sealed(connection: Connection, seal: Seal, table: str, *values: Any) -> None:
    """`values` are in the order of SEALED."""
    connection.execute(_insertion(table), (*values, seal(table, *values)))


@cache
def _insertion(table: str) -> str:
    columns = SEALED[table]
    marks = "?, " * len(columns)
    return f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}, seal) VALUES ({marks}?)"


def seal_problem(connection: Connection, seal: Seal) -> str | None:
    """The first table with a row that does not match its seal, or None if all match."""
    for table, columns in SEALED.items():
        rows = connection.execute(f"SELECT seal, {', '.join(columns)} FROM {table}").fetchall()
        for stored, *values in rows:
            if seal(table, *values) != stored:
                return f"a row of its {table} was altered"
    return None
