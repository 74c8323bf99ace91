"""Layouts of pretix: each area is at its coordinates, and areas without content are reported."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import typst
from PIL import Image

from badges.printing import fonts
from badges.printing.card import Card, layout_notes, render_pdf, render_pngs, undrawable
from badges.printing.look import Look
from badges.printing.pretix import PretixError, read_layout
from kiosk.reader.photo import read_still
from tests.badges.printing.cards import ANNA, CREDENTIAL, texts
from tests.badges.printing.forum import FORUM, people

DPI = 254  # ten pixels a millimetre
PX = DPI / 25.4
WIDTH, HEIGHT = 148, 105
EM = 20 / 72 * 25.4  # mm of a text of 20 pt
CAP = 0.714  # of the size, in Noto Sans
INK = (200, 0, 120)
TEXT: dict[str, Any] = {
    "type": "textarea", "page": 1, "locale": "en", "left": "30.00", "bottom": "40.00",
    "width": "60.00", "fontsize": "20.0", "lineheight": 1, "color": [*INK, 1],
    "fontfamily": "Open Sans", "bold": False, "italic": False, "downward": False,
    "content": "other", "text": "HHHH", "text_i18n": {}, "rotation": 0, "align": "left",
}  # fmt: skip
BOX = {**TEXT, "type": "textcontainer", "height": "30.00", "verticalalign": "top",
       "autoresize": False, "splitlongwords": True}  # fmt: skip
CODE: dict[str, Any] = {
    "type": "barcodearea", "page": 1, "left": "95.00", "bottom": "30.00", "size": "40.00",
    "content": "secret", "text": "", "text_i18n": {}, "nowhitespace": True,
}  # fmt: skip
LOGO_AREA = {"type": "imagearea", "page": 1, "left": "10.00", "bottom": "45.00",
             "width": "30.00", "height": "10.00", "content": "logo"}  # fmt: skip
POWERED = {"type": "poweredby", "page": 1, "left": "1.00", "bottom": "1.00", "size": "9.00",
           "content": "dark"}  # fmt: skip


def background(*colours: str, width: float = WIDTH, height: float = HEIGHT) -> bytes:
    """A PDF with a page of each colour."""
    operators = "\n".join(
        f'#page(width: {width}mm, height: {height}mm, margin: 0mm, fill: rgb("{colour}"))[]'
        for colour in colours
    )
    compiler = typst.Compiler(font_paths=fonts.none(), ignore_system_fonts=True)
    pdf = compiler.compile(operators.encode(), format="pdf")
    assert isinstance(pdf, bytes)
    return pdf


def looks(*areas: dict[str, Any], pdf: bytes = b"") -> Look:
    return replace(FORUM, layout=read_layout(json.dumps(areas).encode(), "badge.json", pdf))


def drawn(*areas: dict[str, Any], card: Card = ANNA, pdf: bytes = b"") -> list[np.ndarray]:
    """Each page in colours."""
    boxes = []
    for png in render_pngs([card], looks(*areas, pdf=pdf), DPI):
        with Image.open(io.BytesIO(png)) as picture:
            boxes.append(np.asarray(picture.convert("RGB")))
    return boxes


def ink(
    page: np.ndarray, colour: tuple[int, int, int] = INK, px: float = PX
) -> tuple[float, float, float, float]:
    """Left, bottom, right and top of the coloured ink, in mm from the lower left corner."""
    inked = np.ones(page.shape[:2], bool)
    for part, value in enumerate(colour):
        shade = page[:, :, part]
        inked &= (shade > value - 40) & (shade < value + 40)
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    assert rows.size, "there is nothing of this colour"
    height = page.shape[0] / px
    return (
        columns.min() / px,
        height - (rows.max() + 1) / px,
        (columns.max() + 1) / px,
        height - rows.min() / px,
    )


def about(*lengths: float) -> Any:
    return pytest.approx(lengths, abs=0.4)


def test_a_code_fills_its_square_and_is_read() -> None:
    (page,) = drawn(CODE)
    assert page.shape[:2] == (round(HEIGHT * PX), round(WIDTH * PX))
    assert ink(page, (0, 0, 0)) == about(95, 30, 135, 70)
    gray = page.mean(axis=2).astype(np.uint8)
    assert [sighting.text for sighting in read_still(gray)] == [CREDENTIAL]


def test_a_code_with_its_margin_inside() -> None:
    margin = 40 * 4 / 45
    (page,) = drawn({**CODE, "nowhitespace": False})
    expected = (95 + margin, 30 + margin, 135 - margin, 70 - margin)
    assert ink(page, (0, 0, 0)) == about(*expected)


def test_a_text_is_drawn_up_from_its_bottom() -> None:
    left, bottom, _, top = ink(drawn(TEXT)[0])
    assert (bottom, top) == about(40 + 0.22 * EM, 40 + (0.22 + CAP) * EM)
    assert 30 <= left <= 31


def test_a_text_hangs_downward() -> None:
    _, bottom, _, top = ink(drawn({**TEXT, "downward": True})[0])
    assert (bottom, top) == about(40 - 0.93 * EM, 40 - (0.93 - CAP) * EM)


def test_lines_above_the_last() -> None:
    """In an area anchored at its bottom, the last line is there, after any number of lines."""
    (page,) = drawn({**TEXT, "text": "HH\nHH\nHH", "lineheight": "1.5"})
    _, bottom, _, top = ink(page)
    pitch = 1.5 * 1.15 * EM
    assert (bottom, top) == about(40 + 0.22 * EM, 40 + (0.22 + CAP) * EM + 2 * pitch)


@pytest.mark.parametrize(("align", "place"), [("left", 30), ("center", 60), ("right", 90)])
def test_alignment(align: str, place: float) -> None:
    left, _, right, _ = ink(drawn({**TEXT, "align": align})[0])
    measured = {"left": left, "center": (left + right) / 2, "right": right}[align]
    assert measured == pytest.approx(place, abs=1)


@pytest.mark.parametrize(
    ("vertical", "line_top"),
    [("top", 70), ("middle", 55 + 1.15 * EM / 2), ("bottom", 40 + 1.15 * EM)],
)  # fmt: skip
def test_containers(vertical: str, line_top: float) -> None:
    _, bottom, _, top = ink(drawn({**BOX, "verticalalign": vertical})[0])
    assert (bottom, top) == about(line_top - 0.93 * EM, line_top - (0.93 - CAP) * EM)


@pytest.mark.parametrize(
    ("rotation", "inside"),
    [
        # Around the upper left corner (30, 70) of a box 60 mm wide and 30 mm high.
        ("90.0", (0, 10, 30, 70)),
        (180, (-30, 70, 30, 100)),
        (270, (30, 70, 60, 130)),
    ],
)
def test_rotation(rotation: object, inside: tuple[float, float, float, float]) -> None:
    (page,) = drawn({**BOX, "rotation": rotation, "text": "HH"})
    left, bottom, right, top = ink(page)
    assert inside[0] <= left < right <= inside[2]
    assert inside[1] <= bottom < top <= inside[3]
    near = min(abs(left - 30), abs(right - 30)) + min(abs(top - 70), abs(bottom - 70))
    assert near < 4  # The text begins at the corner that stays.


def test_the_logo_is_in_the_middle_of_its_area() -> None:
    left, bottom, right, top = ink(drawn(LOGO_AREA)[0], (11, 92, 173))
    assert (left + right) / 2 == pytest.approx(25, abs=0.3)
    assert (bottom + top) / 2 == pytest.approx(50, abs=0.3)
    assert top - bottom == pytest.approx(9, abs=0.4)  # 36 of the picture's 40


def test_backgrounds_and_pages() -> None:
    pdf = background("#eef4fb", "#f0b323", width=90, height=60)
    second = {**TEXT, "page": 2, "left": 10, "bottom": 10}
    front, back = drawn({**TEXT, "left": 10, "bottom": 30}, second, pdf=pdf)
    assert front.shape[:2] == back.shape[:2] == (600, 900)
    assert (tuple(front[5, 5]), tuple(back[5, 5])) == ((0xEE, 0xF4, 0xFB), (0xF0, 0xB3, 0x23))
    assert ink(front)[1] == pytest.approx(30 + 0.22 * EM, abs=0.4)
    assert ink(back)[1] == pytest.approx(10 + 0.22 * EM, abs=0.4)


def test_the_background_is_in_a_pdf_once() -> None:
    """Otherwise 10,000 cards would carry it 10,000 times."""
    noise = np.random.default_rng(1).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PDF", resolution=50)
    look = looks({**TEXT, "left": 5, "bottom": 5}, pdf=out.getvalue())
    single, ten = (len(render_pdf([ANNA] * count, look=look)) for count in (1, 10))
    assert ten - single < 0.3 * len(out.getvalue())


def test_contents_are_filled() -> None:
    areas = [
        {**TEXT, "content": content, "bottom": 90 - 8 * at, "fontsize": 10, "width": 110}
        for at, content in enumerate(
            ("attendee_name", "attendee_company", "attendee_country", "item", "event_name",
             "event_date_range", "badge_number", "zones")
        )
    ]  # fmt: skip
    areas.append({**TEXT, "bottom": 10, "text": "No. {badge_number} {seat}{lunch}", "fontsize": 9})
    card = replace(ANNA, category_second_name="Delegate in English")
    (page_text,) = texts(render_pdf([card], look=looks(*areas)))
    for text in ("Anna Ødegård", "Fjord & Sønner AS", "Norway", "Delegate in English",
                 "Global Digital Forum Harbour Summit", "25–27 May 2026", "7K3QX", "VIP · STAGE",
                 "No. 7K3QX {lunch}"):  # fmt: skip
        assert text in page_text


def test_the_language_of_an_area() -> None:
    card = replace(ANNA, category_name="代表", category_second_name="Delegate", language="zh")
    words = {"en": "Welcome", "zh-hans": "欢迎"}
    text = {
        locale: texts(render_pdf([card], look=looks(
            {**TEXT, "content": "item", "locale": locale},
            {**TEXT, "content": "other_i18n", "text_i18n": words, "locale": locale, "bottom": 9},
        )))[0]
        for locale in ("en", "zh-hans", "")
    }  # fmt: skip
    assert "Delegate" in text["en"]
    assert "Welcome" in text["en"]
    assert "代表" in text["zh-hans"]
    assert "欢迎" in text["zh-hans"]
    assert "代表" in text[""]  # by the card's own language
    assert "Welcome" in text[""]


def test_missing_parts_are_named() -> None:
    layout = read_layout(
        json.dumps([
            {**TEXT, "content": "attendee_email"}, {**TEXT, "text": "{seat} {lunch}"}, POWERED,
            {**LOGO_AREA, "content": "question_ABC"}, {**LOGO_AREA, "content": "flag"}, POWERED,
            {**CODE, "size": 12}, {**CODE, "content": "pseudonymization_id"},
        ]).encode(),
        "badge.json",
    )  # fmt: skip
    assert layout_notes(layout) == [
        "Area 1: there is nothing for attendee_email here, and it stays empty.",
        "Area 2: there is nothing for seat here, and it is left out of the text.",
        "Area 4: question_ABC is taken as the person's photo.",
        "Area 5: there is nothing for flag here, and it stays empty.",
        "Area 7: the code is 12 mm wide. Below 18 mm cameras may not read it.",
        "Area 8: there is nothing for pseudonymization_id here, and it stays empty.",
        "2 of type poweredby are left out.",
        "Not installed: Open Sans. Noto is used instead.",
    ]


def test_a_layout_without_the_badge_s_code() -> None:
    assert read_layout(json.dumps([TEXT]).encode(), "x").notes == (
        "No area has the badge's code, a barcodearea with the content secret: no door can read"
        " these cards.",
    )


def test_all_scripts_and_long_names_stay_on_the_page() -> None:
    name = {**TEXT, "content": "attendee_name", "fontsize": 30, "bottom": 60, "bold": True,
            "italic": True}  # fmt: skip
    box = {**BOX, "content": "attendee_company", "autoresize": True, "height": 20, "bottom": 5,
           "color": [0, 90, 200, 1]}  # fmt: skip
    look = looks(name, box)
    everybody = people()
    assert undrawable(everybody, look=look) == []
    some = [card for card in everybody if card.organisation][2::5] + everybody[21:24]
    for png in render_pngs(some, look, DPI / 2):
        with Image.open(io.BytesIO(png)) as picture:
            page = np.asarray(picture.convert("RGB"))
        assert ink(page, px=PX / 2)[3] < HEIGHT - 0.1
        left, bottom, right, top = ink(page, (0, 90, 200), PX / 2)
        assert 29.5 < left < right < 90.5
        assert 3 < bottom < top < 27


def test_undrawable_characters_are_named() -> None:
    look = looks({**TEXT, "content": "attendee_name"})
    (error,) = undrawable([ANNA, replace(ANNA, given_name="\U0010fff0")], look=look)
    assert error.card is not None
    assert "U+10FFF0" in str(error)
    unseen = replace(ANNA, organisation="\U0010fff0")
    assert undrawable([unseen], look=look) == []  # it is not on the layout


@pytest.mark.parametrize(
    ("areas", "message"),
    [
        (b"[", "badge.json is no JSON"),
        (b"{}", "badge.json is no layout of pretix"),
        (b"[]", "badge.json is no layout of pretix"),
        (b"[1]", "badge.json, area 1 is no object with a type"),
        (b" " * 300_001, r"badge.json has 300,001 bytes; the limit is 300,000"),
        ([{"type": "box", "left": 1, "bottom": 1}], "area 1: there is no type 'box'; known are"),
        ([TEXT, {**TEXT, "left": "x"}], "area 2: left must be a number, and is 'x'"),
        ([{**TEXT, "bottom": "nan"}], "area 1: bottom must be a number"),
        ([{**TEXT, "bottom": 10**400}], "area 1: bottom must be a number"),
        ([{key: value for key, value in TEXT.items() if key != "width"}], "area 1 lacks width"),
        ([{**TEXT, "width": 0}], "area 1: width must be more than 0 mm"),
        ([{**TEXT, "fontsize": 0}], "area 1: fontsize is 1 to 500 pt"),
        ([{**TEXT, "color": [1, 2]}], "color must be a list of red, green and blue"),
        ([{**TEXT, "color": [1, 2, 256]}], "color must have whole numbers from 0 to 255"),
        ([{**TEXT, "align": "justify"}], "align must be one of left, center, right"),
        ([{**TEXT, "bold": "yes"}], "bold must be true or false"),
        ([{**TEXT, "text": 7}], "text must be a text"),
        ([{**TEXT, "text": "x" * 1_001}], "text must be a text of up to 1,000 characters"),
        ([{**TEXT, "text_i18n": ["x"]}], "text_i18n must have a text for each language"),
        ([{**TEXT, "page": 1.5}], "page must be a whole number from 1 to 10"),
        ([TEXT] * 201, "badge.json has 201 areas; the limit is 200"),
    ],
)  # fmt: skip
def test_wrong_values_are_reported(areas: Any, message: str) -> None:
    data = areas if isinstance(areas, bytes) else json.dumps(areas).encode()
    with pytest.raises(PretixError, match=message):
        read_layout(data, "badge.json")


@pytest.mark.parametrize(
    ("make_pdf", "message"),
    [
        (lambda: b"MZ", "the background is no PDF that can be read"),
        (lambda: b" " * 5_000_001, "the background has 5,000,001 bytes"),
        (lambda: background(*["#ffffff"] * 11), "the background has 11 pages; use 1 to 10"),
        (lambda: background("#ffffff", width=5), "a side below 10 or above 1,000 mm"),
    ],
    ids=["no PDF", "large", "pages", "small"],
)
def test_wrong_backgrounds(make_pdf: Callable[[], bytes], message: str) -> None:
    with pytest.raises(PretixError, match=message):
        read_layout(json.dumps([TEXT]).encode(), "badge.json", make_pdf())


def test_a_background_with_too_few_pages() -> None:
    with pytest.raises(PretixError, match=r"area 2 is on page 3, and the background has 1"):
        looks(TEXT, {**TEXT, "page": 3}, pdf=background("#ffffff"))


def test_a_name_is_never_markup() -> None:
    card = replace(ANNA, given_name="#panic()", family_name="*a* $x$")
    (text,) = texts(render_pdf([card], look=looks({**TEXT, "content": "attendee_name"})))
    assert "#panic() *a* $x$" in text
