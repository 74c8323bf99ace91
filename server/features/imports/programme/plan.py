"""Describes a forum's programme and exhibition as a file states them.

The values are plain, and were checked one by one but not yet against the event.
"""

from dataclasses import dataclass

from server.core.programme.speakers import Speaker


@dataclass(frozen=True)
class OrganisationPlan:
    code: str
    names: dict[str, str]
    country: str
    kind: str
    other_names: tuple[str, ...] | None = None  # None: not said, so that they stay


@dataclass(frozen=True)
class ActivityKindPlan:
    code: str
    names: dict[str, str]


@dataclass(frozen=True)
class ActivityPlan:
    """Describes an activity. `lead` and `co_hosts` are codes of organisations."""

    code: str
    kind: str
    titles: dict[str, str]
    official: bool
    parallel: bool
    theme: str
    language: str
    lead: tuple[str, ...]
    co_hosts: tuple[str, ...]


@dataclass(frozen=True)
class SpeakerPlan:
    """Describes who speaks at a session, by its code. Its speakers are those of the file, in their
    order.
    """

    session: str
    speaker: Speaker


@dataclass(frozen=True)
class AreaPlan:
    code: str
    hall: str
    names: dict[str, str]
    m2: int


@dataclass(frozen=True)
class ExhibitorPlan:
    code: str
    organisation: str  # its code


@dataclass(frozen=True)
class StandPlan:
    code: str
    area: str
    exhibitor: str | None
    m2: int


@dataclass(frozen=True)
class Programme:
    """Holds what a file has of a programme and an exhibition."""

    organisations: tuple[OrganisationPlan, ...] = ()
    activity_kinds: tuple[ActivityKindPlan, ...] = ()
    activities: tuple[ActivityPlan, ...] = ()
    speakers: tuple[SpeakerPlan, ...] = ()
    areas: tuple[AreaPlan, ...] = ()
    exhibitors: tuple[ExhibitorPlan, ...] = ()
    stands: tuple[StandPlan, ...] = ()
