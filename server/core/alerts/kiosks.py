from badges.wire import wire
from badges.wire.version import OWN, WireVersion
from server.core.alerts.alerts import Alert, Kind, Value, steps
from server.core.alerts.sources import AlertContext
from server.core.event.settings import EventSettings
from server.core.kiosks.registry import KioskRow
from server.core.occupancy.grants import LIVE_MS

KINDS = frozenset((
    Kind.SILENT, Kind.NEVER_HEARD, Kind.VERSION, Kind.CAMERA, Kind.SLOW_CAMERA, Kind.FEW_READ,
    Kind.SKEW, Kind.OLD_FACTS, Kind.QUEUE, Kind.KIOSK_DISK, Kind.BATTERY,
))  # fmt: skip
SKEW_MS = 2_000
DISK_MB = 500
MINUTE_MS = 60_000


def at_work(rows: list[KioskRow]) -> list[KioskRow]:
    return [row for row in rows if row.state in ("waiting", "proven", "active")]


def heard_lately(row: KioskRow, now: int) -> bool:
    return row.seen_at is not None and now - row.seen_at <= LIVE_MS


def of_kiosks(context: AlertContext) -> list[Alert]:
    settings, now = context.event.settings, context.now
    return [alert for row in context.kiosks for alert in of_kiosk(row, settings, now)]


def of_kiosk(row: KioskRow, settings: EventSettings, now: int) -> list[Alert]:
    """List an active kiosk's alerts, grave ones first. For a kiosk that does not report only that
    is listed, since its last report is old.
    """
    if row.state != "active":
        return []
    if row.seen_at is None:
        return [Alert(Kind.NEVER_HEARD, row.kiosk, grave=True, since=row.generation)]
    silent_ms = now - row.seen_at
    if silent_ms > settings.alert_silent_s * 1000:
        level = steps(silent_ms, 5 * MINUTE_MS, 30 * MINUTE_MS)
        values: dict[str, Value] = {"ms": silent_ms, "waiting": row.waiting}
        return [Alert(Kind.SILENT, row.kiosk, True, level, row.seen_at, values)]
    if not row.is_understood and row.version is not None:
        return [Alert(Kind.VERSION, row.kiosk, grave=True, values=_versions(row.version))]
    alerts = _from_health(row, row.health, settings) if row.health else []
    return sorted(alerts, key=lambda alert: not alert.grave)


def _versions(kiosk: WireVersion) -> dict[str, Value]:
    """Return which side must be updated (kiosk or server), its version, and the needed one."""
    if OWN.is_too_old_for(kiosk):
        return {"side": "server", "own": OWN.newest, "needed": kiosk.oldest}
    return {"side": "kiosk", "own": kiosk.newest, "needed": OWN.oldest}


def _from_health(row: KioskRow, health: wire.Health, settings: EventSettings) -> list[Alert]:
    alerts = []

    def add(kind: Kind, level: int = 0, *, grave: bool = False, **values: Value) -> None:
        alerts.append(Alert(kind, row.kiosk, grave, level, None, values))

    pictures, read = health.frames_per_second, health.read_rate
    if health.camera:
        add(Kind.CAMERA, grave=True, camera=health.camera)
    elif pictures is not None and pictures < settings.alert_pictures_per_second:
        add(Kind.SLOW_CAMERA, pictures=round(pictures))
    elif read is not None and read * 100 < settings.alert_read_percent:
        add(Kind.FEW_READ, percent=round(read * 100))
    if health.skew_ms is not None and abs(health.skew_ms) > SKEW_MS:
        add(Kind.SKEW, steps(abs(health.skew_ms), MINUTE_MS), ms=health.skew_ms)
    age = health.facts_age_ms
    if age is not None and age > settings.alert_facts_age_s * 1000:
        add(Kind.OLD_FACTS, steps(age, 5 * MINUTE_MS, 30 * MINUTE_MS), ms=age)
    if health.queue > settings.alert_queue:
        worse = steps(health.queue, 4 * settings.alert_queue + 1, 16 * settings.alert_queue + 1)
        add(Kind.QUEUE, worse, scans=health.queue)
    if health.disk_free_mb is not None and health.disk_free_mb < DISK_MB:
        add(Kind.KIOSK_DISK, steps(-health.disk_free_mb, -100), grave=True, mb=health.disk_free_mb)
    battery = health.battery_percent
    if battery is not None and battery < settings.alert_battery_percent:
        add(Kind.BATTERY, steps(-battery, -10, -5), grave=battery <= 5, percent=battery)
    return alerts
