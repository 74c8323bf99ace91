"""Logos and photos are verified, and load nothing from elsewhere."""

import io
import re
from dataclasses import replace

import pytest
from PIL import Image

from badges.printing.card import render_pdf
from badges.printing.look import FORMATS, Back, Look, LookError, ProgrammeItem, logo, photo
from tests.badges.printing.cards import ANNA, EVENT
from tests.badges.printing.forum import BACK, LOGO


def picture(form: str, size: tuple[int, int] = (60, 40), **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "#0a0").save(out, form, **options)
    return out.getvalue()


def test_an_svg_stays_as_it_is():
    assert logo(LOGO.encode(), "logo.svg") == LOGO


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_pictures_become_svg(form):
    assert logo(picture(form), "logo").startswith("<svg ")
    # A phone's photos are JPEG, and have 12 megapixels.
    size = (4_000, 3_000) if form == "JPEG" else (2_000, 1_500)
    # Written with the least work, because only its size matters.
    easy = {"WEBP": {"method": 0}, "PNG": {"compress_level": 1}}.get(form, {})
    svg = photo(picture(form, size, **easy), "p")
    assert 'viewBox="0 0 500 375"' in svg
    assert len(svg) < 30_000


def test_a_photo_that_lies_on_its_side_is_turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert 'viewBox="0 0 40 60"' in photo(picture("JPEG", (60, 40), exif=exif), "p")
    large = picture("JPEG", (4_000, 2_400), exif=exif)
    assert 'viewBox="0 0 300 500"' in photo(large, "p")


def test_a_logo_and_a_photo_are_drawn():
    look = Look(EVENT, logo=logo(picture("PNG"), "l"), host_logo=LOGO)
    plain = render_pdf([ANNA], look=Look(EVENT))
    drawn = render_pdf([replace(ANNA, photo=photo(picture("JPEG"), "p"))], look=look)
    assert len(re.findall(rb"/Subtype\s*/Image", plain)) == 0
    assert len(re.findall(rb"/Subtype\s*/Image", drawn)) >= 2


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (b"MZ", "logo.png", "logo.png is no picture that can be read"),
        (b"<svg", "logo.svg", "logo.svg is no SVG in UTF-8"),
        (b"<html/>", "logo.svg", "its first element is 'html'"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>', "l.svg", "has scripts"),
        (
            b'<svg xmlns="http://www.w3.org/2000/svg"><image href="/etc/passwd"/></svg>',
            "l.svg",
            "refers to '/etc/passwd'",
        ),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><text>A</text></svg>', "l.svg", "has text"),
        (b'<!DOCTYPE svg [<!ENTITY a "b">]><svg/>', "l.svg", "entities"),
        (b"<svg >" + b" " * 3_000_000, "l.svg", "the limit is 3,000,000"),
    ],
)
def test_bad_logos(data, name, message):
    with pytest.raises(LookError, match=message):
        logo(data, name)


def test_limits():
    with pytest.raises(LookError, match="room for 20 lines of the programme"):
        Back(tuple(ProgrammeItem("9", ("x",)) for _ in range(21)))
    with pytest.raises(LookError, match="room for 6 lines of help"):
        Back(help=("x",) * 7)
    with pytest.raises(LookError, match="is longer than 200 characters"):
        Look(EVENT, back=Back(wifi_name="x" * 201))
    with pytest.raises(LookError, match="the event's name has 1 to 200"):
        Look(" ")


@pytest.mark.parametrize("name", FORMATS)
def test_a_full_back_stays_in_its_place(name):
    many = tuple(
        ProgrammeItem("25 May 09:30", (f"开幕式 {n}", f"Opening {n}"), "H") for n in range(20)
    )
    back = Back(many, "W" * 40, "p" * 60, ("x" * 80,) * 6)
    assert render_pdf([ANNA], look=Look(EVENT, format=FORMATS[name], back=back))
    assert render_pdf([ANNA], look=Look(EVENT, format=FORMATS[name], back=Back()))
    assert BACK.texts()[0] == "25 May 09:30"
