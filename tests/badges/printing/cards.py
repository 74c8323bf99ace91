"""A card, and the way back from PDF to pixels and text."""

import random
from contextlib import closing
from dataclasses import replace

import numpy as np
import pypdfium2

from badges.credential.base45 import ALPHABET
from badges.printing.card import Card

EVENT = "Global Digital Forum 2026"
DPI = 150
MM = DPI / 25.4  # pixels
CREDENTIAL = "HK" + "".join(random.Random(7).choices(ALPHABET, k=120))
ANNA = Card(
    text=CREDENTIAL,
    given_name="Anna",
    family_name="Ødegård",
    organisation="Fjord & Sønner AS",
    country="Norway",
    category_name="Delegate",
    category_letter="D",
    category_colour="#0b5cad",
    badge_number="7K3QX",
    zones=("VIP", "STAGE"),
)


def named(given: str, family: str = "", organisation: str = "", country: str = "") -> Card:
    return replace(
        ANNA,
        given_name=given,
        family_name=family,
        organisation=organisation,
        country=country,
    )


def pages(pdf: bytes) -> list[tuple[np.ndarray, str]]:
    """Each page as gray pixels, and its text as copied."""
    with closing(pypdfium2.PdfDocument(pdf)) as document:
        return [(_pixels(page), _text(page)) for page in document]


def texts(pdf: bytes) -> list[str]:
    """Each page's text as copied, without drawing the page."""
    with closing(pypdfium2.PdfDocument(pdf)) as document:
        return [_text(page) for page in document]


def page_drawn(pdf: bytes, at: int) -> np.ndarray:
    """One page as gray pixels."""
    with closing(pypdfium2.PdfDocument(pdf)) as document:
        return _pixels(document[at])


def box(pdf: bytes, text: str) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a text's ink on the first page, in mm from its upper left
    corner.

    The page's text is compared without spaces and line breaks.
    """
    with closing(pypdfium2.PdfDocument(pdf)) as document:
        page = document[0]
        height, words = page.get_height(), page.get_textpage()
        letters = [
            (char, words.get_charbox(at))
            for at, char in enumerate(words.get_text_range())
            if not char.isspace()
        ]
        start = "".join(char for char, _ in letters).find(text)
        assert start >= 0, text
        sides = zip(*(sides for _, sides in letters[start : start + len(text)]), strict=True)
        left, bottom, right, top = sides
        points = (min(left), height - max(top), max(right), height - min(bottom))
        x0, y0, x1, y1 = (point / 72 * 25.4 for point in points)
        return x0, y0, x1, y1


def _pixels(page: pypdfium2.PdfPage) -> np.ndarray:
    return np.asarray(page.render(scale=DPI / 72).to_pil().convert("L"))


def _text(page: pypdfium2.PdfPage) -> str:
    return page.get_textpage().get_text_bounded()
