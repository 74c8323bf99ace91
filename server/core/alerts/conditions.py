"""Conditions whose begin and end webhooks report. The first part of a kind names its subject in a
message.
"""

from pathlib import Path

from server.core.alerts.alerts import Alert
from server.core.alerts.sources import AlertContext
from server.storage import disk

QUIET_MS = 60_000  # A kiosk silent for this long is quiet.


def of_quiet_kiosks(context: AlertContext) -> list[Alert]:
    return [
        Alert("kiosk.quiet", row.kiosk)
        for row in context.kiosks
        if row.state == "active" and (row.seen_at is None or context.now - row.seen_at > QUIET_MS)
    ]


def of_backup(context: AlertContext) -> list[Alert]:
    backup = None if context.server is None else context.server.backup_status
    return [Alert("backup.failing", "")] if backup is not None and backup.fails else []


def of_disk(context: AlertContext) -> list[Alert]:
    try:
        low = disk.room(Path(context.event.database_path)).low
    except OSError:
        return [Alert("disk.unknown", "")]
    return [Alert("disk.low", "")] if low else []
