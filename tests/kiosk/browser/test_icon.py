"""The icon on an iPhone's home screen, for which iOS takes no SVG."""

import io
import re
from xml.etree import ElementTree

from PIL import Image, ImageChops, ImageDraw

from kiosk.browser.files import TOP
from kiosk.browser.page import FILES, door_page

PNG = TOP / "kiosk" / "browser" / "static" / "icon.png"
SVG = TOP / "kiosk" / "screen" / "static" / "shared" / "icon.svg"
SIZE = 180  # of the largest iPhones
FINER = 8  # drawn larger, then made smaller, for smooth edges


def drawn() -> Image.Image:
    """The SVG without its round corners, because iOS cuts its own."""
    ground, tick = list(ElementTree.fromstring(SVG.read_bytes()))
    scale = SIZE * FINER / 100
    points = [
        (float(x) * scale, float(y) * scale)
        for x, y in re.findall(r"[ML](\S+) (\S+)", tick.attrib["d"])
    ]
    width, colour = float(tick.attrib["stroke-width"]) * scale, tick.attrib["stroke"]
    picture = Image.new("RGB", (SIZE * FINER, SIZE * FINER), ground.attrib["fill"])
    pen = ImageDraw.Draw(picture)
    pen.line(points, colour, round(width))
    for x, y in points:
        pen.circle((x, y), width / 2, colour)
    return picture.resize((SIZE, SIZE), Image.Resampling.LANCZOS)


def write() -> None:
    """After a change of the SVG."""
    drawn().quantize(64).save(PNG, optimize=True)


def test_the_icon_is_the_svgs() -> None:
    picture = Image.open(io.BytesIO(PNG.read_bytes())).convert("RGB")
    assert picture.size == (SIZE, SIZE)
    darkest, lightest = zip(*ImageChops.difference(picture, drawn()).getextrema(), strict=True)
    assert max(lightest) < 24, darkest


def test_the_page_names_it() -> None:
    assert f'<link rel="apple-touch-icon" href="{FILES}icon.png">' in door_page()
