"""Names of every script and length: complete, separate, and never over the code."""

from dataclasses import replace

import numpy as np
import pytest
import zxingcpp

from badges.printing.card import render_pdf
from badges.printing.look import Look
from tests.badges.printing.cards import ANNA, CREDENTIAL, EVENT, MM, named, pages, texts

SCRIPTS = {
    "latin": ("Ngọc Ánh", "Nguyễn Thị", "Đại học Bách khoa", "Việt Nam"),
    "greek": ("Ἀθηνᾶ", "Παπαδοπούλου", "Πανεπιστήμιο Αθηνών", "Ελλάδα"),
    "cyrillic": ("Анастасия", "Щербакова", "Университет", "Россия"),
    "arabic": ("محمد", "الفارسي", "جامعة الملك سعود (KSU)", "السعودية"),
    "hebrew": ("דוד", "כהן", "הטכניון", "ישראל"),
    "devanagari": ("प्रियंका", "श्रीवास्तव", "भारतीय संस्थान", "भारत"),
    "thai": ("สมชาย", "ศรีสุวรรณ", "จุฬาลงกรณ์มหาวิทยาลัย", "ไทย"),
    "chinese": ("小明", "Wang", "中国互联网络信息中心", "中国"),
    "korean": ("민준", "Kim", "서울대학교", "대한민국"),
}
LONG_WORD = "Wolfeschlegelsteinhausenbergerdorffwelchevoralternwarengewissenhaftschafers"
MANY_WORDS = "Maria Fernanda Alexandra de los Ángeles Guadalupe Esperanza del Carmen"


def bands(picture: np.ndarray, gap_mm: float) -> int:
    """Bands of ink in the card's area for names, `gap_mm` of white or more between them."""
    zone = picture[int(23.3 * MM) : int(75.5 * MM)]
    inked = np.flatnonzero((zone < 160).any(axis=1))
    return 1 + int((np.diff(inked) > gap_mm * MM).sum())


def check_layout(picture: np.ndarray) -> None:
    """Margins and the code's quiet zone are white for any name."""
    body = picture[int(23.3 * MM) : int(127.7 * MM)]
    assert body[:, : int(6.5 * MM)].min() > 250
    assert body[:, int(98.5 * MM) :].min() > 250
    assert picture[int(23.3 * MM) : int(24 * MM)].min() > 250
    module = 43 / 37
    left, top, right, bottom = (8, 79.95, 51, 122.95)
    quiet = picture[
        int((top - 4 * module + 0.5) * MM) : int((bottom + 4 * module) * MM),
        int((left - 4 * module) * MM) : int((right + 4 * module) * MM),
    ].copy()
    inner = int(4 * module * MM) - 3
    quiet[inner:-inner, inner:-inner] = 255
    assert quiet.min() > 250


def test_layout_of_a_usual_card():
    ((picture, _),) = pages(render_pdf([ANNA], Look(EVENT)))
    check_layout(picture)


def test_given_name_is_huge():
    ((picture, _),) = pages(render_pdf([ANNA], Look(EVENT)))
    zone = picture[int(23.3 * MM) : int(75.5 * MM)]
    inked = np.flatnonzero((zone < 160).any(axis=1))
    first = inked[: np.flatnonzero(np.diff(inked) > 2 * MM)[0] + 1]
    cap_height = 0.714  # of the size, in Noto Sans
    assert len(first) / MM / 25.4 * 72 / cap_height >= 66


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_whole_and_apart(script):
    card = named(*SCRIPTS[script])
    ((picture, text),) = pages(render_pdf([card], Look(EVENT)))
    copied = set("".join(text.split()))
    for part in SCRIPTS[script]:
        assert set("".join(part.split())) - set("()") <= copied  # copied brackets are mirrored
    assert bands(picture, 1.5) == 4
    check_layout(picture)


@pytest.mark.parametrize(
    "names",
    [
        ("Li",),
        (MANY_WORDS, "García-Márquez y Fernández", "", "Mexico"),
        (LONG_WORD, LONG_WORD, LONG_WORD * 2, "Democratic Republic of the Congo"),
        ("W" * 120, "W" * 120, "W" * 160, "W" * 60),
        ("اسم" * 25, "اسم " * 30, "مؤسسة " * 20, "السعودية"),
        ("明" * 60, "王" * 60, "中" * 160, "中国"),
        ("สม" * 40, "สม" * 40, "สม" * 60, "ไทย"),
        ("Zoë" + "\u0323\u0301" * 4, "Ǻ", "", ""),
    ],
    ids=["short", "words", "word", "widest", "arabic", "chinese", "thai", "marks"],
)
def test_long_and_short_names_stay_in_their_place(names):
    card = replace(named(*names), zones=tuple(f"ZONE{n}" for n in range(32)))
    layouts = pages(render_pdf([card], Look(EVENT * 6)))
    assert len(layouts) == 1
    picture, text = layouts[0]
    check_layout(picture)
    assert sum(text.count(char) for char in set(names[0])) >= len(names[0].replace(" ", ""))
    assert zxingcpp.read_barcodes(picture)[0].text == CREDENTIAL


def test_words_are_broken_only_where_they_must_be():
    (text,) = texts(render_pdf([named(MANY_WORDS)], Look(EVENT)))
    assert set(MANY_WORDS.split()) <= set(text.split())
