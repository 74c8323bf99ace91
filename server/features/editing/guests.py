from dataclasses import dataclass
from zoneinfo import ZoneInfo

from badges.i18n import N_, Phrase, Translated
from server.core.edits import last_edit
from server.core.edits.things import guest
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.feed import changes
from server.core.people import attendees
from server.core.people.attendees import Attendee, attendee_of
from server.core.venue import store
from server.storage.connection import Connection, Row
from server.storage.localized import names_of

ANSWERS = {True: Phrase("invited"), False: Phrase("refused"), None: Phrase("neither")}


_TOLD = {
    True: N_("%(title)s: %(name)s is invited"),
    False: N_("%(title)s: %(name)s is refused"),
    None: N_("%(title)s: %(name)s is no longer invited or refused by name"),
}


@dataclass(frozen=True)
class Guest:
    """A person invited to a session, or refused."""

    person: Attendee
    invited: bool


def guests(db: Connection, session_id: int, limit: int, offset: int) -> tuple[list[Guest], int]:
    (total,) = db.execute(
        "SELECT COUNT(*) FROM session_guest WHERE session_id = ?", (session_id,)
    ).fetchone()
    rows = db.execute(
        f"{attendees.SELECT} JOIN session_guest g ON g.serial = a.serial WHERE g.session_id = ?"
        " ORDER BY a.family_name, a.given_name, a.serial LIMIT ? OFFSET ?",
        (session_id, limit, offset),
    ).fetchall()
    people = [attendee_of(row) for row in rows]
    return [Guest(person, bool(answer(db, session_id, person.serial))) for person in people], total


def answer(db: Connection, session_id: int, serial: int) -> bool | None:
    """Return whether a person is invited (True) or refused; None for neither."""
    row = db.execute(
        "SELECT invited FROM session_guest WHERE session_id = ? AND serial = ?",
        (session_id, serial),
    ).fetchone()
    return None if row is None else bool(row[0])


@dataclass(frozen=True)
class Offered:
    session_id: int
    titles: dict[str, str]
    starts_at: int


def offered(db: Connection, after: int, limit: int) -> list[Offered]:
    """Return the next sessions whose admission ends after a time."""
    rows = db.execute(
        "SELECT session_id, titles, starts_at FROM session WHERE closes_at > ?"
        " ORDER BY starts_at, code LIMIT ?",
        (after, limit),
    )
    return [_offered(row) for row in rows]


def answers_of(db: Connection, serial: int) -> list[tuple[Offered, bool]]:
    rows = db.execute(
        "SELECT s.session_id, s.titles, s.starts_at, g.invited FROM session_guest g"
        " JOIN session s ON s.session_id = g.session_id WHERE g.serial = ?"
        " ORDER BY s.starts_at, s.code",
        (serial,),
    )
    return [(_offered(row), bool(row["invited"])) for row in rows]


def _offered(row: Row) -> Offered:
    return Offered(row["session_id"], names_of(row["titles"]), row["starts_at"])


def set_guest(
    db: Connection, zone: ZoneInfo, session_id: int, serial: int, invited: bool | None, *,
    by: str, now: int,
) -> str:  # fmt: skip
    """Invite a person to a session, refuse them, or (None) leave it to their category.

    Returns a description of the change, or "". Raises UnknownSessionError or UnknownAttendeeError.
    """
    session, person = store.session(db, session_id), attendees.attendee(db, serial)
    things = [guest(session.code, serial)]
    with last_edit.kept(db, zone, things, by=by, now=now, hall_id=session.hall_id) as note:
        if put_guest(db, session_id, serial, invited, by=by, now=now):
            title = Translated(session.titles)
            note.what = Phrase(_TOLD[invited], title=title, name=person.name)
    return note.what


def put_guest(
    db: Connection, session_id: int, serial: int, invited: bool | None, *, by: str, now: int
) -> bool:
    if answer(db, session_id, serial) == invited:
        return False
    if invited is None:
        db.execute(
            "DELETE FROM session_guest WHERE session_id = ? AND serial = ?", (session_id, serial)
        )
    else:
        db.execute(
            "INSERT INTO session_guest (session_id, serial, invited) VALUES (?, ?, ?)"
            " ON CONFLICT (session_id, serial) DO UPDATE SET invited = excluded.invited",
            (session_id, serial, int(invited)),
        )
    hall_id = store.session(db, session_id).hall_id
    changes.publish_venue(db, [hall_id])
    subject: dict[str, str | int | None] = {
        "serial": serial,
        "session": session_id,
        "answer": str(ANSWERS[invited]),
    }
    entry_log.act(db, by, Act.GUEST_SET, subject, now)
    return True
