"""Alerts of `hallkeeper status`: servers, the database, and kiosks that wait for them. The texts
are English, for operators.
"""

from badges.wire.version import OWN
from server.core.alerts.alerts import Alert
from server.core.alerts.sources import AlertContext
from server.core.entry_log import entry_log
from server.core.event import processes
from server.core.event.processes import Process
from server.core.kiosks.registry import KioskRow
from server.core.second_disk import line
from server.storage import disk
from server.storage.connection import Connection
from server.storage.engines.state import engine_state
from server.storage.localized import names_of, text_in

HEARD_TODAY_MS = 3_600_000  # a kiosk heard within this time was in use
TURN_MAX_S = 10.0


def of_processes(context: AlertContext) -> list[Alert]:
    servers, now = processes.all_processes(context.db), context.now
    silent = [
        Alert(
            "server.silent",
            server.name,
            what=f"Server {server.name} ({server.address}) was at work, and has written nothing for"
            " a while. Does it run, and does it reach the database?",
        )
        for server in _silent(servers, now)
    ]
    return silent + [
        Alert(
            "server.writes_fail",
            server.name,
            what=f"Writes of server {server.name} fail, {server.failed} in a minute: "
            f"{server.cause}",
        )
        for server in servers
        if server.failed and server.stopped_at is None and not server.is_silent(now)
    ]


def _silent(servers: list[Process], now: int) -> list[Process]:
    """Leave out servers at whose address another server reports."""
    at_work = {
        server.address
        for server in servers
        if server.stopped_at is None and not server.is_silent(now)
    }
    return [server for server in servers if server.is_silent(now) and server.address not in at_work]


def of_disk(context: AlertContext) -> list[Alert]:
    full = disk.write_trouble(context.event.path)
    return [] if full is None else [Alert("disk.full", "", what=f"Writes fail: {full}")]


def of_engine(context: AlertContext) -> list[Alert]:
    engine = engine_state(context.db, str(context.event.database_path))
    alerts = []
    if engine.lacks_standby:
        alerts.append(
            Alert(
                "database.standby",
                "",
                what="Commits wait for a synchronous standby, and none is connected: nothing is "
                "written before it is back. Start it, or change synchronous_standby_names.",
            )
        )
    if engine.held_s > TURN_MAX_S:
        alerts.append(
            Alert(
                "database.turn",
                "",
                what=f"{engine.writer} has had its turn to write for {engine.held_s:.0f} s, for "
                "which all others wait.",
            )
        )
    return alerts


def long_queues(context: AlertContext) -> dict[str, int]:
    """Count the unsent scans of kiosks with more than `alert_queue`."""
    most = context.event.settings.alert_queue
    return {
        row.kiosk: row.waiting
        for row in context.kiosks
        if row.state == "active" and row.waiting > most
    }


def unheard(context: AlertContext) -> list[str]:
    """Return the kiosks that reported within the last hour but not lately."""
    silent_ms = context.event.settings.alert_silent_s * 1000
    return [
        row.kiosk
        for row in context.kiosks
        if row.state == "active"
        and row.seen_at is not None
        and silent_ms < context.now - row.seen_at < HEARD_TODAY_MS
    ]


def of_waiting_scans(context: AlertContext) -> list[Alert]:
    alerts = []
    queues, silent = long_queues(context), unheard(context)
    if queues:
        named = ", ".join(f"{name} ({scans})" for name, scans in queues.items())
        words = f"Scans wait at kiosks, more than the event's alert_queue: {named}."
        alerts.append(Alert("kiosks.queue", "", what=words))
    if silent:
        words = (
            f"Kiosks that worked within the last hour are silent: {', '.join(silent)}. Their "
            "scans have not arrived."
        )
        alerts.append(Alert("kiosks.unheard", "", what=words))
    return alerts


def of_awaited_kiosks(context: AlertContext) -> list[Alert]:
    awaited = line.awaited(context.db)
    if not awaited:
        return []
    halls = dict.fromkeys(text_in(names_of(kiosk.hall_names), "en") for kiosk in awaited)
    names = ", ".join(dict.fromkeys(kiosk.kiosk for kiosk in awaited))
    words = (
        f"No places are granted in {', '.join(halls)}: the database was set back, and these "
        f"kiosks have not reported since: {names}. If a kiosk is lost, fence it and attest on "
        "its hall's page where the people are that it admitted."
    )
    return [Alert("database.set_back", "", what=words)]


def of_log_size(context: AlertContext) -> list[Alert]:
    kiosk, seen = seen_by_kiosks(context.db)
    size = entry_log.size(context.db)
    if seen <= size:
        return []
    words = (
        f"Kiosk {kiosk} states that it has seen {seen} entries of the log, and there are {size}. "
        "It showed no signature for them, so look at that kiosk."
    )
    return [Alert("log.ahead", kiosk, what=words)]


def seen_by_kiosks(db: Connection) -> tuple[str, int]:
    """Return the kiosk that verified most of the log, and its number of entries."""
    row = db.execute(
        "SELECT kiosk, log_size FROM kiosk WHERE state = 'active' ORDER BY log_size DESC LIMIT 1"
    ).fetchone()
    return ("", 0) if row is None else (str(row[0]), int(row[1]))


def wrong_versions(context: AlertContext) -> dict[str, str]:
    return {
        row.kiosk: wrong_version(row)
        for row in context.kiosks
        if row.state == "active" and not row.is_understood
    }


def of_versions(context: AlertContext) -> list[Alert]:
    return [
        Alert("kiosk.version", kiosk, what=f"Kiosk {kiosk}: {words}")
        for kiosk, words in wrong_versions(context).items()
    ]


def wrong_version(row: KioskRow) -> str:
    version = row.version or OWN
    spoken = f"It speaks version {version.newest} of the protocol, and this server version"
    if OWN.is_too_old_for(version):
        return (
            f"{spoken} {OWN.newest}: it needs version {version.oldest} or later of the server. "
            "Update the server. Its scans stay on it until then."
        )
    return (
        f"{spoken} {OWN.newest}, which needs version {OWN.oldest} or later. Install this server's "
        "version of Hallkeeper on the kiosk. Its scans stay on it until then."
    )
