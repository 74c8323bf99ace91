"""Invitations that wait until their session and person both exist."""

from collections.abc import Iterable, Sequence

from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.entry_log.entry_log import Subject
from server.core.feed import changes
from server.core.people.attendees import OF_LABELS, attendee, labels_of, people_of_label
from server.core.programme.speakers import link_speakers
from server.storage.connection import Connection, Row


def await_guests(
    db: Connection, session_code: str, labels: Iterable[str], *, invited: bool
) -> None:
    """Store invitations to a session, or refusals, for people who may not exist yet. A label is an
    external id or an e-mail address.
    """
    db.executemany(
        "INSERT INTO awaited_guest (session_code, label, invited) VALUES (?, ?, ?)"
        " ON CONFLICT (session_code, label) DO UPDATE SET invited = excluded.invited",
        [(session_code, label, int(invited)) for label in labels],
    )


def settle_guests(db: Connection) -> int:
    """Apply the stored invitations whose session and person both exist now, and return how many.

    A label that matches several people waits. Session codes match in any case.
    """
    return len(_settle(db, db.execute(_AWAITED).fetchall()))


def settle_person(db: Connection, serial: int, *, by: str, now: int) -> None:
    """Apply the invitations, refusals and talks that wait for this person's external id or e-mail
    address. Call it after a person was added or changed.
    """
    person = attendee(db, serial)
    settled = _settle(db, db.execute(f"{_AWAITED} WHERE {OF_LABELS}", labels_of(person)).fetchall())
    for session_id, invited in settled:
        _note(db, serial, session_id, "invited" if invited else "refused", by=by, now=now)
    if link_speakers(db, person) or settled:
        _publish(db, serial)


def await_again(db: Connection, serial: int, label: str, *, by: str, now: int) -> None:
    """Let a person's invitations, refusals and talks wait for the next person with this label."""
    rows = db.execute(
        "SELECT s.session_id, s.code, g.invited FROM session_guest g"
        " JOIN session s USING (session_id) WHERE g.serial = ?",
        (serial,),
    ).fetchall()
    _publish(db, serial)
    for row in rows:
        await_guests(db, row["code"], [label], invited=bool(row["invited"]))
        _note(db, serial, row["session_id"], "neither", by=by, now=now)
    db.execute("DELETE FROM session_guest WHERE serial = ?", (serial,))
    db.execute(
        "UPDATE session_speaker SET serial = NULL WHERE serial = ? AND label <> ''", (serial,)
    )


def _note(db: Connection, serial: int, session_id: int, answer: str, *, by: str, now: int) -> None:
    subject: Subject = {"serial": serial, "session": session_id, "answer": answer}
    entry_log.act(db, by, Act.GUEST_SET, subject, now)


def _publish(db: Connection, serial: int) -> None:
    """Notify the doors of the sessions that name this person."""
    rows = db.execute(
        "SELECT DISTINCT hall_id FROM session WHERE session_id IN"
        " (SELECT session_id FROM session_guest WHERE serial = ? UNION"
        " SELECT session_id FROM session_speaker WHERE serial = ?)",
        (serial, serial),
    )
    changes.publish_venue(db, [row["hall_id"] for row in rows])


_AWAITED = "SELECT session_code, label, invited FROM awaited_guest"


def _settle(db: Connection, rows: Sequence[Row]) -> list[tuple[int, bool]]:
    """Return the sessions of the applied answers, each with whether it is an invitation."""
    sessions = {
        row["code"].casefold(): row["session_id"]
        for row in (db.execute("SELECT code, session_id FROM session") if rows else ())
    }
    settled = []
    for row in rows:
        session_id = sessions.get(row["session_code"].casefold())
        if session_id is None:
            continue
        people = people_of_label(db, row["label"])
        if len(people) != 1:
            continue
        db.execute(
            "INSERT INTO session_guest (session_id, serial, invited) VALUES (?, ?, ?)"
            " ON CONFLICT (session_id, serial) DO UPDATE SET invited = excluded.invited",
            (session_id, people[0]["serial"], row["invited"]),
        )
        db.execute(
            "DELETE FROM awaited_guest WHERE session_code = ? AND label = ?",
            (row["session_code"], row["label"]),
        )
        settled.append((session_id, bool(row["invited"])))
    return settled


def awaited(db: Connection) -> dict[str, tuple[str, ...]]:
    """Return the labels of invitations not applied yet, by session code."""
    labels_of: dict[str, list[str]] = {}
    for row in db.execute("SELECT session_code, label FROM awaited_guest ORDER BY 1, 2"):
        labels_of.setdefault(row["session_code"], []).append(row["label"])
    return {code: tuple(labels) for code, labels in labels_of.items()}
