"""Words stay complete and readable, at their reading edge, and in black if there is no colour."""

import io
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import zxingcpp
from PIL import Image

from badges.printing.card import Card, Day, render_pdf, render_pngs
from badges.printing.look import FORMATS
from tests.badges.printing.cards import ANNA, MM, box, named, page_drawn, texts
from tests.badges.printing.forum import BACK, FORUM, people

LABELS = ("62mm", "4x3in")
DAYS = tuple(Day(str(day), day != 1) for day in (1, 2, 3))
ASCENDER = 0.77  # of the size, in Noto Sans
# Given name, family name, organisation, country, and the Latin line.
LONG = {
    "names": (
        "Maria Fernanda Alexandra de los Ángeles", "García-Márquez y Fernández de Córdoba",
        "Instituto Nacional de Estadística", "Mexico", "",
    ),
    "princes": (
        "Wilhelmina Petronella Alexandrina Charlotte Leopoldine", "Hohenzollern-Sigmaringen",
        "Koninklijke Bibliotheek", "Netherlands", "",
    ),
    "three": (
        "Wilhelmina-Charlotte", "Hohenzollern-Sigmaringen-Hechingen", "Bundesverfassungsgericht",
        "Germany", "",
    ),
    "cyrillic": (
        "Анастасия-Владислава", "Рождественская-Преображенская", "Университет", "Россия",
        "Anastasiia-Vladislava Rozhdestvenskaia-Preobrazhenskaia",
    ),
    "greek": (
        "Ελευθερία-Παρασκευή", "Παπαδοπούλου-Χατζηγεωργίου", "Εθνικό Μετσόβιο Πολυτεχνείο",
        "Greece", "Eleftheria-Paraskevi Papadopoulou-Chatzigeorgiou",
    ),
    "vietnamese": (
        "Phúc Nguyên Hoàng Bảo Ngọc", "Công Tằng Tôn Nữ Huyền Trân", "Đại học Bách khoa Hà Nội",
        "Việt Nam", "",
    ),
}  # fmt: skip
ONE_WORD = "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz"


def card_of(names: tuple[str, ...]) -> Card:
    *shown, latin = names
    return replace(named(*shown), latin_name=latin, days=DAYS)


def size_of(pdf: bytes, text: str) -> float:
    """The size in pt of a text with an ascender and without a descender."""
    _, top, _, bottom = box(pdf, text)
    return (bottom - top) / 25.4 * 72 / ASCENDER


@pytest.mark.parametrize("logo", ["", FORUM.logo], ids=["plain", "logo"])
@pytest.mark.parametrize("name", LABELS)
@pytest.mark.parametrize("holder", LONG)
def test_words_on_labels_are_whole(holder: str, name: str, logo: str) -> None:
    """They get smaller first. A name with a hyphen is broken there."""
    look = replace(FORUM, format=FORMATS[name], logo=logo)
    (text,) = texts(render_pdf([card_of(LONG[holder])], look=look))
    # PDFium replaces a hyphen at the end of a line by U+0002.
    there = set(re.split(r"[\s\x02\ufffe-]+", text))
    assert set(re.split(r"[\s-]+", " ".join(LONG[holder]))) - {""} <= there


def test_an_organisation_of_one_word_can_be_read() -> None:
    """On an A6 it was complete, at 6 pt."""
    pdf = render_pdf([named("Anna", "Keller", ONE_WORD, "Germany")], look=FORUM)
    assert size_of(pdf, "Rindflei") >= 9


@pytest.mark.parametrize("name", LABELS)
def test_a_day_without_entry_is_not_struck_out(name: str) -> None:
    """A line through a 1 made it unreadable on a label."""
    card = replace(ANNA, zones=(), badge_number="X", days=(Day("1", False), Day("2", True)))
    look = replace(FORUM, format=FORMATS[name], dates="", event_second_name="")
    pdf = render_pdf([card], look=look)
    left, top, right, bottom = (side * MM for side in box(pdf, "1"))
    digit = page_drawn(pdf, 0)[int(top) : int(bottom) + 1, int(left) - 1 : int(right) + 2] < 128
    middle = digit[len(digit) // 3 : -len(digit) // 3]
    assert middle.any()
    assert middle.sum(axis=1).max() < 0.6 * digit.shape[1]  # The stem alone.


@pytest.mark.parametrize("name", LABELS)
@pytest.mark.parametrize("given", ["محمد", "דוד"])
def test_arabic_and_hebrew_begin_at_the_right_edge_of_a_label(given: str, name: str) -> None:
    look = replace(FORUM, format=FORMATS[name], logo="")
    paper = look.format
    shown = replace(named("Zoë", given), zones=())
    pdf = render_pdf([shown], look=look)
    left, _, _, bottom = box(pdf, "Zoë")
    assert left == pytest.approx(3.2, abs=1)
    picture = page_drawn(pdf, 0)
    code = zxingcpp.read_barcodes(picture)[0].position.top_left.x
    below = picture[int((bottom + 0.5) * MM) : int((paper.page_height - 14) * MM), : code - 2]
    columns = np.flatnonzero((below < 128).any(axis=0))
    assert columns.min() > 15 * MM, "nothing of it at the left"
    assert code - columns.max() < 7 * MM, "the code's quiet zone alone is between"


def test_a_long_name_gets_the_room_beside_the_code() -> None:
    card = replace(card_of(LONG["names"]), organisation="Zentralbank", zones=("VIP",))
    pdf = render_pdf([card], look=FORUM)
    left, top, _, bottom = box(pdf, "Zentralbank")
    assert left > 56  # The code ends at 51 mm.
    assert 79 < top < bottom < 123
    assert box(pdf, "Mexico")[0] > 56
    assert size_of(pdf, "Fernanda") > 24
    # The days and zones are below it, complete, and above the number.
    assert bottom < box(pdf, "VIP")[1] < box(pdf, "VIP")[3] < box(pdf, card.badge_number)[1]


def test_a_usual_card_keeps_its_organisation_below_the_name() -> None:
    pdf = render_pdf([replace(ANNA, organisation="Zentralbank")], look=FORUM)
    assert box(pdf, "Zentralbank")[1] < 76


@pytest.mark.parametrize("name", FORMATS)
def test_a_layer_has_no_colour(name: str) -> None:
    look = replace(FORUM, format=FORMATS[name], layer_only=True, back=BACK, host_logo=FORUM.logo)
    usual = replace(people()[1], days=DAYS, zones=("VIP",))
    day = replace(usual, good_on=("Mon 1 Jan", "DAY CREDENTIAL"))
    for png in render_pngs([usual, day], look, 60):
        with Image.open(io.BytesIO(png)) as picture:
            colours = np.asarray(picture.convert("RGB")).astype(int)
        assert np.ptp(colours, axis=2).max() == 0


@pytest.mark.parametrize("zones", [(), ("VIP",), ("VIP", "STAGE")])
@pytest.mark.parametrize("form", ["a6", "4x6in", "a4-four"])
def test_six_days_stand_on_lines_of_the_same_length(form: str, zones: tuple[str, ...]) -> None:
    labels = [str(day) for day in range(12, 18)]
    days = tuple(Day(label, valid=label != "13") for label in labels)
    card = replace(ANNA, days=days, zones=zones)
    pdf = render_pdf([card], replace(FORUM, format=FORMATS[form]))
    lines = Counter(round(box(pdf, label)[1]) for label in labels)
    assert len(set(lines.values())) == 1, lines
