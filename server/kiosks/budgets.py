"""Limits how often a kiosk may ask for what a stolen kiosk would ask for all the time.

What was asked stands in the database, so that several servers keep to one limit together.
"""

from dataclasses import dataclass

from badges.places.pool import KioskKey
from server.storage.connection import Connection


@dataclass(frozen=True)
class KioskBudget:
    """Allows each kiosk `most` requests of a kind within a window."""

    what: str
    most: int
    window_ms: int

    def take(self, db: Connection, kiosk: KioskKey, now: int) -> bool:
        """Tell whether the kiosk may ask once more, and note it, in the request's transaction."""
        mine = (self.what, *kiosk)
        # What lies in the future is from before the clock was set back.
        db.execute(
            "DELETE FROM kiosk_budget WHERE what = ? AND kiosk = ? AND generation = ?"
            " AND (taken_at <= ? OR taken_at > ?)",
            (*mine, now - self.window_ms, now + self.window_ms),
        )
        (recent,) = db.execute(
            "SELECT COUNT(*) FROM kiosk_budget WHERE what = ? AND kiosk = ? AND generation = ?",
            mine,
        ).fetchone()
        if recent >= self.most:
            return False
        db.execute(
            "INSERT INTO kiosk_budget (what, kiosk, generation, taken_at) VALUES (?, ?, ?, ?)",
            (*mine, now),
        )
        return True
