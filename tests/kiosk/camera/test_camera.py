"""The camera's thread: pacing, newest first, and a source that disappears and returns."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from kiosk.camera.camera import Camera, CameraStatus, Pace
from kiosk.camera.controls import CameraRequest
from kiosk.camera.sources import parse_source
from kiosk.pictures import CameraError
from kiosk.texts.messages import as_message
from tests.kiosk.camera.webcams import QUICK, WEBCAM, FakeCapture, Plug, changing, wait_for
from tests.kiosk.support.pictures import plain

# Files and folders


def test_a_video_is_paced_by_its_time_stamps_and_ends(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    due_s: list[float] = []
    wait_s = Pace.wait_s

    def note(pace: Pace) -> float:
        due_s.append(wait_s(pace))
        return 0.0

    monkeypatch.setattr(Pace, "wait_s", note)
    with Camera(parse_source(str(video)), clock=lambda: 0.0) as camera:
        status = wait_for(camera, lambda s: s.state == "ended")
        assert due_s == sorted(due_s)
        assert due_s[-1] > 0.35
        assert (status.frames, status.width, status.height) == (20, 64, 48)
        assert status.message is None
        last = camera.latest(0, 0)
        assert last is not None
        assert last.number == 20
        assert abs(int(last.picture.mean()) - 190) < 5
        assert camera.latest(20, 0.01) is None


def test_each_frame_comes_once_in_order(video: Path) -> None:
    numbers, after = [], 0
    with Camera(parse_source(str(video))) as camera:
        while after < 20:
            frame = camera.latest(after, 60)
            assert frame is not None, camera.status
            numbers.append(after := frame.number)
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 20


def test_a_taker_who_keeps_up_gets_every_frame() -> None:
    taken = threading.Semaphore(1)

    def pictures() -> Iterator[np.ndarray]:
        for number in range(20):
            assert taken.acquire(timeout=240)
            yield plain(number)

    numbers: list[int] = []
    with Camera(WEBCAM, open_capture=Plug(pictures()), back_off_s=(9, 9)) as camera:
        while len(numbers) < 20:
            frame = camera.latest(len(numbers), 60)
            assert frame is not None, camera.status
            numbers.append(frame.number)
            taken.release()
    assert numbers == list(range(1, 21))


def test_a_slow_taker_gets_the_newest(video: Path) -> None:
    with Camera(parse_source(str(video)), loop=True) as camera:
        first = camera.latest(0, 60)
        assert first is not None
        wait_for(camera, lambda s: s.frames > first.number + 9)
        later = camera.latest(first.number, 60)
        assert later is not None
        assert later.number > first.number + 9
        assert later.captured_at - first.captured_at > 0.1


def test_a_loop_goes_on(video: Path) -> None:
    with Camera(parse_source(str(video)), loop=True) as camera:
        status = wait_for(camera, lambda s: s.frames > 25)
    assert status.state == "live"


def test_a_folder_shows_each_photo_for_its_time(photos: Path) -> None:
    with Camera(parse_source(str(photos)), CameraRequest(photo_s=1.0)) as camera:
        first = camera.latest(0, 60)
        status = wait_for(camera, lambda s: s.state == "ended")
        last = camera.latest(0, 0)
    assert first is not None
    assert last is not None
    assert status.frames == 20  # 2 photos, 1 s at 10 a second; the broken one is passed over
    assert (int(first.picture.mean()), int(last.picture.mean())) == (50, 150)
    assert last.captured_at - first.captured_at > 0.9


def test_a_file_that_is_no_video_ends_with_a_message(tmp_path: Path) -> None:
    path = tmp_path / "door.mp4"
    path.write_bytes(b"no video" * 1000)
    with Camera(parse_source(str(path))) as camera:
        status = wait_for(camera, lambda s: s.state == "ended")
    assert "door.mp4 can't be opened; is it a video?" in str(status.message)


# Live cameras


def test_it_grabs_and_measures(video: Path) -> None:
    now = [0.0]

    def pictures() -> Iterator[np.ndarray]:
        for picture in changing():
            now[0] += 0.01
            yield picture

    plug = Plug(pictures())
    with Camera(WEBCAM, open_capture=plug, clock=lambda: now[0]) as camera:
        frame = camera.latest(0, 60)
        assert frame is not None
        assert frame.gray.shape == (48, 64)
        assert frame.gray is frame.gray
        status = wait_for(camera, lambda s: s.frames > 50)
        assert (status.state, status.width, status.height) == ("live", 64, 48)
        assert status.fps_measured == 100
    assert plug.opened[0].released


def test_a_lost_camera_comes_back_by_itself() -> None:
    plug = Plug(
        iter([plain(1), plain(2)]),
        CameraError("unplugged"),
        OSError("a driver's whim"),
        changing(),
    )
    seen: list[str] = []
    camera = Camera(WEBCAM, open_capture=plug, back_off_s=QUICK)
    plug.on_opening = lambda: seen.append(str(camera.status.message))
    with camera:
        wait_for(camera, lambda s: s.frames > 10)
        assert camera.status.state == "live"
        assert camera.status.message is None
    messages = ["no picture from the camera", "unplugged", "webcam 0 can't be opened (OSError)"]
    assert seen[1:] == messages
    assert plug.opened[0].released


def test_attempts_are_spaced_out() -> None:
    plug = Plug()
    with Camera(WEBCAM, open_capture=plug, back_off_s=(0.01, 0.04)) as camera:
        # If they grew further, the twentieth attempt would come after an hour.
        wait_for(camera, lambda _: len(plug.tried_at) > 20)
        assert camera.status == CameraStatus("lost", as_message("still unplugged"))
    pauses = np.diff(plug.tried_at)
    assert all(pauses[:5] > [0.009, 0.019, 0.039, 0.039, 0.039])


def test_a_driver_that_fails_while_reading_is_survived() -> None:
    class Failing(FakeCapture):
        def read(self) -> tuple[bool, Any]:
            raise cv2.error("rtsp://user:secret@host")

    captures = [Failing(iter(())), FakeCapture(changing())]
    seen: list[CameraStatus] = []

    def open_next(*_: object) -> FakeCapture:
        seen.append(camera.status)
        return captures.pop(0)

    camera = Camera(WEBCAM, open_capture=open_next, back_off_s=(0.2, 1))
    with camera:
        wait_for(camera, lambda s: s.state == "live")
    assert (seen[-1].state, str(seen[-1].message)) == ("lost", "webcam 0 failed (error)")


@pytest.mark.parametrize(
    "bad", [np.zeros((0, 0), np.uint8), np.zeros(5, np.uint8)], ids=["empty", "flat"]
)
def test_a_picture_that_is_none_is_a_lost_camera(bad: np.ndarray) -> None:
    with Camera(WEBCAM, open_capture=Plug(iter([plain(1), bad])), back_off_s=(9, 9)) as camera:
        assert wait_for(camera, lambda s: s.state == "lost").frames == 1


def test_close_wakes_a_waiter_and_ends_the_thread() -> None:
    threads = threading.active_count()
    camera = Camera(WEBCAM, open_capture=Plug(), back_off_s=(3600, 3600)).start()
    got: list[object] = ["nothing yet"]
    waiter = threading.Thread(target=lambda: got.append(camera.latest(0, 3600)))
    waiter.start()
    camera.close()
    waiter.join(240)
    assert not waiter.is_alive()
    assert got[-1] is None
    assert threading.active_count() == threads
    camera.close()
