"""The programme now and next in a door's hall, and its speakers.

Only for display, without effect on admissions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from msgspec import UnsetType

from kiosk.replica.door_context import DoorContext, ProgrammeSession

SPEAKERS_SHOWN = 12  # of one session; the number of the others is shown
HOSTS_SHOWN = 3


@dataclass(frozen=True)
class Speaks:
    """The holder's talk in this hall, which begins at `at` (Unix ms)."""

    role: str
    at: int


@dataclass(frozen=True)
class ShownSpeaker:
    name: str
    role: str


@dataclass(frozen=True)
class ShownSession:
    when: Literal["now", "next"]
    titles: Mapping[str, str]
    starts_at: int
    ends_at: int
    kind: Mapping[str, str]
    hosts: tuple[Mapping[str, str], ...]
    speakers: tuple[ShownSpeaker, ...]
    today: bool = True  # begins today or is in progress
    more: int = 0  # speakers beyond `speakers`


def now_and_next(context: DoorContext, at: int) -> tuple[ShownSession, ...]:
    """The session in progress in the hall at `at`, and the next one.

    Of several in progress, the last to begin. The next one is on the same day, or on any day if
    none is in progress.
    """
    going, coming = None, None
    for session in context.programme:  # in order of time
        if session.starts_at <= at < session.ends_at:
            going = session
        elif session.starts_at > at:
            coming = session
            break
    shown = [] if going is None else [_shown(going, "now")]
    if coming is not None:
        today = _day(context, coming.starts_at) == _day(context, at)
        if going is None or today:
            shown.append(_shown(coming, "next", today=today))
    return tuple(shown)


def speaks_here(context: DoorContext, serial: int, at: int) -> Speaks | None:
    """The holder's talk here today: in progress, or else the next."""
    for talk in context.talks.get(serial, ()):  # in order of time
        if at < talk.ends_at and _day(context, talk.starts_at) == _day(context, at):
            return Speaks(talk.role, talk.starts_at)
    return None


def _day(context: DoorContext, at: int) -> date:
    return datetime.fromtimestamp(at / 1000, context.time_zone).date()


def _shown(
    session: ProgrammeSession, when: Literal["now", "next"], *, today: bool = True
) -> ShownSession:
    facts = session.facts
    speakers = [] if isinstance(facts.speakers, UnsetType) else facts.speakers
    hosts = [] if isinstance(facts.hosts, UnsetType) else facts.hosts
    return ShownSession(
        when=when,
        titles=facts.titles,
        starts_at=session.starts_at,
        ends_at=session.ends_at,
        kind={} if isinstance(facts.kind, UnsetType) else facts.kind,
        hosts=tuple(hosts[:HOSTS_SHOWN]),
        speakers=tuple(
            ShownSpeaker(speaker.name, speaker.role) for speaker in speakers[:SPEAKERS_SHOWN]
        ),
        today=today,
        more=max(0, len(speakers) - SPEAKERS_SHOWN),
    )
