"""Requested and accepted settings of a webcam, with drivers that obey, differ, refuse and
forget.
"""

from typing import Any

import cv2
import pytest

from kiosk.camera.camera import Camera
from kiosk.camera.controls import (
    EVERY,
    LEVELS,
    SHORT_MS,
    CameraRequest,
    Hint,
    WebcamCapture,
    request_of,
)
from kiosk.camera.sources import Kind, Source
from kiosk.config.settings import KioskSettings
from tests.kiosk.support.pictures import noisy, plain

MJPG = cv2.VideoWriter.fourcc(*"MJPG")
YUYV = cv2.VideoWriter.fourcc(*"YUYV")


class Webcam:
    """A driver that stores values, except those that it `refuses` or `fixes`."""

    def __init__(
        self,
        *,
        refuses: tuple[int, ...] = (),
        fixes: dict[int, float] | None = None,
        backend: str = "V4L2",
        forgets: bool = False,
    ) -> None:
        self.values: dict[int, float] = {}
        self.told: list[tuple[int, float]] = []
        self.refuses, self.fixes, self.backend = refuses, fixes or {}, backend
        self.forgets = forgets
        self.released = False
        self.count = 0

    def set(self, prop: int, value: float) -> bool:
        self.told.append((prop, value))
        if prop in self.refuses:
            return False
        self.values[prop] = self.fixes.get(prop, value)
        return True

    def get(self, prop: int) -> float:
        return self.values.get(prop, -1.0)

    def read(self) -> tuple[bool, Any]:
        if self.forgets and not self.count:
            self.values.pop(cv2.CAP_PROP_EXPOSURE, None)
        self.count += 1
        return True, noisy(plain(100 + self.count % 7), 4)

    def release(self) -> None:
        self.released = True

    def getBackendName(self) -> str:
        return self.backend


def hints(webcam: Webcam, **wish: Any) -> dict[str, Hint]:
    return {hint.name: hint for hint in WebcamCapture(webcam, CameraRequest(**wish)).hints}


def test_it_asks_for_mjpg_first_then_size_and_rate() -> None:
    webcam = Webcam()
    results = hints(webcam, width=1920, height=1080, fps=60.0)
    assert webcam.told[0] == (cv2.CAP_PROP_FOURCC, MJPG)
    assert webcam.values[cv2.CAP_PROP_FRAME_WIDTH] == 1920
    assert results == {
        "size": Hint("size", "1920 × 1080", "1920 × 1080", True),
        "fps": Hint("fps", "60", "60", True),
        "format": Hint("format", "MJPG", "MJPG", True),
    }


def test_other_values_are_reported() -> None:
    fixes: dict[int, float] = {
        cv2.CAP_PROP_FRAME_WIDTH: 640,
        cv2.CAP_PROP_FRAME_HEIGHT: 480,
        cv2.CAP_PROP_FPS: 15,
        cv2.CAP_PROP_FOURCC: YUYV,
    }
    results = hints(Webcam(fixes=fixes))
    assert results["size"] == Hint("size", "1280 × 720", "640 × 480", False)
    assert results["fps"] == Hint("fps", "30", "15", False)
    assert results["format"] == Hint("format", "MJPG", "YUYV", False)


def test_a_driver_without_reports() -> None:
    class Silent(Webcam):
        def get(self, prop: int) -> float:
            return 0.0

    results = hints(Silent())
    assert [hint.got for hint in results.values()] == ["", "", ""]
    assert not any(hint.taken for hint in results.values())


def test_exposure_gain_and_focus_are_asked_in_the_drivers_units() -> None:
    webcam = Webcam()
    results = hints(webcam, exposure_ms=5, gain=64, focus=0)
    assert webcam.values[cv2.CAP_PROP_AUTO_EXPOSURE] == 1  # V4L2: manual
    assert webcam.values[cv2.CAP_PROP_EXPOSURE] == 50
    assert webcam.values[cv2.CAP_PROP_AUTOFOCUS] == 0
    assert results["exposure"] == Hint("exposure", "5 ms", "5 ms", True)
    assert results["gain"] == Hint("gain", "64", "64", True)
    assert results["focus"] == Hint("focus", "0", "0", True)


def test_automatic_is_requested_too_because_a_webcam_keeps_its_settings() -> None:
    webcam = Webcam(refuses=())
    results = hints(webcam, exposure_ms="auto", focus="auto")
    assert webcam.values[cv2.CAP_PROP_AUTO_EXPOSURE] == 3
    assert webcam.values[cv2.CAP_PROP_AUTOFOCUS] == 1
    assert results["exposure"] == Hint("exposure", "auto", "", True)
    assert results["focus"] == Hint("focus", "auto", "", True)
    assert cv2.CAP_PROP_EXPOSURE not in webcam.values


def test_nothing_is_requested_without_a_setting() -> None:
    webcam = Webcam()
    hints(webcam)
    asked = {prop for prop, _ in webcam.told}
    assert not asked & {
        cv2.CAP_PROP_AUTO_EXPOSURE, cv2.CAP_PROP_EXPOSURE, cv2.CAP_PROP_GAIN,
        cv2.CAP_PROP_AUTOFOCUS, cv2.CAP_PROP_FOCUS,
    }  # fmt: skip


REFUSED: dict[str, tuple[Webcam, str]] = {
    "refused": (Webcam(refuses=(cv2.CAP_PROP_EXPOSURE,)), ""),
    "something else": (Webcam(fixes={cv2.CAP_PROP_EXPOSURE: 312}), "31.2 ms"),
    "another system's units": (Webcam(backend="MSMF"), ""),
}


@pytest.mark.parametrize(("webcam", "got"), REFUSED.values(), ids=REFUSED.keys())
def test_an_exposure_that_is_not_accepted_is_reported(webcam: Webcam, got: str) -> None:
    assert hints(webcam, exposure_ms=5.0)["exposure"] == Hint("exposure", "5 ms", got, False)


def test_a_focus_or_gain_that_the_camera_does_not_have() -> None:
    webcam = Webcam(refuses=(cv2.CAP_PROP_FOCUS, cv2.CAP_PROP_AUTOFOCUS, cv2.CAP_PROP_GAIN))
    results = hints(webcam, gain=10, focus=20)
    assert results["gain"] == Hint("gain", "10", "", False)
    assert results["focus"] == Hint("focus", "20", "", False)
    assert hints(webcam, focus="auto")["focus"] == Hint("focus", "auto", "", False)


def test_a_webcam_that_forgets_when_its_pictures_begin_is_asked_again() -> None:
    webcam = Webcam(forgets=True)
    capture = WebcamCapture(webcam, CameraRequest(exposure_ms=8))
    capture.read()
    capture.read()
    assert webcam.values[cv2.CAP_PROP_EXPOSURE] == 80
    assert [value for prop, value in webcam.told if prop == cv2.CAP_PROP_EXPOSURE] == [80, 80]
    assert capture.hints[-1].taken
    capture.release()
    assert webcam.released


def test_the_cameras_status_has_the_accepted_values() -> None:
    webcam, wish = Webcam(), CameraRequest(exposure_ms=8)
    source = Source(Kind.WEBCAM, "0")
    with Camera(source, wish, open_capture=lambda _, w: WebcamCapture(webcam, w)) as camera:
        assert camera.latest(0, 5) is not None
        results = {hint.name: hint for hint in camera.status.hints}
    assert results["exposure"] == Hint("exposure", "8 ms", "8 ms", True)
    assert results["size"].taken


def test_the_settings_are_the_wish() -> None:
    settings = KioskSettings(
        camera_width=1920,
        camera_height=1080,
        camera_fps=60,
        camera_exposure_ms=6.5,
        camera_gain=3,
        camera_focus="auto",
    )
    assert request_of(settings) == CameraRequest(1920, 1080, 60, 6.5, 3, "auto")
    assert request_of(KioskSettings()) == CameraRequest()


class LitWebcam(Webcam):
    """Its pictures are as light as exposure, gain and the hall make them."""

    def __init__(self, light: float, gains: tuple[float, float] = (10, 100)) -> None:
        super().__init__()
        self.light, self.gains = light, gains
        self.values[cv2.CAP_PROP_GAIN] = gains[0]

    def set(self, prop: int, value: float) -> bool:
        if prop == cv2.CAP_PROP_GAIN:
            value = min(max(value, self.gains[0]), self.gains[1])
        return super().set(prop, value)

    @property
    def exposure_ms(self) -> float:
        return self.values[cv2.CAP_PROP_EXPOSURE] / 10

    @property
    def level(self) -> float:
        return min(255.0, self.light * self.exposure_ms * self.values[cv2.CAP_PROP_GAIN])

    def read(self) -> tuple[bool, Any]:
        return True, plain(round(self.level))


def watched(webcam: LitWebcam) -> LitWebcam:
    capture = WebcamCapture(webcam, CameraRequest(exposure_ms="short"))
    assert any(hint == Hint("exposure", "short", "6 ms", True) for hint in capture.hints)
    for _ in range(40 * EVERY):
        capture.read()
    return webcam


def test_in_good_light_a_short_exposure_stays() -> None:
    webcam = watched(LitWebcam(light=2.0))
    assert (webcam.exposure_ms, webcam.values[cv2.CAP_PROP_GAIN]) == (SHORT_MS, 10)


def test_in_little_light_the_gain_rises_before_the_exposure() -> None:
    webcam = watched(LitWebcam(light=0.5))
    assert LEVELS[0] <= webcam.level <= LEVELS[1]
    assert webcam.exposure_ms == SHORT_MS
    webcam.light = 0.05
    watched(webcam)
    assert webcam.values[cv2.CAP_PROP_GAIN] == 100
    assert webcam.exposure_ms > SHORT_MS


def test_in_much_light_the_gain_falls_before_the_exposure() -> None:
    webcam = LitWebcam(light=0.05)
    capture = WebcamCapture(webcam, CameraRequest(exposure_ms="short"))
    for light in (0.05, 20.0):
        webcam.light = light
        for _ in range(40 * EVERY):
            capture.read()
    assert webcam.values[cv2.CAP_PROP_GAIN] == 10
    assert webcam.exposure_ms < SHORT_MS


def test_a_short_exposure_has_an_end() -> None:
    webcam = watched(LitWebcam(light=0.0))
    assert webcam.exposure_ms == 33
