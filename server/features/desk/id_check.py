"""Records that an ID document was checked. Its number is not stored."""

from dataclasses import dataclass

from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.features.desk import submissions
from server.features.desk.submissions import DeskError, Done, Form, Kind, Why
from server.storage.connection import Connection


@dataclass(frozen=True)
class IdCheck:
    checked_by: str
    checked_at: int


def id_check(db: Connection, serial: int) -> IdCheck | None:
    row = db.execute(
        "SELECT checked_by, checked_at FROM id_check WHERE serial = ?", (serial,)
    ).fetchone()
    return None if row is None else IdCheck(row["checked_by"], row["checked_at"])


def note(db: Connection, form: Form, serial: int) -> Done:
    """Raises DeskError, StaleError or UnknownAttendeeError."""

    def do() -> submissions.Submission:
        submissions.check_seen(db, form, serial)
        if id_check(db, serial) is not None:
            raise DeskError(Why.CHECKED_ALREADY)
        db.execute("INSERT INTO id_check VALUES (?, ?, ?)", (serial, form.by, form.now))
        entry_log.act(db, form.by, Act.ID_CHECKED, {"serial": serial}, form.now)
        return submissions.keep(db, form, Kind.ID_CHECKED, serial, kept={"checked_at": form.now})

    return submissions.once(db, form, do)


def forget(db: Connection, serial: int, *, by: str, now: int) -> None:
    db.execute("DELETE FROM id_check WHERE serial = ?", (serial,))
    entry_log.act(db, by, Act.ID_CHECK_UNDONE, {"serial": serial}, now)
