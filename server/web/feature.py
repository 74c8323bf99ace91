"""Hooks by which a feature extends the app. Web and core know no feature by name.

The app calls the hooks of all features (`server/app/features.py`). Commands and alert sources,
which the command line needs too, are in the feature's package (`COMMANDS`, `ALERTS`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from flask import Blueprint, current_app
from markupsafe import Markup

from badges.i18n import N_
from server.core.event.duties import Work
from server.web.rendered import Parts
from server.web.services import Services

EXTENSION = "hallkeeper-features"


# The groups of the menu, in their order.
TODAY = N_("Today")
PEOPLE = N_("People")
PROGRAMME = N_("Programme")
DOORS = N_("Doors")
RECORDS = N_("Records and settings")
GROUPS = (TODAY, PEOPLE, PROGRAMME, DOORS, RECORDS)


class Menu(NamedTuple):
    place: int  # within its group; the home address leads to the lowest of all
    endpoint: str
    words: str
    group: str
    contents: str  # what is on the page, for the search and the list of all pages


class Step(NamedTuple):
    """A step of the way to open doors, on the start page."""

    place: int
    words: str
    state: str  # how far it is, as a phrase with figures
    done: bool
    endpoint: str  # the page where it is done
    blocks: bool = False  # doors can't open without it


class Hit(NamedTuple):
    """A result of the search in the header, in the page's language."""

    title: str
    detail: str
    link: str


class Finder(NamedTuple):
    """A search for things of one kind. Only users who may open `endpoint` get its hits."""

    words: str
    endpoint: str
    find: Callable[[str], Sequence[Hit]]


@dataclass(frozen=True)
class Feature:
    """The parts that a feature adds to the app. All are optional."""

    pages: tuple[Blueprint, ...] = ()  # staff's pages, under the name "admin"
    # Other blueprints, such as attendees' pages and the interface for integrations.
    others: tuple[Blueprint, ...] = ()
    # blueprints without form tokens, whose callers authenticate otherwise
    exempt: tuple[Blueprint, ...] = ()
    # Blueprints whose callers may store an answer. They get 503 while commits hang.
    durable: tuple[Blueprint, ...] = ()
    menu: tuple[Menu, ...] = ()
    finders: tuple[Finder, ...] = ()
    steps: Callable[[Services], Sequence[Step]] | None = None
    # Returns the endpoint to which the home address leads the user, or "".
    landing: Callable[[], str] | None = None
    # Blueprints without a menu entry, and the blueprint whose entry is marked instead.
    sections: Mapping[str, str] = field(default_factory=dict)
    # Blueprints whose pages show the user's last edit, with undo.
    undoable: tuple[str, ...] = ()
    context: Callable[[], Mapping[str, object]] | None = None  # names for all templates
    start: Callable[[Services], None] | None = None  # runs once, before the first request
    # Words for values in acts of the entry log, by the field of the act's subject.
    act_values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    # Threads of the one server that does this work for all servers of the event.
    works: Callable[[Services], Sequence[Work]] | None = None
    header: Callable[[], Markup] | None = None  # a badge in the header of each page
    header_parts: Callable[[], Parts] | None = None  # the same as parts of live pages
    # A notice on top of the board, "" if there is none. The board updates it live.
    board_notice: Callable[[], str] | None = None


def features() -> Sequence[Feature]:
    registered: Sequence[Feature] = current_app.extensions[EXTENSION]
    return registered


def board_notices() -> str:
    """Return the features' notices for the board as HTML, for the current user."""
    return "".join(
        feature.board_notice() for feature in features() if feature.board_notice is not None
    )


def header_parts() -> Parts:
    """Return the parts of the page header that change live, for the current user."""
    parts: Parts = {}
    for feature in features():
        if feature.header_parts is not None:
            parts |= feature.header_parts()
    return parts
