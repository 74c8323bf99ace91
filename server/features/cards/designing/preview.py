"""Chooses people for previews, and draws their cards with the printing code."""

import functools
import heapq
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from badges.credential.base45 import ALPHABET
from badges.i18n import phrase_of
from badges.printing.card import Card, CardError, layout_notes, render_pngs, undrawable
from server.core.event.directory import Event
from server.core.event.settings import EventError, EventSettings
from server.core.people import attendees, cards
from server.core.people.attendees import Attendee, whole_name
from server.core.people.card_design import CardSettings, design_of, lines_of
from server.core.people.issuing import Badge
from server.storage.connection import Connection

LONGEST_SHOWN = 12
SCRIPTS_SHOWN = 24
WIDTH_PX = 620
DPI_MAX = 150
# As long as a badge's code, but invalid: photographs of previews open no door.
SPECIMEN = "HK" + ALPHABET[:40] * 3


@dataclass(frozen=True)
class Shown:
    serial: int
    name: str
    why: str  # "" for a long name, else a script's Unicode name


@dataclass(frozen=True)
class Job:
    event: EventSettings
    folder: Path
    settings: CardSettings
    new_files: Mapping[str, bytes]
    holder: Attendee
    card: Card


@dataclass(frozen=True)
class Drawn:
    """The pages as PNGs, or the problems; `notes` are deviations from the layout."""

    pages: tuple[bytes, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def people_to_show(db: Connection) -> list[Shown]:
    """Return people with the longest names, and one of each other script."""
    longest: list[tuple[int, int, str]] = []
    by_script: dict[str, tuple[int, int, str]] = {}
    rows = db.execute(
        "SELECT serial, given_name, family_name FROM attendee WHERE revoked_at IS NULL"
    )
    for serial, given, family in rows:
        name = whole_name(given, family)
        entry = (len(name), -serial, name)
        if len(longest) < LONGEST_SHOWN:
            heapq.heappush(longest, entry)
        elif entry > longest[0]:
            heapq.heapreplace(longest, entry)
        if not name.isascii():
            for script in {_script(char) for char in name} - {"", "LATIN"}:
                by_script[script] = max(by_script.get(script, entry), entry)
    chosen = [Shown(-number, name, "") for _, number, name in sorted(longest, reverse=True)]
    chosen += [
        Shown(-by_script[script][1], by_script[script][2], _script_name(script))
        for script in sorted(by_script)[:SCRIPTS_SHOWN]
    ]
    return chosen


@functools.lru_cache(maxsize=1 << 14)
def _script(char: str) -> str:
    return unicodedata.name(char, "").partition(" ")[0] if char.isalpha() else ""


def _script_name(script: str) -> str:
    return {"CJK": "Han"}.get(script, script.capitalize())


def job_for(
    db: Connection, event: Event, folder: Path, serial: int, settings: CardSettings,
    new_files: Mapping[str, bytes], colours: Mapping[int, str],
) -> Job:  # fmt: skip
    """Return the input for a person's card. `colours` are by category code.

    Raises UnknownAttendeeError, and CardError for texts that no card can have.
    """
    badge = Badge(serial, 0, SPECIMEN, 0, 0)
    holder = attendees.attendee(db, serial)
    specimen = cards.specimen(db, event, badge, holder, lines=lines_of(settings))
    colour = colours.get(holder.category, specimen.category_colour)
    return Job(
        event.settings,
        folder,
        settings,
        new_files,
        holder,
        replace(specimen, category_colour=colour),
    )


def draw(job: Job) -> Drawn:
    """Return a card's pages or problems. Runs in the drawing process."""
    try:
        design = design_of(job.event, job.folder, job.settings, job.new_files)
        photo = design.photo_of()
        card = replace(job.card, photo=photo(job.holder)) if photo else job.card
        notes = layout_notes(design.look.layout) if design.look.layout else []
        lacking = undrawable([card], look=design.look)
        if lacking:
            return Drawn(problems=tuple(map(phrase_of, lacking)), notes=tuple(notes))
        layout = design.look.layout
        width = layout.pages[0][0] if layout else design.look.format.page_width
        dpi = max(30.0, min(DPI_MAX, WIDTH_PX / width * 25.4))
        return Drawn(tuple(render_pngs([card], design.look, dpi)), notes=tuple(notes))
    except (CardError, EventError) as error:
        return Drawn(problems=(phrase_of(error),))
