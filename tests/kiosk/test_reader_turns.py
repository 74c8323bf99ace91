"""Which look has its turn, where it looks, and what it may cost."""

import numpy as np
import pytest

from kiosk import reader as reader_module
from kiosk import reader_looks
from kiosk.reader import Reader
from kiosk.reader_looks import CROP_LOOKS, FRAME_LOOKS
from kiosk.reader_places import (
    CROP_PX_MAX,
    Place,
    area_of,
    busiest,
    crop_at,
    motion,
    place_of,
    thumbnail,
)
from tests.kiosk.pictures import TEXT, Gray, hall, held_up, symbol

PLENTY_MS = 1e9


class Looks:
    """Records the looks that a reader takes; each takes `took_ms` on the fake clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, took_ms: float = 1.0) -> None:
        self.names: list[str] = []
        self.cost_ms = dict.fromkeys((look.name for look in CROP_LOOKS + FRAME_LOOKS), took_ms)
        self.now_s = 0.0
        monkeypatch.setattr(reader_module, "_run", self.run)
        self.reader = Reader(clock=lambda: self.now_s)

    def run(self, look: reader_looks.Look, picture: Gray) -> list[reader_looks.Found]:
        if look is not reader_looks.FIRST_LOOK:
            self.names.append(look.name)
            self.now_s += self.cost_ms[look.name] / 1000
        return []


def test_each_frame_gets_another_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks(monkeypatch)
    for _ in range(7):
        looks.reader.read(hall())
    assert sorted(looks.names) == sorted(look.name for look in CROP_LOOKS + FRAME_LOOKS)


def test_a_look_that_would_not_fit_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks(monkeypatch, took_ms=40.0)
    views = [np.roll(hall(320, 180), 40 * number) for number in range(4)]
    for frame in range(500):
        looks.reader.read(views[frame % 4], budget_ms=33)
    assert len(set(looks.names)) == len(looks.names) == 7  # each was timed once
    for frame in range(1000):
        looks.reader.read(views[frame % 4], budget_ms=33)
    assert len(looks.names) == 14  # and tried again once: the load may have gone


def test_a_fast_look_goes_on_where_a_slow_one_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks(monkeypatch)
    slow = "x1.5"
    looks.cost_ms[slow] = 50.0
    for number in range(21):
        looks.reader.read(np.roll(hall(320, 180), 40 * number), budget_ms=33)
    assert looks.names.count(slow) == 1
    assert len(looks.names) == 21


def test_no_budget_no_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks(monkeypatch)
    looks.reader.read(hall(), budget_ms=0)
    assert looks.names == []


def test_an_empty_or_unchanging_view_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks(monkeypatch)
    for _ in range(20):
        looks.reader.read(np.full((720, 1280), 128, np.uint8))
    assert looks.names == []
    for _ in range(48):
        looks.reader.read(hall())
    assert 8 <= len(looks.names) <= 8 + 11
    looks.reader.read(held_up(symbol(TEXT), 1.2))
    assert looks.names[-1] == CROP_LOOKS[0].name  # something came: looked at closely at once


def test_where_a_code_was_is_looked_at_closely() -> None:
    reader = Reader()
    card = symbol(TEXT)
    assert reader.read(held_up(card, 3))
    (sighting,) = reader.read(held_up(card, 1.45), PLENTY_MS)
    assert sighting.look == CROP_LOOKS[0].name


def test_crop_is_at_most_480_pixels_and_maps_back() -> None:
    view = hall()
    for place in [Place(700, 380, 60), Place(5, 5, 200), Place(640, 360, 700), Place(1279, 719, 1)]:
        crop = crop_at(view, place)
        assert 0 < max(crop.picture.shape) <= CROP_PX_MAX
        x, y = (place.x - crop.left) * crop.scale, (place.y - crop.top) * crop.scale
        assert -1 <= x <= crop.picture.shape[1] + 1
        assert -1 <= y <= crop.picture.shape[0] + 1
    assert not crop_at(view, Place(-900, -900, 50)).picture.size


def test_motion_and_texture_find_a_badge() -> None:
    before, _ = thumbnail(hall())
    thumb, step = thumbnail(held_up(symbol(TEXT), 2, x=300, y=500))
    moved = motion(thumb, before)
    assert moved.mask is not None
    place = busiest(thumb, step, moved.mask)
    assert place is not None
    assert np.hypot(place.x - 300, place.y - 500) < 60
    assert motion(thumb, thumb).share == 0
    assert motion(255 - thumb, thumb).mask is None  # the light changed, nothing moved
    assert motion(thumb, None).share == 1


def test_area_and_place_of_corners() -> None:
    corners = ((10.0, 10.0), (30.0, 10.0), (30.0, 50.0), (10.0, 50.0))
    assert area_of(corners) == 800
    assert place_of(corners) == Place(20, 30, 40)
