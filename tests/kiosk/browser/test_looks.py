"""A phone reads badges that move, or are in bad light, and looks again only where a code may be."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.bench.eyes.pictures.films import EMPTY_FRAMES, film
from tests.kiosk.browser.node import HERE, VENDOR, node_program
from tests.kiosk.support.pictures import TEXT, Gray, disc, hall, line, noisy, symbol

CARD = cv2.copyMakeBorder(symbol(TEXT, 4), 36, 36, 36, 36, cv2.BORDER_CONSTANT, value=200)


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """Runs a case of looks_cases.mjs on pictures of one size."""
    node = node_program()
    if not VENDOR.is_dir():
        pytest.skip("the phone's libraries are missing: packaging/phone/fetch")

    def run(case: str, pictures: Sequence[Gray]) -> Any:
        height, width = pictures[0].shape
        files = [tmp_path / f"{number}.raw" for number in range(len(pictures))]
        for file, picture in zip(files, pictures, strict=True):
            file.write_bytes(np.ascontiguousarray(picture, np.uint8).tobytes())
        command = [node, HERE / "looks_cases.mjs", VENDOR, case, str(width), str(height), *files]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])

    return run


def test_a_blur_is_found_and_undone(run: Any) -> None:
    motions = [(8, 0), (8, 75), (13, 30), (13, 140), (21, 90)]
    lenses = [3.5, 4.5]
    kernels = [line(px, degrees) for px, degrees in motions] + [disc(px) for px in lenses]
    pictures = [noisy(cv2.filter2D(CARD, -1, kernel), 2) for kernel in kernels]
    results = run("blurs", pictures)
    for picture, result in zip(pictures, results, strict=True):
        assert distance(levels(result["deblurred"])) < distance(picture) * 0.8
    likeliest = [result["blurs"][0] for result in results]
    for (px, degrees), blur in zip(motions, likeliest, strict=False):
        assert blur["kind"] == "motion"
        assert blur["px"] == pytest.approx(px, rel=0.12)
        assert abs((blur["degrees"] - degrees + 90) % 180 - 90) < 8
    for px, blur in zip(lenses, likeliest[len(motions) :], strict=True):
        assert (blur["kind"], blur["px"]) == ("lens", pytest.approx(px, rel=0.12))


def levels(values: list[int]) -> Gray:
    return np.array(values, np.uint8).reshape(CARD.shape)


def distance(picture: Gray) -> float:
    """The distance from the card in the middle, away from the borders."""
    inner = slice(36, -36)
    return float(np.abs(picture[inner, inner].astype(float) - CARD[inner, inner]).mean())


def test_sharp_and_empty_pictures_have_no_blur(run: Any) -> None:
    flat = np.full((200, 200), 90, np.uint8)
    results = run("blurs", [flat, noisy(flat, 12), flat * 0])
    assert results == [{"blurs": [], "deblurred": None}] * 3


@pytest.mark.parametrize(
    ("kind", "number"), [("waved past", 0), ("moving 3-5 modules", 0), ("noise", 2)]
)
def test_a_badge_is_read_that_zxing_alone_does_not_read(run: Any, kind: str, number: int) -> None:
    """In the same pictures. The place of the symbol is that in the whole picture."""
    shown = film(kind, number)
    results = run("film", shown.frames)
    alone = run("plain", shown.frames)
    read = [place for place, result in enumerate(results) if shown.text in result["texts"]]
    assert len(read) > sum(shown.text in result["texts"] for result in alone)
    assert {text for result in results for text in result["texts"]} <= {shown.text, ""}
    first = read[0]
    truth = shown.shown[first]
    assert truth is not None
    corners = results[first]["corners"][results[first]["texts"].index(shown.text)]
    middle = np.mean([[corner["x"], corner["y"]] for corner in corners], axis=0)
    assert middle == pytest.approx(np.mean(truth.corners, axis=0), abs=truth.side / 8)


def test_a_hall_without_a_code_gets_no_further_look(run: Any) -> None:
    rng = np.random.default_rng(1)
    views = [np.clip(hall(1280, 720) + rng.normal(0, 2, (720, 1280)), 0, 255) for _ in range(4)]
    assert run("quick", views) == [1] * 4


def test_further_looks_follow_a_badge_and_end_after_it(run: Any) -> None:
    """One look at least, and more while a picture's time lasts."""
    frames = film("moving 3-5 modules", 0).frames
    still = [frames[0]] * 12
    for case, more in (("slow", {1, 2}), ("quick", {3, 5})):
        counts = run(case, [*frames[: EMPTY_FRAMES + 6], *still])
        assert counts[:EMPTY_FRAMES] == [1] * EMPTY_FRAMES
        assert {count - 1 for count in counts[EMPTY_FRAMES : EMPTY_FRAMES + 6]} <= more
        assert counts[-1] == 1


def test_an_unreadable_code_gets_fewer_looks_after_a_while(run: Any) -> None:
    frames = film("moving 3-5 modules", 0).frames[EMPTY_FRAMES:]
    counts = run("quick", frames * 3)
    assert sum(count > 1 for count in counts[1:60]) > 55
    assert sum(count > 1 for count in counts[-24:]) <= 6
