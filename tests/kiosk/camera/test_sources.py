import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from kiosk.camera.controls import CameraRequest
from kiosk.camera.preview import preview_jpeg
from kiosk.camera.sources import Kind, Source, Stamps, open_capture, parse_source, video_frames
from kiosk.pictures import CameraError, missing_opencv, to_gray
from tests.kiosk.camera.webcams import plug_in
from tests.kiosk.support.pictures import plain


def test_sources(video: Path, photos: Path, tmp_path: Path) -> None:
    webcams = plug_in(tmp_path)
    named = {
        "0": Kind.WEBCAM,
        " 2 ": Kind.WEBCAM,
        "/dev/video9": Kind.WEBCAM,
        "c270": Kind.WEBCAM,
        str(video): Kind.FILE,
        str(photos): Kind.FOLDER,
        "http://10.0.0.9:8080/video": Kind.STREAM,
        "rtsp://user:secret@10.0.0.9/door": Kind.STREAM,
    }
    assert {text: parse_source(text, webcams).kind for text in named} == named


REFUSED = {
    "nothing": (" ", "No camera is named; give a webcam's number"),
    "no such file": (
        "door.mp4",
        "No webcam and no file is called door.mp4; give a webcam's number or name, a file,",
    ),
    "other scheme": ("ftp://host/x", "No camera speaks ftp://; use http, https or rtsp"),
    "no host": ("http:///video", "names no host"),
    "malformed": ("http://[::1/video", "malformed"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_sources_have_the_remedy(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(CameraError) as refused:
        parse_source(text, tmp_path)
    assert message in str(refused.value)


def test_a_folder_without_photos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="holds no photos"):
        parse_source(str(tmp_path))


def test_a_label_has_no_password() -> None:
    source = parse_source("rtsp://user:secret@10.0.0.9:554/door?token=secret")
    assert str(source.label) == "rtsp://10.0.0.9:554/door"


def test_missing_libraries_are_named() -> None:
    broken = missing_opencv(ImportError("libGL.so.1: cannot open shared object file"))
    assert "libGL.so.1" in str(broken)
    assert "apt install libgl1 libglib2.0-0t64" in broken.remedy
    absent = missing_opencv(ModuleNotFoundError("No module named 'cv2'"))
    assert "extra kiosk" in absent.remedy


@pytest.mark.parametrize(
    ("stamps", "due"),
    [
        ([0, 50, 100], [0, 50, 100]),
        ([700, 800, 850], [0, 100, 150]),
        ([0, 0, 0], [0, 40, 80]),  # no time stamps: 25 frames a second
        ([0, 50, 1e9], [0, 50, 90]),
        ([0, 50, 20], [0, 50, 90]),
    ],
    ids=["plain", "starts late", "none", "far ahead", "backwards"],
)
def test_time_stamps(stamps: list[float], due: list[float]) -> None:
    class Stamped:
        def get(self, prop: int) -> float:
            return 25.0 if prop == cv2.CAP_PROP_FPS else stamps.pop(0)

    stamper = Stamps(Stamped())  # type: ignore[arg-type]
    assert [stamper.next_ms() for _ in due] == due


def test_video_frames_come_with_their_time(video: Path) -> None:
    times = [at_s for at_s, _ in video_frames(video)]
    assert times == pytest.approx([number / 50 for number in range(20)])


def test_a_webcam_that_is_not_there_is_lost_not_an_end() -> None:
    with pytest.raises(CameraError, match="can't be opened; check the cable"):
        open_capture(Source(Kind.WEBCAM, "/dev/video987"), CameraRequest())
    with pytest.raises(CameraError, match="isn't plugged in"):
        open_capture(Source(Kind.WEBCAM, "No such webcam"), CameraRequest())


@pytest.mark.parametrize(
    "image",
    [
        np.full((4, 5), 90, np.uint8),
        np.full((4, 5, 1), 90, np.uint8),
        np.full((4, 5, 3), 90, np.uint8),
        np.full((4, 5, 4), 90, np.uint8),
        np.full((4, 5), 90 << 8, np.uint16),
    ],
    ids=["gray", "one channel", "BGR", "BGRA", "16 bits"],
)
def test_gray(image: np.ndarray) -> None:
    gray = to_gray(image)
    assert (gray.shape, gray.dtype, int(gray[0, 0])) == ((4, 5), np.uint8, 90)


def test_preview_is_small_and_framed() -> None:
    unframed = preview_jpeg(plain(90, 1280, 720))
    framed = preview_jpeg(plain(90, 1280, 720), [[(200, 200), (600, 200), (600, 600), (200, 600)]])
    assert unframed is not None
    assert framed is not None
    shown = cv2.imdecode(np.frombuffer(framed, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert shown.shape == (360, 640)
    assert shown[100, 200] > 200
    assert abs(int(shown[20, 20]) - 90) < 6
    assert preview_jpeg(np.zeros((0, 0, 3), np.uint8)) is None


def test_without_opencv_everything_loads_and_names_the_package() -> None:
    program = (
        "import sys; sys.modules['cv2'] = None\n"
        "import kiosk.cli.read, kiosk.camera.camera, kiosk.camera.preview, kiosk.camera.sources\n"
        "try: kiosk.camera.camera.Camera(kiosk.camera.sources.parse_source('0'))\n"
        "except kiosk.pictures.CameraError as error: sys.exit(str(error))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "OpenCV isn't installed; install Hallkeeper with its extra kiosk\n"
