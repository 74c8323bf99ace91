"""Hooks by which a feature extends the app. Web and core know no feature by name.

The app calls the hooks of all features (`server/app/features.py`). Commands and alert sources,
which the command line needs too, are in the feature's package (`COMMANDS`, `ALERTS`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from flask import Blueprint, current_app
from markupsafe import Markup

from server.core.event.duties import Work
from server.web.rendered import Parts
from server.web.services import Services

EXTENSION = "hallkeeper-features"


class Menu(NamedTuple):
    place: int  # from the left
    endpoint: str
    words: str


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


def features() -> Sequence[Feature]:
    registered: Sequence[Feature] = current_app.extensions[EXTENSION]
    return registered


def header_parts() -> Parts:
    """Return the parts of the page header that change live, for the current user."""
    parts: Parts = {}
    for feature in features():
        if feature.header_parts is not None:
            parts |= feature.header_parts()
    return parts
