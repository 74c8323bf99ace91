"""The type of pictures, and the one import of OpenCV.

Other modules import `cv2` from here. So the kiosk starts without OpenCV, and reports a clear
error.
"""

import os
from typing import Any, TypeAlias

import numpy as np

from kiosk.texts.messages import Code, Message, as_message

# A stranger's broken file must not write to the steward's terminal, and a dead webcam must be
# noticed in 3 s instead of 10. OpenCV reads these variables on import. Values set already are kept.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "3")

_failure: ImportError | None = None
try:
    import cv2 as _opencv
except ImportError as error:
    _opencv = None  # type: ignore[assignment]
    _failure = error
cv2 = _opencv

# (height, width, 3) in BGR, or gray (height, width)
Picture: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]


class CameraError(Exception):
    """No picture is available. The text has the problem, and the remedy if there is one."""

    def __init__(self, problem: str | Message, remedy: str | Message = "") -> None:
        message = as_message(problem)
        if remedy:
            message = Message(Code.REMEDY, problem=message, remedy=as_message(remedy))
        super().__init__(str(message))
        self.message = message
        self.remedy = str(remedy)


class NoPictureError(CameraError):
    """The file can be opened, but has no readable picture."""


def require_opencv() -> None:
    """Raises CameraError, with the remedy, if OpenCV can't be loaded."""
    if _failure is not None:
        raise missing_opencv(_failure)


def missing_opencv(failure: ImportError) -> CameraError:
    if isinstance(failure, ModuleNotFoundError):
        return CameraError("OpenCV isn't installed", "install Hallkeeper with its extra kiosk")
    return CameraError(
        f"OpenCV can't be loaded ({failure})",
        "apt install libgl1 libglib2.0-0t64 (libglib2.0-0 on older systems)",
    )


def to_gray(picture: "np.ndarray[Any, Any]") -> Picture:
    """Convert BGR, BGRA, gray or 16 bits to gray 8 bits. Raises ValueError for anything else."""
    if picture.dtype == np.uint16:
        picture = (picture >> 8).astype(np.uint8)
    if picture.dtype != np.uint8 or picture.ndim not in (2, 3):
        raise ValueError(f"no picture: {picture.dtype} of {picture.ndim} dimensions")
    if picture.ndim == 2:
        return picture
    if picture.size == 0 or picture.shape[2] == 1:
        return picture[:, :, 0] if picture.shape[2] else picture.reshape(picture.shape[0], 0)
    codes = {3: cv2.COLOR_BGR2GRAY, 4: cv2.COLOR_BGRA2GRAY}
    if picture.shape[2] not in codes:
        raise ValueError(f"no picture: {picture.shape[2]} channels")
    return np.asarray(cv2.cvtColor(picture, codes[picture.shape[2]]), np.uint8)
