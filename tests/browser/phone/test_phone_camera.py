"""A phone's camera and its hand scanner: what is read, and what is said when nothing is."""

from typing import Any

import pytest

from kiosk.screen.texts import PHONE
from tests.browser.phone.film import film_text
from tests.browser.phone.phone_page import PhonePage
from tests.browser.phone.site import OWN, READY, Site
from tests.browser.phone.states import state
from tests.browser.phone.test_phone_answers import now_ms

VENDOR = OWN / "vendor/files/zxing/reader.mjs"
needs_reader = pytest.mark.skipif(
    not VENDOR.is_file(), reason="needs kiosk/browser/vendor: packaging/phone/fetch"
)


@pytest.fixture(autouse=True)
def door_starts(site: Site) -> None:
    site.on_start = READY


def open_door(phone: PhonePage) -> None:
    phone.load()
    phone.begin()
    phone.tell(state(now_ms()))
    phone.wait("a state", lambda: phone.text("hall"))


@needs_reader
def test_a_badge_before_the_camera_is_read(phone: PhonePage, site: Site) -> None:
    open_door(phone)
    phone.wait("the badge", lambda: any(seen["codes"] for seen in site.of("seen")))
    seen = next(seen for seen in site.of("seen") if seen["codes"])
    assert [code["text"] for code in seen["codes"]] == [film_text()]
    assert seen["codes"][0]["area"] > 10_000
    assert abs(seen["at"] - now_ms()) < 240_000
    phone.wait("a report", lambda: site.of("device"))
    assert site.of("device")[0]["camera"] in {"starting", "live"}


def camera_says(phone: PhonePage) -> str:
    return phone.text("state-camera")


def spoil_camera(phone: PhonePage, name: str) -> None:
    """Every request for a camera fails from the next page on."""
    script(
        phone,
        "navigator.mediaDevices.getUserMedia = () =>"
        f" Promise.reject(new DOMException('', '{name}'));",
    )


def script(phone: PhonePage, source: str) -> None:
    """Run a script in each new page, before its own scripts, until the end of the test."""
    guarded = f"if (navigator.mediaDevices) {{ {source} }}"  # an empty page has none
    command = "Page.addScriptToEvaluateOnNewDocument"
    scripts.append(phone.browser.execute_cdp_cmd(command, {"source": guarded})["identifier"])


scripts: list[str] = []
FAKE_CAMERA = """
window.light = 120;
window.wished = [];
navigator.mediaDevices.getUserMedia = async () => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 480 });
  const pen = canvas.getContext("2d");
  setInterval(() => {
    pen.fillStyle = `rgb(${light} ${light} ${light})`;
    pen.fillRect(0, 0, 640, 480);
  }, 100);
  const stream = canvas.captureStream();
  const [track] = stream.getTracks();
  track.getCapabilities = () => ({ torch: true, zoom: { min: 1, max: 4, step: 0.1 } });
  track.applyConstraints = async ({ advanced: [wish] }) => { wished.push(wish); };
  return stream;
};
"""


@pytest.fixture(autouse=True)
def mend_camera(phone_browser: Any) -> Any:
    yield
    while scripts:
        command = "Page.removeScriptToEvaluateOnNewDocument"
        phone_browser.execute_cdp_cmd(command, {"identifier": scripts.pop()})


FAULTS = {
    "NotAllowedError": "camera_denied",
    "NotReadableError": "camera_busy",
    "AbortError": "camera_busy",
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_camera_that_does_not_open_is_explained(phone: PhonePage, name: str) -> None:
    spoil_camera(phone, name)
    open_door(phone)
    expected = PHONE[FAULTS[name]]
    phone.wait("it", lambda: expected in camera_says(phone))
    assert expected in phone.text("picture-words")


def test_a_denied_camera_is_explained(phone: PhonePage) -> None:
    phone.permit("denied")
    open_door(phone)
    phone.wait("it", lambda: PHONE["camera_denied"] in camera_says(phone))
    assert phone.text("word") == "Camera lost"
    assert phone.text("reason") == "Until it works: send people to another door"


def test_a_phone_without_a_camera_waits_for_a_scanner(phone: PhonePage) -> None:
    spoil_camera(phone, "NotFoundError")
    open_door(phone)
    phone.wait("the scanner", lambda: "Hand scanner only" in camera_says(phone))
    assert phone.text("reason") == "Scan the code with the hand scanner"


def test_a_camera_that_opens_slowly_is_waited_for(phone: PhonePage, site: Site) -> None:
    """Its hand scanner is named once it was used."""
    script(phone, "navigator.mediaDevices.getUserMedia = () => new Promise(() => {});")
    open_door(phone)
    phone.wait("it", lambda: phone.text("word") == "Camera starting")
    assert (phone.text("reason"), phone.text("next")) == ("One moment", "")
    phone.scan(film_text())
    phone.wait("the scanner", lambda: phone.text("next") == "Scan the code with the hand scanner")
    assert site.of("post")


def fake_camera(phone: PhonePage) -> None:
    """A camera with a torch and a zoom, whose picture is as light as `light`, from the next page
    on.
    """
    script(phone, FAKE_CAMERA)


def test_a_covered_lens_is_noticed(phone: PhonePage) -> None:
    fake_camera(phone)
    open_door(phone)
    phone.wait("the camera", lambda: "works" in camera_says(phone))
    phone.script("window.light = 2")
    phone.wait("black", lambda: PHONE["camera_black"] in camera_says(phone))
    phone.script("window.light = 120")
    phone.wait("the camera", lambda: "works" in camera_says(phone))


def test_a_dark_picture_asks_for_light(phone: PhonePage) -> None:
    fake_camera(phone)
    open_door(phone)
    phone.script("window.light = 25")
    phone.wait("the hint", lambda: phone.text("picture-words") == PHONE["dark"])


def test_torch_and_zoom_are_there_if_the_camera_has_them(phone: PhonePage) -> None:
    open_door(phone)
    phone.wait("the camera", lambda: "works" in camera_says(phone))
    assert not phone.shown("#torch")
    fake_camera(phone)
    open_door(phone)
    phone.click("#torch")
    phone.wait("the torch", lambda: {"torch": True} in phone.script("return window.wished"))
    phone.wait(
        "its button",
        lambda: phone.script("return document.getElementById('torch').ariaPressed") == "true",
    )
    phone.click("#phone")
    phone.script(
        "const z = document.getElementById('zoom'); z.value = 2.5;"
        "z.dispatchEvent(new Event('input'));"
    )
    phone.wait("the zoom", lambda: {"zoom": 2.5} in phone.script("return window.wished"))
    open_door(phone)
    phone.wait("it again", lambda: {"zoom": 2.5} in phone.script("return window.wished"))


def test_a_stopped_camera_starts_again(phone: PhonePage) -> None:
    open_door(phone)
    phone.wait("the camera", lambda: "works" in camera_says(phone))
    phone.script(
        "const [t] = document.getElementById('picture').srcObject.getTracks();"
        "window.oldTrack = t.id; t.stop(); t.dispatchEvent(new Event('ended'));"
    )
    phone.wait(
        "another track",
        lambda: phone.script(
            "const [t] = document.getElementById('picture').srcObject?.getTracks() ?? [];"
            "return t && t.readyState === 'live' && t.id !== window.oldTrack"
        ),
    )
    phone.wait("the camera", lambda: "works" in camera_says(phone))


HIDE = """
const [hidden] = arguments;
Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
document.dispatchEvent(new Event("visibilitychange"));
"""


def test_a_hidden_page_frees_the_camera_and_asks_again(phone: PhonePage, site: Site) -> None:
    open_door(phone)
    phone.wait("the camera", lambda: "works" in camera_says(phone))
    phone.script(HIDE, True)
    phone.wait(
        "no camera", lambda: phone.script("return !document.getElementById('picture').srcObject")
    )
    phone.wait("the report", lambda: {"type": "hidden", "hidden": True} in site.of("hidden"))
    phone.script(HIDE, False)
    phone.wait("the camera", lambda: "works" in camera_says(phone))


def test_the_camera_is_chosen_and_remembered(phone: PhonePage) -> None:
    open_door(phone)
    phone.wait("the camera", lambda: "works" in camera_says(phone))
    phone.click("#phone")
    choose = (
        "const s = document.getElementById('camera-choice');"
        "s.value = arguments[0]; s.dispatchEvent(new Event('change'));"
    )
    phone.script(choose, "off")
    phone.wait("no camera", lambda: "Hand scanner only" in camera_says(phone))
    open_door(phone)
    phone.wait("no camera", lambda: "Hand scanner only" in camera_says(phone))
    phone.click("#phone")
    phone.script(choose, "")


def test_a_scanner_types_where_no_field_is_chosen(phone: PhonePage, site: Site) -> None:
    spoil_camera(phone, "NotFoundError")
    open_door(phone)
    phone.wait("the scanner", lambda: "Hand scanner only" in camera_says(phone))
    phone.scan(film_text())
    phone.wait("the text", lambda: site.of("post"))
    assert site.of("post")[0]["body"]["text"] == film_text()


def test_a_handheld_that_writes_into_the_field_is_read(phone: PhonePage, site: Site) -> None:
    """Some handhelds put the whole text into the focused field, then press Enter."""
    spoil_camera(phone, "NotFoundError")
    open_door(phone)
    phone.wait("the focus", lambda: phone.script("return document.activeElement.id") == "wedge")
    phone.script(
        "const f = document.getElementById('wedge'); f.value = arguments[0];"
        "f.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', bubbles: true}));",
        "no badge",
    )
    phone.wait("the text", lambda: site.of("post"))
    assert site.of("post")[0]["body"]["text"] == "no badge"
    assert phone.script("return document.getElementById('wedge').value") == ""


def test_one_scan_delivered_twice_is_one(phone: PhonePage, site: Site) -> None:
    open_door(phone)
    phone.scan(film_text())
    phone.scan(film_text())
    phone.scan("another code")
    phone.wait("the texts", lambda: len(site.of("post")) == 2)
    assert [post["body"]["text"] for post in site.of("post")] == [film_text(), "another code"]


def test_a_stuck_scanner_is_told(phone: PhonePage, site: Site) -> None:
    open_door(phone)
    for number in range(40):
        phone.scan(f"code number {number}")
    phone.wait("the notice", lambda: phone.text("notice") == PHONE["scanner_stuck"])
    assert len(site.of("post")) < 40
