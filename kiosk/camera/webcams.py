import sys
from pathlib import Path
from typing import NamedTuple

from kiosk.pictures import CameraError
from kiosk.texts.messages import Code, Message

WEBCAMS = Path("/sys/class/video4linux")
NONE_HERE = "No webcam is plugged in"
BY_NUMBER = "Webcams have names on Linux alone: choose one by its number, from 0 on"


class NoWebcamError(CameraError):
    pass


class Webcam(NamedTuple):
    """E.g. ("/dev/video0", "HD Webcam C270")."""

    device: str
    name: str

    def __str__(self) -> str:
        return f"{self.device} ({self.name})"


def list_webcams(webcams: Path = WEBCAMS) -> list[Webcam]:
    connected = []
    for entry in sorted(webcams.glob("video*"), key=lambda e: (len(e.name), e.name)):
        try:
            name = (entry / "name").read_text("utf-8", "replace").strip()
            first = (entry / "index").read_text("ascii", "replace").strip() == "0"
        except OSError:
            continue  # unplugged between listing and reading
        # A device's further entries carry no pictures.
        if first:
            connected.append(Webcam(f"/dev/{entry.name}", name))
    return connected


def find_webcam(text: str, webcams: Path = WEBCAMS) -> Webcam:
    """`text` is part of the name in any case. A full match takes precedence.

    Raises CameraError with the available ones, if none or several match.
    """
    wanted, connected = text.strip().casefold(), list_webcams(webcams)
    whole = [webcam for webcam in connected if webcam.name.casefold() == wanted]
    matches = whole or [webcam for webcam in connected if wanted in webcam.name.casefold()]
    if not matches:
        raise NoWebcamError(f"No webcam is called {text}", webcams_here(webcams))
    if len(matches) > 1:
        which = ", ".join(map(str, matches))
        raise CameraError(
            Message(Code.SEVERAL_WEBCAMS, n=len(matches), name=text),
            Message(Code.USE_MORE_OF_THE_NAME, which=which),
        )
    return matches[0]


def webcam_name(target: str, webcams: Path = WEBCAMS) -> str:
    """ "" if unknown."""
    device = f"/dev/video{target}" if target.isdigit() else target
    return next((webcam.name for webcam in list_webcams(webcams) if webcam.device == device), "")


def webcams_here(webcams: Path = WEBCAMS) -> str:
    names = ", ".join(map(str, list_webcams(webcams)))
    if names:
        return f"Webcams here: {names}"
    return NONE_HERE if sys.platform == "linux" else BY_NUMBER


def webcams_text(webcams: Path = WEBCAMS) -> str:
    """For the command `cameras`: one line per webcam."""
    connected = list_webcams(webcams)
    if not connected:
        return webcams_here(webcams) + "."
    return "\n".join(
        f"{webcam.device.removeprefix('/dev/video'):>3}  {webcam.device}  {webcam.name}"
        for webcam in connected
    )
