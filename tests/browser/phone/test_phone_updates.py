"""The service worker and the rule of updates."""

import itertools

import pytest

from tests.browser.phone.phone_page import PhonePage
from tests.browser.phone.site import READY, Site, files
from tests.browser.phone.states import answer, state
from tests.browser.phone.test_phone_answers import now_ms

versions = itertools.count(2)
RUNNING = "return document.querySelector('meta[name=hallkeeper-files]').content.split('/').at(-2)"
IN_USE = """
const done = arguments[arguments.length - 1];
caches.match("/door/in-use").then((kept) => kept?.json()).then((version) => done(version ?? null));
"""
ONLINE = "dispatchEvent(new Event('online'))"
IDLE = {"type": "idle", "update_allowed": True}


@pytest.fixture(autouse=True)
def as_before(site: Site) -> object:
    site.on_start = READY
    site.publish(files())
    yield
    site.away = False
    site.broken.clear()


def open_door(phone: PhonePage) -> None:
    phone.load()
    phone.begin()
    phone.tell(state(now_ms()))
    phone.wait("idle", lambda: phone.tone == "idle")


def in_use(phone: PhonePage) -> str | None:
    version: str | None = phone.browser.execute_async_script(IN_USE)
    return version


def store(phone: PhonePage, site: Site) -> str:
    """Open the door and wait until its version is kept."""
    open_door(phone)
    phone.wait("the kept version", lambda: in_use(phone) == site.version)
    return site.version


def publish_next(site: Site) -> str:
    css = site.files["door.css"] + f"\n/* version {next(versions)} */\n".encode()
    return site.publish({**files(), "door.css": css})


def test_the_door_opens_without_a_network(phone: PhonePage, site: Site) -> None:
    store(phone, site)
    # The page's traffic with its fake door goes to the same server, which is here again for that.
    asked = len(site.asked)
    phone.load()
    phone.begin()
    fetched = [path for path in site.asked[asked:] if path.startswith("/door/")]
    assert set(fetched) <= {
        "/door/service_worker.mjs",
        "/door/files.json",
        "/door/manifest.webmanifest",
    }


def test_a_file_with_other_bytes_is_not_kept(phone: PhonePage, site: Site) -> None:
    version = store(phone, site)
    newer = publish_next(site)
    site.broken.add("door.css")
    phone.script(ONLINE)
    phone.wait("the attempt", lambda: f"/door/files/{newer}/door.css" in site.asked)
    phone.tell(IDLE)
    phone.wait("the door's life", lambda: phone.script(RUNNING) == version)
    assert in_use(phone) == version
    site.broken.clear()
    phone.wait("the update", lambda: phone.look_again() or phone.script(RUNNING) == newer)
    phone.log()  # the browser's own complaint about that file


def test_an_update_waits_for_the_queue_and_the_answer(phone: PhonePage, site: Site) -> None:
    version = store(phone, site)
    newer = publish_next(site)
    phone.click("#phone")
    phone.script(ONLINE)
    phone.wait("the offer", lambda: "new version" in phone.text("phone-facts"))
    phone.click("#phone-close")
    phone.tell({"type": "idle", "update_allowed": False})
    now = now_ms()
    phone.show(state(now, answer("admit", now), shown=5), "admit")
    phone.tell(IDLE)  # an answer is on the screen
    phone.tell(state(now, answer("admit", now - 60_000), shown=5))
    phone.wait("a state later", lambda: phone.script(RUNNING) == version)
    assert in_use(phone) == version
    phone.wait("the end of the answer", lambda: phone.tone == "idle")
    phone.tell(IDLE)
    phone.wait("the update", lambda: phone.script(RUNNING) == newer)
    assert in_use(phone) == newer


def test_only_changed_files_are_fetched(phone: PhonePage, site: Site) -> None:
    store(phone, site)
    asked = len(site.asked)
    newer = publish_next(site)
    phone.script(ONLINE)
    phone.wait("the update", lambda: phone.tell(IDLE) or phone.script(RUNNING) == newer)
    fetched = {p for p in site.asked[asked:] if p.startswith(f"/door/files/{newer}/")}
    assert fetched == {f"/door/files/{newer}/door.css"}


def test_an_admin_s_wish_is_followed_at_once(phone: PhonePage, site: Site) -> None:
    store(phone, site)
    newer = publish_next(site)
    phone.script("Object.defineProperty(performance, 'now', { value: () => Date.now() })")
    phone.tell(state(now_ms(), update=True))
    phone.wait("the update", lambda: phone.tell(IDLE) or phone.script(RUNNING) == newer)


def test_a_version_that_does_not_start_is_tried_once(phone: PhonePage, site: Site) -> None:
    """A page that still runs its old version after an update does not load itself for ever."""
    version = store(phone, site)
    newer = publish_next(site)
    phone.script("sessionStorage.setItem('hallkeeper-taken', arguments[0])", newer)
    starts = len(site.of("start"))
    phone.script(ONLINE)
    phone.wait("the look", lambda: f"/door/files/{newer}/door.css" in site.asked)
    for _ in range(3):
        phone.tell(IDLE)
    phone.wait("the door's life", lambda: phone.tone == "idle")
    assert phone.script(RUNNING) == version
    assert len(site.of("start")) == starts
