"""Pages on threads, and kiosks' feeds on the event loop, behind the gateway."""

import asyncio
import io
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from flask import Flask, Response, request

from badges.wire import wire
from server.core.event.directory import Event
from server.core.feed import changes
from server.core.kiosks import registry
from server.doors import replica
from server.storage.database import Database
from server.web.services import address, services_of
from server.web.serving.pages import LastingFile, environ_of
from tests.server.support.pages import Pages
from tests.server.web.serving.support import Exchange, Headers, Scope, Served, signed


@pytest.fixture
def pages(event: Event, site: Database) -> Iterator[Pages]:
    with Pages(event, site) as opened:
        yield opened


@pytest.fixture
def echo() -> Served:
    """An app that returns the request."""
    app = Flask(__name__)

    @app.route("/<path:name>", methods=["GET", "POST"])
    def say(name: str) -> dict[str, object]:
        return {
            "name": name,
            "query": request.query_string.decode(),
            "peer": request.remote_addr,
            "scheme": request.scheme,
            "host": request.host,
            "cookies": dict(request.cookies),
            "body": request.get_data().decode(),
            "type": request.content_type,
            "twice": request.headers.get("X-Twice"),
        }

    @app.get("/film")
    def film() -> Response:
        body = LastingFile(Path(request.args["path"]))
        return Response(body, direct_passthrough=True)

    @app.get("/pieces")
    def pieces() -> Response:
        return Response(iter(["one ", "two"]))

    @app.get("/broken")
    def broken() -> Response:
        def parts() -> Iterator[str]:
            yield "one"
            raise OSError("broken")

        return Response(parts())

    return Served(app)


def test_it_works(pages: Pages) -> None:
    exchange = Served(pages.app).ask(Scope("GET", "/admin/sign-in", Headers(host="localhost")))
    assert exchange.status == 200
    assert b"<form" in exchange.answer


def test_what_the_app_learns_of_a_request(echo: Served) -> None:
    class Twice(Headers):
        def items(self):
            yield from super().items()
            yield "cookie", "b=2"
            yield "x-twice", "two"

    headers = Twice(
        {"host": "forum.example:8443", "cookie": "a=1", "content-type": "text/plain",
         "content-length": "5", "x-twice": "one"}
    )  # fmt: skip
    scope = Scope("POST", "/大厅 1", headers, query_string="q=%C3%BC", client="[::1]:5000")
    exchange = echo.ask(scope, b"hello")
    assert msgspec.json.decode(exchange.answer) == {
        "name": "大厅 1",
        "query": "q=%C3%BC",
        "peer": "::1",
        "scheme": "https",
        "host": "forum.example:8443",
        "cookies": {"a": "1", "b": "2"},
        "body": "hello",
        "type": "text/plain",
        "twice": "one,two",
    }


class TwoHosts(Headers):
    def items(self):
        yield from super().items()
        yield "host", "localhost"


@pytest.mark.parametrize(
    ("headers", "version", "status"),
    [
        (Headers(), "1.1", 400),
        (Headers(), "1.0", 200),
        (Headers(host="localhost"), "1.1", 200),
        (TwoHosts(host="localhost"), "1.1", 400),
        (TwoHosts(host="localhost"), "1.0", 400),
    ],
)
def test_a_request_names_one_host(
    pages: Pages, headers: Headers, version: str, status: int
) -> None:
    scope = Scope("GET", "/admin/sign-in", headers, http_version=version)
    assert Served(pages.app).ask(scope).status == status


def test_a_header_with_an_underscore_is_not_taken_for_another(event: Event, site: Database) -> None:
    """WSGI would read X_Forwarded_For as X-Forwarded-For. The proxy removes only one."""
    settings = replace(event.settings, proxy="127.0.0.1")
    with Pages(replace(event, settings=settings), site) as pages:
        proxied = Headers({"host": "localhost", "x-forwarded-for": "203.0.113.7"})
        for name in ("x_forwarded_for", "x-forwarded_for", "x_forwarded-for"):
            for headers in ({**proxied, name: "9.9.9.9"}, {name: "9.9.9.9", **proxied}):
                scope = Scope("GET", "/admin/sign-in", Headers(headers))
                environ = environ_of(scope, io.BytesIO())
                with pages.app.request_context(environ):
                    assert address() == "203.0.113.7"


def test_a_body_without_a_length_is_read_to_its_end(echo: Served) -> None:
    exchange = echo.ask(Scope("POST", "/x", Headers(host="localhost")), b"0123456789" * 20_000)
    assert len(msgspec.json.decode(exchange.answer)["body"]) == 200_000


def test_an_answer_in_pieces_is_sent_as_it_comes(echo: Served) -> None:
    exchange = echo.ask(Scope("GET", "/pieces", Headers(host="localhost")))
    assert (exchange.status, exchange.answer, exchange.streamed) == (200, b"one two", True)


def test_a_file_is_left_to_granian(echo: Served, tmp_path: Path) -> None:
    path = tmp_path / "film"
    path.write_bytes(b"a film")
    scope = Scope("GET", "/film", Headers(host="localhost"), query_string=f"path={path}")
    exchange = echo.ask(scope)
    assert (exchange.status, exchange.file, exchange.answer) == (200, str(path), b"")


def test_an_answer_that_breaks_off_leaves_the_server_as_it_was(echo: Served) -> None:
    exchange = echo.ask(Scope("GET", "/broken", Headers(host="localhost")))
    assert exchange.answer == b"one"
    assert echo.ask(Scope("GET", "/pieces", Headers(host="localhost"))).answer == b"one two"


def test_an_answer_that_nobody_reads_ends(echo: Served) -> None:
    exchange = Exchange(gone=True)
    scope = Scope("GET", "/pieces", Headers(host="localhost"))
    echo.run(lambda gateway: gateway.__rsgi__(scope, exchange))
    assert exchange.answer == b""


class Feeds:
    """Kiosks that listen, on one loop."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self.served = Served(pages.app)
        self.hub = services_of(pages.app).hub
        code = pages.value("SELECT code FROM door")
        self.door = pages.kiosk("west", code)

    def scope(self) -> Scope:
        after = changes.cursor(self.pages.database.reader)
        headers = signed(self.door, "GET", f"/api/feed?after={after}")
        return Scope("GET", "/api/feed", headers, query_string=f"after={after}")

    def publish(self, count: int = 1) -> None:
        hall = self.door.hall

        def step(db) -> None:
            for _ in range(count):
                changes.publish(db, wire.NamesChanged(), hall_id=hall)

        self.pages.database.write(step)


@pytest.fixture
def feeds(pages: Pages) -> Feeds:
    return Feeds(pages)


def test_a_feed_hears_what_is_published(feeds: Feeds) -> None:
    exchange = Exchange()

    async def listen(gateway) -> None:
        task = asyncio.create_task(gateway.__rsgi__(feeds.scope(), exchange))
        await exchange.until(lambda: exchange.answer == b": open\n\n")
        assert feeds.hub.listeners == 1
        for count, whole in ((1, 1), (3, 4)):
            await asyncio.to_thread(feeds.publish, count)
            await exchange.until(lambda whole=whole: exchange.answer.count(b"data: ") == whole)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    feeds.served.run(listen)
    assert exchange.status == 200
    assert dict(exchange.headers)["Content-Type"].startswith("text/event-stream")
    assert feeds.hub.listeners == 0


def test_a_feed_that_nobody_reads_ends(feeds: Feeds) -> None:
    exchange = Exchange()

    async def listen(gateway) -> None:
        task = asyncio.create_task(gateway.__rsgi__(feeds.scope(), exchange))
        await exchange.until(lambda: feeds.hub.listeners == 1 and bool(exchange.answer))
        exchange.gone = True
        while not task.done():  # the second piece at the latest finds that the first one failed
            await asyncio.to_thread(feeds.publish)

    feeds.served.run(listen)
    assert feeds.hub.listeners == 0


def test_a_quiet_feed_says_that_it_is_still_there(
    feeds: Feeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "KEEP_ALIVE_S", 0.05)
    exchange = Exchange()

    async def listen(gateway) -> None:
        task = asyncio.create_task(gateway.__rsgi__(feeds.scope(), exchange))
        await exchange.until(lambda: exchange.answer.count(b": \n\n") >= 3)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    feeds.served.run(listen)
    assert exchange.answer.replace(b": \n\n", b"") == b": open\n\n"


def test_a_feed_of_the_same_kiosk_ends_the_one_before(feeds: Feeds) -> None:
    first, second = Exchange(), Exchange()

    async def listen(gateway) -> None:
        old = asyncio.create_task(gateway.__rsgi__(feeds.scope(), first))
        await first.until(lambda: bool(first.answer))
        new = asyncio.create_task(gateway.__rsgi__(feeds.scope(), second))
        await old  # its answer is complete
        await second.until(lambda: bool(second.answer))
        new.cancel()
        await asyncio.gather(new, return_exceptions=True)

    feeds.served.run(listen)
    assert second.status == 200


def test_a_feed_ends_with_the_word_that_the_kiosk_was_retired(feeds: Feeds) -> None:
    exchange = Exchange()

    async def listen(gateway) -> None:
        task = asyncio.create_task(gateway.__rsgi__(feeds.scope(), exchange))
        await exchange.until(lambda: bool(exchange.answer))
        await asyncio.to_thread(
            feeds.pages.database.write,
            lambda db: registry.retire(db, "west", by="test", now=feeds.pages.now),
        )
        await task

    feeds.served.run(listen)
    assert b'"type":"retired"' in exchange.answer


def test_whoever_asks_whether_the_loop_turns_waits_while_it_hangs(echo: Served) -> None:
    async def hang(gateway) -> None:
        asked = asyncio.create_task(asyncio.to_thread(gateway.await_turn))
        await asyncio.sleep(0)
        time.sleep(0.1)  # the loop hangs
        assert not asked.done()
        await asyncio.wait_for(asked, 240)

    echo.run(hang)
