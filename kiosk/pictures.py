"""OpenCV, loaded once, silent, and with a clear error where a library of the system is missing.

Other modules take `cv2` from here: so the kiosk starts, and says what is wrong, even where OpenCV
can't be loaded.
"""

import os

from kiosk.texts.messages import Code, Message, as_message

__all__ = ["CameraError", "NoPictureError", "cv2", "missing_opencv", "require_opencv"]

# A stranger's broken file must not write on the steward's terminal, and a dead webcam must be
# noticed in 3 s instead of 10. OpenCV reads these while it is imported; what is set already stays.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "3")

_failure: ImportError | None = None
try:
    import cv2
except ImportError as error:
    cv2 = None  # type: ignore[assignment]
    _failure = error


class CameraError(Exception):
    """No picture can be had: what is wrong, and what to do ("" if nothing)."""

    def __init__(self, problem: str | Message, remedy: str | Message = "") -> None:
        message = as_message(problem)
        if remedy:
            message = Message(Code.REMEDY, problem=message, remedy=as_message(remedy))
        super().__init__(str(message))
        self.message = message
        self.remedy = str(remedy)


class NoPictureError(CameraError):
    """The file can be opened, but holds no picture that can be read."""


def require_opencv() -> None:
    """Raise CameraError, with the package to install, where OpenCV can't be loaded."""
    if _failure is not None:
        raise missing_opencv(_failure)


def missing_opencv(failure: ImportError) -> CameraError:
    """The error that says how to mend an `import cv2` that failed."""
    if isinstance(failure, ModuleNotFoundError):
        return CameraError("OpenCV isn't installed", "pip install 'hallkeeper[kiosk]'")
    return CameraError(
        f"OpenCV can't be loaded ({failure})",
        "apt install libgl1 libglib2.0-0t64 (libglib2.0-0 on older systems)",
    )
