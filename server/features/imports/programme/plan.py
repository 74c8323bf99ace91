"""Describes a programme and exhibition from a file.

Each value has been validated, but not against the event.
"""

from dataclasses import dataclass

from server.core.programme.speakers import Speaker


@dataclass(frozen=True)
class OrganisationPlan:
    code: str
    names: dict[str, str]
    country: str
    kind: str
    other_names: tuple[str, ...] | None = None  # None: keep the existing ones


@dataclass(frozen=True)
class ActivityKindPlan:
    code: str
    names: dict[str, str]


@dataclass(frozen=True)
class ActivityPlan:
    """`lead` and `co_hosts` are codes of organisations."""

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
    organisation: str  # code


@dataclass(frozen=True)
class StandPlan:
    code: str
    area: str
    exhibitor: str | None
    m2: int


@dataclass(frozen=True)
class Programme:
    organisations: tuple[OrganisationPlan, ...] = ()
    activity_kinds: tuple[ActivityKindPlan, ...] = ()
    activities: tuple[ActivityPlan, ...] = ()
    speakers: tuple[SpeakerPlan, ...] = ()
    areas: tuple[AreaPlan, ...] = ()
    exhibitors: tuple[ExhibitorPlan, ...] = ()
    stands: tuple[StandPlan, ...] = ()
