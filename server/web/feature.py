"""Describes what a feature adds to the app. `server/app/features.py` has the list of all features.

Web and core know no feature by name. Code that concerns all features (the header of each page, the
threads of a running server) asks each of them through its hooks. A feature's commands and sources
of alerts, which the command line has too, are in its package (`COMMANDS`, `ALERTS`).
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
    """Names a page that has an entry in the menu."""

    place: int  # From the left.
    endpoint: str
    words: str


@dataclass(frozen=True)
class Feature:
    """Holds a feature's pages and hooks. A feature has those that it needs."""

    pages: tuple[Blueprint, ...] = ()  # Staff's pages, under the name "admin".
    # Other blueprints, such as attendees' pages and interfaces of other machines.
    others: tuple[Blueprint, ...] = ()
    exempt: tuple[Blueprint, ...] = ()  # Those whose callers prove themselves without a form token.
    # Those whose callers may store an answer, so that they get 503 while it could still be lost.
    durable: tuple[Blueprint, ...] = ()
    menu: tuple[Menu, ...] = ()
    # Blueprints without an entry, and the blueprint whose entry is marked on their pages.
    sections: Mapping[str, str] = field(default_factory=dict)
    # Blueprints whose pages show the user's last edit, which can be undone there.
    undoable: tuple[str, ...] = ()
    context: Callable[[], Mapping[str, object]] | None = None  # Names for all templates.
    start: Callable[[Services], None] | None = None  # Runs once, before the first request.
    # Threads of the one server that does such work for all servers of the event.
    works: Callable[[Services], Sequence[Work]] | None = None
    header: Callable[[], Markup] | None = None  # A badge in the header of each page.
    header_parts: Callable[[], Parts] | None = None  # The same as parts of live pages.


def features() -> Sequence[Feature]:
    """Return the running app's features."""
    found: Sequence[Feature] = current_app.extensions[EXTENSION]
    return found


def header_parts() -> Parts:
    """Return the live parts that every page's header has for the user who asks."""
    parts: Parts = {}
    for feature in features():
        if feature.header_parts is not None:
            parts |= feature.header_parts()
    return parts
