"""Logos and photos are verified, and load nothing from elsewhere."""

import base64
import io
import os
import re
from contextlib import suppress
from dataclasses import replace

import pytest
from PIL import EpsImagePlugin, Image

from badges.printing.card import render_pdf
from badges.printing.look import FORMATS, Back, Look, LookError, ProgrammeItem, logo, photo
from tests.badges.printing.cards import ANNA, EVENT
from tests.badges.printing.forum import BACK, LOGO
from tests.badges.printing.photos import picture, turned, with_odd_metadata, with_scans


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
    assert 'viewBox="0 0 40 60"' in photo(picture("JPEG", (60, 40), exif=turned()), "p")
    large = picture("JPEG", (4_000, 2_400), exif=turned())
    assert 'viewBox="0 0 300 500"' in photo(large, "p")


def test_metadata_that_is_damaged_costs_no_photo():
    assert 'viewBox="0 0 40 60"' in photo(with_odd_metadata(picture("JPEG")), "p")


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_no_damage_ends_otherwise_than_in_a_refusal(form):
    data = picture(form, exif=turned().tobytes())
    for at in range(len(data)):
        for changed in (data[:at] + b"\xff" + data[at + 1 :], data[:at]):
            with suppress(LookError):
                photo(changed, "p")


def test_a_photo_of_many_scans_is_refused():
    """Each takes as long as a picture: 300 kB with a thousand scans took a minute."""
    few = picture("JPEG", progressive=True)
    with pytest.raises(LookError, match=r"p\.jpg is no picture that can be read"):
        photo(with_scans(few, 60), "p.jpg")
    # A preview in the metadata, in an APP1 segment, has scans of its own.
    preview = b"\xff\xe1\x01\x92" + b"\xff\xda\x00\x02" * 100
    assert photo(few[:2] + preview + few[2:], "p.jpg")


def test_no_other_program_reads_a_picture(tmp_path, monkeypatch):
    """Pillow would run Ghostscript for an EPS, also for one that is called a JPEG."""
    ran = tmp_path / "ran"
    program = tmp_path / "gs"
    program.write_text(f"#!/bin/sh\n: > {ran}\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
    with pytest.raises(LookError, match="no picture that can be read"):
        photo(eps, "p.jpg")
    assert not ran.exists()


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


def test_a_picture_within_an_svg_has_the_same_limit():
    def drawn(data: bytes) -> bytes:
        text = base64.b64encode(data).decode().rstrip("=")
        return (
            '<svg xmlns="http://www.w3.org/2000/svg">'
            f'<image href="data:image/png;base64,{text}"/></svg>'
        ).encode()

    assert logo(drawn(picture("PNG")), "l.svg")
    out = io.BytesIO()
    Image.new("1", (8_000, 6_000)).save(out, "PNG")
    with pytest.raises(LookError, match=r"l\.svg has more than 40 megapixels"):
        logo(drawn(out.getvalue()), "l.svg")
    with pytest.raises(LookError, match="no picture that can be read"):
        logo(drawn(b"x"), "l.svg")


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
