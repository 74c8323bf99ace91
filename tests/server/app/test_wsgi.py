"""Answers at the WSGI server: short ones in one piece, feeds and long ones as they come."""

from collections.abc import Iterable, Iterator

import pytest
from flask import Flask, Response
from werkzeug.test import create_environ
from werkzeug.wsgi import ClosingIterator

from server.app.wsgi import WHOLE_BYTES_MAX, in_one_piece

closed: list[str] = []


@pytest.fixture
def app() -> Flask:
    flask = Flask(__name__)
    closed.clear()

    @flask.get("/short")
    def short() -> Response:
        response = Response("answer")
        response.call_on_close(lambda: closed.append("short"))
        return response

    @flask.get("/long")
    def long() -> Response:
        return Response(b"." * (WHOLE_BYTES_MAX + 1))

    @flask.get("/feed")
    def feed() -> Response:
        def parts() -> Iterator[bytes]:
            yield b"one"
            pytest.fail("nobody asked for more")

        return Response(parts())

    @flask.get("/failing")
    def failing() -> Response:
        def parts() -> Iterator[bytes]:
            yield b"half"
            raise OSError("broke off")

        response = Response(parts(), headers={"Content-Length": "8"})
        response.call_on_close(lambda: closed.append("failing"))
        return response

    return flask


def answer(app: Flask, path: str, method: str = "GET") -> tuple[str, Iterable[bytes]]:
    statuses: list[str] = []
    environ = create_environ(path, method=method)
    pieces = in_one_piece(app.wsgi_app)(environ, lambda status, *_: statuses.append(status))
    return statuses[0], pieces


def test_it_works(app: Flask) -> None:
    assert answer(app, "/short") == ("200 OK", [b"answer"])
    assert closed == ["short"]


def test_an_answer_without_a_body(app: Flask) -> None:
    assert answer(app, "/short", "HEAD") == ("200 OK", [b""])
    assert closed == ["short"]


@pytest.mark.parametrize("path", ["/long", "/feed"])
def test_what_is_long_or_has_no_length_comes_as_it_is(app: Flask, path: str) -> None:
    _, pieces = answer(app, path)
    assert isinstance(pieces, ClosingIterator)
    assert next(iter(pieces))


def test_an_answer_that_breaks_off_is_closed(app: Flask) -> None:
    with pytest.raises(OSError, match="broke off"):
        answer(app, "/failing")
    assert closed == ["failing"]
