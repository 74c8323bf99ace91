"""A film for Chromium's fake camera, as YUV4MPEG2."""

from pathlib import Path

import numpy as np

from tests.kiosk.support.door_fixture import badge
from tests.kiosk.support.pictures import hall, held_up, symbol

SERIAL = 0x51
FPS = 10
HALL_FRAMES, BADGE_FRAMES = 10, 20


def film_text() -> str:
    """The text of the film's badge."""
    return badge(SERIAL)


def write_film(path: Path, *pictures: "np.ndarray") -> Path:
    """Write these gray pictures, or the hall and then a held badge."""
    shown = held_up(symbol(film_text()), 5)
    frames = list(pictures) or [hall()] * HALL_FRAMES + [shown] * BADGE_FRAMES
    height, width = frames[0].shape
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F{FPS}:1 Ip A1:1 C420jpeg\n".encode())
        for frame in frames:
            file.write(b"FRAME\n" + frame.tobytes())
            file.write(bytes([128]) * (2 * (height // 2) * (width // 2)))
    return path
