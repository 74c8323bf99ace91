"""Describes a venue as its file states it. The values are plain, and were checked one by one but
not yet against the event.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from badges.categories import CategoryPlan
from badges.i18n import Phrase, Spoken, joined
from server.core.venue.capacity_reasons import Measures
from server.features.imports.programme.plan import Programme

PROBLEMS_MAX = 200

CategoryChoice = tuple[str | int, ...] | None  # Keys or numbers. None means every category.


# What the places of a file call each kind of thing, and each kind of a programme.
KINDS = {
    "category": Phrase("category"),
    "zone": Phrase("zone"),
    "organisation": Phrase("organisation"),
    "activity_kind": Phrase("activity_kind"),
    "activity": Phrase("activity"),
    "hall": Phrase("hall"),
    "door": Phrase("door"),
    "session": Phrase("session"),
    "speaker": Phrase("speaker"),
    "area": Phrase("area"),
    "exhibitor": Phrase("exhibitor"),
    "stand": Phrase("stand"),
}


_AT = "%(place)s: %(what)s"


def located(place: str, what: str) -> Phrase:
    """Say of something in a file where it stands."""
    return Phrase(_AT, place=place, what=what)


def without_place(problem: str) -> str:
    """Take away again where something stands, where that is the only thing."""
    what = problem.fields["what"] if isinstance(problem, Phrase) and problem.text == _AT else None
    return what if isinstance(what, str) else problem


class VenueError(Spoken, ValueError):
    """Is raised where the venue can't be taken over. `problems` has each fault with its place and
    its remedy.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        kept = list(problems[:PROBLEMS_MAX])
        if len(problems) > PROBLEMS_MAX:
            kept.append(Phrase("… and %(count)s more", count=len(problems) - PROBLEMS_MAX))
        super().__init__(joined("\n", kept))
        self.problems = tuple(kept)


@dataclass(frozen=True)
class ZonePlan:
    """Describes a zone group. It is a bit of every credential, and opens halls at a door without a
    network.
    """

    bit: int
    code: str


@dataclass(frozen=True)
class HallPlan:
    code: str
    names: dict[str, str]
    parent: str | None
    capacity: int
    fire_limit: int
    categories: CategoryChoice
    zones: tuple[str, ...]  # Empty means any.
    sessions_only: bool
    anti_passback: str
    exits: str
    leaving: str
    walk_s: int | None
    facts_age_max_ms: int | None
    measures: Measures = Measures()
    accessible_places: int = 0  # of the capacity, kept for wheelchair users and their companions
    accessible_until_min: int | None = None  # before a session's start; None: kept all the time


@dataclass(frozen=True)
class DoorPlan:
    code: str
    hall: str
    names: dict[str, str]
    mode: str
    # The code of the hall around its own inside which the door begins. It is "" for outside, and
    # None where the file does not say.
    come_from: str | None = None


NO_ACTIVITY = ""


@dataclass(frozen=True)
class SessionPlan:
    """Describes a session. `invited` and `refused` name attendees by external id or e-mail."""

    code: str
    hall: str
    titles: dict[str, str]
    starts_at: int
    ends_at: int
    opens_at: int
    closes_at: int
    categories: CategoryChoice
    invited: tuple[str, ...]
    refused: tuple[str, ...]
    activity: str | None = None  # its code, or NO_ACTIVITY; None: not said, so that it stays


@dataclass(frozen=True)
class Venue:
    """Holds what a venue file holds."""

    categories: tuple[CategoryPlan, ...] = ()
    zones: tuple[ZonePlan, ...] = ()
    halls: tuple[HallPlan, ...] = ()
    doors: tuple[DoorPlan, ...] = ()
    sessions: tuple[SessionPlan, ...] = ()
    programme: Programme = Programme()
    notes: tuple[str, ...] = ()  # what whoever wrote the file should know
    rows: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def place(self, kind: str, code: str) -> str:
        """Say where the file has a thing of this kind and code, for a message.

        It is such as `sheet doors, row 3, door west`, or the kind and the code alone where the file
        has no rows.
        """
        row = self.rows.get((kind, code))
        thing = Phrase("%(kind)s %(code)s", kind=KINDS[kind], code=code)
        return joined(", ", [row, thing]) if row else thing
