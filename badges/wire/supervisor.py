"""A supervisor's requests at a door: to look up a person without a badge, and to move the kiosk.

The kiosk signs them like every request. `by` is the supervisor.
"""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from badges.record import Count
from badges.wire.wire import DoorMode, HolderName

PEOPLE_MAX = 20
HINTS_MAX = 3

Supervisor = Annotated[str, Meta(min_length=1, max_length=32)]


class LookUp(Struct, frozen=True, forbid_unknown_fields=True):
    """A supervisor's search for a person by name (POST /api/people). The search words are neither
    logged nor stored; the fact of the search is.
    """

    # Parts of the name or the organisation.
    words: Annotated[str, Meta(min_length=2, max_length=80)]
    by: Supervisor


class PersonFacts(Struct, frozen=True, kw_only=True):
    """A person on the roster, with the fields of their newest badge. It has no signature, so it is
    no badge.
    """

    serial: Count
    issue: Count
    category: Count
    valid_days: Count
    zones: Count
    flags: Count
    holder: HolderName
    # Parts of the e-mail, telephone and order number, if others found have the same name.
    hints: Annotated[list[str], Meta(max_length=HINTS_MAX)] | UnsetType = UNSET


class Found(Struct, frozen=True):
    people: list[PersonFacts]
    more: bool  # more people match; more words narrow the search


class DoorChoice(Struct, frozen=True):
    door: Count
    names: dict[str, str]
    hall_names: dict[str, str]
    mode: DoorMode


class DoorChoices(Struct, frozen=True):
    """Every door of the event (GET /api/doors)."""

    doors: list[DoorChoice]


class MoveDoor(Struct, frozen=True, forbid_unknown_fields=True):
    """A supervisor moved the kiosk to another door (POST /api/door). The answer is `Moved`."""

    door: Count
    by: Supervisor


class Moved(Struct, frozen=True):
    door: Count
