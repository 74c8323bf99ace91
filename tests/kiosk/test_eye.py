"""The eye at a door: one scan for a presentation, the nearer of two, and a lost camera."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from badges.admission.facts import Denied
from badges.wire.wire import CameraState
from kiosk.camera.camera import Camera, CameraStatus, Frame
from kiosk.camera.sources import parse_source
from kiosk.config.settings import KioskSettings
from kiosk.eye import Eye
from kiosk.reader.notices import (
    DARK,
    NOTICE_S,
    TWO_BADGES,
    UNREADABLE,
    UNREADABLE_S,
    Notice,
    Notices,
)
from kiosk.run import Kiosk
from kiosk.screen.board import Board, Status
from kiosk.texts.messages import in_language
from tests.kiosk.camera.streams import NetworkCamera
from tests.kiosk.support.door_fixture import badge, enrolled, orders, snapshot
from tests.kiosk.support.pictures import Gray, hall, held_up, noisy, symbol

pytestmark = pytest.mark.system

FRAME_S = 1 / 30


class Film:
    """A camera with pictures at 30 a second of its own time, on demand."""

    def __init__(self, *pictures: np.ndarray) -> None:
        self.pictures = list(pictures)
        self.number = 0
        self.began = time.monotonic()

    def latest(self, after: int, timeout_s: float) -> Frame | None:
        if not self.pictures:
            return None
        self.number += 1
        return Frame(self.number, self.pictures.pop(0), self.began + self.number * FRAME_S)

    @property
    def status(self) -> CameraStatus:
        return CameraStatus("live" if self.pictures else "ended")


class CountingDoor:
    """Counts presentations. Its board is the real one."""

    def __init__(self) -> None:
        self.board = Board()
        self.presented: list[str] = []

    def present(self, text: str, captured_at: float | None = None) -> None:
        self.presented.append(text)

    def show_status(self) -> None:
        pass


def watch(door: CountingDoor, *pictures: np.ndarray) -> Eye:
    def show(notice: Notice) -> None:
        door.board.update(notice=notice)

    eye = Eye(Film(*pictures), door, on_notice=show)  # type: ignore[arg-type]
    eye.watch(threading.Event(), until_end=True)
    return eye


@pytest.fixture
def door() -> CountingDoor:
    return CountingDoor()


def near_by(view: Gray) -> Gray:
    """The middle of a picture in which a badge is held up: a quarter is read faster."""
    return view[200:560, 380:1020]


def both(near: str, far: str, near_px: float = 6, far_px: float = 3) -> Gray:
    """The hall with two badges held up, one nearer than the other."""
    view = held_up(symbol(near), near_px, x=350)
    other = held_up(symbol(far), far_px, x=950)
    view[:, 640:] = other[:, 640:]
    return view


# Which code is taken, and how often


@pytest.mark.parametrize("near_first", [True, False])
def test_of_two_badges_the_nearer_is_taken_with_a_notice(
    door: CountingDoor, near_first: bool
) -> None:
    nearer, farther = (badge(1), badge(2)) if near_first else (badge(2), badge(1))
    watch(door, *[both(nearer, farther)] * 5)
    assert door.presented == [nearer]
    notice = door.board.state.status.notice
    assert notice == TWO_BADGES
    assert in_language("en", notice) == "Two badges in view: the nearer one was read"
    assert "较近" in in_language("zh", notice)


def test_a_badge_is_taken_before_a_nearer_poster(door: CountingDoor) -> None:
    watch(door, *[both("https://example.org/a-poster-beside-the-door", badge(1))] * 5)
    assert door.presented == [badge(1)]
    assert door.board.state.status.notice is None


def test_two_at_the_same_distance_are_not_both_let_in(door: CountingDoor) -> None:
    views = [both(badge(1), badge(2), 4.6, 4.4), both(badge(1), badge(2), 4.4, 4.6)]
    watch(door, *views * 5)
    assert len(door.presented) == 1


def test_the_same_badge_lingering_is_one_scan_and_after_three_seconds_away_another(
    door: CountingDoor,
) -> None:
    held, nobody = near_by(held_up(symbol(badge(1)), 4)), near_by(hall())
    watch(door, *[held] * 90)
    assert len(door.presented) == 1
    watch(door, *[held] * 3, *[nobody] * 60, *[held] * 3)  # two seconds
    assert len(door.presented) == 2
    watch(door, *[held] * 3, *[nobody] * 100, *[held] * 3)  # and more than three
    assert len(door.presented) == 4


def test_a_badge_in_view_while_its_holder_waits_ten_seconds_for_a_place_is_one_scan(
    door: CountingDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited_s = 0.0
    film = Film(*[near_by(held_up(symbol(badge(1)), 4))] * 6)

    def present(text: str, captured_at: float | None = None) -> None:
        nonlocal waited_s
        door.presented.append(text)
        waited_s += 10.0
        film.began += 10.0

    monkeypatch.setattr(door, "present", present)
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + waited_s)
    monkeypatch.setattr("kiosk.eye.time", clock)
    Eye(film, door).watch(threading.Event(), until_end=True)  # type: ignore[arg-type]
    assert door.presented == [badge(1)]


def test_a_badge_after_an_idle_minute_is_read(door: CountingDoor) -> None:
    held = near_by(held_up(symbol(badge(1)), 4))
    eye = watch(door, *[near_by(hall())] * 150, *[held] * 3)
    assert door.presented == [badge(1)]
    assert len(eye._looked) < 153


def test_an_idle_picture_is_read_fifteen_times_a_second(door: CountingDoor) -> None:
    looks: list[float] = []
    eye = Eye(Film(*[near_by(hall())] * 210), door)  # type: ignore[arg-type]
    read = eye._reader.read
    eye._reader.read = lambda gray: looks.append(0.0) or read(gray)  # type: ignore[assignment,func-returns-value,misc]
    eye.watch(threading.Event(), until_end=True)
    assert 60 + 70 <= len(looks) <= 60 + 78  # two seconds of all, then five of 15


# Its reports


def test_read_rate_and_report(door: CountingDoor) -> None:
    eye = watch(door, *[held_up(symbol(badge(1)), 4)] * 5)
    assert eye.read_rate() == 1.0
    eye._camera.source = parse_source("0")
    eye._camera.request = None  # type: ignore[assignment]
    report = eye.report()
    assert (report.kind, report.target) == ("webcam", "0")
    assert (report.codes, report.shown, report.read) == (1, 1, 1)
    assert report.judged is not None
    assert report.judged.sharpness == "sharp"
    assert report.look_ms > 0
    for picture in (eye.preview(), eye.test_picture()):
        assert (picture or b"")[:2] == b"\xff\xd8"


def test_before_the_first_picture_there_is_nothing_to_tell(door: CountingDoor) -> None:
    eye = watch(door)
    assert (eye.preview(), eye.test_picture(), eye.read_rate()) == (None, None, None)


@pytest.fixture
def shown_notices() -> list[Notice]:
    return []


def test_a_notice_stays_a_while_and_goes(shown_notices: list[Notice]) -> None:
    notices = Notices(shown_notices.append)
    notices.see(TWO_BADGES, 0.0, read=True)
    notices.see(None, 1.0, read=True)
    notices.see(TWO_BADGES, 2.0, read=True)
    assert shown_notices == [TWO_BADGES]
    notices.pass_time(2.0 + NOTICE_S + 0.1)
    assert shown_notices == [TWO_BADGES, None]


def test_a_code_read_after_all_ends_the_notice(
    shown_notices: list[Notice],
) -> None:
    notices = Notices(shown_notices.append)
    notices.see(UNREADABLE, 0.0, read=False)
    notices.see(None, 0.1, read=True)
    assert shown_notices == [UNREADABLE, None]


def test_the_notice_about_an_unreadable_poster_ends(shown_notices: list[Notice]) -> None:
    notices = Notices(shown_notices.append)
    for tenth in range(600):
        notices.see(UNREADABLE, tenth / 10, read=False)
    assert shown_notices == [UNREADABLE, None]
    notices.pass_time(60 + UNREADABLE_S)
    notices.see(UNREADABLE, 80.0, read=False)
    assert shown_notices[-1] == UNREADABLE


def test_a_dark_hall_is_reported(door: CountingDoor) -> None:
    watch(door, *[noisy(np.full((720, 1280), 12, np.uint8), 2)] * 3)
    assert door.board.state.status.notice == DARK


# A camera that is lost, at a real kiosk


@contextmanager
def kiosk_at(directory: Path, url: str) -> Iterator[Kiosk]:
    """A kiosk with facts and places whose eye watches a network camera."""
    stop = threading.Event()
    with Kiosk(enrolled(directory), KioskSettings()) as kiosk:
        kiosk.replica.load(snapshot())
        kiosk.journal.obey(orders((50, 0, 1)))
        with Camera(parse_source(url)) as camera:
            eye = Eye(camera, kiosk)
            kiosk.attach(eye)
            thread = threading.Thread(target=eye.watch, args=(stop,))
            thread.start()
            try:
                yield kiosk
            finally:
                stop.set()
                thread.join(240)


def shown(kiosk: Kiosk, wanted: Callable[[Status], bool], within_s: float = 240.0) -> Status:
    """The board's status once it is as wanted, within the time limit."""
    deadline = time.monotonic() + within_s
    version = 0
    while time.monotonic() < deadline:
        version, state = kiosk.board.wait(version, deadline - time.monotonic())
        if wanted(state.status):
            return state.status
    raise AssertionError(kiosk.board.state.status)


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = snapshot().day_starts[0] + 43_200_000
    for module in ("run", "replica.replica"):
        monkeypatch.setattr(f"kiosk.{module}.now_ms", lambda: clock)


def at_a_door(number: int, text: str) -> Gray:
    return noisy(near_by(held_up(symbol(text), 4)), 1 + number % 3)


def health_of_camera(kiosk: Kiosk) -> tuple[CameraState, str]:
    """The state that the kiosk reports, and its words of a fault, "" without one."""
    health = kiosk.health()
    return health.camera, health.camera_fault if isinstance(health.camera_fault, str) else ""


@pytest.mark.usefixtures("noon")
def test_a_lost_camera_is_on_the_screen_and_upstream_and_comes_back(
    tmp_path: Path,
) -> None:
    first, second = at_a_door(1, badge(1)), at_a_door(1, badge(2))
    with NetworkCamera(lambda n: noisy(first, 2 + n % 2)) as network:
        with kiosk_at(tmp_path / "door", network.url) as kiosk:
            shown(kiosk, lambda s: s.camera == "live")
            wait_for_answer(kiosk, 1)
            assert health_of_camera(kiosk) == (CameraState.LIVE, "")
            deadline = time.monotonic() + 240
            while not kiosk.health().frames_per_second:  # the rate needs a few pictures
                assert time.monotonic() < deadline

            network.die()
            status = shown(kiosk, lambda s: s.camera == "lost")
            why = ("no picture from the camera", "can't be opened; check its address")
            assert any(reason in str(status.camera_message) for reason in why)
            state, fault = health_of_camera(kiosk)
            assert state is CameraState.LOST
            assert any(reason in fault for reason in why)

            network.picture = lambda n: noisy(second, 2 + n % 2)
            network.live()
            assert shown(kiosk, lambda s: s.camera == "live").camera_message is None
            wait_for_answer(kiosk, 2)
            assert health_of_camera(kiosk) == (CameraState.LIVE, "")


@pytest.mark.usefixtures("noon")
def test_a_frozen_picture_is_on_the_screen_and_upstream(tmp_path: Path) -> None:
    moving = [noisy(near_by(hall()), 2 + n) for n in range(3)]
    with NetworkCamera(lambda n: moving[n % 3]) as network:
        with kiosk_at(tmp_path / "door", network.url) as kiosk:
            shown(kiosk, lambda s: s.camera == "live")
            network.picture = lambda n: moving[0]
            status = shown(kiosk, lambda s: s.camera == "lost")
            assert str(status.camera_message) == "picture frozen"
            assert health_of_camera(kiosk) == (CameraState.LOST, "picture frozen")
            network.picture = lambda n: moving[n % 3]
            shown(kiosk, lambda s: s.camera == "live")


def wait_for_answer(kiosk: Kiosk, count: int) -> None:
    deadline = time.monotonic() + 240
    while kiosk.board.state.shown < count:
        assert time.monotonic() < deadline, kiosk.board.state
        time.sleep(0.01)
    assert kiosk.board.state.shown == count
    assert not isinstance(kiosk.board.state.answers[0].decision, Denied)
