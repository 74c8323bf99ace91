"""Keeps limits (badges/limits.py) in the database, so that all servers count together, also across
restarts.
"""

import json
from dataclasses import dataclass

from badges.limits import NEW, Limit, State
from server.storage.connection import Connection


@dataclass(frozen=True)
class StoredLimit:
    """A rate limit for actions of the kind `action`, counted by key in the database. Writes belong
    to the caller's transaction.
    """

    action: str
    limit: Limit

    def take(self, db: Connection, key: str | bytes, now: int, most: int = 1) -> int:
        """Count up to `most` actions. Return how many are allowed."""
        state, used_at = self.load(db, key, now)
        taken = 0
        while taken < most and self.limit.next_at(state) <= now:
            state = self.limit.use(state, now)
            taken += 1
        # A use in the future is from before the clock was set back. It counts as one of now.
        if taken or used_at > now:
            self.store(db, key, state, now)
        return taken

    def next_at(self, db: Connection, key: str | bytes, now: int) -> int:
        """Return the time of the next allowed action (Unix ms). It only reads.

        After a clock was set back it returns `now`, and `take` decides.
        """
        state, used_at = self.load(db, key, now)
        return now if used_at > now else self.limit.next_at(state)

    def load(self, db: Connection, key: str | bytes, now: int) -> tuple[State, int]:
        """Return the state at `now`, and the stored time of the newest action."""
        row = db.execute(
            "SELECT state, used_at FROM limited WHERE what = ? AND key = ?",
            (self.action, _bytes(key)),
        ).fetchone()
        state, used_at = (NEW, 0) if row is None else (tuple(json.loads(row[0])), row[1])
        return self.limit.settle(state, now), used_at

    def store(self, db: Connection, key: str | bytes, state: State, now: int) -> None:
        """Delete the key if the state is `NEW`."""
        if not state:
            db.execute("DELETE FROM limited WHERE what = ? AND key = ?", (self.action, _bytes(key)))
            return
        db.execute(
            "INSERT INTO limited (what, key, state, used_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (what, key) DO UPDATE SET state = excluded.state,"
            " used_at = excluded.used_at",
            (self.action, _bytes(key), json.dumps(state), now),
        )


def _bytes(key: str | bytes) -> bytes:
    return key.encode() if isinstance(key, str) else key
