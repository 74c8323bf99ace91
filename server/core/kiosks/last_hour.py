"""Reads each kiosk's last hour by minute, which `contact.keep_health` writes."""

from dataclasses import dataclass

from server.storage.connection import Connection

MINUTES = 60


@dataclass(frozen=True)
class KioskMinute:
    heard: int = 0
    queue: int = 0


def last_hours(db: Connection, now: int) -> dict[str, list[KioskMinute]]:
    first = now // 60_000 - MINUTES + 1
    hours: dict[str, list[KioskMinute]] = {}
    for row in db.execute(
        "SELECT kiosk, minute, heard, queue FROM kiosk_minute WHERE minute >= ? AND minute < ?",
        (first, first + MINUTES),
    ):
        minutes = hours.setdefault(row["kiosk"], [KioskMinute()] * MINUTES)
        minutes[row["minute"] - first] = KioskMinute(row["heard"], row["queue"])
    return hours
