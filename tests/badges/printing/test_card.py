"""Cards are drawn, rasterised and read again. Cards that can't be drawn well are refused."""

import io
from dataclasses import replace

import cv2
import numpy as np
import pytest
import zxingcpp
from PIL import Image
from pyzbar import pyzbar

from badges.printing import fonts
from badges.printing.card import (
    CARDS_MAX,
    CardError,
    MissingGlyphError,
    TemplateError,
    check_colour,
    render_pdf,
    render_pngs,
    undrawable,
)
from badges.printing.look import Look, LookError
from tests.badges.printing.cards import (
    ANNA,
    CREDENTIAL,
    DPI,
    EVENT,
    MM,
    box,
    named,
    page_drawn,
    pages,
    texts,
)

# At the end of the last private plane, without a glyph in any used font.
UNDRAWABLE = ("\U0010fff0", "\U0010fff1", "\U0010fff2")


def test_it_works_for_three_readers():
    ((picture, text),) = pages(render_pdf([ANNA], Look(EVENT)))
    assert picture.shape == (pytest.approx(148 * MM, abs=1), pytest.approx(105 * MM, abs=1))
    for word in (
        EVENT,
        "Anna",
        "Ødegård",
        "Fjord & Sønner AS",
        "Norway",
        "Delegate",
        "7K3QX",
        "VIP",
    ):
        assert word in text
    (code,) = zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode)
    assert (code.text, code.ec_level) == (CREDENTIAL, "M")
    assert cv2.QRCodeDetector().detectAndDecode(picture)[0] == CREDENTIAL
    (other,) = pyzbar.decode(picture)
    assert other.data.decode() == CREDENTIAL


@pytest.mark.parametrize(
    ("given", "family", "first_line"),
    [
        ("小明", "王", "王小明"),
        ("さくら", "山田", "山田さくら"),
        ("민준", "김", "김민준"),
        ("小明", "Wang", "小明"),
        ("Anna", "王", "Anna"),
        ("", "Sukarno", "Sukarno"),
        ("王小明", "", "王小明"),
    ],
)
def test_first_line(given, family, first_line):
    template = "#for card in json(bytes(sys.inputs.data)).cards [|#card.headline|]"
    template = '#set text(font: ("Noto Sans", "Noto Sans CJK SC"));' + template
    (text,) = texts(render_pdf([named(given, family)], Look(EVENT, template=template)))
    assert f"|{first_line}|" in text


@pytest.mark.parametrize(
    "markup", ['#read("/etc/passwd")', "*x* _y_", "$a$", "]", "\\u{41} \\", "@label", "= <b>", "//"]
)
def test_markup_in_names_is_text(markup):
    card = replace(named(markup, markup, markup), category_name=markup, zones=(markup,))
    (text,) = texts(render_pdf([card], Look(markup)))
    assert "".join(text.split()).count("".join(markup.split())) == 6


def test_a_job_title_is_above_the_organisation():
    pdf = render_pdf([replace(ANNA, job_title="Harbour master")], Look(EVENT))
    job_title, organisation = (box(pdf, text) for text in ("Harbourmaster", "Fjord&SønnerAS"))
    assert job_title[3] < organisation[1]


def test_a_job_title_stays_with_the_organisation_beside_the_code():
    long_name = replace(
        ANNA, given_name="Maria Fernanda Gutierrez Rodriguez", family_name="", zones=()
    )
    pdf = render_pdf([replace(long_name, job_title="Director, Policy")], Look(EVENT))
    job_title, organisation = (box(pdf, text) for text in ("Director,Policy", "Fjord&SønnerAS"))
    assert job_title[3] < organisation[1]
    assert job_title[0] == pytest.approx(organisation[0], abs=2)


def test_a_page_for_each_card():
    cards = [
        replace(ANNA, text=CREDENTIAL[:-3] + f"{n:03}", badge_number=f"N{n:04}") for n in range(45)
    ]
    pdf = render_pdf(cards, Look(EVENT))
    pages = texts(pdf)
    assert ["N0007" in text for text in pages].index(True) == 7
    assert zxingcpp.read_barcodes(page_drawn(pdf, 44))[0].text == CREDENTIAL[:-3] + "044"
    assert len(pages) == 45


def test_the_same_cards_give_the_same_bytes():
    assert render_pdf([ANNA], Look(EVENT)) == render_pdf([ANNA], Look(EVENT))


def test_png_is_the_card():
    with Image.open(io.BytesIO(render_pngs([ANNA], Look(EVENT), DPI)[0])) as picture:
        assert picture.size == (pytest.approx(105 * MM, abs=1), pytest.approx(148 * MM, abs=1))
        gray = np.asarray(picture.convert("L"))
    assert zxingcpp.read_barcodes(gray)[0].text == CREDENTIAL


@pytest.mark.parametrize(
    ("given", "characters", "message"),
    [
        (
            f"王{UNDRAWABLE[0]}",
            UNDRAWABLE[0],
            r"badge 7K3QX: no installed font .*U\+10FFF0.*Remove invisible and private",
        ),
        ("A\u202ennA", "\u202e", r"U\+202E.*Remove invisible"),
        ("A\x07", "\x07", r"a character \(U\+0007\).*Remove invisible"),
        (
            "A\U0003fffd",
            "\U0003fffd",
            "Install fonts that have them, on Debian fonts-babelstone-han",
        ),
    ],
)
def test_a_missing_glyph_is_an_error(given, characters, message):
    card = named(given)
    with pytest.raises(MissingGlyphError, match=message) as caught:
        render_pdf([ANNA, card], Look(EVENT))
    assert (caught.value.card, caught.value.characters) == (card, characters)


@pytest.mark.parametrize(
    ("name", "package"),
    [("王小明", "fonts-noto-cjk"), ("김", "fonts-noto-cjk"), ("😀", "fonts-noto-color-emoji"),
     ("สม", "fonts-noto-core"), ("a\u20dd", "fonts-noto-core")],
)  # fmt: skip
def test_the_hint_names_the_package(monkeypatch, name, package):
    monkeypatch.setattr(fonts, "family_order", lambda region: ("Noto Sans",))
    monkeypatch.setattr(fonts, "_family", fonts._family.__wrapped__)
    (error,) = undrawable([ANNA, named(name)], Look(EVENT))
    assert package in error.hint
    assert "\u0e2a" not in name or "\u0e2a" in error.characters


def test_all_undrawable_cards_at_once():
    first, second, third = UNDRAWABLE
    errors = undrawable([named(first), ANNA, named(second)], Look(f"Forum {third}"))
    assert [error.characters for error in errors] == [third, first, second]
    assert str(errors[0]).startswith("the event's name: ")


def test_joiners_and_decomposed_letters_are_drawn():
    assert undrawable([named("می\u200cنا"), named("ක්\u200dෂ"), named("Zoe\u0308")], Look("E")) == []


@pytest.mark.parametrize(
    ("text", "language", "region"),
    [
        ("王", "", "SC"),
        ("王", "zh-Hant-HK", "TC"),
        ("王", "ja", "JP"),
        ("王の", "", "JP"),
        ("김", "en", "KR"),
    ],
)
def test_forms_of_han_characters(text, language, region):
    assert fonts.han_region(text, language) == region


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"category_colour": "#ff0000"}, "is red, which means 'denied'"),
        ({"category_colour": "red"}, "'red' is no colour: write one as #1f6feb"),
        ({"category_letter": ""}, "its letter has one or two characters"),
        ({"given_name": " ", "family_name": ""}, "badge 7K3QX has no name"),
        ({"organisation": "x" * 201}, "the limit is 200"),
    ],
)
def test_invalid_values_of_a_card_are_refused(change, message):
    with pytest.raises(CardError, match=message):
        replace(ANNA, **change)


@pytest.mark.parametrize("colour", ["#c62828", "#8b0000", "#E53935", "#d50032"])
def test_reds(colour):
    with pytest.raises(CardError, match="is red"):
        check_colour(colour)


@pytest.mark.parametrize(
    "colour", ["#e65100", "#8d6e63", "#ad1457", "#000000", "#fff3f3", "#f4b400"]
)
def test_colours_that_are_not_red(colour):
    assert check_colour(colour) == colour


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("#let x = ", "the template: expected expression"),
        ('#import "@preview/cades:0.3.0": qr-code', "imports a package"),
        ('#read("/etc/passwd")', "the template: file not found"),
        ('#read("../card.py")', "the template: "),
        ("#panic()", "the template: panicked"),
    ],
)
def test_bad_templates(template, message):
    with pytest.raises(TemplateError, match=message):
        render_pdf([ANNA], Look(EVENT, template=template))


def test_limits():
    for cards in ([], [ANNA] * (CARDS_MAX + 1)):
        with pytest.raises(CardError, match="print 1 to 5,000 at a time"):
            render_pdf(cards, Look(EVENT))
    with pytest.raises(LookError, match="the event's name has 1 to 200"):
        Look(" ")
    with pytest.raises(CardError, match="use 30 to 1200"):
        render_pngs([ANNA], Look(EVENT), 10_000)
