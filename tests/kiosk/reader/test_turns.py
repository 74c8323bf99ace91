"""Which pass runs, where, and at which cost."""

import cv2
import numpy as np
import pytest

from kiosk.reader import passes
from kiosk.reader import reader as reader_module
from kiosk.reader.passes import CROP_PASSES, DEBLUR_PASS, FRAME_PASSES
from kiosk.reader.reader import BUDGET_MS, STILL_EVERY, Reader
from kiosk.reader.regions import (
    CROP_PX_MAX,
    Region,
    area_of,
    busiest,
    crop_at,
    motion,
    reduced,
    region_of,
    sharpness,
    thumbnail,
)
from tests.kiosk.support.pictures import TEXT, Gray, hall, held_up, symbol

PLENTY_MS = 1e9
FRAME_S = 1 / 30
ALL_LOOKS = (DEBLUR_PASS, *CROP_PASSES, *FRAME_PASSES)


class Looks:
    """Records a reader's passes. Each takes `took_ms` on the fake clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, took_ms: float = 4.0) -> None:
        self.names: list[str] = []
        self.cost_ms = dict.fromkeys((look.name for look in ALL_LOOKS), took_ms)
        self.now_s = 0.0
        monkeypatch.setattr(reader_module, "_run", self.run)
        monkeypatch.setattr(reader_module, "grid_steps", lambda gray, is_crop: iter(()))
        self.reader = Reader(clock=lambda: self.now_s)

    def run(self, look: passes.DecodingPass, picture: Gray) -> list[passes.Found]:
        if look is not passes.FIRST_PASS:
            self.names.append(look.name)
            self.now_s += self.cost_ms[look.name] / 1000
        return []

    def frame(self, view: Gray) -> list[str]:
        """The passes at the next frame of a video."""
        before, due_s = len(self.names), self.now_s + FRAME_S
        self.reader.read(view)
        self.now_s = max(self.now_s, due_s)
        return self.names[before:]


SMALL_HALL = hall(640, 360)
SMALL_CARD = symbol(TEXT, 2)


def passing(number: int) -> Gray:
    """A badge moving through a small picture."""
    view = SMALL_HALL.copy()
    left, (high, wide) = 40 + 30 * number % 400, SMALL_CARD.shape
    view[100 : 100 + high, left : left + wide] = SMALL_CARD
    return view


def test_each_frame_of_a_still_view_gets_another_look(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks(monkeypatch)
    view = hall()
    for _ in range(200):
        assert len(looks.frame(view)) <= 1
    assert set(looks.names) == {look.name for look in ALL_LOOKS}


def test_a_moving_code_is_deblurred_each_time_and_the_passes_rotate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = Looks(monkeypatch)
    looks.frame(hall(640, 360))
    taken = [looks.frame(passing(number)) for number in range(12)]
    assert {names[0] for names in taken} == {"deblur"}
    assert {name for names in taken for name in names} == {look.name for look in ALL_LOOKS}


def test_looks_fill_the_time_of_a_frame_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks(monkeypatch)
    taken = [looks.frame(passing(number)) for number in range(30)]
    assert max(len(names) for names in taken[5:]) * 4.0 <= BUDGET_MS
    assert min(len(names) for names in taken[5:]) >= 2


def test_a_look_that_would_not_fit_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks(monkeypatch, took_ms=40.0)
    for number in range(40):
        looks.frame(passing(number))
    assert set(looks.names) == {look.name for look in ALL_LOOKS}
    assert len(looks.names) < 40  # each was timed, few of them more than once
    looks.cost_ms = dict.fromkeys(looks.cost_ms, 1.0)
    for number in range(400):
        looks.frame(passing(number))
    assert len(looks.names) > 400  # tried again: the load has ended


def test_a_fast_look_goes_on_where_a_slow_one_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks(monkeypatch)
    looks.cost_ms["sharp x3"] = 50.0
    for number in range(40):
        looks.frame(passing(number))
    assert looks.names.count("sharp x3") == 1
    assert len(looks.names) > 60


def test_no_budget_no_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks(monkeypatch)
    looks.reader.read(hall(), budget_ms=0)
    assert looks.names == []


def test_a_photo_gets_every_look_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks(monkeypatch)
    looks.reader.read(hall(), budget_ms=PLENTY_MS)
    assert set(looks.names) == {look.name for look in ALL_LOOKS}


def test_an_empty_or_unchanging_view_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks(monkeypatch)
    for _ in range(20):
        looks.frame(np.full((720, 1280), 128, np.uint8))
    assert looks.names == []
    view = hall()
    for _ in range(60):
        looks.frame(view)
    assert 8 <= len(looks.names) <= 8 + 60 // STILL_EVERY
    assert looks.frame(held_up(symbol(TEXT), 1.2))[0] == "deblur"  # something came: at once


def test_where_a_code_was_is_looked_at_closely() -> None:
    reader = Reader()
    card = symbol(TEXT)
    assert reader.read(held_up(card, 3))
    (sighting,) = reader.read(held_up(card, 1.3), PLENTY_MS)
    assert sighting.decoding_pass in {look.name for look in (DEBLUR_PASS, *CROP_PASSES)}


def test_crop_is_at_most_480_pixels_and_maps_back() -> None:
    view = hall()
    for place in [
        Region(700, 380, 60),
        Region(5, 5, 200),
        Region(640, 360, 700),
        Region(1279, 719, 1),
    ]:
        crop = crop_at(view, place)
        assert 0 < max(crop.picture.shape) <= CROP_PX_MAX
        x, y = (place.x - crop.left) * crop.scale, (place.y - crop.top) * crop.scale
        assert -1 <= x <= crop.picture.shape[1] + 1
        assert -1 <= y <= crop.picture.shape[0] + 1
        small = reduced(crop, 100)
        assert max(small.picture.shape) <= 100
        assert small.scale == crop.scale * min(1, 100 / max(crop.picture.shape))
    assert not crop_at(view, Region(-900, -900, 50)).picture.size


def test_motion_and_texture_find_a_badge() -> None:
    before, _ = thumbnail(hall())
    thumb, step = thumbnail(held_up(symbol(TEXT), 2, x=300, y=500))
    moved = motion(thumb, before)
    assert moved.mask is not None
    (place,) = busiest(thumb, step, moved.mask)
    assert np.hypot(place.x - 300, place.y - 500) < 30
    assert place.side == pytest.approx(37 * 2, rel=0.6)
    assert motion(thumb, thumb).share == 0
    assert motion(255 - thumb, thumb).mask is None  # the light changed, nothing moved
    assert motion(thumb, None).share == 1


def test_area_and_place_of_corners() -> None:
    corners = ((10.0, 10.0), (30.0, 10.0), (30.0, 50.0), (10.0, 50.0))
    assert area_of(corners) == 800
    assert region_of(corners) == Region(20, 30, 40)


def test_two_patches_of_texture_are_two_places() -> None:
    view = np.full((720, 1280), 150, np.uint8)
    card = symbol(TEXT, 3)
    for left, top in [(100, 100), (900, 400)]:
        view[top : top + card.shape[0], left : left + card.shape[1]] = card
    thumb, step = thumbnail(view)
    middles = sorted((round(p.x / 100), round(p.y / 100)) for p in busiest(thumb, step, limit=3))
    assert middles == [(2, 2), (10, 5)]


def test_sharpness_distinguishes_a_blurred_crop() -> None:
    card = symbol(TEXT, 4)
    blurred = cv2.blur(card, (9, 9))
    assert sharpness(card) > 2 * sharpness(blurred)
    assert sharpness((card * 0.3).astype(np.uint8)) == pytest.approx(sharpness(card), rel=0.1)
    assert sharpness(card[:4, :4]) == 0
