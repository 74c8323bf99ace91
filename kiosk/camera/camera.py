"""Grabs the door's pictures in a thread, and reconnects a lost camera.

Only the newest picture is kept (`latest`). `status` reports faults.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, Self

from kiosk.camera.controls import CameraRequest, Hint, WebcamCapture
from kiosk.camera.freeze import FROZEN_S, REOPEN_S, Freeze
from kiosk.camera.sources import Capture, Source, Stamps, open_capture
from kiosk.pictures import CameraError, Picture, require_opencv, to_gray
from kiosk.texts.messages import Code, Message, as_message

# A live camera without pictures for this long is lost, so that staff read it within 2 s.
STALLED_S = 1.25
BACK_OFF_S = (0.25, 2.0)  # first and longest pause between attempts to open a lost camera
JOIN_S = 10.0


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture. `captured_at` is monotonic seconds."""

    number: int  # increases with each picture, also after a reconnection
    picture: Picture
    captured_at: float

    @cached_property
    def gray(self) -> Picture:
        return to_gray(self.picture)


@dataclass(frozen=True)
class CameraStatus:
    """The camera's state. `message` is the fault for staff, None while all is well."""

    state: Literal["starting", "live", "lost", "ended"] = "starting"
    message: Message | None = None
    width: int = 0
    height: int = 0
    fps_measured: float = 0.0
    frames: int = 0
    hints: tuple[Hint, ...] = ()  # requests to a webcam, with the values that it accepted


class Camera:
    """A running camera. Use it as a context manager, or call `start` and `close`."""

    def __init__(
        self,
        source: Source,
        request: CameraRequest | None = None,
        *,
        loop: bool = False,
        open_capture: Callable[[Source, CameraRequest], Capture] = open_capture,
        clock: Callable[[], float] = time.monotonic,
        frozen_s: float = FROZEN_S,
        reopen_s: tuple[float, float] = REOPEN_S,
        back_off_s: tuple[float, float] = BACK_OFF_S,
    ) -> None:
        """With `loop` a file or folder starts again at its end. Raises CameraError without
        OpenCV.
        """
        require_opencv()
        self.source = source
        self.request = request or CameraRequest()
        self._loop = loop
        self._open = open_capture
        self._clock = clock
        self._freeze = Freeze(frozen_s, reopen_s)
        self._back_off_s = back_off_s
        self._changed = threading.Condition()  # guards the four fields below
        self._frame: Frame | None = None
        self._status = CameraStatus()
        self._times: deque[float] = deque(maxlen=31)
        self._closed = False
        self._hints: tuple[Hint, ...] = ()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)

    def start(self) -> Self:
        self._thread.start()
        return self

    def close(self) -> None:
        """Release the device, and wake waiters in `latest`."""
        self._stop.set()
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def latest(self, after: int, timeout_s: float) -> Frame | None:
        """The newest frame with a number above `after`, or None after `timeout_s`."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._has(after), timeout_s)
            return self._frame if self._has(after) else None

    def _has(self, after: int) -> bool:
        return self._frame is not None and self._frame.number > after

    @property
    def status(self) -> CameraStatus:
        """Correct even if its driver hangs and blocks the thread."""
        with self._changed:
            status, times = self._status, tuple(self._times)
        if status.state != "live" or not self.source.live or not times:
            return status
        silence_s = self._clock() - times[-1]
        if silence_s < STALLED_S:
            return status
        message = Message(Code.NO_PICTURE_FOR, n=round(silence_s))
        return replace(status, state="lost", message=message)

    def _run(self) -> None:
        pause_s = self._back_off_s[0]
        while not self._stop.is_set():
            before = self._status.frames
            problem = self._attend()
            flowed = self._status.frames > before
            if not self.source.live:
                if problem or not flowed:
                    nothing = Message(Code.GIVES_NO_PICTURE, camera=self.source.label)
                    self._say("ended", problem or nothing)
                    return
                if not self._loop:
                    self._say("ended", None)
                    return
                continue
            self._say("lost", problem)
            if flowed:
                pause_s = self._back_off_s[0]
            self._stop.wait(pause_s)
            pause_s = min(pause_s * 2, self._back_off_s[1])

    def _attend(self) -> Message | None:
        """Open the source and publish its pictures until they stop. Returns the reason, or None at
        the end of a file.
        """
        try:
            capture = self._open(self.source, self.request)
        except CameraError as error:
            return error.message
        except Exception as error:
            # Drivers may raise anything, and the door must not stay blind.
            return self._failed(Code.CANT_OPEN_WHY, error)
        try:
            return self._play(capture)
        except Exception as error:
            # Drivers again. The text may contain a URL with a password, so only the type is shown.
            return self._failed(Code.CAMERA_FAILED, error)
        finally:
            capture.release()

    def _failed(self, code: Code, error: Exception) -> Message:
        return Message(code, camera=self.source.label, why=as_message(type(error).__name__))

    def _play(self, capture: Capture) -> Message | None:
        pace = None if self.source.live else Pace(capture, self._clock)
        self._freeze.opened(self._clock())
        stalled = True  # the first picture may take longer
        while not self._stop.is_set():
            asked_at = self._clock()
            ok, picture = capture.read()
            if not ok or picture is None or picture.ndim not in (2, 3) or not picture.size:
                return Message(Code.NO_PICTURE) if self.source.live else None
            if pace is not None:
                self._stop.wait(pace.wait_s())
            elif stalled := self._clock() - asked_at >= STALLED_S and not stalled:
                # The picture is as old as the wait: a decoder returns its last one when it gives
                # up.
                continue
            elif self._freeze.holds(picture, now := self._clock()):
                message = self._freeze.message
                if self._freeze.is_hopeless(now):
                    return message
                self._say("lost", message)
                # the next picture may differ, which ends the freeze
                continue
            if isinstance(capture, WebcamCapture):
                self._hints = capture.hints
            self._publish(picture)
        return None

    def _publish(self, picture: Picture) -> None:
        now = self._clock()
        height, width = picture.shape[:2]
        with self._changed:
            number = self._status.frames + 1
            self._frame = Frame(number, picture, now)
            self._times.append(now)
            span_s = now - self._times[0]
            fps = (len(self._times) - 1) / span_s if span_s > 0 else 0.0
            self._status = CameraStatus(
                "live", None, width, height, round(fps, 1), number, self._hints
            )
            self._changed.notify_all()

    def _say(self, state: Literal["lost", "ended"], message: Message | None) -> None:
        with self._changed:
            self._times.clear()
            self._status = replace(self._status, state=state, message=message, fps_measured=0.0)
            self._changed.notify_all()


class Pace:
    def __init__(self, capture: Capture, clock: Callable[[], float]) -> None:
        self._stamps = Stamps(capture)
        self._clock = clock
        self._started_at: float | None = None

    def wait_s(self) -> float:
        """Seconds until the picture just read is due; 0 if late."""
        position_s = self._stamps.next_ms() / 1000
        if self._started_at is None:
            self._started_at = self._clock()
        return max(0.0, self._started_at + position_s - self._clock())
