from collections.abc import Iterator

from badges.i18n import Phrase, counted
from badges.wire import wire
from badges.wire.version import OWN, WireVersion
from server.core.alerts.alerts import Alert, Kind, lasting, steps
from server.core.alerts.sources import AlertContext
from server.core.event.settings import EventSettings
from server.core.kiosks.registry import KioskRow
from server.core.occupancy.grants import LIVE_MS

KINDS = frozenset((
    Kind.SILENT, Kind.NEVER_HEARD, Kind.VERSION, Kind.CAMERA, Kind.SLOW_CAMERA, Kind.FEW_READ,
    Kind.SKEW, Kind.OLD_FACTS, Kind.QUEUE, Kind.KIOSK_DISK, Kind.BATTERY,
    Kind.FLEETING,
))  # fmt: skip
SKEW_MS = 2_000
DISK_MB = 500
MINUTE_MS = 60_000


def at_work(rows: list[KioskRow]) -> list[KioskRow]:
    """Without phones that wait: a sheet of codes may have more than there are phones."""
    states = ("waiting", "proven", "active")
    return [
        row for row in rows if row.state == "active" or (row.state in states and not row.is_phone)
    ]


def heard_lately(seen_at: int | None, now: int) -> bool:
    return seen_at is not None and now - seen_at <= LIVE_MS


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
        problem, todo = Phrase("Never connected"), Phrase("Start it at its door, or retire it.")
        others = Phrase("Start it at its door, or call an admin.")
        return [
            Alert(
                Kind.NEVER_HEARD, row.kiosk, True, 0, row.generation, problem, todo,
                remedy_at="admin.kiosks.retire", todo_of_others=others,
            )
        ]  # fmt: skip
    silent_ms = now - row.seen_at
    if silent_ms > settings.alert_silent_s * 1000:
        level = steps(silent_ms, 5 * MINUTE_MS, 30 * MINUTE_MS)
        problem = Phrase("Silent for %(time)s", time=lasting(silent_ms))
        todo = Phrase(
            "Check its power and network. As long as its screen works, it keeps admitting with the "
            "places that it holds. If it is lost or stolen, fence it (Kiosks › Fence)."
        )
        others = Phrase(
            "Check its power and network. As long as its screen works, it keeps admitting with the "
            "places that it holds. If it is lost or stolen, call an admin."
        )
        return [
            Alert(
                Kind.SILENT, row.kiosk, True, level, row.seen_at, problem, todo,
                remedy_at="admin.kiosks.fence", todo_of_others=others,
            )
        ]  # fmt: skip
    if not row.is_understood and row.version is not None:
        problem, todo = _versions(row.version)
        return [Alert(Kind.VERSION, row.kiosk, grave=True, what=problem, todo=todo)]
    alerts = list(_from_health(row.kiosk, row.health, settings)) if row.health else []
    return sorted(alerts, key=lambda alert: not alert.grave)


def _versions(kiosk: WireVersion) -> tuple[Phrase, Phrase]:
    """Return the problem, and whether the kiosk or the server must be updated."""
    if OWN.is_too_old_for(kiosk):
        return Phrase(
            "The server is too old for it: protocol version %(own)s, and %(needed)s is needed",
            own=OWN.newest,
            needed=kiosk.oldest,
        ), Phrase("Update the server. The kiosk keeps its scans.")
    return Phrase(
        "Its Hallkeeper is too old: protocol version %(own)s, and %(needed)s is needed",
        own=kiosk.newest,
        needed=OWN.oldest,
    ), Phrase("Install the server's version of Hallkeeper on it. It keeps its scans.")


def _from_health(kiosk: str, health: wire.Health, settings: EventSettings) -> Iterator[Alert]:
    yield from _from_camera(kiosk, health, settings)
    skew_ms, age = health.skew_ms, health.facts_age_ms
    if skew_ms is not None and abs(skew_ms) > SKEW_MS:
        time, level = lasting(skew_ms), steps(abs(skew_ms), MINUTE_MS)
        problem = Phrase("Its clock is %(time)s behind", time=time)
        if skew_ms > 0:
            problem = Phrase("Its clock is %(time)s ahead", time=time)
        todo = Phrase("Set its clock. Entries are recorded with the difference, and stay right.")
        yield Alert(Kind.SKEW, kiosk, level=level, what=problem, todo=todo)
    if age is not None and age > settings.alert_facts_age_s * 1000:
        level = steps(age, 5 * MINUTE_MS, 30 * MINUTE_MS)
        problem = Phrase("Its data is %(time)s old", time=lasting(age))
        todo = Phrase("Check its network: it does not receive revocations and closed halls.")
        yield Alert(Kind.OLD_FACTS, kiosk, level=level, what=problem, todo=todo)
    most, queue = settings.alert_queue, health.queue
    if queue > most:
        level = steps(queue, 4 * most + 1, 16 * most + 1)
        problem = counted("%(num)s scan to send", "%(num)s scans to send", queue)
        todo = Phrase("Check its network. No scan is lost; they arrive once it is back online.")
        yield Alert(Kind.QUEUE, kiosk, level=level, what=problem, todo=todo)
    disk_mb, battery = health.disk_free_mb, health.battery_percent
    if disk_mb is not None and disk_mb < DISK_MB:
        problem = Phrase("%(mb)s MB of disk left", mb=disk_mb)
        todo = Phrase("Free some disk space: with a full disk it admits nobody.")
        yield Alert(Kind.KIOSK_DISK, kiosk, True, steps(-disk_mb, -100), what=problem, todo=todo)
    if battery is not None and battery < settings.alert_battery_percent:
        problem, todo = Phrase("Battery at %(percent)s %%", percent=battery), Phrase("Plug it in.")
        level = steps(-battery, -10, -5)
        yield Alert(Kind.BATTERY, kiosk, battery <= 5, level, what=problem, todo=todo)
    if health.storage is wire.StorageState.FLEETING:
        problem = Phrase("Its browser may delete its data: it admits only while it is online")
        todo = Phrase("Add its page to the phone's home screen, and open it there.")
        yield Alert(Kind.FLEETING, kiosk, what=problem, todo=todo)


def _from_camera(kiosk: str, health: wire.Health, settings: EventSettings) -> Iterator[Alert]:
    pictures, read = health.frames_per_second, health.read_rate
    if health.camera.is_broken:
        problem = Phrase("The camera gives no picture")
        if health.camera_fault:
            problem = Phrase("Camera: %(words)s", words=health.camera_fault)
        todo = Phrase("Plug the camera in again, or scan with a hand scanner meanwhile.")
        yield Alert(Kind.CAMERA, kiosk, grave=True, what=problem, todo=todo)
    elif pictures is not None and pictures < settings.alert_pictures_per_second:
        problem = counted(
            "Camera gives %(num)s picture a second",
            "Camera gives %(num)s pictures a second",
            round(pictures),
        )
        todo = Phrase("Close other programs on it, and give it more light.")
        yield Alert(Kind.SLOW_CAMERA, kiosk, what=problem, todo=todo)
    elif read is not None and read * 100 < settings.alert_read_percent:
        problem = Phrase("%(percent)s %% of the codes in view were read", percent=round(read * 100))
        todo = Phrase("Wipe the lens, and look for glare on badges or too little light.")
        yield Alert(Kind.FEW_READ, kiosk, what=problem, todo=todo)
