"""Alerts on the server itself: its disks, database, backups and clock."""

import contextlib

from badges.i18n import Phrase, joined
from server.core.alerts.alerts import Alert, Kind, lasting
from server.core.alerts.sources import AlertContext, RunningServer
from server.core.event import clock
from server.core.second_disk import set_back
from server.storage import disk
from server.storage.connection import Connection


def of_server(context: AlertContext) -> list[Alert]:
    alerts = _of_database(context.db, context.now)
    with contextlib.suppress(OSError):
        alerts.append(_alert("disk", disk.room(context.event.database_path).warning, grave=True))
    if context.server is not None:
        alerts += _of_running(context.server)
    return [alert for alert in alerts if alert.values["words"]]


def _alert(about: str, words: str, *, grave: bool = False) -> Alert:
    return Alert(Kind.SERVER, about, grave, values={"words": words})


def _of_running(server: RunningServer) -> list[Alert]:
    alerts = []
    if server.writes_fail:
        words = Phrase(
            "Some writes to the database fail. Doors continue with the places that they have,"
            " and keep their scans. The server's log has the cause."
        )
        alerts.append(_alert("database", words, grave=True))
    backup = server.backup_status
    if backup is None:
        words = Phrase(
            "A broken disk would lose this event. Name a second one as backup_dir in the"
            " event's settings."
        )
        alerts.append(_alert("no_second_disk", words))
    else:
        alerts.append(_alert("backup", backup.trouble, grave=True))
        alerts.append(_alert("backup_acts", backup.acts_trouble, grave=True))
        alerts.append(_alert("backup_disk", backup.warning))
    if server.superseded_by is not None:
        words = Phrase(
            "Another server now serves this event (%(server)s), so this one no longer accepts"
            " scans or grants places. Stop one of them.",
            server=server.superseded_by or "?",
        )
        alerts.append(_alert("superseded", words, grave=True))
    return alerts


def _of_database(db: Connection, now: int) -> list[Alert]:
    alerts = []
    put_back = set_back.notice(db)
    if put_back is not None and put_back.awaited:
        words = Phrase(
            "The database was set back to an earlier state. Halls grant no places until these"
            " kiosks have reported: %(kiosks)s. Doors continue with the places that they "
            "have.",
            kiosks=", ".join(dict.fromkeys(kiosk.kiosk for kiosk in put_back.awaited)),
        )
        alerts.append(_alert(f"set_back-{put_back.at}", words, grave=True))
    was_set = clock.was_set(db, now)
    if was_set:
        alerts.append(_alert(f"clock-{was_set.number}", _clock_words(was_set)))
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
