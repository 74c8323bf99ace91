"""The desk takes a photo with a webcam, here Chromium's own fake."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from badges.credential.badge_number import badge_number
from tests.browser.desk.place import Keyboard, desk_place
from tests.browser.engine.chromium import end, start

CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


@pytest.fixture
def with_camera() -> Iterator[object]:
    started = start(*CAMERA, trusts_any=True)
    try:
        yield started
    finally:
        end(started)


def test_a_photo_by_webcam(with_camera: object, tmp_path: Path) -> None:
    with desk_place(tmp_path, 3, photos=True) as place:
        place.sign_in(with_camera)
        clerk = Keyboard(with_camera, place)
        number = badge_number(place.site.serial(1))
        clerk.go(f"/desk/person/{number}/photo")
        press(clerk, "[data-start]")
        clerk.wait("the camera", lambda: shown(clerk, "[data-shoot]"))
        press(clerk, "[data-shoot]")
        clerk.wait("the photo", lambda: shown(clerk, "canvas"))
        clerk.shot("photo")
        press(clerk, "form[data-act] .big")
        clerk.at("person")
        assert "The photo is saved" in clerk.text
        (kept,) = (place.site.event.path / "cards/photos").iterdir()
        with Image.open(kept) as image:
            assert (kept.name, image.format) == (f"{number}.jpg", "JPEG")
            assert len(image.getcolors(1_000_000) or []) > 100  # not an empty frame
        assert shown(clerk, ".photo svg, .photo img")


def press(clerk: Keyboard, css: str) -> None:
    clerk.browser.execute_script("document.querySelector(arguments[0]).click()", css)


def shown(clerk: Keyboard, css: str) -> bool:
    script = "return !!document.querySelector(arguments[0])?.getClientRects().length"
    return bool(clerk.browser.execute_script(script, css))
