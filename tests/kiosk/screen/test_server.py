"""The page over real sockets: live, several at a time, and gone when closed."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from badges.admission.facts import Admitted, Direction
from kiosk.door.answer import Answer
from kiosk.screen.board import Board
from kiosk.screen.feed import FEEDS_MAX
from kiosk.screen.pages import TOKEN_HEADER
from kiosk.screen.serving import ScreenError, ScreenServer, create_screen


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def server(board: Board) -> Iterator[ScreenServer]:
    with ScreenServer(create_screen(board, lambda: None), port=0) as server:
        yield server


def answer(seq: int) -> Answer:
    return Answer(Admitted(), Direction.ENTRY, 1, seq, 7, None, None, 1)


def cookie_of(server: ScreenServer) -> dict[str, str]:
    """The cookie of a browser that has opened the screen by its link."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=240)
    connection.request("GET", server.link.removeprefix(server.url.rstrip("/")))
    response = connection.getresponse()
    response.read()
    connection.close()
    return {"Cookie": response.getheader("Set-Cookie", "").partition(";")[0]}


class Page:
    """A browser's feed."""

    def __init__(self, server: ScreenServer) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=240)
        self.connection.request("GET", "/feed", headers=cookie_of(server))
        self.response = self.connection.getresponse()
        assert self.response.status == 200
        assert self.response.getheader("Content-Type", "").startswith("text/event-stream")

    def state(self) -> Any:
        """The next state after any beats; None at the end of the feed."""
        while line := self.response.readline():
            if line.startswith(b"data: {"):
                return json.loads(line.removeprefix(b"data: "))
        return None

    def close(self) -> None:
        self.response.close()
        self.connection.close()


def test_answers_come_live(server: ScreenServer, board: Board) -> None:
    page = Page(server)
    assert page.state()["answers"] == []

    for seq in range(1, 6):
        board.show(answer(seq))
        assert page.state()["answers"][0]["number"] == seq
    page.close()


def test_more_feeds_than_fit_never_starve_the_page(server: ScreenServer, board: Board) -> None:
    pages = [Page(server) for _ in range(FEEDS_MAX * 3)]

    newest = pages[-1]
    assert newest.state()["answers"] == []
    board.show(answer(1))
    assert newest.state()["answers"][0]["number"] == 1
    while pages[0].state() is not None:  # messages in transit still arrive; then it ends
        pass
    for page in pages:
        page.close()


def test_slow_answer_blocks_neither_feed_nor_page(server: ScreenServer, board: Board) -> None:
    held, entered = threading.Event(), threading.Event()

    def on_text(text: str) -> None:
        entered.set()
        held.wait(240)

    board.on_text = on_text
    token = server.app.extensions["screen"].token
    page = Page(server)
    page.state()
    sender = threading.Thread(target=send_text, args=(server, token))
    sender.start()
    assert entered.wait(240)

    board.show(answer(1))
    assert page.state()["answers"][0]["number"] == 1

    held.set()
    sender.join(240)
    page.close()


def send_text(server: ScreenServer, token: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=240)
    headers = {
        TOKEN_HEADER: token,
        "Origin": f"http://127.0.0.1:{server.port}",
        "Content-Type": "application/json",
        **cookie_of(server),
    }
    connection.request("POST", "/text", b'{"text": "HKABC"}', headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


def test_typed_code_arrives_once(server: ScreenServer, board: Board) -> None:
    typed: list[str] = []
    board.on_text = typed.append

    assert send_text(server, server.app.extensions["screen"].token) == 204
    assert send_text(server, "guess") == 403
    assert typed == ["HKABC"]


def test_nothing_names_the_server(server: ScreenServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=240)
    connection.request("GET", "/", headers=cookie_of(server))
    response = connection.getresponse()
    response.read()
    connection.close()

    assert response.status == 200
    assert response.getheader("Server") is None


def test_close_while_its_thread_is_awake(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has closed everything, its trigger too, before it is asked to."""
    server = ScreenServer(create_screen(board, lambda: None), port=0)
    trigger = server._server.trigger
    writing = trigger._physical_pull

    def overtaken() -> None:
        writing()
        server._thread.join(240)
        writing()

    monkeypatch.setattr(trigger, "_physical_pull", overtaken)
    server.close()
    assert not server._thread.is_alive()


def test_close_ends_feeds_and_frees_the_port(board: Board) -> None:
    server = ScreenServer(create_screen(board, lambda: None), port=0)
    page = Page(server)
    page.state()

    server.close()
    server.close()  # closing twice does no harm

    assert page.state() is None
    page.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=240)


def test_a_port_in_use_is_a_clear_error(server: ScreenServer, board: Board) -> None:
    with pytest.raises(ScreenError, match=rf"port {server.port} .*--port"):
        ScreenServer(create_screen(board, lambda: None), port=server.port)


def test_only_loopback_is_served(server: ScreenServer) -> None:
    assert server._server.socket.getsockname() == ("127.0.0.1", server.port)


def test_an_impossible_port_is_a_clear_error(board: Board) -> None:
    with pytest.raises(ScreenError, match="port 70000"):
        ScreenServer(create_screen(board, lambda: None), port=70_000)
