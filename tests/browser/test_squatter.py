"""Another account takes the kiosk's port while the kiosk is away, in front of an open page."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from badges.admission.facts import Admitted, Direction
from kiosk.cli.first_steps import FirstSteps
from kiosk.door.answer import Answer
from kiosk.screen.board import Board
from kiosk.screen.camera_page import add_camera_page
from kiosk.screen.entrance import Entrance
from kiosk.screen.feed import encode_state
from kiosk.screen.first_steps import add_first_steps
from kiosk.screen.serving import ScreenServer, create_screen
from tests.browser.page import Page

CODE = "HK6BF4 N%$*+-./:A"
FORGED_ANSWER = Answer(Admitted(), Direction.ENTRY, 1, 1, 7, None, None, 1)
ENTER = "\ue007"  # of WebDriver


class Squatter(BaseHTTPRequestHandler):
    """Answers all that the page may ask, with a green that no door has given."""

    asked: ClassVar[list[str]] = []
    cookies: ClassVar[set[str]] = set()
    feeds: ClassVar[int] = 0

    def do_GET(self) -> None:
        self.cookies.add(self.headers.get("Cookie", ""))
        if not self.path.startswith("/feed"):
            self._note()
            self._answer("text/html", b"<p>forged</p>")
            return
        board = Board()
        board.show(FORGED_ANSWER)
        state = encode_state(board.state, "page", 0)
        Squatter.feeds += 1
        self._answer(
            "text/event-stream",
            b"event: proof\ndata: " + b"0" * 64 + b"\n\nevent: beat\ndata: alive\n\n"
            b"data: " + state + b"\n\n",
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._note(body.decode())
        self._answer("application/json", json.dumps({"state": "words", "words": "a b c"}).encode())

    def log_message(self, *_: object) -> None:
        pass

    def _note(self, body: str = "") -> None:
        self.asked.append(f"{self.command} {self.path} {body}")

    def _answer(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def squatting(port: int) -> Iterator[type[Squatter]]:
    Squatter.asked.clear()
    Squatter.cookies.clear()
    Squatter.feeds = 0
    with ThreadingHTTPServer(("127.0.0.1", port), Squatter) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Squatter
        server.shutdown()
        thread.join(240)


def status(port: int, cookie: str, path: str = "/") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=240)
    connection.request("GET", path, headers={"Cookie": cookie})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def screen_of(directory: Path, port: int = 0) -> ScreenServer:
    app = create_screen(Board(), lambda: None, languages=["en"], entrance=Entrance(directory))
    add_camera_page(app, None)
    return ScreenServer(app, port)


def test_an_open_page_tells_and_believes_nothing(browser: Any, tmp_path: Path) -> None:
    kiosk = screen_of(tmp_path)
    page = Page(browser, kiosk.url, kiosk.link).open()
    kiosk.close()
    with squatting(kiosk.port) as squatter:
        page.wait("the page to find it", lambda: squatter.feeds > 2 or squatter.asked)
        page.scan(CODE)
        page.press("\ue039")  # F9 opens the supervisor's panel, F8 turns the door
        page.press("\ue038")
        seen = squatter.feeds
        page.wait("its next feeds", lambda: squatter.feeds > seen + 2 or squatter.asked)
        assert squatter.asked == [], "it was told or asked for something"
        assert page.shown("#lost")
        assert page.tone != "admit"
        cookies = {cookie for cookie in squatter.cookies if cookie}
    assert cookies, "the browser sends its cookie to whoever has the port"
    with screen_of(tmp_path, kiosk.port) as again:
        assert {status(again.port, cookie) for cookie in cookies} == {403}
        page.wait("a page without the new link", lambda: page.shown("#lost"))
        page = Page(browser, again.url, again.link).open()
        assert not page.shown("#lost")
    browser.get("about:blank")


def test_the_first_steps_tell_no_code(browser: Any, tmp_path: Path) -> None:
    steps = FirstSteps(tmp_path / "door", threading.Event())
    app = create_screen(Board(), lambda: None)
    add_first_steps(app, steps)
    kiosk = ScreenServer(app, 0)
    page = Page(browser, kiosk.url, kiosk.link)
    browser.get(kiosk.link)
    page.wait("the page", lambda: page.shown('[data-for="waiting"]') or page.shown("#code"))
    kiosk.close()
    with squatting(kiosk.port) as squatter:
        page.wait("the page to find it", lambda: squatter.feeds > 2 or squatter.asked)
        page.script("document.activeElement.blur()")
        page.press("HKE1.SECRET", ENTER)
        seen = squatter.feeds
        page.wait("its next feeds", lambda: squatter.feeds > seen + 2 or squatter.asked)
        assert squatter.asked == []
        assert page.text("words") == ""
    steps.close()
    browser.get("about:blank")
