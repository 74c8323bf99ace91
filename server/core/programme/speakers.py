"""Speakers of sessions. Until the roster has a speaker, the programme shows the name from the
file.
"""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

from badges.roster.same_name import name_key
from server.core.people.attendees import (
    OF_LABELS,
    Attendee,
    labels_of,
    people_of_label,
    whole_name,
)
from server.storage import dialect
from server.storage.connection import Connection, Row
from server.storage.localized import names_of

ROLES = ("keynote", "speaker", "moderator", "panellist")


@dataclass(frozen=True)
class Speaker:
    """A speaker of a session. `serial` is None for a person who is not on the roster."""

    serial: int | None
    label: str  # external id or e-mail address from the file
    name: str
    role: str  # a value of ROLES
    starts_at: int | None  # start of the talk, if known


@dataclass(frozen=True)
class Talk:
    """An attendee's part in a session. It begins with the session unless the file gives a time."""

    session_id: int
    titles: dict[str, str]
    hall_id: int
    role: str
    starts_at: int
    ends_at: int  # of the session


def put_speakers(db: Connection, session_id: int, speakers: Sequence[Speaker]) -> None:
    """Set the speakers of a session, in order. `link_speakers` finds their attendees."""
    db.execute("DELETE FROM session_speaker WHERE session_id = ?", (session_id,))
    db.executemany(
        "INSERT INTO session_speaker (session_id, position, serial, label, name, role, starts_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(session_id, at, *astuple(speaker)) for at, speaker in enumerate(speakers)],
    )


def link_speakers(db: Connection, person: Attendee | None = None) -> int:
    """Link speakers, or those who may be this person, to attendees by external id or e-mail
    address, and return how many were linked.

    If several attendees share an address, the name decides.
    """
    rows = db.execute(
        "SELECT session_id, position, label, name FROM session_speaker WHERE serial IS NULL AND "
        + ("label <> ''" if person is None else OF_LABELS),
        () if person is None else labels_of(person),
    ).fetchall()
    linked = 0
    for row in rows:
        serial = _serial(db, row["label"], row["name"])
        if serial is not None:
            key = (serial, row["session_id"], row["position"])
            db.execute(
                "UPDATE session_speaker SET serial = ? WHERE session_id = ? AND position = ?", key
            )
            linked += 1
    return linked


def _serial(db: Connection, label: str, name: str) -> int | None:
    rows = people_of_label(db, label)
    if len(rows) > 1:
        wanted = name_key("", name)
        rows = [row for row in rows if name_key(row["given_name"], row["family_name"]) == wanted]
    return rows[0]["serial"] if len(rows) == 1 else None


def speakers_of(db: Connection, sessions: Iterable[int]) -> dict[int, tuple[Speaker, ...]]:
    """Return speakers by session, in order. Attendees have the roster's name."""
    speakers_by_session: dict[int, list[Speaker]] = {}
    for row in db.execute(
        "SELECT p.*, a.given_name, a.family_name FROM session_speaker p LEFT JOIN attendee a"
        f" ON a.serial = p.serial WHERE {dialect.one_of('p.session_id')}"
        " ORDER BY p.session_id, p.position",
        (dialect.many(sessions),),
    ):
        speakers_by_session.setdefault(row["session_id"], []).append(_speaker(row))
    return {session: tuple(speakers) for session, speakers in speakers_by_session.items()}


def speaking(db: Connection, serials: Sequence[int]) -> int:
    (count,) = db.execute(
        "SELECT COUNT(DISTINCT serial) FROM session_speaker WHERE serial IS NOT NULL"
        f" AND {dialect.one_of('serial')}",
        (dialect.many(serials),),
    ).fetchone()
    return int(count)


def talks(db: Connection, serial: int) -> list[Talk]:
    rows = db.execute(
        "SELECT s.session_id, s.titles, s.hall_id, p.role, s.ends_at,"
        " COALESCE(p.starts_at, s.starts_at) AS starts_at"
        " FROM session_speaker p JOIN session s ON s.session_id = p.session_id"
        " WHERE p.serial = ? ORDER BY 6, s.session_id, p.position",
        (serial,),
    )
    return [Talk(**{**dict(row), "titles": names_of(row["titles"])}) for row in rows]


def speaks_as(db: Connection, serial: int, other: int) -> None:
    db.execute("UPDATE session_speaker SET serial = ? WHERE serial = ?", (other, serial))


def sessions_where_speaks(db: Connection, serial: int) -> list[tuple[int, str, int | None]]:
    """Return (session id, role, start) of each talk of the attendee."""
    rows = db.execute(
        "SELECT session_id, role, starts_at FROM session_speaker WHERE serial = ?"
        " ORDER BY session_id, position",
        (serial,),
    )
    return [(row["session_id"], row["role"], row["starts_at"]) for row in rows]


@dataclass(frozen=True)
class Contribution:
    """A speaker's part in a session, with place and time."""

    speaker: Speaker
    organisation: str  # as on the card, or "" for a person who is not on the roster
    session_titles: dict[str, str]
    activity: str | None  # code
    hall_names: dict[str, str]
    at: int  # start of the talk, else of the session (Unix ms)


def find_contributions(
    db: Connection, role: str | None, limit: int, offset: int
) -> tuple[list[Contribution], int]:
    """Return a page sorted by time, and the total count."""
    where, values = ("", ()) if role is None else (" WHERE p.role = ?", (role,))
    (total,) = db.execute(f"SELECT COUNT(*) FROM session_speaker p{where}", values).fetchone()
    # Join the names only for the page, not for the sort.
    page = (
        "SELECT p.*, s.titles, s.hall_id, s.activity_id,"
        " COALESCE(p.starts_at, s.starts_at) AS at"
        " FROM session_speaker p JOIN session s ON s.session_id = p.session_id"
        f"{where} ORDER BY at, p.session_id, p.position LIMIT ? OFFSET ?"
    )
    rows = db.execute(
        "SELECT p.*, y.code AS activity, h.names AS hall_names, a.given_name, a.family_name,"
        f" a.organisation FROM ({page}) AS p JOIN hall h ON h.hall_id = p.hall_id"
        " LEFT JOIN activity y ON y.activity_id = p.activity_id"
        " LEFT JOIN attendee a ON a.serial = p.serial"
        " ORDER BY p.at, p.session_id, p.position",
        (*values, limit, offset),
    )
    return [_contribution(row) for row in rows], total


def _contribution(row: Row) -> Contribution:
    return Contribution(
        speaker=_speaker(row),
        organisation=row["organisation"] or "",
        session_titles=names_of(row["titles"]),
        activity=row["activity"],
        hall_names=names_of(row["hall_names"]),
        at=row["at"],
    )


def _speaker(row: Row) -> Speaker:
    on_roster = row["serial"] is not None
    return Speaker(
        serial=row["serial"],
        label=row["label"],
        name=whole_name(row["given_name"], row["family_name"]) if on_roster else row["name"],
        role=row["role"],
        starts_at=row["starts_at"],
    )
