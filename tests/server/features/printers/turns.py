"""A job's print as a test sees it, and a small card to print."""

import time

from PIL import Image, ImageDraw

from server.features.printers.drivers.driver import Sheet, StoppedError
from server.features.printers.states import Status


class FakeTurn:
    """Records a driver's reports, and gives up when the test wants it."""

    def __init__(self, *, gives_up: bool = True) -> None:
        self.gives_up = gives_up
        self.sent: list[str] = []
        self.stood: list[Status] = []
        self.on_standing = lambda: None
        self.on_sending = lambda: None
        self.on_waiting = lambda: None
        self.stopped = False

    def sending(self, remote: str) -> None:
        self.sent.append(remote)
        self.on_sending()

    def wait(self, seconds: float) -> None:
        if self.stopped:
            raise StoppedError
        self.on_waiting()
        time.sleep(min(seconds, 0.01))

    def stands_still(self, status: Status) -> bool:
        self.stood.append(status)
        self.on_standing()
        return self.gives_up


def picture(dpi: float, size_mm: tuple[float, float] = (101.6, 76.2)) -> Image.Image:
    """A frame and a bar: every rotation or mirroring changes it."""
    image = Image.new("L", tuple(round(mm / 25.4 * dpi) for mm in size_mm), 255)
    drawing = ImageDraw.Draw(image)
    drawing.rectangle((10, 10, image.width // 2, 30), fill=0)
    drawing.rectangle((10, 10, 20, image.height - 40), fill=60)
    drawing.rectangle((image.width - 60, 50, image.width - 20, 60), fill=200)
    return image


def sheet(size_mm: tuple[float, float] = (101.6, 76.2)) -> Sheet:
    """A card without a person. Its PDF is valid only in its first bytes."""
    return Sheet(
        "0042", size_mm, lambda: b"%PDF-1.7 a card\n%%EOF\n", lambda dpi: picture(dpi, size_mm)
    )
