"""Reports on the camera and the reader, in words and pictures, for the camera's test page.

Made on request in the page's thread, so the door's loop never waits.
"""

from dataclasses import dataclass

from kiosk.camera.camera import CameraStatus, Frame
from kiosk.camera.controls import CameraRequest
from kiosk.camera.quality import Judgement
from kiosk.camera.sources import Kind

Corners = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class View:
    """One picture, and the outlines of the codes read in it, first the code that the door took."""

    frame: Frame
    outlines: tuple[Corners, ...]


@dataclass(frozen=True)
class CameraReport:
    """`judged` is None before the first picture."""

    kind: Kind
    # A number, a path, or an address without its password.
    target: str
    name: str  # Linux's name for it; "" if unknown
    asked: CameraRequest | None  # None for files and streams
    status: CameraStatus
    judged: Judgement | None
    looks_per_s: float
    look_ms: float  # median duration of the last readings of a picture
    codes: int  # codes read in the last picture
    shown: int  # codes in view in the last minute
    read: int  # how many of those were read
