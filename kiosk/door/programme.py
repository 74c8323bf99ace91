"""Says what goes on now and next in a door's hall, and who comes to speak there.

It is for people's eyes. Nobody is admitted or refused by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from msgspec import UnsetType

from kiosk.replica.door_context import DoorContext, ProgrammeSession

SPEAKERS_SHOWN = 12  # Of one session. How many there are besides is told.
HOSTS_SHOWN = 3


@dataclass(frozen=True)
class Speaks:
    """Says that somebody speaks here. `at` is when, in Unix ms."""

    role: str
    at: int


@dataclass(frozen=True)
class ShownSpeaker:
    name: str
    role: str


@dataclass(frozen=True)
class ShownSession:
    """Describes a session as the screen shows it. Instants are Unix ms, and names are by
    language.
    """

    when: Literal["now", "next"]
    titles: Mapping[str, str]
    starts_at: int
    ends_at: int
    kind: Mapping[str, str]
    hosts: tuple[Mapping[str, str], ...]
    speakers: tuple[ShownSpeaker, ...]
    today: bool = True  # It begins on the present day, or goes on.
    more: int = 0  # Speakers who are not among `speakers`.


def now_and_next(context: DoorContext, at: int) -> tuple[ShownSession, ...]:
    """Return the session that goes on in the hall at `at`, and the one that comes next.

    Of several that go on, it is the one that began last. The next one is of the same day, or else
    of whichever day where nothing goes on.
    """
    going, coming = None, None
    for one in context.programme:  # The soonest comes first.
        if one.starts_at <= at < one.ends_at:
            going = one
        elif one.starts_at > at:
            coming = one
            break
    found = [] if going is None else [_shown(going, "now")]
    if coming is not None:
        today = _day(context, coming.starts_at) == _day(context, at)
        if going is None or today:
            found.append(_shown(coming, "next", today=today))
    return tuple(found)


def speaks_here(context: DoorContext, serial: int, at: int) -> Speaks | None:
    """Return when and as what the holder speaks in this hall today. It is the talk that goes on or
    the next one, and None where there is none.
    """
    for talk in context.talks.get(serial, ()):  # The soonest comes first.
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
        speakers=tuple(ShownSpeaker(one.name, one.role) for one in speakers[:SPEAKERS_SHOWN]),
        today=today,
        more=max(0, len(speakers) - SPEAKERS_SHOWN),
    )
