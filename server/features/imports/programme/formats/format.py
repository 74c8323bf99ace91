"""Describes a format of programmes. `programme_file.py` lists them."""

from collections.abc import Callable
from dataclasses import dataclass

from server.core.event.settings import EventSettings
from server.features.imports.programme.formats.draft import Found


@dataclass(frozen=True)
class Format:
    name: str  # Value of --format; fixed once released.
    label: str  # A product's or standard's name, untranslated.
    suffix: str  # For the page's file chooser.
    begins: bytes  # Such a file's first bytes, after white space, in any case.
    # Takes the file, its name and the event's settings. Raises VenueError for unreadable files.
    read: Callable[[bytes, str, EventSettings], Found]
