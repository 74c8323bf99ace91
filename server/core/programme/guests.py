"""Invitations that wait until their session and person are both imported."""

from collections.abc import Iterable

from server.core.people.attendees import people_of_label
from server.storage.connection import Connection


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
    rows = db.execute("SELECT session_code, label, invited FROM awaited_guest").fetchall()
    if not rows:
        return 0
    sessions = {
        row["code"].casefold(): row["session_id"]
        for row in db.execute("SELECT code, session_id FROM session")
    }
    settled = 0
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
        settled += 1
    return settled


def awaited(db: Connection) -> dict[str, tuple[str, ...]]:
    """Return the labels of invitations not applied yet, by session code."""
    labels_of: dict[str, list[str]] = {}
    for row in db.execute("SELECT session_code, label FROM awaited_guest ORDER BY 1, 2"):
        labels_of.setdefault(row["session_code"], []).append(row["label"])
    return {code: tuple(labels) for code, labels in labels_of.items()}
