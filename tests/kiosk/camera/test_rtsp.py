"""An RTSP camera, as the door's eye sees it."""

import logging
from urllib.parse import quote

import numpy as np
import pytest

from kiosk.camera.camera import Camera
from kiosk.camera.sources import parse_source
from kiosk.pictures import CameraError
from kiosk.reader.reader import Reader
from tests.kiosk.camera.rtsp import PASSWORD, USER, RtspCamera
from tests.kiosk.camera.streams import noise
from tests.kiosk.camera.webcams import QUICK, wait_for
from tests.kiosk.support.pictures import TEXT, held_up, symbol

BLOCK = 16
BITS = 16


def test_a_badge_is_read_over_tcp() -> None:
    view = held_up(symbol(TEXT), 4)
    with RtspCamera(lambda _: view) as rtsp, Camera(parse_source(rtsp.url())) as camera:
        frame = camera.latest(0, 60)
        assert frame is not None, camera.status
        assert frame.gray.shape == (720, 1280)
        (sighting,) = Reader().read(frame.gray)
    assert sighting.text == TEXT
    (setup,) = [asked for asked in rtsp.asked if asked.startswith("SETUP")]
    assert "RTP/AVP/TCP" in setup


def numbered(number: int) -> np.ndarray:
    """A picture that encodes its number, in blocks along its top."""
    view = noise(number)
    view = np.repeat(np.repeat(view, 2, 0), 2, 1)
    for bit in range(BITS):
        view[:BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 230 if number >> bit & 1 else 20
    return view


def number_of(view: np.ndarray) -> int:
    middles = range(BLOCK // 2, BITS * BLOCK, BLOCK)
    return sum(int(view[BLOCK // 2, x] > 128) << bit for bit, x in enumerate(middles))


def test_the_newest_picture_is_given_also_to_a_reader_that_was_away() -> None:
    frames: list[int] = []

    def picture(number: int) -> np.ndarray:
        frames.append(number)
        return numbered(number)

    with RtspCamera(picture) as rtsp, Camera(parse_source(rtsp.url())) as camera:
        wait_for(camera, lambda s: s.frames > 60)
        # It hangs, so all its pictures have arrived when it is lost.
        rtsp.flowing.clear()
        wait_for(camera, lambda s: s.state == "lost")
        frame = camera.latest(0, 0)
        assert frame is not None
        assert number_of(frame.gray) == frames[-1]


def test_a_camera_that_dies_and_lives_is_noticed_and_picked_up_again() -> None:
    with RtspCamera() as rtsp, Camera(parse_source(rtsp.url()), back_off_s=QUICK) as camera:
        wait_for(camera, lambda s: s.frames > 5)
        rtsp.die()
        wait_for(camera, lambda s: s.state == "lost")
        before = camera.status.frames
        rtsp.live()
        wait_for(camera, lambda s: s.state == "live" and s.frames > before)


def test_a_camera_that_hangs_is_noticed_and_goes_on_with_a_new_picture() -> None:
    with RtspCamera(numbered) as rtsp, Camera(parse_source(rtsp.url())) as camera:
        wait_for(camera, lambda s: s.frames > 5)
        rtsp.flowing.clear()
        wait_for(camera, lambda s: s.state == "lost")
        before = camera.status.frames
        rtsp.flowing.set()
        wait_for(camera, lambda s: s.state == "live" and s.frames > before)


def user(password: str) -> str:
    return f"{USER}:{quote(password, safe='')}@"


def test_a_password_is_given_only_to_the_camera(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    messages: list[str] = []
    with RtspCamera(private=True) as rtsp:
        urls = {
            "live": rtsp.url(user=user(PASSWORD)),
            "wrong password": rtsp.url(user=user("s3cret-wrong")),
            "no password": rtsp.url(),
            "wrong path": rtsp.url("/hall", user(PASSWORD)),
        }
        for case, url in urls.items():
            with Camera(parse_source(url), back_off_s=QUICK) as camera:
                status = wait_for(camera, lambda s: s.state in ("live", "lost"))
                assert (status.state == "live") is (case == "live"), case
                messages += [str(status.message), str(camera.source.label)]
    assert (
        f"{urls['no password']} can't be opened; check its address, user and password"
        in messages[2]
    )
    output = "".join([*messages, caplog.text, *capfd.readouterr()])
    assert "s3cret" not in output


REFUSED = {
    "a slash in a password": "rtsp://door:s3/cret@10.0.0.9/door",
    "a question mark": "rtsp://door:s3?cret@10.0.0.9/door",
    "a hash": "rtsp://door:s3#cret@10.0.0.9/door",
    "an at and a slash": "rtsp://door:s@3/cret@10.0.0.9/door",
    "no scheme": "door:cret@10.0.0.9/door",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_a_password_that_would_be_shown_in_part_is_refused(text: str) -> None:
    with pytest.raises(CameraError) as refused:
        parse_source(text)
    assert "cret" not in str(refused.value)


def test_a_password_in_the_path_is_not_shown() -> None:
    source = parse_source("RTSP://10.0.0.9:554/live/user=door&password=s3cret&channel=1.sdp")
    assert source.target.startswith("rtsp://")
    assert str(source.label) == "rtsp://10.0.0.9:554/live/…"
