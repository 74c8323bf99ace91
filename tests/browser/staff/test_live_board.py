"""The board over its real feed: a server process, doors that send scans, and a browser with
server-sent events.
"""

import socket
import ssl
from collections.abc import Iterator
from typing import Any

import pytest

from badges.places.account import NoPlaceError
from badges.wire import wire
from server.core.muster import muster
from server.core.staff import users
from server.web import auth, i18n
from tests.bench.load.kiosk import LoadKiosk, signed_request
from tests.bench.load.load import enrol_all, venue
from tests.browser.page import Page
from tests.browser.staff.test_board import halls, offered
from tests.browser.staff.test_staff_pages import WIDE
from tests.server.support.signing import sign_in
from tests.system.support.site import LiveSite, now_ms, wait_for

HALLS, PEOPLE = 3, 90
LIVE = "return document.getElementById('live-status').classList.contains('good')"


class Forum:
    """The server, two doors of each hall, and people who have not come yet."""

    def __init__(self, site: LiveSite) -> None:
        self.site = site
        self.doors = [LoadKiosk(door) for door in enrol_all(site, HALLS * 2, HALLS)]
        rows = site.query("SELECT serial FROM attendee ORDER BY serial")
        self.people = iter([row[0] for row in rows])
        self.token = self._signed_in()
        site.start_server()

    def _signed_in(self) -> str:
        password = users.make_password()
        hashed = users.hash_password(password)
        self.site.write(
            lambda db: users.add_user(db, "board", "steward", hashed, by="test", now=now_ms())
        )
        _, token = sign_in(self.site.database, "board", password, now=now_ms())
        self.site.write(lambda db: db.execute("UPDATE staff_user SET must_change = 0"))
        self.site.database.give_back()
        return token

    def enter(self, hall: int, people: int) -> None:
        """Let people in by the hall's doors, which report to the server over TLS as kiosks do."""
        kiosks = [kiosk for kiosk in self.doors if kiosk.door.hall == hall]
        for serial in [next(self.people) for _ in range(people)]:
            wait_for("a place", lambda serial=serial: self._have_let_in(kiosks, serial))
        for kiosk in kiosks:
            self._tell(kiosk)

    def _have_let_in(self, kiosks: list[LoadKiosk], serial: int) -> bool:
        for kiosk in kiosks:
            try:
                kiosk.enter(serial)
            except NoPlaceError:
                self._tell(kiosk)  # Each door has some of the hall's places, and asks for others.
            else:
                return True
        return False

    def _tell(self, kiosk: LoadKiosk) -> None:
        while kiosk.take(wire.decode(self._post(kiosk), wire.ScanAnswer)):
            pass

    def _post(self, kiosk: LoadKiosk) -> bytes:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        body = wire.encode(kiosk.batch())
        plain = socket.create_connection(("127.0.0.1", self.site.port), 10)
        with context.wrap_socket(plain) as link, link.makefile("rb") as answer:
            link.sendall(signed_request(kiosk.door, "POST", "/api/scans", body))
            head = b"".join(iter(answer.readline, b"\r\n")).lower()
            length = head.partition(b"content-length:")[2].split()[0]
            rest = answer.read(int(length))
            assert b" 200 " in head.splitlines()[0], rest
            return rest

    def open(self, browser: Any, query: str) -> Page:
        address = f"https://127.0.0.1:{self.site.port}"
        browser.get(f"{address}/admin/sign-in")
        browser.add_cookie(
            {"name": auth.COOKIE, "value": self.token, "path": "/", "secure": True,
             "httpOnly": True}
        )  # fmt: skip
        browser.get(f"{address}/admin/?{query}")
        page = Page.of(browser).resize(WIDE)
        page.wait("the feed", lambda: page.script(LIVE))
        return page


@pytest.fixture(scope="module")
def forum(tmp_path_factory: pytest.TempPathFactory, browser: Any) -> Iterator[Forum]:
    site = LiveSite(tmp_path_factory.mktemp("live"), venue(40, HALLS), PEOPLE)
    try:
        yield Forum(site)
        browser.get("about:blank")  # Its feed ends before the server does.
    finally:
        site.close()


def inside(page: Page, hall: int) -> str:
    return page.script(
        "return document.querySelector(`#hall-${arguments[0]} .inside b`).textContent", hall
    )


def first(page: Page) -> int:
    return int(halls(page)[0])


def test_halls_are_sorted_anew_by_what_the_feed_brings(forum: Forum, browser: Any) -> None:
    page = forum.open(browser, "sort=fill&view=tiles")
    last = int(halls(page)[-1])
    forum.enter(last, 10)
    page.wait("the number", lambda: inside(page, last) == "10")
    page.wait("the order", lambda: first(page) == last)
    assert not offered(page)
    # A focused hall does not move, but its numbers update.
    before = halls(page)
    fuller = int(before[-1])
    page.script(f"document.querySelector('#hall-{before[0]} a').focus()")
    forum.enter(fuller, 20)
    page.wait("the number", lambda: inside(page, fuller) == "20")
    page.wait("the offer", lambda: offered(page))
    assert halls(page) == before
    page.at("#sort-now").click()
    assert first(page) == fuller
    assert not offered(page)


def test_a_board_in_another_order_is_told_and_not_sorted(forum: Forum, browser: Any) -> None:
    page = forum.open(browser, "sort=name&view=tiles")
    before = halls(page)
    last = int(before[-1])
    (was,) = forum.site.query("SELECT open_stays FROM hall WHERE hall_id = ?", last)[0]
    forum.enter(last, 15)
    page.wait("the number", lambda: inside(page, last) == str(was + 15))
    assert halls(page) == before
    assert page.script("return document.querySelector('[data-order]')") is None


@pytest.mark.parametrize("path", ["", "arrivals/", "muster/"])
def test_live_pages_report_their_state_in_their_language(
    forum: Forum, browser: Any, path: str
) -> None:
    page = forum.open(browser, "")
    forum.site.write(
        lambda db: muster.current(db) or muster.begin(db, "drill", by="test", now=now_ms())
    )
    try:
        browser.get(f"https://127.0.0.1:{forum.site.port}/admin/{path}?lang=zh")
        page.wait("the feed", lambda: page.script(LIVE))
        assert page.text("live-status") == "实时"
    finally:
        browser.delete_cookie(i18n.COOKIE)


def test_a_board_reports_a_lost_server_and_resumes(forum: Forum, browser: Any) -> None:
    page = forum.open(browser, "sort=fill&view=tiles")
    first_hall = first(page)
    was = int(inside(page, first_hall))
    assert forum.site.server.stop() == 0
    page.wait("the loss", lambda: "Not live since" in page.text("live-status"))
    assert inside(page, first_hall) == str(was)
    forum.site.start_server()
    wait_for("the feed", lambda: page.script(LIVE))
    forum.enter(first_hall, 3)
    page.wait("the number", lambda: inside(page, first_hall) == str(was + 3))
