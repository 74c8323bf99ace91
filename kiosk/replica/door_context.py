from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import UNSET, UnsetType

from badges.admission.facts import Calendar, Hall, Session
from badges.credential.keys import (
    KeyRing,
    PublicKey,
    check_ring_number,
    open_ring,
    ring_digest,
)
from badges.wire import wire
from badges.wire.door_policy import hall_of, session_of


@dataclass(frozen=True)
class ProgrammeSession:
    starts_at: int
    ends_at: int
    facts: wire.SessionFacts


@dataclass(frozen=True)
class Talk:
    """A holder's talk in this hall. It ends with its session."""

    starts_at: int
    ends_at: int
    role: str


@dataclass(frozen=True)
class DoorContext:
    """The facts about a door, its hall and the programme. Names are by language."""

    event_names: Mapping[str, str]
    time_zone: ZoneInfo
    calendar: Calendar
    ring: KeyRing
    log_name: str
    log_key: bytes
    hall: Hall
    hall_names: Mapping[str, str]
    door: wire.DoorFacts
    door_names: Mapping[str, Mapping[str, str]]  # by door id as text, for the doors of the halls
    categories: Mapping[int, wire.CategoryFacts]
    sessions: tuple[Session, ...]  # in order of time
    session_titles: Mapping[int, Mapping[str, str]]
    invited: Mapping[int, frozenset[int]]  # session ids, by serial
    refused: Mapping[int, frozenset[int]]  # session ids, by serial
    incarnation: int
    capacity: int
    supervisors: tuple[wire.SupervisorFacts, ...]
    outer: tuple[Hall, ...] = ()  # outer halls that the door leads into too, innermost first
    outer_names: Mapping[int, Mapping[str, str]] = field(default_factory=dict)  # by hall
    accessible: frozenset[int] = frozenset()  # serials for whom places are kept
    programme: tuple[ProgrammeSession, ...] = ()  # in order of time; empty from early servers
    # by serial, in order of time
    talks: Mapping[int, tuple[Talk, ...]] = field(default_factory=dict)
    salted: bool = False  # the server accepts records of version 2, and cosignatures
    ring_order: int = 0  # of two rings, the one with the higher number is newer
    ring_digest: bytes = b""

    @property
    def halls(self) -> tuple[int, ...]:
        """Every hall in which an entry here counts, innermost first."""
        return (self.hall.hall_id, *(hall.hall_id for hall in self.outer))

    def sessions_at(self, at: int) -> tuple[Session, ...]:
        return tuple(session for session in self.sessions if session.closes_at > at)

    def local_time(self, at: int) -> str:
        return datetime.fromtimestamp(at / 1000, self.time_zone).strftime("%H:%M")

    def key_expired(self, key_id: int, at: int) -> bool:
        key = self.ring.keys.get(key_id)
        return key is None or not key.not_before <= at < key.not_after


def read_door_context(snapshot: wire.Snapshot, root: PublicKey) -> DoorContext:
    """Raises ValueError if `root` did not sign the ring and its number, or for an unknown time
    zone.
    """
    if not isinstance(snapshot.ring_number, UnsetType):
        number, signature = snapshot.ring_number.number, snapshot.ring_number.signature
        check_ring_number(root, snapshot.ring, number, signature)
    try:
        zone = ZoneInfo(snapshot.time_zone)
    except (ZoneInfoNotFoundError, OSError):
        raise ValueError(f"no such time zone: {snapshot.time_zone[:60]!r}") from None
    sessions = sorted(snapshot.sessions, key=lambda s: (s.opens_at, s.session))
    programme = _programme(sessions)
    return DoorContext(
        event_names=snapshot.event_name,
        time_zone=zone,
        calendar=Calendar(tuple(snapshot.day_starts)),
        ring=open_ring(root, snapshot.ring),
        log_name=snapshot.log_name,
        log_key=snapshot.log_key,
        hall=hall_of(snapshot.hall),
        hall_names=snapshot.hall.names,
        door=snapshot.door,
        door_names=snapshot.doors,
        categories={category.code: category for category in snapshot.categories},
        sessions=tuple(session_of(session) for session in sessions),
        session_titles={session.session: session.titles for session in sessions},
        invited=_by_serial((s.session, s.invited) for s in sessions),
        refused=_by_serial((s.session, s.refused) for s in sessions),
        incarnation=snapshot.incarnation,
        capacity=snapshot.hall.capacity,
        supervisors=tuple(snapshot.supervisors),
        outer=tuple(hall_of(outer.hall) for outer in snapshot.outer_facts),
        outer_names={outer.hall.hall: outer.hall.names for outer in snapshot.outer_facts},
        accessible=frozenset(() if snapshot.accessible is UNSET else snapshot.accessible),
        programme=programme,
        talks=_talks(programme),
        salted=snapshot.salted is True,
        ring_order=snapshot.ring_order,
        ring_digest=ring_digest(snapshot.ring),
    )


def _programme(sessions: Iterable[wire.SessionFacts]) -> tuple[ProgrammeSession, ...]:
    timed = [
        ProgrammeSession(session.starts_at, session.ends_at, session)
        for session in sessions
        if not (isinstance(session.starts_at, UnsetType) or isinstance(session.ends_at, UnsetType))
    ]
    return tuple(sorted(timed, key=lambda session: (session.starts_at, session.facts.session)))


def _talks(programme: Iterable[ProgrammeSession]) -> dict[int, tuple[Talk, ...]]:
    talks_of: dict[int, list[Talk]] = {}
    for session in programme:
        speakers = session.facts.speakers
        for speaker in () if isinstance(speakers, UnsetType) else speakers:
            if not isinstance(speaker.serial, UnsetType):
                own = None if isinstance(speaker.starts_at, UnsetType) else speaker.starts_at
                talk = Talk(own or session.starts_at, session.ends_at, speaker.role)
                talks_of.setdefault(speaker.serial, []).append(talk)
    return {
        serial: tuple(sorted(talks, key=lambda speaker: speaker.starts_at))
        for serial, talks in talks_of.items()
    }


def _by_serial(lists: Iterable[tuple[int, list[int]]]) -> dict[int, frozenset[int]]:
    sessions_of: dict[int, set[int]] = {}
    for session, serials in lists:
        for serial in serials:
            sessions_of.setdefault(serial, set()).add(session)
    return {serial: frozenset(sessions) for serial, sessions in sessions_of.items()}


def text_in(names: Mapping[str, str], language: str) -> str:
    return names.get(language) or next(iter(names.values()), "")
