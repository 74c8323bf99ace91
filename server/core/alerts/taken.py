from dataclasses import dataclass

from badges.i18n import N_, Spoken
from server.core.alerts.alerts import Alert
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.entry_log.entry_log import Subject
from server.core.staff import users
from server.storage.connection import Connection

NOTE_CHARS_MAX = 300


class TakenError(Spoken, ValueError):
    pass


@dataclass(frozen=True)
class Taken:
    """The user who took on an alert, with the time (Unix ms) and a note."""

    level: int
    since: int | None
    taken_by: str
    taken_at: int
    note: str


def take(db: Connection, alert: Alert, note: str, *, by: str, now: int) -> None:
    """Raises TakenError for an empty or too long note."""
    note = " ".join(note.split())
    if not note:
        raise TakenError(N_("State briefly what is being done."))
    if len(note) > NOTE_CHARS_MAX:
        raise TakenError(N_("The note has more than %(most)s characters."), most=NOTE_CHARS_MAX)
    db.execute(
        "INSERT INTO taken_alert (alert, level, since, taken_by, taken_at, note)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (alert) DO UPDATE SET level = excluded.level,"
        " since = excluded.since, taken_by = excluded.taken_by, taken_at = excluded.taken_at,"
        " note = excluded.note",
        (alert.key, alert.level, alert.since, by, now, note),
    )
    subject: Subject = {"trouble": alert.key, "level": alert.level, "note": note}
    entry_log.act(db, by, Act.TROUBLE_TAKEN, subject, now)


def all_taken(db: Connection) -> dict[str, Taken]:
    """Return the alerts taken on, by alert key. `taken_by` is the user's name."""
    names = {user.by: user.name for user in users.users(db)}
    taken = {}
    for row in db.execute("SELECT alert, level, since, taken_by, taken_at, note FROM taken_alert"):
        values = dict(row)
        key, by = values.pop("alert"), values["taken_by"]
        taken[key] = Taken(**{**values, "taken_by": names.get(by, by)})
    return taken
