"""Describes a venue from a file. Each value has been validated, but not against the event."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from badges.categories import CategoryPlan
from badges.i18n import Phrase, Spoken, joined
from server.core.event.settings import EventSettings
from server.core.venue.capacity_reasons import Measures
from server.core.venue.fields import Field
from server.features.imports.programme.plan import Programme

PROBLEMS_MAX = 200

CategoryChoice = tuple[str | int, ...] | None  # keys or numbers; None means every category


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


# The attributes of `Venue` and `Programme` by kind, also a workbook's sheets.
PLURALS = {
    "category": "categories", "zone": "zones", "hall": "halls", "door": "doors",
    "session": "sessions", "organisation": "organisations", "activity_kind": "activity_kinds",
    "activity": "activities", "speaker": "speakers", "area": "areas", "exhibitor": "exhibitors",
    "stand": "stands",
}  # fmt: skip
_AT = "%(place)s: %(what)s"


def located(place: str, message: str) -> Phrase:
    return Phrase(_AT, place=place, what=message)


class VenueError(Spoken, ValueError):
    """The venue can't be imported. `problems` have place and remedy."""

    def __init__(self, problems: Sequence[str]) -> None:
        kept = list(problems[:PROBLEMS_MAX])
        if len(problems) > PROBLEMS_MAX:
            kept.append(Phrase("… and %(count)s more", count=len(problems) - PROBLEMS_MAX))
        super().__init__(joined("\n", kept))
        self.problems = tuple(kept)


@dataclass(frozen=True)
class ZonePlan:
    """A zone group: a bit of every credential, so that doors decide without a network."""

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
    zones: tuple[str, ...]  # empty: any
    sessions_only: bool
    anti_passback: str
    exits: str
    leaving: str
    walk_s: int | None
    facts_age_max_ms: int | None
    measures: Measures = Measures()  # noqa: RUF009 - frozen
    accessible_places: int = 0  # of the capacity, for wheelchair users and companions
    accessible_until_min: int | None = None  # before a session's start; None: always kept


@dataclass(frozen=True)
class DoorPlan:
    code: str
    hall: str
    names: dict[str, str]
    mode: str
    # Code of the surrounding hall from which the door leads; "" outside, None not stated.
    come_from: str | None = None


@dataclass(frozen=True)
class Kind:
    """A kind of thing: its values' fields, and the plan made of them."""

    fields: Callable[[ZoneInfo], Mapping[str, Field]]
    plan: Callable[[Mapping[str, Any], EventSettings], Any]  # Raises ValueRefusedError.


NO_ACTIVITY = ""


@dataclass(frozen=True)
class SessionPlan:
    """`invited` and `refused` are external ids or e-mails."""

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
    activity: str | None = None  # code, or NO_ACTIVITY; None: unchanged


@dataclass(frozen=True)
class Venue:
    categories: tuple[CategoryPlan, ...] = ()
    zones: tuple[ZonePlan, ...] = ()
    halls: tuple[HallPlan, ...] = ()
    doors: tuple[DoorPlan, ...] = ()
    sessions: tuple[SessionPlan, ...] = ()
    programme: Programme = Programme()  # noqa: RUF009 - frozen
    notes: tuple[str, ...] = ()
    rows: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        plans: Mapping[str, Sequence[Any]],
        *,
        notes: tuple[str, ...] = (),
        rows: Mapping[tuple[str, str], str] | None = None,
    ) -> "Venue":
        named = {PLURALS[kind]: tuple(some) for kind, some in plans.items()}
        programme = {name: named.pop(name) for name in vars(Programme()) if name in named}
        return cls(programme=Programme(**programme), notes=notes, rows=rows or {}, **named)

    def place(self, kind: str, code: str) -> str:
        """Return where the file has this thing, for messages, such as `sheet doors, row 3, door
        west`.
        """
        row = self.rows.get((kind, code))
        thing = Phrase("%(kind)s %(code)s", kind=KINDS[kind], code=code)
        return joined(", ", [row, thing]) if row else thing
