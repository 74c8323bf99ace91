from collections import defaultdict
from collections.abc import Iterable

import msgspec
from msgspec import UNSET

from badges.wire import wire
from server.core.people.attendees import whole_name
from server.storage.connection import Connection
from server.storage.localized import names_of

# Includes sessions that still run but admit nobody any more.
_COMING = "s.hall_id = ? AND (s.closes_at > ? OR s.ends_at > ?)"


def with_programme(
    db: Connection, hall_id: int, now: int, sessions: Iterable[wire.SessionFacts]
) -> list[wire.SessionFacts]:
    """Return the current and future sessions with their programme, soonest first."""
    facts = {session_facts.session: session_facts for session_facts in sessions}
    asked = (hall_id, now, now)
    hosts, speakers = _hosts(db, asked), _speakers(db, asked)
    rows = db.execute(
        "SELECT s.session_id, s.titles, s.starts_at, s.ends_at, s.opens_at, s.closes_at, k.names"
        " FROM session s LEFT JOIN activity a ON a.activity_id = s.activity_id"
        f" LEFT JOIN activity_kind k ON k.code = a.kind WHERE {_COMING}"
        " ORDER BY s.opens_at, s.session_id",
        asked,
    ).fetchall()
    complete = []
    for row in rows:
        session = row["session_id"]
        bare = facts.get(session) or wire.SessionFacts(
            session=session,
            titles=names_of(row["titles"]),
            opens_at=row["opens_at"],
            closes_at=row["closes_at"],
            categories=[],
            invited=[],
            refused=[],
        )
        shown = msgspec.structs.replace(
            bare,
            starts_at=row["starts_at"],
            ends_at=row["ends_at"],
            kind=UNSET if row["names"] is None else names_of(row["names"]),
            hosts=hosts[session][: wire.HOSTS_MAX] or UNSET,
            speakers=speakers[session][: wire.SPEAKERS_MAX] or UNSET,
        )
        complete.append(shown)
    return complete


def _hosts(db: Connection, asked: tuple[int, int, int]) -> dict[int, list[dict[str, str]]]:
    hosts: dict[int, list[dict[str, str]]] = defaultdict(list)
    for row in db.execute(
        "SELECT s.session_id, o.names FROM session s"
        " JOIN activity_host h ON h.activity_id = s.activity_id AND h.role = 'lead'"
        f" JOIN organisation o ON o.organisation_id = h.organisation_id WHERE {_COMING}"
        " ORDER BY s.session_id, o.code",
        asked,
    ):
        hosts[row["session_id"]].append(names_of(row["names"]))
    return hosts


def _speakers(db: Connection, asked: tuple[int, int, int]) -> dict[int, list[wire.SpeakerFacts]]:
    speakers: dict[int, list[wire.SpeakerFacts]] = defaultdict(list)
    for row in db.execute(
        "SELECT p.session_id, p.serial, p.name, p.role, p.starts_at, a.given_name, a.family_name"
        " FROM session s JOIN session_speaker p ON p.session_id = s.session_id"
        f" LEFT JOIN attendee a ON a.serial = p.serial WHERE {_COMING}"
        " ORDER BY p.session_id, p.position",
        asked,
    ):
        name = row["name"]
        if row["serial"] is not None:
            name = whole_name(row["given_name"], row["family_name"])
        speaker = wire.SpeakerFacts(
            name=name[: wire.SPEAKER_NAME_MAX],
            role=row["role"],
            serial=UNSET if row["serial"] is None else row["serial"],
            starts_at=UNSET if row["starts_at"] is None else row["starts_at"],
        )
        speakers[row["session_id"]].append(speaker)
    return speakers
