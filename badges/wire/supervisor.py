"""Holds what a supervisor at a door may ask of the server.

That is who somebody is whose badge is lost, and to move the kiosk to another door. The kiosk signs
it like every request, and `by` is the supervisor.
"""

from typing import Annotated

from msgspec import Meta, Struct

from badges.record import Count
from badges.wire.wire import HolderName

PEOPLE_MAX = 20

Supervisor = Annotated[str, Meta(min_length=1, max_length=32)]


class LookUp(Struct, frozen=True, forbid_unknown_fields=True):
    """Asks who somebody is (POST /api/people). The words are neither logged nor kept, but that
    somebody asked is.
    """

    # Parts of the name or the organisation.
    words: Annotated[str, Meta(min_length=2, max_length=80)]
    by: Supervisor


class PersonFacts(Struct, frozen=True, kw_only=True):
    """Describes somebody on the roster as their newest badge says. Without a signature it is no
    badge.
    """

    serial: Count
    issue: Count
    category: Count
    valid_days: Count
    zones: Count
    flags: Count
    holder: HolderName


class Found(Struct, frozen=True):
    people: list[PersonFacts]
    more: bool  # Others match as well. More words narrow the search.


class DoorChoice(Struct, frozen=True):
    door: Count
    names: dict[str, str]
    hall_names: dict[str, str]
    mode: str


class DoorChoices(Struct, frozen=True):
    """Lists every door of the event (GET /api/doors)."""

    doors: list[DoorChoice]


class MoveDoor(Struct, frozen=True, forbid_unknown_fields=True):
    """Says that the kiosk now stands at another door (POST /api/door). Its answer is `Moved`."""

    door: Count
    by: Supervisor


class Moved(Struct, frozen=True):
    door: Count
