"""The entry log: every scan and act is a leaf of an RFC 9162 Merkle tree, in order of commitment.

A leaf is written in the transaction of its record. Its hash is over a commitment to the record with
a random salt, which is stored only beside it (docs/entry-log.md). The tree is kept in memory. A
checkpoint states size and root, signed by the event's log key (C2SP tlog-checkpoint).
"""

import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from badges.credential.keys import PrivateKey
from badges.transparency.checkpoint import Checkpoint, sign_checkpoint
from badges.transparency.commitment import SALT_BYTES, commitment
from badges.transparency.merkle import Tree, leaf_hash
from server.core.entry_log.act_names import Act
from server.storage import dialect
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.engines import joint, memory
from server.storage.engines.durable import make_durable
from server.storage.tables import write_rows

# The kind of a leaf whose record was erased. Its body is the entry, without the salt.
ERASED = "erased"
READ_MAX = 50_000  # leaves in one read
Subject = Mapping[str, str | int | None]  # the ids that an act is about
_COLUMNS = ("number", "kind", "at", "hash", "body", "salt")
# Selects acts. SQLite uses the partial index `leaf_kind` only if a query repeats its condition.
ACTS = "kind = 'act' AND kind <> 'scan'"
SIZE = "(SELECT COALESCE(MAX(number) + 1, 0) FROM leaf)"  # `size`, as part of a larger statement


def size(db: Connection) -> int:
    return int(db.execute(f"SELECT {SIZE}").fetchone()[0])


def newest(db: Connection) -> int | None:
    """Return the number of the newest act, or None."""
    (number,) = db.execute(f"SELECT MAX(number) FROM leaf WHERE {ACTS}").fetchone()
    return None if number is None else int(number)


def append(db: Connection, kind: str, body: bytes, now: int) -> int:
    """Add a leaf and return its number, from 0."""
    joint.require_exclusive(db)
    memory.forget(db)  # the cached standing has the number of leaves
    number = size(db)
    extend(db, [(number, kind, now, body)])
    return number


def extend(db: Connection, leaves: Iterable[tuple[int, str, int, bytes]]) -> None:
    """Leaves are (number, kind, time in Unix ms, body). Their numbers continue from `size`."""
    wanted = list(leaves)
    # A derived salt could never be deleted. All are drawn in one system call.
    drawn = os.urandom(SALT_BYTES * len(wanted))
    salts = (drawn[at : at + SALT_BYTES] for at in range(0, len(drawn), SALT_BYTES))
    rows = [_row(*leaf, salt) for leaf, salt in zip(wanted, salts, strict=True)]
    write_rows(db, "leaf", _COLUMNS, rows)


def _row(
    number: int, kind: str, now: int, body: bytes, salt: bytes
) -> tuple[int, str, int, bytes, bytes, bytes]:
    return number, kind, now, leaf_hash(commitment(salt, body)), body, salt


def act(db: Connection, by: str, act: Act, subject: Subject, now: int) -> int:
    """Add an act and return its number. `subject` has ids and never personal data, because leaves
    outlive erasure.
    """
    return append(db, "act", _act_body(by, act, subject, now), now)


def acts(db: Connection, by: str, act: Act, subjects: Iterable[Subject], now: int) -> None:
    joint.require_exclusive(db)
    memory.forget(db)
    bodies = (_act_body(by, act, subject, now) for subject in subjects)
    extend(db, ((number, "act", now, body) for number, body in enumerate(bodies, size(db))))


def _act_body(by: str, act: Act, subject: Subject, now: int) -> bytes:
    return canonical({"act": act, "at": now, "by": by, "subject": dict(subject), "type": "act"})


def entry_of(body: bytes, salt: bytes | None) -> bytes:
    """Return the bytes that the leaf's hash covers: the salted hash of `body`.

    Without a salt, as of erased leaves, return `body`.
    """
    return body if salt is None else commitment(salt, body)


def newest_act(db: Connection, act: Act, kiosk: tuple[str, int]) -> int | None:
    """`kiosk` is name and generation."""
    (number,) = db.execute(
        f"SELECT MAX(number) FROM leaf WHERE {ACTS}"
        f" AND {dialect.in_json('body', 'act')} = ?"
        f" AND {dialect.in_json('body', 'subject', 'kiosk')} = ?"
        f" AND {dialect.in_json('body', 'subject', 'generation')} = ?",
        (act, *kiosk),
    ).fetchone()
    return None if number is None else int(number)


def canonical(value: object) -> bytes:
    """Encode as JSON with sorted keys, without spaces, in UTF-8, as badges.record does."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class Log:
    """The Merkle tree of the committed leaves, and its signed checkpoints. Thread-safe."""

    def __init__(self, database: Database, name: str, key: PrivateKey) -> None:
        self._database = database
        self._name = name
        self._key = key
        self._tree = Tree()
        self._note = ""
        self._cosigned = ""
        self._proofs: dict[int, list[bytes]] = {}  # proofs to the current size, by old size
        self._lock = threading.Lock()

    def checkpoint(self, old: int, *, least: int | None = None) -> tuple[str, list[bytes]]:
        """Return the signed checkpoint, and the proof that the log of `old` leaves is its prefix.

        The proof is empty if `old` is 0, the current size, or larger. With `least`, a checkpoint
        of at least so many leaves suffices. They must be on disk. So one read serves all requests
        of a commit.
        """
        with self._caught_up(least, on_disk=least is not None) as tree:
            if not self._note:
                self._note = self._signed(tree.size)
            note = self._cosigned if self._cosigned.startswith(self._note) else self._note
            if not 0 < old < tree.size:
                return note, []
            if old not in self._proofs:
                self._proofs[old] = tree.consistency(old, tree.size)
            return note, self._proofs[old]

    def keep_cosigned(self, note: str) -> None:
        """Let `checkpoint` return this cosigned note until there is a newer checkpoint."""
        with self._lock:
            self._cosigned = note

    def size(self) -> int:
        with self._caught_up() as tree:
            return tree.size

    def state(self) -> tuple[int, bytes]:
        with self._caught_up() as tree:
            return tree.size, tree.root()

    def has(self, size: int, root: bytes) -> bool:
        """Return whether the first `size` leaves have this root hash."""
        with self._caught_up(size) as tree:
            return size <= tree.size and tree.root(size) == root

    def reaches(self, size: int) -> bool:
        with self._caught_up(size) as tree:
            return size <= tree.size

    def note(self, size: int) -> str:
        """Return the signed checkpoint of the first `size` leaves. Raises ValueError if there are
        fewer.
        """
        with self._caught_up(size):
            return self._signed(size)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Return the proof that the log of `old` leaves is a prefix, empty for 0. Raises
        ValueError if there are fewer leaves.
        """
        with self._caught_up() as tree:
            return tree.consistency(old, new) if old else []

    def inclusion(self, number: int, size: int | None = None) -> tuple[str, list[bytes]]:
        """Return a signed checkpoint, of all or the first `size` leaves, and the proof that it
        contains leaf `number`. Raises ValueError if there is no such leaf.
        """
        with self._caught_up() as tree:
            size = tree.size if size is None else size
            proof = tree.inclusion(number, size)
            return self._signed(size), proof

    def resume(self, db: Connection) -> bool:
        """Check a database that replaced the former one. Return whether it has all leaves of this
        tree; otherwise reset the tree.
        """
        with self._lock:
            if not self._tree.size:
                return True
            last = self._tree.full_subtree(0)
            row = db.execute(
                "SELECT hash FROM leaf WHERE number = ?", (self._tree.size - 1,)
            ).fetchone()
            if row is not None and bytes(row[0]) == last:
                return True
            self._tree, self._note = Tree(), ""
            self._proofs.clear()
            return False

    @property
    def name(self) -> str:
        return self._name

    def rename(self, name: str) -> None:
        """A restored log has the same first leaves, so it needs another name."""
        with self._lock:
            self._name, self._note = name, ""

    def _signed(self, size: int) -> str:
        checkpoint = Checkpoint(self._name, size, self._tree.root(size))
        return sign_checkpoint(self._key, self._name, checkpoint)

    @contextmanager
    def _caught_up(self, enough: int | None = None, *, on_disk: bool = False) -> Iterator[Tree]:
        """Read the new leaves, and hold the lock in the block. See `_read_on`."""
        while True:
            tree = self._read_on(enough, on_disk=on_disk)
            with self._lock:
                if tree is self._tree:
                    yield tree
                    return

    def _read_on(self, enough: int | None, *, on_disk: bool) -> Tree:
        """Read the new leaves, unless there are `enough`. They are made durable first: a signed
        tree must never contain a leaf that could be lost. `on_disk` means that so many are known to
        be on disk, and no others are read.

        The lock is not held meanwhile, because a commit may hang, and the event loop asks for
        checkpoints.
        """
        tree, more = self._tree, True
        while more and (enough is None or tree.size < enough):
            first = tree.size
            end = first + READ_MAX
            if on_disk and enough is not None:
                end = min(end, enough)
            with self._database.reading() as db:
                rows = db.execute(
                    "SELECT hash FROM leaf WHERE number >= ? AND number < ? ORDER BY number",
                    (first, end),
                ).fetchall()
                if rows and not on_disk:
                    make_durable(db)
            with self._lock:
                new = rows[tree.size - first :]  # Another thread may have read some of them.
                for (digest,) in new:
                    tree.append(digest)
                if new and tree is self._tree:
                    self._note = ""
                    self._proofs.clear()
            more = len(rows) == READ_MAX
        return tree
