"""Defines what a picture is, and loads OpenCV once. OpenCV stays silent, and where it is missing
there is a clear error.

Other modules take `cv2` from here. So the kiosk starts, and says what is wrong, even where OpenCV
can't be loaded.
"""

import os
from typing import Any, TypeAlias

import numpy as np

from kiosk.texts.messages import Code, Message, as_message

# A stranger's broken file must not write on the steward's terminal, and a dead webcam must be
# noticed in 3 s instead of 10. OpenCV reads these variables while it is imported. What is set
# already stays.
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

# Its shape is (height, width, 3) in the order BGR, or it is gray.
Picture: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]


class CameraError(Exception):
    """Is raised where no picture can be had. It says what is wrong, and what to do ("" if
    nothing).
    """

    def __init__(self, problem: str | Message, remedy: str | Message = "") -> None:
        message = as_message(problem)
        if remedy:
            message = Message(Code.REMEDY, problem=message, remedy=as_message(remedy))
        super().__init__(str(message))
        self.message = message
        self.remedy = str(remedy)


class NoPictureError(CameraError):
    """Is raised where the file can be opened, but holds no picture that can be read."""


def require_opencv() -> None:
    """Raise CameraError, with the package to install, where OpenCV can't be loaded."""
    if _failure is not None:
        raise missing_opencv(_failure)


def missing_opencv(failure: ImportError) -> CameraError:
    """Return the error that says how to mend an `import cv2` that failed."""
    if isinstance(failure, ModuleNotFoundError):
        return CameraError(
            "OpenCV isn't installed", "pip install '.[kiosk]' in Hallkeeper's folder"
        )
    return CameraError(
        f"OpenCV can't be loaded ({failure})",
        "apt install libgl1 libglib2.0-0t64 (libglib2.0-0 on older systems)",
    )


def to_gray(picture: "np.ndarray[Any, Any]") -> Picture:
    """Make a gray 8-bit picture from BGR, BGRA, gray or 16 bits. Raises ValueError for anything
    else.
    """
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
