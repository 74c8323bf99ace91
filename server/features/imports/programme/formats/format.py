"""Describes a format of programmes. `programme_file.py` lists them."""

from collections.abc import Callable
from dataclasses import dataclass

from server.core.event.settings import EventSettings
from server.features.imports.programme.formats.draft import Found


@dataclass(frozen=True)
class Format:
    name: str  # The value of --format. Once released it never changes.
    label: str  # A product's or standard's name, which is not translated.
    suffix: str  # For the page's file chooser.
    begins: bytes  # The first bytes of such a file, after white space, in any case of letters.
    # Takes the file, its name and the event's settings. Raises VenueError if nothing can be read.
    read: Callable[[bytes, str, EventSettings], Found]
