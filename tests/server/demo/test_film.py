"""The demo's films: OpenCV plays them, and each code in them is readable at its time."""

import random
import signal
import threading
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import zxingcpp

from badges.printing.card import Card, CardError
from server.demo.film import film, props
from server.demo.film.avi import MotionJpeg, pictures
from server.demo.film.film import Shown, Take, film_seconds, frame, make_film, make_films
from server.demo.film.motion import (
    ENTER_S,
    FPS,
    HOLD_S,
    PRESENTATION_S,
    Manner,
    Trouble,
    make_manner,
    pose_at,
    project,
    smear,
)
from server.demo.film.scene import HEIGHT, WIDTH, Scene

pytestmark = pytest.mark.system

EVENT = "North Lake Forum"
STEPS = range(round(PRESENTATION_S * FPS))
FORMATS = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCodeModel2)


def _text(number: int) -> str:
    """As long as a credential, in the same character set."""
    return f"HK{number:06d}" + "7WV$%*+-./:" * 10 + "ABCD"


def _card(text: str) -> Card:
    return Card(
        text=text, given_name="Łucja", family_name="Świętosława", organisation="北湖大学",
        country="Poland", category_name="Delegate 代表", category_letter="D",
        category_colour="#1f5fa8", badge_number="0ABCD", language="pl",
    )  # fmt: skip


@cache
def _front() -> props.Front:
    """A printed badge, which the hand that holds it does not change."""
    return props.card_front(_card(_text(1)), EVENT)


@cache
def _scene() -> Scene:
    """A lobby; each frame is a separate picture."""
    return Scene(4)


def _frames(path: Path) -> list[np.ndarray]:
    played = cv2.VideoCapture(str(path))
    frames = []
    while True:
        more, picture = played.read()
        if not more:
            played.release()
            return frames
        frames.append(picture)


def _read(picture: np.ndarray) -> list[str]:
    gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    codes = zxingcpp.read_barcodes(gray, formats=FORMATS)
    return [code.text for code in codes]


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Films have fewer frames of an empty lobby, before and after."""
    monkeypatch.setattr(film, "LEAD_S", 0.2)
    monkeypatch.setattr(film, "TAIL_S", 0.2)


@pytest.fixture
def glimpses(brief: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first frames of each presentation of a film. All random values are drawn before them."""
    monkeypatch.setattr(film, "_FRAMES", 12)


@pytest.mark.usefixtures("brief")
def test_each_code_is_read_in_its_own_time_and_no_other(tmp_path: Path) -> None:
    shown = [Shown(_text(1), _card(_text(1))), Shown(_text(2)), Shown("https://forum.example/7")]
    path = tmp_path / "door.avi"
    make_film(path, shown, EVENT, 11)
    frames = _frames(path)
    assert len(frames) == round(film_seconds(3) * FPS)
    assert frames[0].shape == (HEIGHT, WIDTH, 3)
    read_at: dict[str, list[float]] = {}
    for number, picture in enumerate(frames):
        for text in _read(picture):
            read_at.setdefault(text, []).append(number / FPS)
    assert read_at.keys() == {showing.text for showing in shown}
    for number, showing in enumerate(shown):
        begins = film.LEAD_S + number * PRESENTATION_S
        assert all(begins <= at < begins + PRESENTATION_S for at in read_at[showing.text])
        assert len(read_at[showing.text]) >= 3


@pytest.mark.usefixtures("brief")
def test_the_film_says_its_frame_rate_and_length(tmp_path: Path) -> None:
    path = tmp_path / "door.avi"
    make_film(path, [Shown(_text(1))], EVENT, 1)
    played = cv2.VideoCapture(str(path))
    assert played.get(cv2.CAP_PROP_FPS) == FPS
    assert played.get(cv2.CAP_PROP_FRAME_COUNT) == round(film_seconds(1) * FPS)
    played.release()


@pytest.mark.usefixtures("glimpses")
def test_the_same_seed_makes_the_same_film(tmp_path: Path) -> None:
    film, same, other = (tmp_path / name for name in ("one.avi", "same.avi", "other.avi"))
    for path, seed in ((film, 5), (same, 5), (other, 6)):
        make_film(path, [Shown(_text(1))], EVENT, seed)
    assert film.read_bytes() == same.read_bytes() != other.read_bytes()


@pytest.mark.usefixtures("glimpses")
def test_films_of_several_doors_are_drawn_at_once(tmp_path: Path) -> None:
    progress: list[tuple[int, int]] = []
    films = [(tmp_path / f"{n}.avi", [Shown(_text(n))]) for n in range(2)]
    make_films(films, EVENT, 1, lambda done, total: progress.append((done, total)))
    assert sorted(progress) == [(1, 2), (2, 2)]
    assert all(path.stat().st_size > 100_000 for path, _ in films)


@pytest.mark.usefixtures("brief")
def test_an_interruption_ends_all_films_at_once(tmp_path: Path) -> None:
    """The pool waits for its threads: a film that went on would delay Ctrl-C until its end."""

    def interrupted(done: int, total: int) -> None:
        progress.append(done)
        if done == 1:
            raise KeyboardInterrupt

    progress: list[int] = []
    lengths = (1, 20, 20)
    films = [
        (tmp_path / f"{n}.avi", [Shown(_text(n))] * length) for n, length in enumerate(lengths)
    ]
    with pytest.raises(KeyboardInterrupt):
        make_films(films, EVENT, 1, interrupted)
    assert len(progress) <= 12, "the others stop with the frame that they are at"


@pytest.fixture
def heeds_ctrl_c() -> Iterator[None]:
    """Also when a shell runs the tests in the background and makes them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeds_ctrl_c", "brief")
def test_an_interruption_is_noticed_while_nothing_else_happens(tmp_path: Path) -> None:
    """A signal that does not wake the main thread, like a signal just before it waits."""

    def interrupted(done: int, total: int) -> None:
        progress.append(done)
        if done == 1:
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    progress: list[int] = []
    films = [(tmp_path / f"{n}.avi", [Shown(_text(n))] * 20) for n in range(2)]
    with pytest.raises(KeyboardInterrupt):
        make_films(films, EVENT, 1, interrupted)
    assert len(progress) <= 12, "not at the end of a film"


@pytest.mark.parametrize("trouble", list(Trouble))
def test_a_badge_in_trouble_can_be_read_before_it_goes(trouble: Trouble) -> None:
    manner = Manner(yaw=20, pitch=-15, roll=6, distance_mm=290, trouble=trouble)
    prop = props.held(_front(), 3)
    hampered = props.held(_front(), 3, thumb=trouble is Trouble.THUMB)
    take = Take(manner, prop, hampered)
    assert sum(_seen(take, STEPS[-12:])) >= 3, "towards the end"
    if trouble in (Trouble.DEFOCUS, Trouble.THUMB):
        assert not any(_seen(take, STEPS[: round((ENTER_S + HOLD_S / 8) * FPS)])), "at first"


@pytest.mark.parametrize("tilt", [{"yaw": 35}, {"yaw": -35}, {"pitch": 35}, {"pitch": -35}])
@pytest.mark.parametrize("distance_mm", [215.0, 325.0])
def test_a_tilted_badge_can_be_read(tilt: dict[str, float], distance_mm: float) -> None:
    prop = props.held(_front(), 0)
    assert any(_seen(Take(Manner(distance_mm=distance_mm, **tilt), prop, prop)))


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("hand", range(5))
def test_the_hand_leaves_the_code_free(turns: int, hand: int) -> None:
    prop = props.held(_front(), hand, quarter_turns=turns)
    assert _text(1) in _read(prop.picture[:, :, :3])


@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_can_be_read(dark: bool) -> None:
    assert _read(props.phone_front(_text(1), dark=dark).picture) == [_text(1)]


def test_a_name_that_no_font_draws_gives_a_plain_badge(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> bytes:
        raise CardError("no font")

    monkeypatch.setattr(props, "render_pngs", refuse)
    front = props.card_front(_card(_text(1)), EVENT)
    assert _read(front.picture) == [_text(1)]


def test_a_badge_comes_from_outside_rests_and_goes() -> None:
    dice = random.Random(1)
    code = np.array([(-21, -21), (21, -21), (21, 21), (-21, 21)], np.float32)
    for _ in range(200):
        manner = make_manner(dice)
        for at_s in (0.0, PRESENTATION_S):
            corners = project(pose_at(manner, at_s), code)
            assert _is_outside(corners), manner
        assert max(map(abs, smear(manner, ENTER_S + HOLD_S / 2))) < 3.5


def test_the_video_file_ends_with_an_index_of_its_pictures(tmp_path: Path) -> None:
    path = tmp_path / "film.avi"
    jpegs = [b"\xff\xd8" + bytes(size) for size in (10, 11, 30)]  # an odd size is padded
    with MotionJpeg(path, fps=15, width=64, height=48) as written:
        for picture in jpegs:
            written.add(picture)
    data = path.read_bytes()
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    movi, index = data.index(b"movi"), data.index(b"idx1")
    for number, picture in enumerate(jpegs):
        entry = data[index + 8 + 16 * number :][:16]
        at, size = (int.from_bytes(entry[k : k + 4], "little") for k in (8, 12))
        assert data[movi + at : movi + at + 4] == b"00dc"
        assert data[movi + at + 8 : movi + at + 8 + size] == picture
    assert list(pictures(path)) == jpegs


def _seen(take: Take, steps: Iterable[int] = STEPS) -> Iterator[bool]:
    """Whether the code is readable in each of these frames of the presentation."""
    return (_text(1) in _read(frame(_scene(), 40 + step, take, step)) for step in steps)


def _is_outside(corners: np.ndarray) -> bool:
    x, y = corners[:, 0], corners[:, 1]
    return bool((x < 0).all() or (x > WIDTH).all() or (y < 0).all() or (y > HEIGHT).all())
