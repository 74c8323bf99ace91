import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from kiosk.reader import passes
from kiosk.reader import reader as reader_module
from kiosk.reader.passes import (
    CROP_PASSES,
    DEBLUR_PASS,
    FRAME_PASSES,
    find_zbar,
    find_zxing,
)
from kiosk.reader.reader import BUDGET_MS, UNREADABLE_FRAMES, Reader, Sighting
from kiosk.reader.symbol_text import text_of
from tests.kiosk.support.pictures import (
    TEXT,
    Gray,
    disc,
    glared,
    hall,
    held_up,
    line,
    noisy,
    shaded,
    structured_append,
    symbol,
)

PLENTY_MS = 1e9
# With plenty of time a picture gets every pass at once. After a reading the reader knows the code's
# region, so the second time may differ from the first, and the third from the second.
TIMES = 3


def texts(sightings: list[Sighting]) -> list[str]:
    return [sighting.text for sighting in sightings]


FIRST_LOOKS = {
    "clean": lambda: held_up(symbol(TEXT), 3),
    "small": lambda: held_up(symbol(TEXT), 2.5),
    "close": lambda: held_up(symbol(TEXT), 13),
    "turned": lambda: held_up(symbol(TEXT), 4, degrees=205),
    "45 degrees": lambda: held_up(symbol(TEXT), 4, tilt=0.71),
    "dark mode": lambda: held_up(255 - symbol(TEXT), 4),
    "noise": lambda: noisy(held_up(symbol(TEXT), 4), 15),
    "low contrast": lambda: (held_up(symbol(TEXT), 4) * 0.2 + 100).astype(np.uint8),
    "colour": lambda: cv2.cvtColor(held_up(symbol(TEXT), 4), cv2.COLOR_GRAY2BGR),
}


@pytest.mark.parametrize("make", FIRST_LOOKS.values(), ids=FIRST_LOOKS.keys())
def test_first_look_reads(make) -> None:
    (sighting,) = Reader().read(make(), budget_ms=0)
    assert sighting.text == TEXT
    assert (sighting.engine, sighting.decoding_pass) == ("zxing", "first")


SECOND_LOOKS = {
    "too small": lambda: held_up(symbol(TEXT), 1.45),
    "60 degrees": lambda: held_up(symbol(TEXT), 3, tilt=0.38),
    "glare": lambda: glared(held_up(symbol(TEXT), 3)),
    "defocus": lambda: cv2.GaussianBlur(held_up(symbol(TEXT), 4), (0, 0), 2.4),
    "defocus of 4.5 pixels": lambda: cv2.filter2D(held_up(symbol(TEXT), 5), -1, disc(4.5)),
    "motion": lambda: cv2.filter2D(held_up(symbol(TEXT), 5), -1, line(15, 25)),
    "fast motion": lambda: cv2.filter2D(held_up(symbol(TEXT), 5), -1, line(22, 100)),
    "hard shadow": lambda: shaded(held_up(symbol(TEXT), 4)),
}


@pytest.mark.parametrize("make", SECOND_LOOKS.values(), ids=SECOND_LOOKS.keys())
def test_further_passes_read_codes_that_the_first_does_not(make) -> None:
    picture, reader = make(), Reader()
    assert all(code.text is None for code in find_zxing(picture))
    seen = [sighting for _ in range(TIMES) for sighting in reader.read(picture, PLENTY_MS)]
    assert seen
    assert set(texts(seen)) == {TEXT}
    assert seen[0].decoding_pass != "first"


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_corners_are_the_symbols_own_clockwise_from_its_top_left(degrees: int) -> None:
    card = symbol(TEXT)
    (sighting,) = Reader().read(held_up(card, 4, degrees=degrees))
    half = 37 * 4 / 2
    square = np.array([(-half, -half), (half, -half), (half, half), (-half, half)])
    angle = -np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    assert np.abs(np.array(sighting.corners) - (square @ turn.T + (700, 380))).max() < 4
    assert sighting.area == pytest.approx((37 * 4) ** 2, rel=0.05)


def test_corners_of_a_second_look_are_in_the_pictures_pixels() -> None:
    picture = held_up(symbol(TEXT), 1.45, x=400, y=300)
    reader = Reader()
    sighting = next(s for _ in range(8) for s in reader.read(picture, PLENTY_MS))
    assert np.abs(np.mean(sighting.corners, axis=0) - (400, 300)).max() < 4
    assert sighting.area == pytest.approx((37 * 1.45) ** 2, rel=0.15)


def test_nearest_comes_first() -> None:
    near, far = symbol("NEAR", version=None), symbol("FAR", version=None)
    picture = held_up(near, 7, x=900)
    picture[100:400, 50:350] = cv2.resize(far, (300, 300))[:, :] // 2 + 100
    small = cv2.resize(far, (120, 120), interpolation=cv2.INTER_AREA)
    picture[100:400, 50:350] = 255
    picture[200:320, 150:270] = small
    assert texts(Reader().read(picture)) == ["NEAR", "FAR"]


def test_micro_symbols_and_ghosts_are_not_read() -> None:
    assert Reader().read(hall()) == []
    rng = np.random.default_rng(3)
    static = rng.integers(0, 256, (720, 1280), dtype=np.uint8)
    reader = Reader()
    assert [reader.read(static, PLENTY_MS) for _ in range(TIMES)] == [[]] * TIMES


def test_structured_append_of_a_stranger_does_not_stop_the_loop() -> None:
    part = structured_append("HALF OF A MESSAGE")
    with pytest.raises(ValueError, match="Orientation"):
        passes.pyzbar.decode(part)  # the error to survive
    assert find_zbar(part) == []
    reader = Reader()
    for _ in range(TIMES):
        reader.read(part, PLENTY_MS)
    assert texts(reader.read(held_up(symbol(TEXT), 4))) == [TEXT]


BYTES = {
    "ascii": (b"HK 1", "HK 1"),
    "utf-8": ("会场".encode(), "会场"),
    "neither": (b"\xff\xfe\x00", "ÿþ\x00"),
}


@pytest.mark.parametrize(("data", "text"), BYTES.values(), ids=BYTES.keys())
def test_any_bytes_become_text(data: bytes, text: str) -> None:
    assert text_of(data) == text
    assert texts(Reader().read(symbol(data, version=None))) == [text]


def test_only_text_that_zbar_did_not_guess_counts() -> None:
    assert [code.text for code in find_zbar(symbol(TEXT))] == [TEXT]
    assert find_zbar(symbol("Grüße".encode("latin-1"), version=None)) == []


def test_zbar_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "pyzbar", None)
    assert find_zbar(symbol(TEXT)) == []


@given(
    npst.arrays(np.uint8, npst.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=40)),
    st.integers(1, 8),
)
@settings(max_examples=40, deadline=None)
def test_no_small_picture_raises(picture: Gray, times: int) -> None:
    reader = Reader()
    for _ in range(times):
        reader.read(picture, PLENTY_MS)
    for look in (DEBLUR_PASS, *CROP_PASSES, *FRAME_PASSES):
        reader_module._run(look, picture)


ODD = {
    "empty": np.zeros((0, 0), np.uint8),
    "no columns": np.zeros((9, 0), np.uint8),
    "no columns in colour": np.zeros((9, 0, 3), np.uint8),
    "one pixel": np.zeros((1, 1), np.uint8),
    "a line": np.zeros((1, 4000), np.uint8),
    "a column": np.zeros((4000, 1), np.uint8),
    "floats": np.zeros((50, 50)),
    "four dimensions": np.zeros((2, 2, 2, 2), np.uint8),
    "five channels": np.zeros((20, 20, 5), np.uint8),
    "16 bits": np.full((50, 50), 40_000, np.uint16),
    "not contiguous": np.zeros((500, 500), np.uint8)[::-2, ::2],
    "read-only": np.frombuffer(bytes(10_000), np.uint8).reshape(100, 100),
}


@pytest.mark.parametrize("picture", ODD.values(), ids=ODD.keys())
def test_no_odd_picture_raises(picture: Gray) -> None:
    reader = Reader()
    assert [reader.read(picture, PLENTY_MS) for _ in range(8)] == [[]] * 8


def test_a_failing_engine_does_not_stop_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(passes.zxingcpp, "read_barcodes", fail)
    assert Reader().read(symbol(TEXT), budget_ms=0) == []


def shaken(view: Gray, number: int) -> Gray:
    """The frames of a hand that shakes."""
    return np.roll(view, 3 * (number % 2), axis=1)


def hint_of(view: Gray, budget_ms: float = 0) -> str | None:
    reader = Reader(lambda: 0.0)
    for number in range(UNREADABLE_FRAMES + 2):
        assert reader.read(shaken(view, number), budget_ms) == []
    return reader.hint


def torn(module_px: float, tilt: float = 1.0) -> Gray:
    """With its finder patterns whole, and too much of its middle lost."""
    view = held_up(symbol(TEXT), module_px, tilt=tilt)
    reach = round(8 * module_px), round(8 * module_px * tilt)
    middle = slice(380 - reach[1], 380 + reach[1]), slice(700 - reach[0], 700 + reach[0])
    view[middle] = 255 - view[middle]
    return view


def test_hint_is_what_keeps_a_code_from_being_read() -> None:
    assert hint_of(hall()) is None
    assert hint_of(hall() // 20) == "dark"
    assert hint_of(torn(5)) == "unreadable"
    assert hint_of(torn(6, tilt=0.4)) == "steep"
    assert hint_of(cv2.circle(torn(6), (710, 370), 40, 255, -1)) == "glare"
    assert hint_of(held_up(symbol(TEXT), 30, x=300, y=600), BUDGET_MS) == "near"


def test_a_hint_ends_when_the_code_is_read() -> None:
    reader = Reader()
    for _ in range(UNREADABLE_FRAMES):
        reader.read(torn(5), budget_ms=0)
    assert reader.hint == "unreadable"
    assert reader.located
    reader.read(held_up(symbol(TEXT), 4))
    assert (reader.hint, reader.located) == (None, 0)
