"""A walk's file: the states that were found, and which of them are still to be walked on from.

A walk that was interrupted goes on from there.
"""

import json
import pickle
import sqlite3
from hashlib import blake2b
from pathlib import Path

from tests.worlds.state import Act, State

SCHEMA = """
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS state (
    number INTEGER PRIMARY KEY,
    parent INTEGER,
    act TEXT,
    depth INTEGER NOT NULL,
    digest BLOB NOT NULL,
    server INTEGER NOT NULL,
    body BLOB -- NULL after it was walked on from
);
CREATE INDEX IF NOT EXISTS state_waiting ON state (depth, server) WHERE body IS NOT NULL;
"""


CODE = ("badges", "kiosk", "server", "tests/worlds", "tests/swarm")
ROOT = Path(__file__).parents[2]


class OtherWalkError(Exception):
    """The file has a walk of another world, or of other code."""


def code_digest() -> str:
    """Of all code that a walk runs: states of other code prove nothing."""
    found = blake2b(digest_size=16)
    for folder in CODE:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".sql"):
                found.update(path.read_bytes())
    return found.hexdigest()


class Run:
    """In memory without a file."""

    def __init__(self, file: Path | None) -> None:
        self.db = sqlite3.connect(":memory:" if file is None else file, isolation_level=None)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = OFF")
        self.db.executescript(SCHEMA)
        self.db.execute("BEGIN")
        self.seen = {digest for (digest,) in self.db.execute("SELECT digest FROM state")}

    def close(self) -> None:
        self.keep()
        self.db.close()

    def keep(self) -> None:
        """What was found until now is in the file."""
        self.db.execute("COMMIT")
        self.db.execute("BEGIN")

    def add(self, state: State, digest: bytes, depth: int, parent: int | None, act: Act) -> None:
        self.seen.add(digest)
        self.db.execute(
            "INSERT INTO state (parent, act, depth, digest, server, body)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (parent, json.dumps(act), depth, digest, state.server, pickle.dumps(state)),
        )

    @property
    def depth(self) -> int | None:
        """Of the states from which to walk on. None if there are no more."""
        row = self.db.execute("SELECT MIN(depth) FROM state WHERE body IS NOT NULL").fetchone()
        depth: int | None = row[0]
        return depth

    def waiting(self, depth: int) -> list[int]:
        """Numbers of states, those with the same server's database together."""
        rows = self.db.execute(
            "SELECT number FROM state WHERE body IS NOT NULL AND depth = ? ORDER BY server",
            (depth,),
        )
        return [number for (number,) in rows]

    def state(self, number: int) -> State:
        (body,) = self.db.execute("SELECT body FROM state WHERE number = ?", (number,)).fetchone()
        state: State = pickle.loads(body)
        return state

    def walked(self, number: int) -> None:
        self.db.execute("UPDATE state SET body = NULL WHERE number = ?", (number,))

    def parts(self) -> set[int]:
        """All that the waiting states need."""
        found: set[int] = set()
        for (body,) in self.db.execute("SELECT body FROM state WHERE body IS NOT NULL"):
            found |= pickle.loads(body).parts
        return found

    def story(self, number: int | None) -> tuple[Act, ...]:
        """The acts that led to a state, from the first."""
        acts: list[Act] = []
        while number is not None:
            number, act = self.db.execute(
                "SELECT parent, act FROM state WHERE number = ?", (number,)
            ).fetchone()
            acts.append(tuple(json.loads(act)))
        return tuple(reversed(acts[:-1]))

    def require(self, name: str, value: str) -> None:
        """Raises OtherWalkError if the file was begun with another value."""
        if self.fact(name) not in (None, value):
            raise OtherWalkError(f"This walk was begun with other {name}: remove its file.")
        self.set_fact(name, value)

    def fact(self, name: str) -> str | None:
        row = self.db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_fact(self, name: str, value: str) -> None:
        self.db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, value))
