"""A hand scanner at a kiosk: types badges into the staff's page, and turns the door's direction."""

import contextlib
import http.client
import json
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from socket import socket
from typing import Self

from kiosk.screen.entrance import LINK_FILE
from tests.system.support.site import Process, wait_for

ANSWER_S = 240.0  # on a busy machine
_TOKEN = re.compile(r'name="hallkeeper-token" content="([^"]+)"')

Connect = Callable[[tuple[str, int], float], socket]


@dataclass(frozen=True)
class Answer:
    """The kiosk's answer, and the monotonic seconds around it."""

    said: dict
    asked_at: float
    answered_at: float

    @property
    def admitted(self) -> bool:
        return self.said["decision"] == "admitted"

    @property
    def reason(self) -> str | None:
        return self.said["reason"]

    @property
    def took_s(self) -> float:
        return self.answered_at - self.asked_at


class _Page(http.client.HTTPConnection):
    """The staff's page, reached from within the kiosk's own network."""

    def __init__(self, port: int, connect: Connect) -> None:
        super().__init__("127.0.0.1", port, timeout=ANSWER_S)
        self._connect = connect

    def connect(self) -> None:
        self.sock = self._connect((self.host, self.port), ANSWER_S)


def open_screen(kiosk: Process, page: http.client.HTTPConnection) -> str:
    """Return the cookie of a browser that has opened the kiosk's link. Raises OSError while there
    is none.

    The link may be of an earlier kiosk: then the caller tries again.
    """
    link = (kiosk.log.parent / kiosk.name / LINK_FILE).read_text().strip()
    page.request("GET", link[link.index("/open") :])
    response = page.getresponse()
    response.read()
    if response.status != 303:
        raise OSError("the link is not this kiosk's")
    return response.getheader("Set-Cookie", "").partition(";")[0]


class HandScanner:
    """For one thread."""

    def __init__(self, kiosk: Process, port: int, connect: Connect) -> None:
        self.kiosk = kiosk
        self.waits_ms: dict[int, int] = {}  # for each answer, by the sequence of its scan
        self._let_in: set[str] = set()  # badges, since the door was turned
        self._direction = ""
        self._cookie = ""
        self._page = _Page(port, connect)
        wait_for(f"the page of {kiosk.name}", self._open)

    def _open(self) -> bool:
        assert self.kiosk.alive, self.kiosk.log.read_text()
        self._page.close()
        with contextlib.suppress(OSError):
            self._cookie = open_screen(self.kiosk, self._page)
            status, page = self._request("GET", "/")
            assert status == 200, page
            self._token = _TOKEN.search(page)[1]
            return True
        return False

    def close(self) -> None:
        self._page.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def turn(self, direction: str) -> bool:
        """Whether the door has turned; it cannot before the kiosk knows its door."""
        if direction != self._direction:
            self._let_in.clear()
            status, _ = self._request("POST", "/direction", {"direction": direction})
            self._direction = direction if status == 204 else ""
        return direction == self._direction

    def present(self, text: str, direction: str) -> Answer:
        if text in self._let_in:
            # Shown again at once it would be the same presentation. A door that turns forgets that.
            self.turn("exit" if direction == "entry" else "entry")
        assert self.turn(direction), f"{self.kiosk.name} does not serve {direction}"
        count = len(self.kiosk.answers)
        asked_at = time.monotonic()
        status, answer_text = self._request("POST", "/text", {"text": text})
        answered_at = time.monotonic()
        assert status == 204, answer_text
        while len(self.kiosk.answers) == count:  # it is printed before the page answers
            assert time.monotonic() < answered_at + ANSWER_S, f"{self.kiosk.name} says nothing"
            time.sleep(0.0005)
        answer = Answer(self.kiosk.answers[count], asked_at, answered_at)
        self.waits_ms[answer.said["seq"]] = math.ceil(answer.took_s * 1000)
        if answer.admitted:
            self._let_in.add(text)
        return answer

    def let_in(self, text: str) -> Answer:
        """Show a badge until the door gets a place for it, and return that answer.

        A door waits a second for a place and then refuses. A busy machine may take longer.
        """
        answers: list[Answer] = []

        def is_in() -> bool:
            answers.append(self.present(text, "entry"))
            assert answers[-1].reason in (None, "hall_full"), answers[-1].said
            return answers[-1].admitted

        wait_for(f"a place at {self.kiosk.name}", is_in)
        return answers[-1]

    def _request(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        headers = {"Content-Type": "application/json", "Cookie": self._cookie}
        if method == "POST":
            headers["X-Hallkeeper-Token"] = self._token
            headers["Origin"] = f"http://127.0.0.1:{self._page.port}"
        self._page.request(method, path, json.dumps(body) if body else None, headers)
        response = self._page.getresponse()
        return response.status, response.read().decode()
