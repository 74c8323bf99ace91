"""The pinned, signed way to the server, over real sockets."""

import base64
import itertools
import socket
import ssl
import threading
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from badges.wire import version, wire
from badges.wire.enrolment import RequestStamp, request_message
from badges.wire.wire import ErrorCode
from kiosk.sync import transport
from kiosk.sync.protocol import REPLAY_TRIES, TransportError, VersionError
from kiosk.sync.signer import Signer
from kiosk.sync.transport import Transport
from tests.kiosk.support.door_fixture import GENERATION, KIOSK, KIOSK_KEY
from tests.kiosk.support.fake_server import (
    FakeServer,
    Reply,
    Request,
    error_reply,
    json_reply,
    make_certificate,
    serving,
)

NAMES = wire.NamesPage([], 7, False)
QUESTION = wire.Health(version="1")


@dataclass(frozen=True)
class Address:
    host: str
    port: int
    spki_sha256: bytes


@pytest.fixture
def server(tmp_path: Path):
    with serving(
        tmp_path,
        post_api_scans=lambda request: json_reply(NAMES),
        get_api_names=lambda request: json_reply(NAMES),
    ) as server:
        yield server


@pytest.fixture
def way(server: FakeServer):
    counter = itertools.count(1)
    signer = Signer(KIOSK, GENERATION, KIOSK_KEY, lambda above: above + next(counter))
    with closing(Transport(server, signer)) as way:
        yield way


def post(way: Transport) -> wire.NamesPage:
    return way.post("/api/scans", QUESTION, wire.NamesPage)


def test_it_works(way: Transport, server: FakeServer) -> None:
    assert post(way) == NAMES
    assert way.get("/api/names?after=3", wire.NamesPage) == NAMES


def test_every_request_is_signed_with_a_rising_counter(way: Transport, server: FakeServer) -> None:
    post(way)
    way.get("/api/names?after=3", wire.NamesPage)
    for counter, request in enumerate(server.requests, 1):
        assert request.headers[RequestStamp.KIOSK_HEADER] == f"{KIOSK}/{GENERATION}"
        assert request.headers[RequestStamp.COUNTER_HEADER] == str(counter)
        stamp = RequestStamp(KIOSK, GENERATION, counter)
        message = request_message(stamp, request.method, request.target, request.body)
        signature = base64.b64decode(request.headers[RequestStamp.SIGNATURE_HEADER])
        KIOSK_KEY.public.verify(message, signature)


def test_posts_share_a_connection_and_others_do_not(way: Transport, server: FakeServer) -> None:
    post(way)
    way.get("/api/names", wire.NamesPage)
    post(way)
    assert [request.connection for request in server.requests] == [1, 2, 1]


def test_a_server_with_another_key_receives_nothing(server: FakeServer) -> None:
    stranger = Address(server.host, server.port, bytes(32))
    with closing(Transport(stranger)) as way:
        for ask in (lambda: post(way), lambda: way.get("/api/names", wire.NamesPage)):
            with pytest.raises(TransportError, match="not this kiosk's server") as caught:
                ask()
            assert (caught.value.code, caught.value.permanent) == ("wrong_server", True)
        with pytest.raises(TransportError), way.stream("/api/feed"):
            pass
    assert server.requests == []


def test_nothing_below_tls_1_3(tmp_path: Path) -> None:
    old = FakeServer(*make_certificate(tmp_path))
    old.context.maximum_version = ssl.TLSVersion.TLSv1_2
    with closing(Transport(old)) as way, pytest.raises(TransportError) as caught:
        post(way)
    old.close()
    assert caught.value.code == "tls"
    assert old.requests == []


def test_no_server(server: FakeServer) -> None:
    with socket.socket() as unused:
        unused.bind((server.host, 0))
        nowhere = Address(server.host, unused.getsockname()[1], bytes(32))
        with closing(Transport(nowhere)) as way, pytest.raises(TransportError) as caught:
            post(way)
    assert caught.value.code == "unreachable"
    assert not caught.value.permanent
    assert f"{server.host}:{nowhere.port}" in str(caught.value)


def test_no_such_host() -> None:
    nowhere = Address("no.such.host.invalid", 443, bytes(32))
    with closing(Transport(nowhere)) as way, pytest.raises(TransportError, match="reached"):
        post(way)


def test_a_server_that_never_answers(server: FakeServer) -> None:
    stop = threading.Event()
    server.routes["POST", "/api/scans"] = lambda request: stop.wait(240) and None
    with closing(Transport(server, answer_s=0.1)) as way:
        with pytest.raises(TransportError, match="does not answer") as caught:
            post(way)
        stop.set()
    assert caught.value.code == "timeout"


def test_a_handshake_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "CONNECT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = Address("127.0.0.1", mute.getsockname()[1], bytes(32))
        with closing(Transport(address)) as way, pytest.raises(TransportError) as caught:
            post(way)
    assert caught.value.code == "timeout"


def test_a_connection_that_the_server_dropped_is_made_again(
    way: Transport, server: FakeServer
) -> None:
    post(way)
    server._server.drop_connections()
    assert post(way) == NAMES
    assert [request.connection for request in server.requests] == [1, 2]


def test_a_post_that_is_broken_off_is_not_made_again(way: Transport, server: FakeServer) -> None:
    """Also not on a kept connection, which a server may have closed."""
    post(way)
    asked, silence = threading.Event(), threading.Event()

    def say_nothing(_: Request) -> Reply:
        asked.set()
        silence.wait(240)
        return json_reply(NAMES)

    def break_off() -> None:
        asked.wait(240)
        way.abort()

    server.routes["POST", "/api/scans"] = say_nothing
    other = threading.Thread(target=break_off)
    other.start()
    with pytest.raises(TransportError):
        post(way)
    assert len(server.requests) == 2
    silence.set()
    other.join()


def test_the_server_s_own_errors(way: Transport, server: FakeServer) -> None:
    server.routes["POST", "/api/scans"] = lambda request: error_reply(403, "retired")
    with pytest.raises(TransportError, match="no: retired") as caught:
        post(way)
    assert (caught.value.code, caught.value.permanent) == ("retired", True)
    server.routes["POST", "/api/scans"] = lambda request: error_reply(503, "busy", retry=True)
    with pytest.raises(TransportError) as caught:
        post(way)
    assert not caught.value.permanent
    assert {request.connection for request in server.requests} == {1}


def test_a_code_of_a_later_server_is_no_fault_of_the_network(
    way: Transport, server: FakeServer
) -> None:
    server.routes["POST", "/api/scans"] = lambda request: error_reply(409, "silent")
    with pytest.raises(TransportError, match="no: silent") as caught:
        post(way)
    assert caught.value.code is ErrorCode.UNKNOWN
    assert caught.value.permanent
    assert not caught.value.elsewhere


def test_overtaken_requests_are_made_again(way: Transport, server: FakeServer) -> None:
    """Two threads take counters 5 and 6, and 6 arrives first."""
    answers = iter([error_reply(409, "replayed", retry=True), json_reply(NAMES)])
    server.routes["POST", "/api/scans"] = lambda request: next(answers)
    assert post(way) == NAMES
    counters = [request.headers[RequestStamp.COUNTER_HEADER] for request in server.requests]
    assert counters == ["1", "2"]


def test_a_server_that_has_seen_higher_counters_is_heard_at_once(
    way: Transport, server: FakeServer
) -> None:
    """The disk is an old copy, and the clock was set back."""

    def answer(request: Request) -> Reply:
        if int(request.headers[RequestStamp.COUNTER_HEADER]) <= 5_000:
            return error_reply(409, "replayed", retry=True, counter=5_000)
        return json_reply(NAMES)

    server.routes["POST", "/api/scans"] = answer
    assert post(way) == NAMES
    assert len(server.requests) == 2


def test_but_no_counter_is_taken_that_would_leave_no_others(
    way: Transport, server: FakeServer
) -> None:
    refused = error_reply(409, "replayed", retry=True, counter=2**53 - 1)
    server.routes["POST", "/api/scans"] = lambda request: refused
    with pytest.raises(TransportError):
        post(way)
    server.routes["POST", "/api/scans"] = lambda request: json_reply(NAMES)
    assert post(way) == NAMES
    assert int(server.requests[-1].headers[RequestStamp.COUNTER_HEADER]) < 100


def test_but_not_for_ever(way: Transport, server: FakeServer) -> None:
    server.routes["POST", "/api/scans"] = lambda request: error_reply(409, "replayed", retry=True)
    with pytest.raises(TransportError) as caught:
        post(way)
    assert caught.value.code == "replayed"
    assert len(server.requests) == REPLAY_TRIES


@pytest.mark.parametrize(
    "reply",
    [Reply(b"<html>Welcome to the hotel's Wi-Fi</html>"), Reply(b"no", 502), Reply(b"{}", 500)],
    ids=["portal", "proxy", "other JSON"],
)
def test_nonsense(way: Transport, server: FakeServer, reply: Reply) -> None:
    server.routes["POST", "/api/scans"] = lambda request: reply
    with pytest.raises(TransportError) as caught:
        post(way)
    assert caught.value.code == "malformed_answer"
    assert "Wi-Fi" not in str(caught.value)


def test_an_answer_without_end(
    way: Transport, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "ANSWER_BYTES_MAX", 1_000)
    server.routes["POST", "/api/scans"] = lambda request: Reply(b" " * 1_001)
    with pytest.raises(TransportError, match="too long"):
        post(way)
    server.routes["POST", "/api/scans"] = lambda request: json_reply(NAMES)
    assert post(way) == NAMES, "on a new connection"


class TestStreams:
    @staticmethod
    def feed(*lines: str, then: threading.Event | None = None):
        def route(request: Request) -> None:
            request.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            for line in lines:
                request.write(line.encode() + b"\n")
            if then is not None:
                then.wait(240)

        return route

    def test_lines_come_as_they_are_sent(self, way: Transport, server: FakeServer) -> None:
        server.routes["GET", "/api/feed"] = self.feed(": open", "", "id: 1\r", "data: {}")
        with way.stream("/api/feed?after=0") as lines:
            assert list(lines) == [": open", "", "id: 1", "data: {}"]

    def test_silence_is_an_end(self, way: Transport, server: FakeServer) -> None:
        stop = threading.Event()
        server.routes["GET", "/api/feed"] = self.feed(": open", then=stop)
        with way.stream("/api/feed", silence_s=0.2) as lines:
            with pytest.raises(TransportError) as caught:
                list(lines)
            stop.set()
        assert caught.value.code == "silent"

    def test_another_thread_ends_it(self, way: Transport, server: FakeServer) -> None:
        stop = threading.Event()
        server.routes["GET", "/api/feed"] = self.feed(": open", then=stop)
        with way.stream("/api/feed", silence_s=3600.0) as lines:
            timer = threading.Timer(0.1, lines.close)
            timer.start()
            with suppress(TransportError):
                list(lines)
            timer.join()
            stop.set()

    def test_refusals_are_errors(self, way: Transport, server: FakeServer) -> None:
        server.routes["GET", "/api/feed"] = lambda request: error_reply(409, "cursor_gone")
        with pytest.raises(TransportError) as caught, way.stream("/api/feed"):
            pass
        assert caught.value.code == "cursor_gone"

    def test_an_endless_line_is_refused(
        self, way: Transport, server: FakeServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(transport, "LINE_BYTES_MAX", 100)
        server.routes["GET", "/api/feed"] = self.feed("x" * 200)
        with way.stream("/api/feed") as lines, pytest.raises(TransportError, match="endless"):
            list(lines)


@pytest.mark.parametrize("stated", ["0/0", "99/98"])
@pytest.mark.parametrize("status", [200, 426])
def test_a_server_of_a_version_that_does_not_fit(
    way: Transport, server: FakeServer, stated: str, status: int
) -> None:
    """Its answer is ignored."""
    reply = json_reply(NAMES, status)
    reply.headers[version.HEADER] = stated
    server.routes["POST", "/api/scans"] = lambda request: reply
    with pytest.raises(VersionError) as caught:
        post(way)
    assert caught.value.permanent
    assert server.requests[0].headers[version.HEADER] == version.OWN.text
    del reply.headers[version.HEADER]
    if status == 200:
        assert post(way) == NAMES
        assert way.peer == version.UNSTATED
