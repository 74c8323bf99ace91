"""Cameras that die, hang and freeze are noticed in time, and recover by themselves."""

import threading
from collections.abc import Iterator
from itertools import chain, groupby, repeat
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from kiosk.camera.camera import Camera, CameraStatus
from kiosk.camera.controls import CameraRequest
from kiosk.camera.freeze import FROZEN_S, Freeze
from kiosk.camera.sources import parse_source
from kiosk.texts.messages import Code, Message
from tests.kiosk.camera.streams import NetworkCamera
from tests.kiosk.camera.webcams import QUICK, WEBCAM, FakeCapture, Plug, changing, wait_for
from tests.kiosk.support.pictures import plain

AGAIN_S = (0.1, 0.2)


FROZEN = Message(Code.FROZEN)


def still(level: int = 90) -> Iterator[np.ndarray]:
    return repeat(plain(level), 100_000)


class Paced:
    """Its clock advances 0.01 s with each picture. `told` is the camera's status before each, in
    its own thread.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.camera: Camera
        self.told: list[CameraStatus] = []

    def __call__(self, pictures: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        for picture in pictures:
            self.now += 0.01
            self.told.append(self.camera.status)
            yield picture


def test_a_frozen_picture_is_noticed_and_the_camera_opened_again() -> None:
    first, second = Paced(), Paced()
    plug = Plug(first(still()), second(still()), changing())
    clock = lambda: first.now + second.now  # noqa: E731
    first.camera = second.camera = camera = Camera(
        WEBCAM,
        open_capture=plug,
        frozen_s=0.1,
        reopen_s=AGAIN_S,
        back_off_s=(0.1, 0.1),
        clock=clock,
    )
    with camera:
        assert wait_for(camera, lambda s: s.state == "live" and len(plug.opened) == 3)
        assert camera.status.message is None
    assert [state for state, _ in groupby(s.state for s in first.told[1:])] == ["live", "lost"]
    assert first.told[-1].message == FROZEN
    # The same picture does not end the freeze.
    assert all(status.message == FROZEN for status in second.told)
    assert len(plug.opened) == 3


def test_a_frozen_picture_that_moves_again_is_live_at_once_without_opening_anew() -> None:
    paced = Paced()
    pictures = chain(changing_for(5), [plain(90)] * 150, changing())
    plug = Plug(paced(pictures))
    paced.camera = camera = Camera(
        WEBCAM, open_capture=plug, frozen_s=0.05, reopen_s=(9, 9), clock=lambda: paced.now
    )
    with camera:
        status = wait_for(camera, lambda s: s.state == "live" and s.frames > 5 + 20)
    assert paced.told[5 + 150].message == FROZEN
    assert paced.told[5 + 150 + 1].state == "live"
    assert status.message is None
    assert len(plug.opened) == 1


def changing_for(count: int) -> Iterator[np.ndarray]:
    return (plain(number) for number in range(count))


def test_frozen_pictures_are_not_handed_on() -> None:
    with Camera(WEBCAM, open_capture=Plug(still()), frozen_s=0.05, reopen_s=(9, 9)) as camera:
        wait_for(camera, lambda s: s.state == "lost")
        last = camera.status.frames
        assert camera.latest(last, 0.1) is None


def test_a_covered_lens_is_called_so() -> None:
    with Camera(WEBCAM, open_capture=Plug(still(3)), frozen_s=0.05) as camera:
        status = wait_for(camera, lambda s: s.state == "lost")
    assert str(status.message) == "picture black: is the lens covered?"


def test_one_pixel_that_changes_is_no_frozen_picture() -> None:
    def nearly_still() -> Iterator[np.ndarray]:
        for number in range(5000):
            still = plain(1)
            still[47, 63, 2] = number % 2
            yield still

    paced = Paced()
    plug = Plug(paced(nearly_still()))
    paced.camera = camera = Camera(
        WEBCAM, open_capture=plug, frozen_s=0.05, clock=lambda: paced.now
    )
    with camera:
        wait_for(camera, lambda s: s.frames > 200)
    assert {status.state for status in paced.told[1:200]} == {"live"}


def test_a_still_film_is_not_frozen(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "badge.png"), plain(90))
    source = parse_source(str(tmp_path))
    with Camera(source, CameraRequest(photo_s=0.8), frozen_s=0.1, loop=True) as camera:
        wait_for(camera, lambda s: s.state == "lost" or s.frames > 12)
        assert camera.status.state != "lost"


def test_a_camera_that_stays_frozen_is_opened_ever_more_rarely() -> None:
    freeze, opened_at, at_s = Freeze(FROZEN_S, (3.0, 60.0)), [0.0], 0.0
    picture = plain(90)
    while at_s < 300:
        at_s += 1.0
        if freeze.holds(picture, at_s) and freeze.is_hopeless(at_s):
            opened_at.append(at_s)
            freeze.opened(at_s)
    pauses = np.diff(opened_at)
    assert list(pauses[1:]) == [6, 12, 24, 48, 60, 60, 60]
    assert not freeze.holds(plain(91), at_s)


def test_a_driver_that_hangs_is_lost_within_two_seconds() -> None:
    hang = threading.Event()
    now = [100.0]

    class Hanging(FakeCapture):
        def read(self) -> tuple[bool, Any]:
            if camera.status.frames:
                hang.wait(240)
            return super().read()

    camera = Camera(
        WEBCAM, open_capture=lambda *_: Hanging(changing()), clock=lambda: now[0], frozen_s=1e9
    )
    with camera:
        wait_for(camera, lambda s: s.state == "live")
        now[0] += 1.0
        assert camera.status.state == "live"
        now[0] += 0.5
        assert camera.status.state == "lost"
        assert str(camera.status.message) == "no picture for 2 s"
        hang.set()
        wait_for(camera, lambda s: s.state == "live")


# A camera on the network


def test_an_mjpeg_stream_gives_pictures() -> None:
    with NetworkCamera() as network, Camera(parse_source(network.url), back_off_s=QUICK) as camera:
        status = wait_for(camera, lambda s: s.frames > 10)
    assert (status.state, status.width, status.height) == ("live", 160, 120)


def test_a_stream_that_dies_and_lives_is_noticed_and_picked_up_again() -> None:
    with NetworkCamera() as network, Camera(parse_source(network.url)) as camera:
        wait_for(camera, lambda s: s.frames > 10)
        network.die()
        lost = wait_for(camera, lambda s: "can't be opened" in str(s.message))
        assert lost.state == "lost"
        before = camera.status.frames
        network.live()
        status = wait_for(camera, lambda s: s.state == "live" and s.frames > before)
    assert status.message is None


def test_a_stream_that_hangs_is_noticed_and_goes_on() -> None:
    with NetworkCamera() as network, Camera(parse_source(network.url)) as camera:
        wait_for(camera, lambda s: s.frames > 10)
        network.flowing.clear()
        lost = wait_for(camera, lambda s: s.state == "lost")
        assert str(lost.message).startswith("no picture for ")
        network.flowing.set()
        before = camera.status.frames
        wait_for(camera, lambda s: s.state == "live" and s.frames > before)


def test_a_stream_that_repeats_its_last_picture_is_noticed_and_goes_on() -> None:
    with NetworkCamera() as network, Camera(parse_source(network.url)) as camera:
        wait_for(camera, lambda s: s.frames > 10)
        moving, frozen = network.picture, network.picture(1)
        network.picture = lambda number: frozen
        lost = wait_for(camera, lambda s: s.state == "lost")
        assert str(lost.message) == "picture frozen"
        network.picture = moving
        wait_for(camera, lambda s: s.state == "live")


def test_a_stream_that_is_away_at_first_is_taken_once_it_is_there() -> None:
    network = NetworkCamera()
    network.die()
    with Camera(parse_source(network.url), back_off_s=(0.05, 0.1)) as camera:
        assert "can't be opened" in str(wait_for(camera, lambda s: s.state == "lost").message)
        network.live()
        try:
            wait_for(camera, lambda s: s.state == "live")
        finally:
            network.die()


def test_pictures_count_on_over_reconnections() -> None:
    plug = Plug(changing_for(3), changing())
    with Camera(WEBCAM, open_capture=plug, back_off_s=QUICK) as camera:
        assert wait_for(camera, lambda s: s.frames > 5).state == "live"
    assert len(plug.opened) == 2
