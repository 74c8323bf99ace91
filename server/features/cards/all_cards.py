"""Draws a choice of cards into one PDF, in another process, so that doors are not delayed.

The process reports its progress, and at last the printed badges.
"""

from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from badges.i18n import N_, Spoken
from badges.printing.card import undrawable
from badges.printing.joining import join_pdfs
from server.core.event.directory import load_event
from server.core.people import cards, issuing
from server.core.people.card_design import read_design
from server.core.people.cards import Choice, PrintedBadge
from server.core.venue.store import categories
from server.features.cards.drawing import CHUNK_CARDS, Drawing
from server.storage import durable_files
from server.storage.opening import connect_to_read
from server.web.apart import Tell, work_telling

CARDS_MAX = 10_000  # of one PDF


class CardsError(Spoken):
    """No PDF was made. The text gives the reason."""


@dataclass(frozen=True)
class Drawn:
    printed: list[PrintedBadge]
    left_out: list[str]  # names that no font can draw


def draw(event_dir: Path, choice: Choice, out: Path, tell: Tell) -> Drawn:
    """Draw the PDF in another process. `tell` gets the cards done and their number; if it
    raises, the process ends. Raises CardsError, or ApartError if the process ended early.
    """
    return work_telling(partial(_draw, event_dir, choice, out), tell)


def _draw(event_dir: Path, choice: Choice, out: Path, tell: Tell) -> Drawn:
    event = load_event(event_dir)
    design = read_design(event)
    with closing(connect_to_read(event.database_path)) as db:
        codes = {category.key: category.code for category in categories(db)}
        badges = cards.read(
            db, event, issuing.current_badges(db), lines=design.lines, photo=design.photo_of()
        )
        chosen = cards.chosen(badges, choice, codes)
    bad = {
        error.card.text
        for error in undrawable([badge.card for badge in chosen], look=design.look)
        if error.card
    }
    printed = [badge for badge in chosen if badge.card.text not in bad]
    if not printed:
        raise CardsError(N_("There are no such cards: issue badges first, or choose others."))
    if len(printed) > CARDS_MAX:
        raise CardsError(
            N_("%(cards)s cards are too many for one PDF: make one PDF for each category."),
            cards=len(printed),
        )
    pages = [badge.card for badge in printed]
    chunks = [pages[at : at + CHUNK_CARDS] for at in range(0, len(pages), CHUNK_CARDS)]
    tell(0, len(pages))
    drawing = Drawing(chunks, design.look)
    try:
        pdfs = []
        for number, pdf in enumerate(drawing.pdfs(), 1):
            pdfs.append(pdf)
            tell(min(number * CHUNK_CARDS, len(pages)), len(pages))
    finally:
        drawing.cancel()
    durable_files.write_new(out, join_pdfs(pdfs))
    return Drawn(printed, [badge.holder.name for badge in chosen if badge.card.text in bad])
