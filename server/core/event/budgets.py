"""Limits how often somebody may do what is allowed only so often.

What was done stands in the database, so that several servers keep to one limit together, and a
restart forgets nothing.
"""

from dataclasses import dataclass

from server.storage.connection import Connection


@dataclass(frozen=True)
class Budget:
    """Allows each of those who ask `most` times of a kind within a window."""

    what: str
    most: int
    window_ms: int

    def take(self, db: Connection, who: str, now: int) -> bool:
        """Tell whether they may once more, and note it, in the caller's transaction."""
        mine = (self.what, who)
        # What lies in the future is from before the clock was set back.
        db.execute(
            "DELETE FROM budget WHERE what = ? AND who = ? AND (taken_at <= ? OR taken_at > ?)",
            (*mine, now - self.window_ms, now + self.window_ms),
        )
        (recent,) = db.execute(
            "SELECT COUNT(*) FROM budget WHERE what = ? AND who = ?", mine
        ).fetchone()
        if recent >= self.most:
            return False
        db.execute("INSERT INTO budget (what, who, taken_at) VALUES (?, ?, ?)", (*mine, now))
        return True

    def has(self, db: Connection, who: str, now: int) -> bool:
        """Tell whether they may once more, and note nothing. It asks for no writer."""
        (recent,) = db.execute(
            "SELECT COUNT(*) FROM budget WHERE what = ? AND who = ? AND taken_at > ?"
            " AND taken_at <= ?",
            (self.what, who, now - self.window_ms, now + self.window_ms),
        ).fetchone()
        return int(recent) < self.most
