"""What stands before a phone's door is open, and every sentence when it can't be."""

import pytest

from kiosk.screen.texts import PHONE, WORDS
from tests.browser.engine.axe import faults, turn
from tests.browser.phone.phone_page import LYING, SIZES, UPRIGHT, PhonePage
from tests.browser.phone.site import READY, Site, files
from tests.browser.phone.states import state
from tests.browser.phone.test_phone_answers import now_ms, photograph

NEEDS = sorted(
    key.removeprefix("need_")
    for key in PHONE
    if key.startswith("need_") and not key.endswith("_next")
)
AGAIN = {"storage", "network", "files"}
RELOAD = {"engine", "reload", "other_tab"}


@pytest.fixture(autouse=True)
def door_starts(site: Site) -> None:
    site.on_start = READY
    site.publish(files())


def test_a_tap_opens_the_door_and_its_camera(phone: PhonePage, site: Site) -> None:
    phone.permit("prompt")
    phone.load()
    phone.wait_for("#begin-do")
    assert not site.of("device")
    phone.permit("granted")
    phone.begin()
    phone.tell(state(now_ms()))
    phone.wait(
        "the camera", lambda: phone.script("return document.getElementById('picture').videoWidth")
    )
    phone.wait("its report", lambda: site.of("device"))


def test_an_allowed_camera_needs_no_tap(phone: PhonePage) -> None:
    phone.load()
    phone.wait("the door", lambda: not phone.shown("#begin"))


def test_a_code_is_sent_once_and_leaves_the_address(phone: PhonePage, site: Site) -> None:
    phone.load(fragment="HKE1%20SECRET")
    assert site.of("start")[0]["code"] == "HKE1 SECRET"
    assert phone.script("return location.href") == site.url
    phone.load()
    assert "code" not in site.of("start")[0]


def test_progress_and_six_words_are_shown(phone: PhonePage, site: Site) -> None:
    six = "river lamp stone eagle north copper"
    site.on_start = [{"type": "progress", "step": "python", "done": 3, "of": 4}]
    phone.load()
    bar = "return document.getElementById('begin-progress').value"
    phone.wait("the bar", lambda: phone.script(bar) == 0.75)
    phone.tell({"type": "words", "six": six})
    phone.wait("the words", lambda: phone.text("begin-six") == six)
    assert phone.text("begin-guests") == PHONE["not_yet"]
    for size in SIZES:
        phone.resize(size)
        phone.holds_all()
        photograph(phone, "enrolment", "en", size)
    phone.resize(UPRIGHT)
    phone.tell({"type": "ready", "meta": {}})
    phone.wait("the door", lambda: not phone.shown("#begin"))


@pytest.mark.parametrize("what", NEEDS)
def test_each_need_says_what_to_do(phone: PhonePage, site: Site, what: str, axe: str) -> None:
    site.on_start = [{"type": "need", "what": what}]
    phone.load()
    phone.wait("it", lambda: phone.text("begin-word") == PHONE[f"need_{what}"])
    assert phone.text("begin-next") == PHONE[f"need_{what}_next"]
    assert phone.text("begin-guests") == WORDS["not_here"]
    for language in ("en", "zh"):
        if language == "zh":
            phone.resize(UPRIGHT)
            phone.click("#begin-language")
        for size in SIZES:
            phone.resize(size)
            phone.holds_all()
            photograph(phone, f"need_{what}", language, size)
    for size in (UPRIGHT, LYING):
        phone.resize(size)
        for scheme in ("light", "dark"):
            turn(phone.browser, scheme)
            assert faults(phone.browser, axe) == [], (what, size, scheme)
    assert phone.shown("#begin-do") == (what in AGAIN | RELOAD)


@pytest.mark.parametrize("what", sorted(AGAIN))
def test_a_need_is_tried_again(phone: PhonePage, site: Site, what: str) -> None:
    site.on_start = [{"type": "need", "what": what}]
    phone.load(fragment="CODE")
    phone.wait_for("#begin-do")
    site.on_start = READY
    phone.click("#begin-do")
    phone.wait("the door", lambda: not phone.shown("#begin"))
    assert [message["code"] for message in site.of("start")] == ["CODE", "CODE"]


def test_a_text_of_the_server_is_shown(phone: PhonePage, site: Site) -> None:
    message = {"en": "Phones are off for this event.", "zh": "本活动不用手机。"}
    site.on_start = [{"type": "need", "what": "new_code", "message": message}]
    phone.load()
    phone.wait("it", lambda: phone.text("begin-next") == message["en"])
    assert phone.text("begin-next-2") == message["zh"]


def test_a_door_that_ends_later_is_no_door(phone: PhonePage, site: Site) -> None:
    phone.load()
    phone.wait("the door", lambda: not phone.shown("#begin"))
    phone.tell({"type": "need", "what": "fenced"})
    phone.wait("the end", lambda: phone.shown("#begin"))


def test_a_door_that_fails_asks_for_a_new_page(phone: PhonePage, site: Site) -> None:
    phone.load()
    phone.wait("the door", lambda: not phone.shown("#begin"))
    phone.tell({"type": "failed", "text": "RuntimeError"})
    phone.wait_for("#begin-do")
    starts = len(site.of("start"))
    phone.click("#begin-do")
    phone.wait("the new page", lambda: len(site.of("start")) > starts)


def test_a_silent_door_lets_nobody_in(phone: PhonePage, site: Site) -> None:
    phone.load()
    phone.wait("the door", lambda: not phone.shown("#begin"))
    phone.tell(state(now_ms()))
    phone.wait("the door's life", lambda: not phone.shown("#lost"))
    phone.tell({"type": "beats", "on": False})
    phone.wait_for("#lost")
    assert phone.text("lost-word") == PHONE["lost"]
    for size in SIZES:
        phone.resize(size)
        photograph(phone, "lost", "en", size)
    assert not phone.script(
        "return document.getElementById('direction').checkVisibility({visibilityProperty: true})"
    )
    phone.tell({"type": "beats", "on": True})
    phone.wait("its return", lambda: not phone.shown("#lost"))
    phone.tell({"type": "beats", "on": False})
    phone.wait_for("#lost-reload")
    starts = len(site.of("start"))
    phone.click("#lost-reload")
    phone.wait("the new page", lambda: len(site.of("start")) > starts)


def test_a_door_that_stays_silent_starts_again_and_says_so(phone: PhonePage, site: Site) -> None:
    site.publish(files(silence_ms=2_000))
    phone.load()
    phone.wait("the door", lambda: not phone.shown("#begin"))
    site.on_start = []
    starts = len(site.of("start"))
    phone.tell({"type": "beats", "on": False})
    phone.wait("the new page", lambda: len(site.of("start")) > starts)
    phone.wait("the reason", lambda: phone.text("begin-next") == PHONE["restarting_why"])
    assert phone.text("begin-guests") == PHONE["not_yet"]
    for size in (UPRIGHT, LYING):
        phone.resize(size)
        photograph(phone, "restarting", "en", size)
    phone.tell(READY[0])
    phone.wait("the door", lambda: not phone.shown("#begin"))
    site.on_start = READY
    phone.load()
    phone.wait("the door", lambda: not phone.shown("#begin"))


def test_a_door_that_waits_for_a_person_may_be_silent(phone: PhonePage, site: Site) -> None:
    site.publish(files(silence_ms=500))
    site.on_start = [{"type": "need", "what": "code"}]
    phone.load()
    phone.tell({"type": "beats", "on": False})
    phone.wait("it", lambda: phone.text("begin-word") == PHONE["need_code"])
    ticks = "self.ticks = 0; setInterval(() => { self.ticks += 1; }, 500)"
    phone.script(ticks)
    phone.wait("four looks", lambda: phone.script("return self.ticks") >= 4)
    assert len(site.of("start")) == 1


# The starts of a worker that gives no sign of life.
SILENT = {"nothing": b"", "a file that does not come": b'import "./held.mjs";'}


@pytest.mark.parametrize("worker", SILENT)
def test_a_worker_that_never_speaks_is_started_again(
    phone: PhonePage, site: Site, worker: str
) -> None:
    site.held.add("held.mjs")
    parts = files(silence_ms=1_000)
    site.publish({**parts, "worker.mjs": SILENT[worker], "held.mjs": b""})
    open_without_door(phone)
    phone.wait("the reason", lambda: phone.text("begin-next") == PHONE["restarting_why"])
    site.publish(parts)
    phone.wait("the door", lambda: not phone.shown("#begin"))


def test_a_page_without_a_file_starts_again(phone: PhonePage, site: Site) -> None:
    """Its own words say what to do, because none of its other scripts runs."""
    parts = files(silence_ms=1_000)
    site.publish({name: part for name, part in parts.items() if name != "panel.mjs"})
    open_without_door(phone)
    phone.wait("its words", lambda: phone.text("begin-next") == PHONE["loading_why"])
    pages = site.asked.count("/door/")
    phone.wait("the new page", lambda: site.asked.count("/door/") > pages)
    site.publish(parts)
    phone.wait("the door", lambda: not phone.shown("#begin"))
    phone.log()  # the missing file


def test_a_worker_without_a_file_is_tried_again(phone: PhonePage, site: Site) -> None:
    site.publish({**files(), "worker.mjs": b'import "./missing.mjs";'})
    open_without_door(phone)
    phone.wait("it", lambda: phone.text("begin-word") == PHONE["need_files"])
    assert phone.text("begin-next") == PHONE["need_files_next"]
    site.publish(files())
    phone.wait("the door", lambda: not phone.shown("#begin"))
    phone.log()  # the missing file


def test_a_first_start_whose_network_is_cut_goes_on_by_itself(phone: PhonePage, site: Site) -> None:
    site.publish(files(silence_ms=1_000))
    site.on_start = [{"type": "progress", "step": "storage", "done": 1, "of": 4}]
    phone.load(fragment="CODE")
    phone.tell({"type": "beats", "on": False})
    site.away = True
    phone.wait("it", lambda: phone.text("begin-word") == PHONE["need_files"])
    site.on_start = READY
    site.away = False
    phone.wait("the door", lambda: not phone.shown("#begin"))
    assert site.of("start")[-1]["code"] == "CODE"
    phone.log()  # requests without a network


def open_without_door(phone: PhonePage) -> None:
    phone.browser.get("about:blank")
    phone.browser.get(phone.url)
