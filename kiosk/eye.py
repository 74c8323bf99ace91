"""The loop at the door's camera: picture, code, presentation, answer."""

import logging
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

from kiosk.camera.camera import Camera, CameraStatus, Frame
from kiosk.camera.motion import Looks
from kiosk.camera.preview import preview_jpeg
from kiosk.camera.quality import judge
from kiosk.camera.report import CameraReport, View
from kiosk.camera.sources import Kind
from kiosk.camera.webcams import webcam_name
from kiosk.reader.notices import (
    DARK,
    GLARE,
    TOO_NEAR,
    TURNED_AWAY,
    TWO_BADGES,
    UNREADABLE,
    Notice,
    Notices,
)
from kiosk.reader.obstacles import Obstacle
from kiosk.reader.presentation import (
    Nearest,
    Presentations,
    ReadRate,
    SeenCode,
    badges_in_view,
)
from kiosk.reader.reader import Reader, Sighting
from kiosk.texts.messages import Message

log = logging.getLogger(__name__)

FRAME_WAIT_S = 0.25
STATUS_S = 0.25  # between two updates of the status
TEST_WIDTH = 960  # of the picture on the test page, in pixels
LOOKS_KEPT = 60
NOTICES: Mapping[Obstacle, Message] = {
    "unreadable": UNREADABLE,
    "dark": DARK,
    "near": TOO_NEAR,
    "steep": TURNED_AWAY,
    "glare": GLARE,
}


class Door(Protocol):
    def present(self, text: str, captured_at: float | None = None) -> object: ...

    def show_status(self) -> None: ...


class Eye:
    """Watches one camera at one door. `preview`, `report` and other queries are thread-safe."""

    def __init__(
        self,
        camera: Camera,
        door: Door,
        *,
        on_notice: Callable[[Notice], None] = lambda notice: None,
    ) -> None:
        """`on_notice` gets a message about the camera's view, or None when it is over."""
        self._camera = camera
        self._door = door
        self._reader = Reader()
        self._looks = Looks()
        self.presentations = Presentations()
        self._nearest = Nearest()
        self._rate = ReadRate()
        self._notices = Notices(on_notice)
        self._view: View | None = None
        # start in seconds, duration in ms
        self._looked: deque[tuple[float, float]] = deque(maxlen=LOOKS_KEPT)

    def watch(self, stop: threading.Event, *, until_end: bool = False) -> None:
        """Watch until `stop` is set or, with `until_end`, a file camera has ended."""
        after, told_at = 0, 0.0
        while not stop.is_set():
            frame = self._camera.latest(after, FRAME_WAIT_S)
            if frame is not None:
                after = frame.number
                self._look(frame)
            elif until_end and self._camera.status.state == "ended":
                return
            if time.monotonic() - told_at >= STATUS_S:
                told_at = time.monotonic()
                self._notices.pass_time(told_at)
                self._door.show_status()

    def _look(self, frame: Frame) -> None:
        """Read a picture and present the nearest code. No picture may stop the door."""
        try:
            if not self._looks.is_due(frame.picture, frame.captured_at):
                return
            began = time.monotonic()
            sightings = self._reader.read(frame.gray)
            self._looked.append((began, (time.monotonic() - began) * 1000))
            self._take(frame, sightings)
        except Exception as error:
            # the next picture may be good
            log.error("a picture failed: %s", type(error).__name__)

    def _take(self, frame: Frame, sightings: list[Sighting]) -> None:
        at_s = frame.captured_at
        codes = [SeenCode(sighting.text, sighting.area) for sighting in sightings]
        taken = self._nearest.choose(codes, at_s)
        chosen = [s for s in sightings if taken is not None and s.text == taken.text]
        others = [s for s in sightings if s not in chosen]
        self._view = View(frame, tuple(s.corners for s in chosen + others))
        if taken is not None and self.presentations.present(taken.text, at_s):
            began = time.monotonic()
            self._door.present(taken.text, at_s)
            # The holder may have waited for a place with the badge in view.
            self.presentations.present(taken.text, at_s + time.monotonic() - began)
        # The answer is on disk. The rest only informs staff.
        self._rate.count_frame(at_s, bool(codes) or self._located, {code.text for code in codes})
        self._notices.see(self._notice(codes), time.monotonic(), read=bool(codes))

    @property
    def _located(self) -> bool:
        return self._reader.located > 0 or self._reader.hint not in (None, "dark")

    def _notice(self, codes: list[SeenCode]) -> Notice:
        if badges_in_view(codes) > 1:
            return TWO_BADGES
        if codes:
            return None
        hint = self._reader.hint
        return None if hint is None else NOTICES[hint]

    def preview(self) -> bytes | None:
        """The newest picture for the staff's page: small, in colour, with the taken code framed."""
        view = self._view
        return None if view is None else preview_jpeg(view.frame.picture, view.outlines[:1])

    def test_picture(self) -> bytes | None:
        """The newest picture, with a frame around every code."""
        view = self._view
        if view is None:
            return None
        return preview_jpeg(view.frame.gray, view.outlines, width=TEST_WIDTH)

    @property
    def camera_status(self) -> CameraStatus:
        return self._camera.status

    def read_rate(self) -> float | None:
        """The share of codes in view in the last minute that were read."""
        return self._rate.rate(time.monotonic())

    def report(self) -> CameraReport:
        now = time.monotonic()
        looked = [(at_s, ms) for at_s, ms in list(self._looked) if now - at_s <= 2.0]
        span_s = looked[-1][0] - looked[0][0] if len(looked) > 1 else 0.0
        per_s = (len(looked) - 1) / span_s if span_s > 0 else 0.0
        look_ms = statistics.median(ms for _, ms in looked) if looked else 0.0
        shown, read = self._rate.counts(now)
        view, source = self._view, self._camera.source
        is_webcam = source.kind is Kind.WEBCAM
        return CameraReport(
            kind=source.kind,
            target=source.address,
            name=webcam_name(source.target) if is_webcam else "",
            asked=self._camera.request if is_webcam else None,
            status=self._camera.status,
            judged=None if view is None else judge(view.frame.gray, next(iter(view.outlines), ())),
            looks_per_s=round(per_s, 1),
            look_ms=round(look_ms, 1),
            codes=0 if view is None else len(view.outlines),
            shown=shown,
            read=read,
        )
