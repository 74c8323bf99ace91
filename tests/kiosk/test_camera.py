import http.server
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from kiosk.camera import Camera, CameraError, CameraStatus, Source, Wish, parse_source
from kiosk.camera_sources import Kind
from tests.kiosk.pictures import plain, write_photos, write_video

WEBCAM = Source(Kind.WEBCAM, "0")
QUICK = (0.01, 0.04)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "door.avi")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "photos")


class FakeCapture:
    """Gives `pictures` as fast as asked for, then fails."""

    def __init__(self, pictures: Iterator[np.ndarray]) -> None:
        self.pictures = pictures
        self.released = False

    def read(self) -> tuple[bool, Any]:
        time.sleep(0.001)
        image = next(self.pictures, None)
        return image is not None, image

    def get(self, prop: int) -> float:
        return 0.0

    def release(self) -> None:
        self.released = True


class Plug:
    """A webcam's socket: each opening takes the next of `captures`; an error is raised."""

    def __init__(self, *captures: Iterator[np.ndarray] | Exception) -> None:
        self.captures = list(captures)
        self.opened: list[FakeCapture] = []
        self.tried_at: list[float] = []

    def __call__(self, source: Source, wish: Wish) -> FakeCapture:
        self.tried_at.append(time.monotonic())
        capture = self.captures.pop(0) if self.captures else CameraError("still unplugged")
        if isinstance(capture, Exception):
            raise capture
        self.opened.append(FakeCapture(capture))
        return self.opened[-1]


def changing() -> Iterator[np.ndarray]:
    return (plain(number % 250) for number in iter(int, 1) for number in range(250))


def wait_for(camera: Camera, wanted: Callable[[CameraStatus], bool]) -> CameraStatus:
    deadline = time.monotonic() + 10
    while not wanted(camera.status):
        assert time.monotonic() < deadline, camera.status
        time.sleep(0.002)
    return camera.status


# Files and folders


def test_a_video_is_paced_by_its_time_stamps_and_ends(video: Path) -> None:
    began = time.monotonic()
    with Camera(parse_source(str(video))) as camera:
        status = wait_for(camera, lambda s: s.state == "ended")
        assert 0.35 < time.monotonic() - began < 3
        assert (status.frames, status.width, status.height) == (20, 64, 48)
        assert status.message == ""
        last = camera.latest(0, 0)
        assert last is not None
        assert last.number == 20
        assert abs(int(last.picture.mean()) - 190) < 5
        assert camera.latest(20, 0.01) is None


def test_each_frame_comes_once_in_order(video: Path) -> None:
    numbers, after = [], 0
    with Camera(parse_source(str(video))) as camera:
        while (frame := camera.latest(after, 0.5)) is not None:
            numbers.append(after := frame.number)
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 20
    assert len(numbers) > 10


def test_a_slow_taker_gets_the_newest(video: Path) -> None:
    with Camera(parse_source(str(video))) as camera:
        first = camera.latest(0, 5)
        assert first is not None
        time.sleep(0.2)
        later = camera.latest(first.number, 1)
        assert later is not None
        assert later.number > first.number + 3
        assert later.captured_at - first.captured_at > 0.1


def test_a_loop_goes_on(video: Path) -> None:
    with Camera(parse_source(str(video)), loop=True) as camera:
        status = wait_for(camera, lambda s: s.frames > 25)
    assert status.state == "live"


def test_a_folder_shows_each_photo_for_its_time(photos: Path) -> None:
    with Camera(parse_source(str(photos)), Wish(photo_s=0.3)) as camera:
        first = camera.latest(0, 5)
        status = wait_for(camera, lambda s: s.state == "ended")
        last = camera.latest(0, 0)
    assert first is not None
    assert last is not None
    assert status.frames == 6  # 2 photos, 0.3 s at 10 a second; the broken one is passed over
    assert (int(first.picture.mean()), int(last.picture.mean())) == (50, 150)
    assert 0.45 < last.captured_at - first.captured_at < 2


def test_a_file_that_is_no_video_ends_with_a_message(tmp_path: Path) -> None:
    path = tmp_path / "door.mp4"
    path.write_bytes(b"no video" * 1000)
    with Camera(parse_source(str(path))) as camera:
        status = wait_for(camera, lambda s: s.state == "ended")
    assert "door.mp4 can't be opened; is it a video?" in status.message


# Live cameras


def test_it_grabs_and_measures(video: Path) -> None:
    plug = Plug(changing())
    with Camera(WEBCAM, open_capture=plug) as camera:
        frame = camera.latest(0, 5)
        assert frame is not None
        assert frame.gray.shape == (48, 64)
        assert frame.gray is frame.gray
        status = wait_for(camera, lambda s: s.frames > 50)
        assert (status.state, status.width, status.height) == ("live", 64, 48)
        assert 50 < status.fps_measured < 1000
    assert plug.opened[0].released


def test_a_lost_camera_comes_back_by_itself() -> None:
    plug = Plug(
        iter([plain(1), plain(2)]),
        CameraError("unplugged"),
        OSError("a driver's whim"),
        changing(),
    )
    seen: list[str] = []
    with Camera(WEBCAM, open_capture=plug, back_off_s=QUICK) as camera:
        wait_for(camera, lambda s: seen.append(s.message) or s.frames > 10)  # type: ignore[func-returns-value]
        assert camera.status.state == "live"
        assert camera.status.message == ""
    assert {"no picture from the camera", "unplugged"} <= set(seen)
    assert "webcam 0 can't be opened (OSError)" in seen
    assert plug.opened[0].released


def test_attempts_are_spaced_out() -> None:
    plug = Plug()
    with Camera(WEBCAM, open_capture=plug, back_off_s=(0.02, 0.08)) as camera:
        wait_for(camera, lambda _: len(plug.tried_at) > 5)
        assert camera.status == CameraStatus("lost", "still unplugged")
    pauses = np.diff(plug.tried_at)
    assert all(pauses[:5] > [0.019, 0.039, 0.079, 0.079, 0.079])
    assert all(pauses[:5] < [0.2, 0.2, 0.3, 0.3, 0.3])


def test_a_driver_that_fails_while_reading_is_survived() -> None:
    class Failing(FakeCapture):
        def read(self) -> tuple[bool, Any]:
            raise cv2.error("rtsp://user:secret@host")

    captures = [Failing(iter(())), FakeCapture(changing())]
    with Camera(WEBCAM, open_capture=lambda *_: captures.pop(0), back_off_s=(0.2, 1)) as camera:
        lost = wait_for(camera, lambda s: s.state == "lost")
        assert lost.message == "webcam 0 failed (error)"
        wait_for(camera, lambda s: s.state == "live")


@pytest.mark.parametrize(
    "bad", [np.zeros((0, 0), np.uint8), np.zeros(5, np.uint8)], ids=["empty", "flat"]
)
def test_a_picture_that_is_none_is_a_lost_camera(bad: np.ndarray) -> None:
    with Camera(WEBCAM, open_capture=Plug(iter([plain(1), bad])), back_off_s=(9, 9)) as camera:
        assert wait_for(camera, lambda s: s.state == "lost").frames == 1


def test_a_frozen_picture_is_noticed_and_the_camera_opened_again() -> None:
    plug = Plug(iter([plain(1)] * 1000), iter([plain(1)] * 1000), changing())
    with Camera(WEBCAM, open_capture=plug, frozen_s=0.1, back_off_s=(0.1, 0.1)) as camera:
        assert camera.latest(0, 5) is not None
        assert camera.status.state == "live"
        assert wait_for(camera, lambda s: s.state == "lost").message == "picture frozen"
        wait_for(camera, lambda _: len(plug.opened) == 2)
        assert camera.status.message == "picture frozen"  # the same picture is no good sign
        assert wait_for(camera, lambda s: s.state == "live").message == ""
    assert len(plug.opened) == 3


def test_one_pixel_that_changes_is_no_frozen_plain() -> None:
    def nearly_still() -> Iterator[np.ndarray]:
        for number in range(5000):
            still = plain(1)
            still[47, 63, 2] = number % 2
            yield still

    with Camera(WEBCAM, open_capture=Plug(nearly_still()), frozen_s=0.05) as camera:
        assert wait_for(camera, lambda s: s.frames > 200).state == "live"


def test_a_driver_that_hangs_is_shown_as_lost() -> None:
    hang = threading.Event()
    now = [100.0]

    class Hanging(FakeCapture):
        def read(self) -> tuple[bool, Any]:
            if camera.status.frames:
                hang.wait(10)
            return super().read()

    camera = Camera(
        WEBCAM, open_capture=lambda *_: Hanging(changing()), clock=lambda: now[0], frozen_s=1e9
    )
    with camera:
        wait_for(camera, lambda s: s.state == "live")
        now[0] += 4
        assert camera.status.state == "lost"
        assert camera.status.message == "no picture for 4 s"
        hang.set()
        wait_for(camera, lambda s: s.state == "live")


def test_close_wakes_a_waiter_and_ends_the_thread() -> None:
    threads = threading.active_count()
    camera = Camera(WEBCAM, open_capture=Plug(), back_off_s=(30, 30)).start()
    got: list[object] = ["nothing yet"]
    waiter = threading.Thread(target=lambda: got.append(camera.latest(0, 30)))
    waiter.start()
    began = time.monotonic()
    camera.close()
    waiter.join(5)
    assert got[-1] is None
    assert time.monotonic() - began < 2
    assert threading.active_count() == threads
    camera.close()


def test_an_mjpeg_stream_on_the_network() -> None:
    class Door(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            for number in range(40):
                jpeg = cv2.imencode(".jpg", plain(number * 5, 160, 120))[1].tobytes()
                head = b"--frame\r\nContent-Type: image/jpeg\r\n"
                head += b"Content-Length: %d\r\n\r\n" % len(jpeg)
                try:
                    self.wfile.write(head + jpeg + b"\r\n")
                except OSError:
                    return
                time.sleep(0.01)

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        source = parse_source(f"http://127.0.0.1:{server.server_port}/video")
        with Camera(source, back_off_s=QUICK) as camera:
            status = wait_for(camera, lambda s: s.frames > 45)  # so it was opened again
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert (status.width, status.height) == (160, 120)
