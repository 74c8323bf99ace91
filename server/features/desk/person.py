"""Reads the data for a person's page at the desk."""

from dataclasses import dataclass

from server.core.entry_log.act_words import Names
from server.core.event.directory import Event
from server.core.occupancy import copies
from server.core.people import attendees, card_design, cards, collection, issuing
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
    collected_at: int | None
    collected_by: str
    box: str  # Where the card is, as noted, or ""
    shows_old: bool
    checked: IdCheck | None
    checked_by: str
    is_likely_copy: bool
    open_job: Job | None
    asked_at: str  # Desk that must confirm whether the card came out, or ""
    photo: str  # As SVG text, or ""
    trouble: str  # Why cards can't be drawn, as a phrase, or ""
    mark: str

    @property
    def is_to_collect(self) -> bool:
        """Return whether the printed card, still right, waits to be handed over."""
        return bool(self.printed) and self.collected_at is None and not self.shows_old


def desk_person(db: Connection, event: Event, serial: int) -> DeskPerson:
    """Raises UnknownAttendeeError."""
    holder = attendees.attendee(db, serial)
    latin, is_made = cards.latin_line(holder)
    checked = id_check.id_check(db, serial)
    design, trouble = _design(event)
    card = _printed(db, event, design, holder)
    row = db.execute(
        "SELECT printed_at, collected_at, collected_by FROM badge WHERE serial = ? AND issue = ?",
        (serial, holder.issue),
    ).fetchone()
    names = Names(db)
    return DeskPerson(
        holder=holder,
        latin=latin,
        latin_is_made=is_made and bool(latin),
        printed=card.printed if card else 0,
        printed_at=row["printed_at"] if row else None,
        collected_at=row["collected_at"] if row else None,
        collected_by=names.who(row["collected_by"]) if row and row["collected_by"] else "",
        box=collection.box(db, serial),
        shows_old=bool(card and card.has_changed),
        checked=checked,
        checked_by=names.who(checked.checked_by) if checked else "",
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
    (printed,) = cards.read(db, event, [badge], lines=design.lines if design else cards.USUAL)
    return printed


def _photo(design: CardDesign | None, holder: Attendee) -> str:
    """Return a person's photo. A broken file counts as none; printing reports it."""
    read = design.photo_of() if design else None
    try:
        return read(holder) if read else ""
    except DesignError:
        return ""
