"""Symbols are read again by three independent readers."""

import io
import random
import xml.etree.ElementTree as ElementTree

import cv2
import numpy as np
import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pyzbar import pyzbar

from badges.credential.base45 import ALPHABET
from badges.printing.qr import Symbol, SymbolError, symbol, symbol_png, symbol_svg

CREDENTIAL = "HK" + "".join(random.Random(5).choices(ALPHABET, k=120))


def pixels(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as picture:
        return np.asarray(picture.convert("L"))


def drawn_by(svg: str) -> tuple[tuple[bool, ...], ...]:
    """The dark units of the SVG's second path, four drawing steps per run."""
    root = ElementTree.fromstring(svg)
    side = int(root.attrib["width"])
    grid = np.zeros((side, side), bool)
    for run in root[1].attrib["d"].split("M")[1:]:
        place, step = run.split("h")[0], run.split("h")[1]
        x, y = map(int, place.split())
        width = int(step.removesuffix("v1"))
        assert run == f"{x} {y}h{width}v1h-{width}z"
        grid[y, x : x + width] = True
    return tuple(tuple(map(bool, row)) for row in grid)


def framed(drawn: Symbol, margin: int = 4) -> tuple[tuple[bool, ...], ...]:
    return tuple(tuple(map(bool, row)) for row in np.pad(np.array(drawn.modules), margin))


@pytest.mark.parametrize(("level", "version", "size"), [("M", 5, 37), ("Q", 7, 45)])
def test_a_credential_fits_its_version(level, version, size):
    drawn = symbol(CREDENTIAL, level=level)
    assert (drawn.version, drawn.size) == (version, size)
    assert {len(row) for row in drawn.modules} == {size}


def test_one_character_more_needs_the_next_version():
    assert symbol(CREDENTIAL + "A").version == 6


@pytest.mark.parametrize("level", ["M", "Q"])
def test_three_readers_read_the_png(level):
    picture = pixels(symbol_png(CREDENTIAL, level=level))
    assert picture.shape[0] == picture.shape[1] == (symbol(CREDENTIAL, level=level).size + 8) * 8
    (code,) = zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode)
    assert code.text == CREDENTIAL
    assert code.ec_level == level
    assert cv2.QRCodeDetector().detectAndDecode(picture)[0] == CREDENTIAL
    (other,) = pyzbar.decode(picture)
    assert other.data.decode() == CREDENTIAL


def test_png_and_svg_draw_the_modules():
    drawn = symbol(CREDENTIAL)
    assert drawn_by(symbol_svg(CREDENTIAL)) == framed(drawn)
    small = pixels(symbol_png(CREDENTIAL, module_px=1)) == 0
    assert tuple(tuple(map(bool, row)) for row in small) == framed(drawn)


def test_svg_without_quiet_zone():
    assert drawn_by(symbol_svg(CREDENTIAL, quiet_zone=0)) == symbol(CREDENTIAL).modules


def test_the_same_text_is_drawn_alike():
    assert symbol(CREDENTIAL) == symbol(CREDENTIAL)


@given(st.text(min_size=1, max_size=60))
def test_any_text_is_read_again(text):
    (code,) = zxingcpp.read_barcodes(
        pixels(symbol_png(text, module_px=3)), formats=zxingcpp.BarcodeFormat.QRCode
    )
    assert code.bytes == text.encode()


def test_long_addresses():
    address = "https://badges.example.org/b/" + "k" * 80
    (code,) = zxingcpp.read_barcodes(pixels(symbol_png(address)))
    assert code.text == address


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "no text"),
        ("A" * 5_000, {}, "5,000 bytes are too many for a symbol at level M"),
        ("A", {"level": "X"}, "use one of L, M, Q, H"),
        ("A", {"module_px": 0}, "use 1 to 100"),
    ],
)
def test_texts_that_no_symbol_holds(text, options, message):
    with pytest.raises(SymbolError, match=message):
        symbol_png(text, **options)
