"""Reads the data for a person's page at the desk."""

from dataclasses import dataclass

from server.core.entry_log.act_words import Names
from server.core.event.directory import Event
from server.core.occupancy import copies
from server.core.people import attendees, card_design, cards, issuing
from server.core.people.attendees import Attendee
from server.core.people.card_design import CardDesign, DesignError
from server.core.people.cards import PrintedBadge
from server.features.desk import hand_over, id_check, submissions
from server.features.desk.id_check import IdCheck
from server.features.printers import jobs
from server.features.printers.jobs import Job
from server.storage.connection import Connection


@dataclass(frozen=True)
class DeskPerson:
    holder: Attendee
    latin: str
    latin_is_made: bool  # Transliterated by us; the clerk should check it
    printed: int  # Prints of the newest badge
    printed_at: int | None
    shows_old: bool
    checked: IdCheck | None
    checked_by: str
    is_likely_copy: bool
    open_job: Job | None
    asked_at: str  # The desk that must confirm whether the card came out, or ""
    photo: str  # As SVG text, or ""
    trouble: str  # Why cards can't be drawn, as a phrase, or ""
    mark: str


def desk_person(db: Connection, event: Event, serial: int) -> DeskPerson:
    """Raises UnknownAttendeeError."""
    holder = attendees.attendee(db, serial)
    latin, is_made = cards.latin_line(holder)
    checked = id_check.id_check(db, serial)
    design, trouble = _design(event)
    card = _printed(db, event, design, holder)
    return DeskPerson(
        holder=holder,
        latin=latin,
        latin_is_made=is_made and bool(latin),
        printed=card.printed if card else 0,
        printed_at=_printed_at(db, holder),
        shows_old=bool(card and card.has_changed),
        checked=checked,
        checked_by=Names(db).who(checked.checked_by) if checked else "",
        is_likely_copy=copies.is_likely(db, serial, holder.issue),
        open_job=next((job for job in jobs.open_jobs(db) if job.serial == serial), None),
        asked_at=hand_over.asked_at(db, serial, holder.issue),
        photo=_photo(design, holder),
        trouble=trouble,
        mark=submissions.mark(db, serial),
    )


def _design(event: Event) -> tuple[CardDesign | None, str]:
    try:
        return card_design.read_design(event), ""
    except DesignError as error:
        return None, error.phrase


def _printed(
    db: Connection, event: Event, design: CardDesign | None, holder: Attendee
) -> PrintedBadge | None:
    if not holder.issue:
        return None
    badge = issuing.current_badge(db, holder.serial)
    (printed,) = cards.read(db, event, [badge], latin=design is None or design.latin)
    return printed


def _printed_at(db: Connection, holder: Attendee) -> int | None:
    row = db.execute(
        "SELECT printed_at FROM badge WHERE serial = ? AND issue = ?",
        (holder.serial, holder.issue),
    ).fetchone()
    return None if row is None else row["printed_at"]


def _photo(design: CardDesign | None, holder: Attendee) -> str:
    """Return a person's photo. A broken file counts as none here; printing reports it."""
    read = design.photo_of() if design else None
    try:
        return read(holder) if read else ""
    except DesignError:
        return ""
