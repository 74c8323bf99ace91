"""A door reads bent symbols by their grids, within the time of its frames."""

import cv2
import numpy as np
import pytest

from kiosk.reader import passes
from kiosk.reader.reader import BUDGET_MS, GRID_MS, Reader
from kiosk.reader.regions import busiest, thumbnail
from tests.kiosk.reader.grid.symbols import WRITERS, bent, picture
from tests.kiosk.reader.grid.test_grid import BENDS, TEXT
from tests.kiosk.support.pictures import TEXT as BADGE
from tests.kiosk.support.pictures import held_up, line, noisy, symbol

STEP_MS = 4.0
FRAMES = 10


class Clock:
    """Each step of a search takes STEP_MS; all else no time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 0.0
        self.steps = 0
        search = passes.search

        def timed(*args):
            for step in search(*args):
                self.now_s += STEP_MS / 1000
                self.steps += 1
                yield step

        monkeypatch.setattr(passes, "search", timed)

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr("kiosk.reader.reader._run", lambda decoding_pass, gray: [])
    return Clock(monkeypatch)


def test_a_bent_symbol_is_read_over_several_frames(clock: Clock) -> None:
    view = bent(picture(WRITERS["segno"](TEXT, 5, "M"), px=8), BENDS["cloth"])
    reader = Reader(clock)
    read = []
    for _ in range(FRAMES):
        before = clock.steps
        read.append(reader.read(view))
        assert (clock.steps - before - 1) * STEP_MS < BUDGET_MS + GRID_MS
    assert not read[0]
    assert {(seen.text, seen.engine) for frame in read for seen in frame} == {(TEXT, "grid")}


def test_without_time_there_is_no_search(clock: Clock) -> None:
    view = picture(WRITERS["segno"](TEXT, 5, "M"))
    reader = Reader(clock)
    assert reader.read(view, budget_ms=0) == []
    assert clock.steps == 0


def test_an_unchanging_view_is_not_searched_for_ever(clock: Clock) -> None:
    view = picture(WRITERS["segno"](TEXT, 5, "M"))
    view[100:, 100:] = 128
    reader = Reader(clock)
    for _ in range(200):
        reader.read(view)
    done = clock.steps
    for _ in range(50):
        reader.read(view)
    assert clock.steps == done


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize(("modules", "degrees"), [(3, 0), (4, 25), (4, 110), (5, 160)])
def test_a_badge_that_moves_by_several_modules(modules: int, degrees: float, writer: str) -> None:
    card = picture(WRITERS[writer](BADGE, 5, "M"), px=8)
    moved = cv2.filter2D(held_up(card, 4), -1, line(4 * modules, degrees))
    view = noisy(moved, 2)
    reader = Reader(lambda: 0.0)
    seen = [sighting for _ in range(8) for sighting in reader.read(view)]
    assert {sighting.text for sighting in seen} == {BADGE}


def test_a_moving_badge_beside_busier_lettering() -> None:
    card = picture(WRITERS["segno"](BADGE, 5, "M"), px=8)
    view = held_up(np.asarray(cv2.filter2D(card, -1, line(24, 25)), np.uint8), 4)
    for row in (100, 150, 200):
        cv2.putText(view, "ENTRANCE", (30, row), cv2.FONT_HERSHEY_SIMPLEX, 1.5, 235, 4)
    view = noisy(view, 2)
    assert busiest(*thumbnail(view))[0].x < 300
    reader = Reader(lambda: 0.0)
    seen = [sighting for _ in range(8) for sighting in reader.read(view)]
    assert {sighting.text for sighting in seen} == {BADGE}


def test_a_badge_with_a_thumb_on_a_finder_pattern() -> None:
    view = held_up(symbol(BADGE), 4, degrees=0)
    view[310:352, 752:790] = 150  # the top right one
    reader = Reader(lambda: 0.0)  # a computer that is never late
    seen = [sighting for _ in range(8) for sighting in reader.read(view)]
    assert {sighting.text for sighting in seen} == {BADGE}
    assert seen[0].engine == "grid"
