"""Opens the sources of pictures: a webcam, a video file, a folder of photos, or a network stream.

Each becomes a `Capture`.
"""

import sys
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import numpy as np

from kiosk.camera.controls import CameraRequest, WebcamCapture
from kiosk.camera.webcams import WEBCAMS, NoWebcamError, find_webcam, webcams_here
from kiosk.pictures import CameraError, NoPictureError, Picture, cv2, require_opencv
from kiosk.texts.messages import Code, Message

PHOTO_SUFFIXES = frozenset(".jpg .jpeg .png .webp .bmp .tif .tiff .pgm .ppm .pnm".split())
VIDEO_SUFFIXES = frozenset(
    ".mp4 .m4v .avi .mov .mkv .webm .mjpeg .mjpg .mpg .mpeg .ts .wmv .3gp .ogv".split()
)
STREAM_SCHEMES = frozenset({"http", "https", "rtsp", "rtsps"})
STREAM_TIMEOUT_MS = 5000
PHOTO_BYTES_MAX = 256 << 20
FOLDER_FPS = 10.0
FPS_MAX = 240.0
STAMP_STEP_MAX_MS = 10_000  # no timestamp may delay a picture longer

_HELP = "give a webcam's number or name, a file, a folder, or a URL"


class Kind(StrEnum):
    WEBCAM = "webcam"
    FILE = "file"
    FOLDER = "folder"
    STREAM = "stream"


@dataclass(frozen=True)
class Source:
    """A source of pictures. `target` is a webcam's number, device or name, a path, or a URL."""

    kind: Kind
    target: str

    @property
    def live(self) -> bool:
        """Whether pictures arrive as they happen. Files and folders are paced instead, and end."""
        return self.kind in (Kind.WEBCAM, Kind.STREAM)

    @property
    def address(self) -> str:
        """The target, but a URL without its user, password and query."""
        if self.kind is not Kind.STREAM:
            return self.target
        url = urlsplit(self.target)
        path, secret, _ = url.path.partition("=")
        # Some cameras take /user=…&password=… in the path, so this part is hidden.
        if secret:
            path = f"{path.rpartition('/')[0]}/…"
        return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{path}"

    @property
    def label(self) -> Message:
        if self.kind is Kind.STREAM:
            return Message(Code.AS_IS, text=self.address)
        return Message(_LABELS[self.kind], target=self.address)


_LABELS = {Kind.WEBCAM: Code.WEBCAM, Kind.FILE: Code.FILE, Kind.FOLDER: Code.FOLDER}


class Capture(Protocol):
    """The part of cv2.VideoCapture that a camera uses."""

    def read(self) -> tuple[bool, Any]: ...
    def get(self, propId: int, /) -> float: ...
    def release(self) -> None: ...


def parse_source(text: str, webcams: Path = WEBCAMS, *, may_come: bool = False) -> Source:
    """Raises CameraError if the source can't exist. With `may_come` a webcam's name is taken even
    if there is no such webcam now: it may be plugged in later.
    """
    text = text.strip()
    if not text:
        raise CameraError("No camera is named", _HELP)
    if text.isascii() and text.isdigit():
        return Source(Kind.WEBCAM, str(int(text)))
    if "://" in text:
        return _parse_url(text)
    path = Path(text)
    if text.startswith("/dev/") and not (path.is_file() or path.is_dir()):
        return Source(Kind.WEBCAM, text)  # it may be plugged in later
    if path.is_dir():
        if not photos_in(path):
            raise CameraError(f"The folder {text} holds no photos", "put .jpg or .png files there")
        return Source(Kind.FOLDER, text)
    if path.exists():
        return Source(Kind.FILE, text)
    is_file = "/" in text or path.suffix.lower() in PHOTO_SUFFIXES | VIDEO_SUFFIXES
    if may_come and not is_file and "@" not in text:
        return Source(Kind.WEBCAM, text)
    try:
        find_webcam(text, webcams)
    except NoWebcamError:
        # A text with an @ may be a URL without its scheme, with a password.
        called = "that" if "@" in text else text
        raise CameraError(
            f"No webcam and no file is called {called}", f"{_HELP}. {webcams_here(webcams)}"
        ) from None
    return Source(Kind.WEBCAM, text)


def _parse_url(text: str) -> Source:
    try:
        url = urlsplit(text)
    except ValueError:
        raise CameraError("The camera's URL is malformed", "write http://HOST/PATH") from None
    if url.scheme.lower() not in STREAM_SCHEMES:
        raise CameraError(f"No camera speaks {url.scheme}://", "use http, https or rtsp")
    if not url.hostname:
        raise CameraError("The camera's URL names no host", "write http://HOST/PATH")
    # Otherwise a / or ? in a password would end the password there, and the rest would be shown as
    # the path.
    if "@" in text.partition("://")[2][len(url.netloc) :]:
        raise CameraError(
            "The camera's URL has an @ after a /, ? or #",
            "in a user or password write / as %2F, ? as %3F, # as %23, @ as %40",
        )
    # FFmpeg does not accept RTSP:// in upper case.
    return Source(Kind.STREAM, url.scheme.lower() + text[len(url.scheme) :])


def open_capture(source: Source, request: CameraRequest) -> Capture:
    """Raises CameraError if `source` gives no pictures now. A live source may later."""
    require_opencv()
    if source.kind is Kind.FOLDER:
        return FolderCapture(Path(source.target), request.photo_s)
    if source.kind is Kind.WEBCAM:
        capture = _open_webcam(source.target)
    elif source.kind is Kind.STREAM:
        capture = cv2.VideoCapture(source.target, cv2.CAP_FFMPEG, _stream_wishes())
    else:
        # Other back ends interpret a name with digits as a series of photos, and print parts of a
        # broken file on the terminal.
        capture = cv2.VideoCapture(source.target, cv2.CAP_FFMPEG)
    if not capture.isOpened():
        capture.release()
        problem = Message(Code.CANT_OPEN, camera=source.label)
        raise CameraError(problem, Message(_REMEDIES[source.kind]))
    return WebcamCapture(capture, request) if source.kind is Kind.WEBCAM else capture


_REMEDIES = {
    Kind.WEBCAM: Code.CHECK_CABLE_AND_PROGRAMS,
    Kind.STREAM: Code.CHECK_ADDRESS,
    Kind.FILE: Code.IS_IT_A_VIDEO,
}


def _stream_wishes() -> list[int]:
    """Options for opening a stream. OpenCV's default asks RTSP cameras for TCP."""
    requests = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, STREAM_TIMEOUT_MS]
    requests += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, STREAM_TIMEOUT_MS]
    # Each further decoder thread delays pictures by one more.
    return [*requests, cv2.CAP_PROP_N_THREADS, 1]


def _open_webcam(target: str) -> "cv2.VideoCapture":
    if not (target.isdigit() or target.startswith("/dev/")):
        try:
            # its number may have changed while it was away
            target = find_webcam(target).device
        except NoWebcamError:
            problem = Message(Code.NOT_PLUGGED_IN, camera=target)
            raise CameraError(problem, Message(Code.CHECK_CABLE)) from None
    # Without a named back end, OpenCV first tries the device as a video file.
    backend = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
    return cv2.VideoCapture(int(target) if target.isdigit() else target, backend)


def photos_in(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in PHOTO_SUFFIXES)


def read_photo(path: Path) -> Picture:
    """Return 8 bits, BGR or gray. Raises CameraError for a file without a picture."""
    require_opencv()
    try:
        size = Path(path).stat().st_size
        if size > PHOTO_BYTES_MAX:
            raise NoPictureError(f"no video, and over {PHOTO_BYTES_MAX >> 20} MB for a photo")
        # On some systems cv2.imread does not accept every file name.
        data = np.fromfile(path, np.uint8)
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if size else None
    except OSError as error:
        raise CameraError(error.strerror or "the file can't be read") from None
    except cv2.error:
        picture = None
    if picture is None:
        raise NoPictureError("no photo or video that can be read")
    return np.asarray(picture, np.uint8)


class Stamps:
    """The time of each picture of a file, by the file's timestamps or else its frame rate."""

    def __init__(self, capture: Capture) -> None:
        fps = capture.get(cv2.CAP_PROP_FPS)
        self._step_ms = 1000 / fps if 0 < fps <= FPS_MAX else 1000 / 30
        self._capture = capture
        self._stamp_ms: float | None = None
        self._position_ms = 0.0

    def next_ms(self) -> float:
        """The position of the picture just read, 0 for the first. Call it once per picture."""
        before_ms, self._stamp_ms = self._stamp_ms, self._capture.get(cv2.CAP_PROP_POS_MSEC)
        if before_ms is not None:
            step_ms = self._stamp_ms - before_ms
            # Some containers have no timestamps, or nonsensical ones.
            self._position_ms += step_ms if 0 < step_ms <= STAMP_STEP_MAX_MS else self._step_ms
        return self._position_ms


def video_frames(path: Path) -> Iterator[tuple[float, Picture]]:
    """(seconds from the start, picture) for each frame. Raises CameraError if there are none."""
    capture = open_capture(Source(Kind.FILE, str(path)), CameraRequest())
    try:
        stamps = Stamps(capture)
        ok, picture = capture.read()
        if not ok:
            raise CameraError("no picture in this file can be read")
        # FRAME_COUNT can be wrong, so the film ends where reading fails.
        while ok:
            yield stamps.next_ms() / 1000, picture
            ok, picture = capture.read()
    finally:
        capture.release()


class FolderCapture:
    """Shows a folder of photos as a video: each for `photo_s`, at 10 frames a second."""

    def __init__(self, folder: Path, photo_s: float) -> None:
        self._frames = _show(photos_in(folder), max(1, round(photo_s * FOLDER_FPS)))
        self._count = 0

    def read(self) -> tuple[bool, Any]:
        picture = next(self._frames, None)
        self._count += picture is not None
        return picture is not None, picture

    def get(self, propId: int, /) -> float:
        """The position in ms, or the frame rate; 0 for anything else, as in OpenCV."""
        if propId == cv2.CAP_PROP_POS_MSEC:
            return max(0, self._count - 1) * 1000 / FOLDER_FPS
        return FOLDER_FPS if propId == cv2.CAP_PROP_FPS else 0.0

    def release(self) -> None:
        self._frames.close()


def _show(photos: list[Path], times: int) -> "Generator[Picture, None, None]":
    for photo in photos:
        try:
            picture = read_photo(photo)
        except CameraError:
            continue  # one broken photo must not end the show
        for _ in range(times):
            yield picture
