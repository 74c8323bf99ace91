"""Alerts on the server itself: its disks, database, backups and clock."""

import contextlib

from badges.i18n import N_, Phrase, joined
from server.core.alerts.alerts import Alert, Kind, lasting
from server.core.alerts.sources import AlertContext, RunningServer
from server.core.event import clock
from server.core.event.directory import Event
from server.core.second_disk import set_back
from server.storage import disk
from server.storage.connection import Connection


def of_server(context: AlertContext) -> list[Alert]:
    alerts = _of_database(context.db, context.now)
    with contextlib.suppress(OSError):
        alerts += _alert("disk", disk.room(context.event.database_path).warning, grave=True)
    if context.server is not None:
        alerts += _of_running(context.server, context.event)
    return alerts


# Titles of the alerts whose text is long.
_TITLES = {
    "disk": N_("The disk fills up"),
    "no_second_disk": N_("No second disk"),
    "backup": N_("No backup is made"),
    "backup_acts": N_("Important changes are not copied to the second disk"),
    "backup_disk": N_("The second disk fills up"),
    "superseded": N_("Another server serves this event"),
    "set_back": N_("The database was set back"),
    "clock": N_("The clock was set"),
}
# Alerts whose remedy is on the page of backups.
_OF_BACKUP = ("no_second_disk", "backup", "backup_acts", "backup_disk")


def _alert(about: str, words: str, *, grave: bool = False) -> list[Alert]:
    """Return the alert, or nothing without words. A title becomes the problem, and the words the
    remedy.
    """
    title = _TITLES.get(about.partition("-")[0])
    problem, todo = (Phrase(title), words) if title else (words, "")
    if not words:
        return []
    is_backup = about in _OF_BACKUP
    remedy_at = "admin.backup.show" if is_backup or about == "disk" else ""
    alert = Alert(
        Kind.SERVER, about, grave, what=problem, todo=todo,
        where=Phrase("Backups") if is_backup else Phrase("Server"),
        page=("admin.backup.show", {}) if is_backup else None, remedy_at=remedy_at,
    )  # fmt: skip
    return [alert]


def _of_running(server: RunningServer, event: Event) -> list[Alert]:
    alerts: list[Alert] = []
    if server.writes_fail:
        words = Phrase(
            "Some writes to the database fail. Doors continue with the places that they have,"
            " and keep their scans. The server's log has the cause."
        )
        alerts += _alert("database", words, grave=True)
    backup = server.backup_status
    if backup is None and not event.in_postgresql:
        words = Phrase(
            "A broken disk would lose this event. Choose a second one on the page Backups."
        )
        alerts += _alert("no_second_disk", words)
    if backup is not None:
        alerts += _alert("backup", backup.trouble, grave=True)
        alerts += _alert("backup_acts", backup.acts_trouble, grave=True)
        alerts += _alert("backup_disk", backup.warning)
    if server.superseded_by is not None:
        words = Phrase(
            "Another server now serves this event (%(server)s), so this one no longer accepts"
            " scans or grants places. Stop one of them.",
            server=server.superseded_by or "?",
        )
        alerts += _alert("superseded", words, grave=True)
    return alerts


def _of_database(db: Connection, now: int) -> list[Alert]:
    alerts: list[Alert] = []
    put_back = set_back.notice(db)
    if put_back is not None and put_back.awaited:
        words = Phrase(
            "The database was set back to an earlier state. Halls grant no places until these"
            " kiosks have reported: %(kiosks)s. Doors continue with the places that they "
            "have.",
            kiosks=", ".join(dict.fromkeys(kiosk.kiosk for kiosk in put_back.awaited)),
        )
        alerts += _alert(f"set_back-{put_back.at}", words, grave=True)
    was_set = clock.was_set(db, now)
    if was_set:
        alerts += _alert(f"clock-{was_set.number}", _clock_words(was_set))
    return alerts


def _clock_words(epoch: clock.Epoch) -> str:
    by_ms = epoch.by_ms or 0
    first = (
        Phrase("The server's clock was set forward by %(time)s.", time=lasting(by_ms))
        if by_ms > 0
        else Phrase("The server's clock was set back by %(time)s.", time=lasting(by_ms))
    )
    then = Phrase(
        "Times from before and after the change are not compared, so some people who left may"
        " still count as inside until the hall is confirmed as empty."
    )
    return joined(" ", (first, then))
