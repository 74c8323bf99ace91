"""Finds what staff should look at on a kiosk, from what it last said and when."""

from dataclasses import dataclass

from badges.wire import wire
from server.event.calendar import span
from server.kiosks.registry import KioskRow
from server.occupancy.grants import LIVE_MS

SKEW_MS = 2_000
FACTS_AGE_MS = 60_000
FRAMES_PER_SECOND = 5
QUEUE = 50
DISK_MB = 500
BATTERY_PERCENT = 20


@dataclass(frozen=True)
class Trouble:
    """Describes a trouble. Where it is `grave`, the door may not be working. Otherwise it may soon
    stop working.
    """

    words: str
    grave: bool = False


def at_work(rows: list[KioskRow]) -> list[KioskRow]:
    """Return the kiosks that somebody still counts on, each in its newest generation first."""
    return [row for row in rows if row.state in ("waiting", "proven", "active")]


def heard_lately(row: KioskRow, now: int) -> bool:
    return row.seen_at is not None and now - row.seen_at <= LIVE_MS


def troubles(row: KioskRow, now: int) -> list[Trouble]:
    """List the troubles, the gravest first. A kiosk that is not at work has none."""
    if row.state != "active":
        return []
    found = _from_health(row.health) if row.health else []
    if row.seen_at is None:
        found.append(Trouble("Never heard", grave=True))
    elif not heard_lately(row, now):
        found.append(Trouble(f"Silent for {span(now - row.seen_at)}", grave=True))
    return sorted(found, key=lambda trouble: not trouble.grave)


def _from_health(health: wire.Health) -> list[Trouble]:
    found = []
    if health.camera:
        found.append(Trouble(f"Camera: {health.camera}", grave=True))
    elif health.frames_per_second is not None and health.frames_per_second < FRAMES_PER_SECOND:
        found.append(Trouble(f"Camera: {health.frames_per_second:.0f} pictures a second"))
    if health.skew_ms is not None and abs(health.skew_ms) > SKEW_MS:
        way = "ahead" if health.skew_ms > 0 else "behind"
        found.append(Trouble(f"Clock {span(health.skew_ms)} {way}"))
    if health.facts_age_ms is not None and health.facts_age_ms > FACTS_AGE_MS:
        found.append(Trouble(f"Facts {span(health.facts_age_ms)} old"))
    if health.queue > QUEUE:
        found.append(Trouble(f"{health.queue:,} scans to send"))
    if health.disk_free_mb is not None and health.disk_free_mb < DISK_MB:
        found.append(Trouble(f"{health.disk_free_mb} MB of disk left", grave=True))
    if health.battery_percent is not None and health.battery_percent < BATTERY_PERCENT:
        found.append(Trouble(f"Battery at {health.battery_percent} %"))
    return found
