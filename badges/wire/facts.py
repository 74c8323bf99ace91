"""What a door is told of the venue and of people: the parts of a snapshot."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from badges.record import Count, Instant, StayRef


class CategoryFacts(Struct, frozen=True, forbid_unknown_fields=True):
    code: Count
    key: str
    names: dict[str, str]  # by language
    letter: str
    colour: str  # #rrggbb


class HallFacts(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    hall: Count
    names: dict[str, str]
    closed: bool
    categories: list[int]
    zones: Count
    sessions_only: bool
    anti_passback: Literal["off", "soft", "hard"]
    exits: Literal["strict", "trusting"]
    facts_age_max_ms: Count | None
    capacity: Count


class SessionFacts(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    session: Count
    titles: dict[str, str]
    opens_at: Instant
    closes_at: Instant
    categories: list[int]
    invited: list[int]  # serials
    refused: list[int]  # serials


class DoorFacts(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    door: Count
    names: dict[str, str]
    mode: Literal["entry", "exit", "both"]


class HolderFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """A serial of which a door must know more than its badge says."""

    serial: Count
    highest_issue: Count
    revoked: bool
    copied_issue: Count = 0  # badges up to this issue are likely copies; 0: none is


class StayFacts(Struct, frozen=True, forbid_unknown_fields=True):
    stay: StayRef
    serial: Count
    since: Instant
    door: Count
    override: bool = False  # it uses a place beyond the capacity
    moved: bool = False  # the holder was seen at another hall since; the place is still taken


class OuterFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """A hall around the door's own that the door leads into as well, and who is inside."""

    hall: HallFacts
    stays: list[StayFacts]


class SupervisorFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """Who may act at a door in a steward's stead. `pin_hash` is argon2id, of a PIN alone."""

    user: Count
    name: Annotated[str, Meta(max_length=60)]
    pin_hash: str
