"""A server with printers on loopback, and a clerk who works at its badge desk by keyboard only."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.core.people import attendees
from server.core.staff import users
from server.features.desk.pages import forms
from server.features.printers import store
from server.features.printers.states import PrinterState
from server.features.printers.store import PrinterPlan
from server.web import auth
from tests.browser.page import Page
from tests.server.features.printers.fake_ipp import FakeIpp
from tests.server.features.printers.virtual_zpl import VirtualZpl
from tests.server.support.signing import sign_in
from tests.system.support.site import LiveSite, now_ms, site, wait_for

WAIT_S = 240.0  # on a busy machine
DESK = "North 2"
VENUE = '[[hall]]\ncode = "hall"\nname = "Hall"\ncapacity = 10\n'
DELEGATE = 1
NAMED = (
    ("子衿", "柳", "海事大学", "CN"),
    ("伟", "王", "上海港务集团", "CN"),
    ("伟", "王", "清华大学", "CN"),
    ("გიორგი", "ბერიძე", "Tbilisi Port", "GE"),
    ("Zoë", "Müller-Lüdenscheidt", "Harbour Pilots", "DE"),
    ("ปรียา", "สุขใจ", "Laem Chabang Terminals", "TH"),
    ("أحمد", "الحداد", "Port of Alexandria", "EG"),
)


@dataclass
class Place:
    site: LiveSite
    zpl: VirtualZpl
    ipp: FakeIpp
    printers: dict[str, int]
    _token: str = ""

    @property
    def address(self) -> str:
        return f"https://localhost:{self.site.port}"

    def only(self, name: str) -> None:
        """Let only one printer serve the desk."""
        for printer, number in self.printers.items():
            desks = (DESK,) if printer == name else ("Elsewhere",)
            self._change(number, desks)

    def both(self) -> None:
        for number in self.printers.values():
            self._change(number, (DESK,))

    def none(self) -> None:
        for number in self.printers.values():
            self._change(number, ("Elsewhere",))

    def _change(self, number: int, desks: tuple[str, ...]) -> None:
        from dataclasses import replace

        plan = store.printer(self.site.database.reader, number).plan
        new = replace(plan, desks=desks)
        self.site.write(lambda db: store.change(db, number, new, by="test", now=now_ms()))

    def ready(self) -> bool:
        with self.site.database.reading() as db:
            return all(printer.state is PrinterState.READY for printer in store.printers(db))

    def sign_in(self, browser: Any) -> None:
        """Give the browser a clerk's session and a desk."""
        self._token = self._token or self._signed_in()
        browser.execute_cdp_cmd("Network.enable", {})
        for key, value in ((auth.COOKIE, self._token), (forms.COOKIE, "North%202")):
            cookie = {"name": key, "value": value, "url": self.address, "secure": True, "path": "/"}
            browser.execute_cdp_cmd("Network.setCookie", cookie)

    def _signed_in(self) -> str:
        """A clerk's token. Checking a password takes as long as a test."""
        password = "harbour lights over calm water"
        name = f"clerk-{os.urandom(3).hex()}"
        hashed = users.hash_password(password)
        self.site.write(
            lambda db: users.add_user(db, name, "badge_desk", hashed, by="test", now=now_ms())
        )
        _, token = sign_in(self.site.database, name, password, now=now_ms())
        return token


@contextmanager
def desk_place(
    path: Path, people: int, *, label_s: float = 0.1, photos: bool = False
) -> Iterator[Place]:
    """Serve an event whose desk prints on a label printer and an IPP printer. With `photos` it also
    takes photos.
    """
    with ExitStack() as stack:
        zpl = VirtualZpl(takes_s=label_s)
        stack.callback(zpl.close)
        ipp = FakeIpp()
        stack.callback(ipp.close)
        forum = stack.enter_context(site(path, VENUE, people))
        plans = (
            PrinterPlan("Zebra", zpl.address, "zpl", "4x3in", dpi=203, desks=(DESK,)),
            PrinterPlan("Laser", ipp.address, "ipp", "a6", dpi=300, place=1, desks=(DESK,)),
        )
        numbers = {}
        for plan in plans:
            numbers[plan.name] = forum.write(
                lambda db, plan=plan: store.add(db, plan, by="test", now=now_ms())
            )
        for given, family, organisation, country in NAMED:
            values = {
                "given_name": given, "family_name": family, "organisation": organisation,
                "country": country, "category": DELEGATE, "language": "en",
            }  # fmt: skip
            forum.write(
                lambda db, values=values: attendees.add_attendee(
                    db, values, by="test", now=now_ms(), random=os.urandom
                )
            )
        place = Place(forum, zpl, ipp, numbers)
        if photos:
            (forum.event.path / "cards/photos").mkdir(parents=True)
            (forum.event.path / "cards/cards.toml").write_text('photos = "photos"\n')
            settings = forum.event.path / "event.toml"
            text = settings.read_text("utf-8")
            assert "desk_photo = false" in text
            settings.write_text(text.replace("desk_photo = false", "desk_photo = true"), "utf-8")
            if forum.server.alive:
                forum.server.stop()
        if not forum.server.alive:
            forum.start_server()
        wait_for("the printers", place.ready)
        yield place


class Keyboard:
    """Works at the desk with keys only."""

    def __init__(self, browser: Any, place: Place) -> None:
        self.browser = browser
        self.place = place

    def go(self, path: str = "/desk/") -> None:
        self.browser.get(self.place.address + path)

    def key(self, text: str, key: str = "", code: int = 0) -> None:
        event: dict[str, Any] = {"key": key or text}
        if text:
            event["text"] = text
        if code:
            event["windowsVirtualKeyCode"] = code
        self.browser.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyDown", **event})
        self.browser.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyUp", **event})

    def type(self, text: str, key_s: float = 0.0) -> None:
        for char in text:
            self.key(char)
            if key_s:
                time.sleep(key_s)

    def enter(self) -> None:
        self.key("\r", "Enter", 13)

    def tab(self) -> None:
        self.key("", "Tab", 9)

    def escape(self) -> None:
        self.key("", "Escape", 27)

    def down(self) -> None:
        self.key("", "ArrowDown", 40)

    def space(self) -> None:
        self.key(" ", " ", 32)

    @property
    def page(self) -> str:
        script = "return document.readyState === 'complete' ? document.body.dataset.page : ''"
        return str(self.browser.execute_script(script))

    @property
    def text(self) -> str:
        return str(self.browser.execute_script("return document.body.innerText"))

    @property
    def focused(self) -> str:
        script = "const a = document.activeElement; return a.id || a.name || a.textContent.trim()"
        return str(self.browser.execute_script(script))

    def wait(self, event: str, check: Callable[[], object], timeout_s: float = WAIT_S) -> float:
        began = time.monotonic()
        while not check():
            waited = time.monotonic() - began
            assert waited < timeout_s, f"waited {timeout_s} s for {event}: {self.text}"
            time.sleep(0.01)
        return time.monotonic() - began

    def at(self, page: str) -> None:
        self.wait(f"the page {page}", lambda: self.page == page)

    def hits(self) -> list[str]:
        script = "return [...document.querySelectorAll('#hits b')].map((b) => b.textContent)"
        return list(self.browser.execute_script(script))

    def guarded(self) -> None:
        """Wait while a page ignores a second Enter of the same hand."""
        script = "return document.body.dataset.ready === 'yes'"
        self.wait("the page's guard", lambda: self.browser.execute_script(script))

    def shot(self, name: str, *sizes: tuple[int, int]) -> None:
        """Keep pictures for a tablet and a phone in HALLKEEPER_SHOTS, if set."""
        page = Page.of(self.browser)
        for size in sizes or ((390, 800), (1024, 768)):
            page.resize(size)
            wide = self.browser.execute_script(
                "return document.documentElement.scrollWidth - innerWidth"
            )
            assert wide <= 1, f"{name} is {wide} px wider than {size[0]}"
            page.shot(f"desk-{name}")
