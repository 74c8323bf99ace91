"""The desk takes a photo with a webcam, which here is Chromium's own picture of one."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from badges.credential.badge_number import badge_number
from tests.browser.conftest import ALONE, FLAGS
from tests.browser.desk.place import Keyboard, desk_place

CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


@pytest.fixture
def with_camera() -> Iterator[object]:
    from tests.browser.page import webdriver

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("needs chromium and chromedriver: apt-get install chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, *ALONE, *CAMERA):
        options.add_argument(flag)
    options.accept_insecure_certs = True
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield started
    finally:
        started.quit()


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
        assert "The photo is kept" in clerk.text
        (kept,) = (place.site.event.path / "cards/photos").iterdir()
        with Image.open(kept) as image:
            assert (kept.name, image.format) == (f"{number}.jpg", "JPEG")
            assert len(image.getcolors(1_000_000) or []) > 100  # no empty frame
        assert shown(clerk, ".photo svg, .photo img")


def press(clerk: Keyboard, css: str) -> None:
    clerk.browser.execute_script("document.querySelector(arguments[0]).click()", css)


def shown(clerk: Keyboard, css: str) -> bool:
    script = "return !!document.querySelector(arguments[0])?.getClientRects().length"
    return bool(clerk.browser.execute_script(script, css))
