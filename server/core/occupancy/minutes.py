"""Reads movements by the minute. Database triggers keep these counts (`door_minute` and
`hall_minute` in server/storage/schema.sql), so pages need not count scans.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from server.storage.connection import Connection

MINUTE_MS = 60_000
TREND_MINUTES = 15
# A lane admits one person in 5.5 s (Guide to Safety at Sports Grounds). Triggers count scans within
# 8 s of the previous one at the same kiosk. If nearly all scans of a minute are such, people were
# queueing.
QUEUE_SCANS_MIN = 6
QUEUE_SOON_PERCENT = 90


@dataclass(frozen=True)
class Trend:
    """Movements of a hall in the last TREND_MINUTES.

    `came` and `went` count people, including moves between halls. `entered` and `denied` count
    scans at the hall's own doors.
    """

    came: int = 0
    went: int = 0
    entered: int = 0
    denied: int = 0

    @property
    def change(self) -> int:
        return self.came - self.went

    def full_in_ms(self, room: int) -> int | None:
        """Return the ms until `room` more people are inside at this rate, or None if never."""
        if self.change <= 0 or room <= 0:
            return None
        return room * TREND_MINUTES * MINUTE_MS // self.change


@dataclass(frozen=True)
class Minute:
    """People who came and went in a minute (Unix ms / 60,000), and the number inside after it."""

    minute: int
    came: int
    went: int
    inside: int


def trends(db: Connection, now: int) -> dict[int, Trend]:
    """Recent movements by hall id. Halls without movement are left out."""
    first = now // MINUTE_MS - TREND_MINUTES + 1
    people = {
        row["hall_id"]: (row["came"], row["went"])
        for row in db.execute(
            "SELECT h.hall_id, SUM(m.came) AS came, SUM(m.went) AS went FROM hall h"
            " JOIN hall_minute m ON m.hall_id = h.hall_id AND m.minute >= ? GROUP BY h.hall_id",
            (first,),
        )
    }
    scans = {
        row["hall_id"]: (row["entered"], row["denied"])
        for row in db.execute(
            "SELECT hall_id, SUM(entered) AS entered, SUM(denied) AS denied FROM door_minute"
            " WHERE minute >= ? GROUP BY hall_id",
            (first,),
        )
    }
    return {
        hall: Trend(*people.get(hall, (0, 0)), *scans.get(hall, (0, 0)))
        for hall in people.keys() | scans.keys()
    }


def hall_day(db: Connection, hall_id: int, since: int, until: int) -> list[Minute]:
    """Return the minutes with movement between two times (Unix ms)."""
    first, last = since // MINUTE_MS, until // MINUTE_MS
    (inside,) = db.execute(
        "SELECT COALESCE(SUM(came - went), 0) FROM hall_minute WHERE hall_id = ? AND minute < ?",
        (hall_id, first),
    ).fetchone()
    movements = []
    for row in db.execute(
        "SELECT minute, came, went FROM hall_minute"
        " WHERE hall_id = ? AND minute >= ? AND minute < ? ORDER BY minute",
        (hall_id, first, last),
    ):
        inside += row["came"] - row["went"]
        movements.append(Minute(row["minute"], row["came"], row["went"], inside))
    return movements


def door_day(db: Connection, hall_id: int, since: int, until: int) -> dict[int, dict[int, int]]:
    """Count entries between two times (Unix ms) by door and minute."""
    entries: dict[int, dict[int, int]] = {}
    for row in db.execute(
        "SELECT door_id, minute, entered FROM door_minute"
        " WHERE hall_id = ? AND minute >= ? AND minute < ? AND entered > 0",
        (hall_id, since // MINUTE_MS, until // MINUTE_MS),
    ):
        entries.setdefault(row["door_id"], {})[row["minute"]] = row["entered"]
    return entries


def queue_minutes(db: Connection, hall_id: int, since: int, until: int) -> dict[int, list[int]]:
    """Return, by door, the minutes (Unix ms / 60,000) in which scans suggest a queue. `since` and
    `until` are Unix ms.
    """
    queues: dict[int, list[int]] = {}
    for row in db.execute(
        "SELECT door_id, minute FROM door_minute"
        " WHERE hall_id = ? AND minute >= ? AND minute < ? AND entered + denied >= ?"
        " AND soon * 100 >= (entered + denied) * ? ORDER BY minute",
        (hall_id, since // MINUTE_MS, until // MINUTE_MS, QUEUE_SCANS_MIN, QUEUE_SOON_PERCENT),
    ):
        queues.setdefault(row["door_id"], []).append(row["minute"])
    return queues


def runs(minutes: Sequence[int]) -> list[tuple[int, int]]:
    """Group consecutive minutes into (first minute, length). A gap of one minute is bridged."""
    unbroken: list[tuple[int, int]] = []
    for minute in minutes:
        if unbroken and minute - sum(unbroken[-1]) <= 1:
            unbroken[-1] = (unbroken[-1][0], minute - unbroken[-1][0] + 1)
        else:
            unbroken.append((minute, 1))
    return unbroken


def door_hours(db: Connection, now: int) -> dict[int, Sequence[int]]:
    """Each door's scans by minute of the last hour, oldest first."""
    first = now // MINUTE_MS - 59
    scans: dict[int, list[int]] = {}
    for row in db.execute(
        "SELECT door_id, minute, SUM(entered + gone + denied) AS scans FROM door_minute"
        " WHERE minute >= ? GROUP BY door_id, minute",
        (first,),
    ):
        if row["minute"] - first < 60:
            counts = scans.setdefault(row["door_id"], [0] * 60)
            counts[row["minute"] - first] = row["scans"]
    return dict(scans)


def on_site(db: Connection) -> tuple[dict[int, int], dict[str, int]]:
    """Count people in halls by category and by country. Unknown serials are left out."""
    categories: dict[int, int] = {}
    countries: dict[str, int] = {}
    for row in db.execute(
        "SELECT a.category, a.country, COUNT(*) AS people FROM"
        " (SELECT DISTINCT serial FROM stay WHERE closed_at IS NULL) s"
        " JOIN attendee a ON a.serial = s.serial GROUP BY a.category, a.country"
    ):
        categories[row["category"]] = categories.get(row["category"], 0) + row["people"]
        countries[row["country"]] = countries.get(row["country"], 0) + row["people"]
    return categories, countries
