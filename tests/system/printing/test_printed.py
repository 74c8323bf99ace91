"""Printed A6 badges, rasterised at 150 dpi, through an organiser's and a steward's commands."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import pypdfium2
import pytest
from pyzbar import pyzbar

from tests.system.support.site import READY_S, LiveSite, site
from tests.system.test_doors import VENUE

pytestmark = pytest.mark.system

DPI = 150
PEOPLE = 3


@pytest.fixture
def place(tmp_path: Path):
    with site(tmp_path, VENUE, people=PEOPLE) as live:
        yield live


def pictures(pdf: Path) -> list[Path]:
    """Each page of the file as a PNG of 150 dpi."""
    paths = []
    document = pypdfium2.PdfDocument(pdf)
    for number in range(len(document)):
        path = pdf.with_name(f"page-{number}.png")
        page = document[number]
        page.render(scale=DPI / 72).to_pil().save(path)
        page.close()
        paths.append(path)
    document.close()
    return paths


def test_printed_badges_are_read_by_the_kiosk_and_by_others(place: LiveSite) -> None:
    pdf = place.path / "badges.pdf"
    command = [sys.executable, "-m", "server", "print", "--event", str(place.event.path)]
    subprocess.run([*command, "--out", str(pdf)], check=True, capture_output=True, timeout=READY_S)
    pages = pictures(pdf)
    issued = {place.badge(n) for n in range(PEOPLE)}

    command = [sys.executable, "-m", "kiosk", "read", "--json", *map(str, pages)]
    output = subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=READY_S
    ).stdout
    lines = [json.loads(line) for line in output.splitlines()]
    credentials = {code["text"] for line in lines for code in line.get("texts", ())}
    assert credentials == issued

    gray = [cv2.imread(str(page), cv2.IMREAD_GRAYSCALE) for page in pages]
    # OpenCV does not read every symbol, and each run has different ones.
    by_opencv = {cv2.QRCodeDetector().detectAndDecode(page)[0] for page in gray} - {""}
    assert by_opencv <= issued
    assert len(by_opencv) >= len(issued) - 1
    assert {code.data.decode() for page in gray for code in pyzbar.decode(page)} == issued
    assert all(len(text) == 122 for text in issued)
