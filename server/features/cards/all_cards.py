"""Draws a choice of cards into one PDF, in another process, so that doors are not delayed.

The process reports its progress, and at last the printed badges.
"""

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from typing import Any

from badges.i18n import N_, Spoken, phrase_of
from badges.printing.card import undrawable
from badges.printing.joining import join_pdfs
from server.core.event.directory import load_event
from server.core.people import cards, issuing
from server.core.people.card_design import read_design
from server.core.people.cards import Choice, PrintedBadge
from server.core.venue.store import categories
from server.features.cards.drawing import CHUNK_CARDS, Drawing
from server.storage import durable_files
from server.storage.database import connect_to_read

CARDS_MAX = 10_000  # of one PDF
NICE = 5


class CardsError(Spoken):
    """No PDF was made. The text gives the reason."""


@dataclass(frozen=True)
class Drawn:
    printed: list[PrintedBadge]
    left_out: list[str]  # names that no font can draw


@dataclass(frozen=True)
class _Wanted:
    event_dir: Path
    choice: Choice
    out: Path


def draw(event_dir: Path, choice: Choice, out: Path, tell: Callable[[int, int], None]) -> Drawn:
    """Draw the PDF in another process. `tell` gets the cards done and their number; if it
    raises, the process ends. Raises CardsError.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "server.features.cards.all_cards"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        try:
            pickle.dump(_Wanted(event_dir, choice, out), process.stdin)
            process.stdin.flush()
            while True:
                kind, value = pickle.load(process.stdout)  # noqa: S301 - our own process wrote it
                if kind == "progress":
                    tell(*value)
                elif kind == "drawn":
                    drawn: Drawn = value
                    return drawn
                else:
                    raise CardsError(value)
        except (EOFError, BrokenPipeError, pickle.UnpicklingError):
            raise CardsError(
                N_("Drawing was cut off: the memory may not suffice. Choose fewer cards.")
            ) from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, SIGKILL)  # also the processes that draw
            process.wait()


def _draw(wanted: _Wanted, tell: Callable[[int, int], None]) -> Drawn:
    event = load_event(wanted.event_dir)
    design = read_design(event)
    with closing(connect_to_read(event.database_path)) as db:
        codes = {category.key: category.code for category in categories(db)}
        badges = cards.read(
            db, event, issuing.current_badges(db), lines=design.lines, photo=design.photo_of()
        )
        chosen = cards.chosen(badges, wanted.choice, codes)
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
    durable_files.write_new(wanted.out, join_pdfs(pdfs))
    return Drawn(printed, [badge.holder.name for badge in chosen if badge.card.text in bad])


def main() -> None:
    os.nice(NICE)
    wanted: _Wanted = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own process wrote it
    # Drawing processes may print, but not into our messages.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def send(kind: str, value: Any) -> None:
        pickle.dump((kind, value), answers)
        answers.flush()

    try:
        send("drawn", _draw(wanted, lambda done, of: send("progress", (done, of))))
    except Spoken as error:
        send("error", phrase_of(error))


def _end_with_parent() -> None:
    """End this session's processes when the server closes our input or dies."""
    sys.stdin.buffer.read()
    os.killpg(0, SIGKILL)


if __name__ == "__main__":
    # Imported by name, so that pickled classes are found.
    from server.features.cards import all_cards

    all_cards.main()
