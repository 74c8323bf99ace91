from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from kiosk.config.settings import KioskSettings
from kiosk.pictures import Picture, cv2

Auto = Literal["auto"]
Exposure = Literal["auto", "short"]

V4L2 = "V4L2"
V4L2_MANUAL = 1
# Webcams have aperture priority (3). A few others have only full automatic (0).
V4L2_AUTO = (3, 0)
EXPOSURES_PER_MS = 10  # V4L2 exposure is in 0.1 ms
# Cameras have coarse steps, so an accepted value may differ by a tenth.
CLOSE = 0.1
# An exposure that is "short" changes by the pictures. In little light the gain rises first: noise
# is easier to read than the blur of a badge in motion.
SHORT_MS = 6.0
SHORT_RANGE_MS = (1.0, 33.0)
LEVELS = (70.0, 150.0)  # a mean gray level between these needs no change
STEP = 1.4
EVERY = 10  # pictures between two changes, because webcams show them late
THIN = 16  # one pixel of so many each way is judged


@dataclass(frozen=True)
class CameraRequest:
    """Settings requested from a live camera. It may choose others, so sizes are taken from the
    pictures.

    None leaves a setting unchanged. If there is enough light, a short exposure (5 ms) improves
    reading of moving badges more than any decoder. "short" lets the kiosk choose exposure and gain
    by the pictures (with V4L2).
    """

    width: int = 1280
    height: int = 720
    fps: float = 30.0
    exposure_ms: float | Exposure | None = None
    gain: float | None = None  # in the camera's own units
    focus: float | Auto | None = None  # in the camera's own units; on most cameras 0 is far
    photo_s: float = 2.0  # how long each photo of a folder is shown


@dataclass(frozen=True)
class Hint:
    """A setting requested from a webcam, and the value that it reports. `got` is "" if it reports
    none.
    """

    name: Literal["size", "fps", "format", "exposure", "gain", "focus"]
    asked: str
    got: str
    taken: bool


class Adjustable(Protocol):
    """The part of cv2.VideoCapture that controls webcams."""

    def read(self) -> tuple[bool, Any]: ...
    def get(self, propId: int, /) -> float: ...
    def set(self, propId: int, value: float, /) -> bool: ...
    def release(self) -> None: ...
    def getBackendName(self) -> str: ...


def request_of(settings: KioskSettings) -> CameraRequest:
    return CameraRequest(
        width=settings.camera_width,
        height=settings.camera_height,
        fps=settings.camera_fps,
        exposure_ms=settings.camera_exposure_ms,
        gain=settings.camera_gain,
        focus=settings.camera_focus,
    )


class WebcamCapture:
    """A webcam with requested settings. `hints` are the results."""

    def __init__(self, capture: Adjustable, request: CameraRequest) -> None:
        self._capture = capture
        self._request = request
        # The format comes first: uncompressed 1280 x 720 gives at most 10 pictures a second over
        # USB 2.
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, request.width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, request.height)
        capture.set(cv2.CAP_PROP_FPS, request.fps)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        self._shown = False
        self._short: ShortExposure | None = None
        self.hints = _hints(capture, request)

    def read(self) -> tuple[bool, Any]:
        ok, picture = self._capture.read()
        if ok and not self._shown:
            # Many webcams forget their exposure when the pictures begin, so it is set now.
            self._shown = True
            self.hints = _hints(self._capture, self._request)
            if self._request.exposure_ms == "short":
                self._short = ShortExposure(self._capture)
        if ok and self._short is not None:
            self._short.see(picture)
        return ok, picture

    def get(self, propId: int, /) -> float:
        return self._capture.get(propId)

    def release(self) -> None:
        self._capture.release()


class ShortExposure:
    """Keeps the exposure as short as the light allows. A camera's own automatic lengthens it."""

    def __init__(self, capture: Adjustable) -> None:
        self._capture = capture
        self._exposure_ms = SHORT_MS
        self._least_gain = capture.get(cv2.CAP_PROP_GAIN)
        self._pictures = 0

    def see(self, picture: Picture) -> None:
        """Change the exposure or the gain by a step if the picture is too dark or too bright."""
        self._pictures += 1
        if self._pictures % EVERY or not picture.size:
            return
        level = float(picture[::THIN, ::THIN].mean())
        if level < LEVELS[0] and (self._exposure_ms < SHORT_MS or not self._raise_gain()):
            self._expose(self._exposure_ms * STEP)
        elif level > LEVELS[1] and (self._exposure_ms > SHORT_MS or not self._lower_gain()):
            self._expose(self._exposure_ms / STEP)

    def _expose(self, wanted_ms: float) -> None:
        self._exposure_ms = min(max(wanted_ms, SHORT_RANGE_MS[0]), SHORT_RANGE_MS[1])
        self._capture.set(cv2.CAP_PROP_EXPOSURE, self._exposure_ms * EXPOSURES_PER_MS)

    def _raise_gain(self) -> bool:
        """Whether the camera has a higher gain."""
        gain = self._capture.get(cv2.CAP_PROP_GAIN)
        self._capture.set(cv2.CAP_PROP_GAIN, max(gain * STEP, gain + 1))
        return self._capture.get(cv2.CAP_PROP_GAIN) > gain

    def _lower_gain(self) -> bool:
        gain = self._capture.get(cv2.CAP_PROP_GAIN)
        if gain <= self._least_gain:
            return False
        self._capture.set(cv2.CAP_PROP_GAIN, max(gain / STEP, self._least_gain))
        return self._capture.get(cv2.CAP_PROP_GAIN) < gain


def _hints(capture: Adjustable, request: CameraRequest) -> tuple[Hint, ...]:
    return _frame_hints(capture, request) + _light_hints(capture, request)


def _frame_hints(capture: Adjustable, request: CameraRequest) -> tuple[Hint, ...]:
    width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
    fps, code = capture.get(cv2.CAP_PROP_FPS), int(capture.get(cv2.CAP_PROP_FOURCC))
    fourcc = "".join(chr(code >> shift & 0xFF) for shift in (0, 8, 16, 24)) if code > 0 else ""
    fourcc = fourcc if fourcc.isascii() and fourcc.isprintable() else ""
    same_size = (int(width), int(height)) == (request.width, request.height)
    return (
        Hint("size", _size(request.width, request.height), _size(width, height), same_size),
        Hint("fps", f"{request.fps:g}", f"{fps:g}" if fps > 0 else "", _close(fps, request.fps)),
        Hint("format", "MJPG", fourcc, fourcc == "MJPG"),
    )


def _light_hints(capture: Adjustable, request: CameraRequest) -> tuple[Hint, ...]:
    hints = []
    if request.exposure_ms is not None:
        hints.append(_exposure(capture, request.exposure_ms))
    if request.gain is not None:
        hints.append(_value(capture, cv2.CAP_PROP_GAIN, "gain", request.gain))
    if request.focus == "auto":
        hints.append(Hint("focus", "auto", "", capture.set(cv2.CAP_PROP_AUTOFOCUS, 1)))
    elif request.focus is not None:
        capture.set(cv2.CAP_PROP_AUTOFOCUS, 0)
        hints.append(_value(capture, cv2.CAP_PROP_FOCUS, "focus", request.focus))
    return tuple(hints)


def _exposure(capture: Adjustable, wanted: float | Exposure) -> Hint:
    asked = wanted if isinstance(wanted, str) else f"{wanted:g} ms"
    # Other back ends have units that differ between cameras.
    if capture.getBackendName() != V4L2:
        return Hint("exposure", asked, "", False)
    if wanted == "auto":
        taken = any(capture.set(cv2.CAP_PROP_AUTO_EXPOSURE, mode) for mode in V4L2_AUTO)
        return Hint("exposure", asked, "", taken)
    capture.set(cv2.CAP_PROP_AUTO_EXPOSURE, V4L2_MANUAL)
    exposure_ms = SHORT_MS if wanted == "short" else wanted
    hint = _value(capture, cv2.CAP_PROP_EXPOSURE, "exposure", exposure_ms * EXPOSURES_PER_MS)
    got = f"{capture.get(cv2.CAP_PROP_EXPOSURE) / EXPOSURES_PER_MS:g} ms" if hint.got else ""
    return replace(hint, asked=asked, got=got)


def _value(
    capture: Adjustable, prop: int, name: Literal["exposure", "gain", "focus"], wanted: float
) -> Hint:
    accepted = capture.set(prop, wanted)
    got = capture.get(prop)
    reported = accepted or got > 0  # properties that the camera lacks read 0 or -1
    taken = accepted and _close(got, wanted)
    return Hint(name, f"{wanted:g}", f"{got:g}" if reported else "", taken)


def _close(got: float, wanted: float) -> bool:
    return abs(got - wanted) <= max(1.0, wanted * CLOSE)


def _size(width: float, height: float) -> str:
    return f"{int(width)} × {int(height)}" if width > 0 and height > 0 else ""
