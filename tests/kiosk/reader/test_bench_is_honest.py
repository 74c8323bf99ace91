"""The bench of the eyes is honest: its pictures are readable, and its counts are right."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

from badges.printing.qr import symbol
from kiosk.reader.reader import SHARP_FRAMES
from tests.bench.eyes import measure, memory
from tests.bench.eyes.engines import ENGINES, OURS, ZXING
from tests.bench.eyes.pictures.cards import CHARACTERS, credential, filler
from tests.bench.eyes.pictures.films import EMPTY_FRAMES, KINDS, Film, film
from tests.bench.eyes.pictures.stills import DIFFICULTIES, FULL_HD, HD, still
from tests.bench.eyes.run import QUICK, run

SMALL = QUICK.film_size
# None of the later frames is sharp, and the reader has forgotten the sharp ones.
WITH_SHARP = EMPTY_FRAMES + 18 + SHARP_FRAMES
Films: TypeAlias = Callable[[str, int, tuple[int, int]], Film]


@pytest.fixture(scope="module")
def films() -> Films:
    """Films by kind, number and size, each drawn once and never changed."""
    return cache(film)


def test_versions_4_to_8() -> None:
    assert symbol(credential(7)).version == 5
    assert {v: symbol(filler(v, 1)).version for v in CHARACTERS} == {v: v for v in CHARACTERS}


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_a_still_is_always_the_same_and_its_code_in_view(difficulty: str) -> None:
    first, second = still(difficulty, 3, SMALL), still(difficulty, 3, SMALL)
    assert np.array_equal(first.gray, second.gray)
    assert not np.array_equal(first.gray, still(difficulty, 4, SMALL).gray)
    assert all(shown.whole for shown in first.shown)
    for shown in first.shown:
        (left, top), (right, bottom) = np.min(shown.corners, 0), np.max(shown.corners, 0)
        assert first.gray[int(top) : int(bottom), int(left) : int(right)].std() > 4


def test_easy_stills_are_read() -> None:
    for size in ((1280, 720), FULL_HD):
        picture = still("plain", 0, size)
        assert ENGINES[ZXING]()(picture.gray) == [picture.shown[0].text]


@pytest.mark.parametrize("kind", KINDS)
def test_a_film_has_its_truth(kind: str, films: Films) -> None:
    shown = films(kind, 0, SMALL)
    assert len(shown.frames) == len(shown.shown)
    assert shown.shown[0] is None
    assert shown.first_full_view >= 6
    if kind == "two sharp frames":
        assert shown.sharp_frames == 2
    if kind == "waved past":
        assert shown.sharp_frames == 0


def test_two_sharp_frames_are_enough() -> None:
    for number in range(3):
        shown = film("two sharp frames", number, HD, WITH_SHARP)
        assert shown.sharp_frames == 2
        door = measure.FilmPlayer()
        assert door.play(shown, ENGINES[OURS](door.clock)) is not None


def test_a_slow_engine_misses_frames(films: Films) -> None:
    shown = Film("", "text", [np.full((1, 1), n, np.uint8) for n in range(20)], [])
    shown.shown.extend(films("waved past", 0, SMALL).shown[10:30])
    door, seen = measure.FilmPlayer(), []

    def slow(gray: np.ndarray) -> list[str]:
        seen.append(int(gray[0, 0]))
        door.film_s += 0.1
        return []

    assert door.play(shown, slow) is None
    assert len(seen) <= 7
    assert seen == sorted(set(seen))


def test_quick_run_writes_all(
    tmp_path: Path,
    films: Films,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def part(kind: str, number: int, size: tuple[int, int]) -> Film:
        """From a frame before the first full view to the end of the slowest successful reading."""
        whole = films(kind, number, size)
        some = slice(whole.first_full_view - 1, whole.first_full_view + 13)
        return replace(whole, frames=whole.frames[some], shown=whole.shown[some])

    monkeypatch.setattr(measure, "film", part)
    report = run(QUICK, tmp_path)
    assert json.loads((tmp_path / "eyes.json").read_text()) == report
    assert report["wrong_reads"] == []
    assert set(report["stills"]) == set(report["films"]) == set(ENGINES)
    doors = report["pipeline"]["frame_to_commit"]
    assert [part["badges"] for part in doors] == [4, 4]
    # The film runs by the clock, so a busy computer may miss a badge, and the report shows it.
    assert all(1 <= part["scans"] <= part["badges"] for part in doors)
    text = (tmp_path / "eyes.txt").read_text()
    assert all(name in text for name in (*ENGINES, *DIFFICULTIES, *KINDS))
    assert not list(tmp_path.glob("tmp*"))


def test_memory_is_sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "BUILD", tmp_path)
    report = memory.run(0.02)
    assert len(report["resident_mb"]) > 5
    assert report["scans"] > 0
