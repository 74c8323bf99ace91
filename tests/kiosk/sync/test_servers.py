"""Several servers: the next one is used if one does not answer, then the preferred one again."""

import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from badges.credential.keys import PrivateKey
from badges.wire import wire
from badges.wire.enrolment import Identity, sign_identity
from badges.wire.servers import ServerAddress, ServerList, preferred, sign_servers
from kiosk.config.files import SERVERS_FILE, load_servers, save_servers
from kiosk.config.identity import KioskIdentity, make_identity
from kiosk.sync import transport
from kiosk.sync.known_server import KnownServer
from kiosk.sync.protocol import TransportError
from kiosk.sync.servers import READY, Servers
from kiosk.sync.signer import Signer
from kiosk.sync.transport import APART_S, HURRIED_ANSWER_S, HURRIED_CONNECT_S, Transport
from tests.kiosk.support.door_fixture import EVENT_ID, GENERATION, KIOSK, KIOSK_KEY, ROOT, key_of
from tests.kiosk.support.fake_server import (
    FakeServer,
    Reply,
    error_reply,
    json_reply,
    make_certificate,
)
from tests.waiting import until

NAMES = wire.NamesPage([], 7, False)
WITHIN_S = 2.0
SILENT_S = 3.0  # The other server answers sooner, also on a busy computer.


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A longer short timeout than in production (below two seconds), so that only an intentionally
    silent server is left.
    """
    assert max(HURRIED_CONNECT_S, HURRIED_ANSWER_S) + APART_S < WITHIN_S
    hurry_for(monkeypatch, 240.0)


def hurry_for(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(transport, "HURRIED_CONNECT_S", seconds)
    monkeypatch.setattr(transport, "HURRIED_ANSWER_S", seconds)


class Sites:
    """Two servers of an event with one certificate, and a third address without a server."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.certificate, self.pin = make_certificate(path)
        self.a, self.b = self.server(), self.server()
        self.heard = {"a": 0, "b": 0}
        self.over = threading.Event()  # silent servers are silent until then
        for name, server in (("a", self.a), ("b", self.b)):
            self.serve(server, name)

    def server(self, port: int = 0) -> FakeServer:
        return FakeServer(self.certificate, self.pin, port=port)

    def serve(self, server: FakeServer, name: str) -> None:
        def answer(_: object) -> Reply:
            self.heard[name] += 1
            return json_reply(NAMES)

        server.routes["POST", "/api/scans"] = answer
        server.routes["GET", "/api/names"] = answer
        server.routes["GET", READY] = lambda _: Reply(b"{}")

    def address(self, server: FakeServer) -> ServerAddress:
        return ServerAddress(server.host, server.port)

    @property
    def known_server(self) -> KnownServer:
        return KnownServer(self.identity)

    @property
    def identity(self) -> KioskIdentity:
        fresh = Identity(EVENT_ID, KIOSK, GENERATION, KIOSK_KEY.public.raw, 0)
        here = (self.a.host, self.a.port)
        return make_identity(*here, self.pin, ROOT.public.raw, sign_identity(ROOT, fresh))

    def listed(self, *servers: FakeServer, number: int = 1, root: PrivateKey = ROOT) -> bytes:
        addresses = tuple(self.address(server) for server in servers)
        return sign_servers(root, ServerList(EVENT_ID, number, addresses))

    def hall_of(self, server: FakeServer) -> int:
        """A hall whose kiosks prefer this one of the two."""
        both = [self.address(self.a), self.address(self.b)]
        wanted = self.address(server)
        return next(hall for hall in itertools.count(1) if preferred(both, hall)[0] == wanted)

    def close(self) -> None:
        self.over.set()
        for server in (self.a, self.b):
            server.close()


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[Sites]:
    with closing(Sites(tmp_path)) as both:
        yield both


@pytest.fixture
def parts() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def way_by(parts: ExitStack, servers: Servers, answer_s: float = 240.0) -> Transport:
    counter = itertools.count(1)
    signer = Signer(KIOSK, GENERATION, KIOSK_KEY, lambda above: above + next(counter))
    return parts.enter_context(closing(Transport(servers, signer, answer_s=answer_s)))


def both(sites: Sites, first: FakeServer) -> Servers:
    return Servers(
        sites.known_server,
        sites.listed(sites.a, sites.b),
        hall=sites.hall_of(first),
        look_s=(0.02, 0.05),
    )


def ask(way: Transport) -> None:
    """Post and get."""
    assert way.post("/api/scans", wire.Health(version="1"), wire.NamesPage) == NAMES
    assert way.get("/api/names?after=1", wire.NamesPage) == NAMES


def refuse(sites: Sites) -> None:
    sites.a.close()
    sites.a = sites.b  # so that it is closed only once


def silent(sites: Sites) -> None:
    def wait(_: object) -> Reply:
        sites.over.wait(240)
        return json_reply(NAMES)

    sites.a.routes["POST", "/api/scans"] = sites.a.routes["GET", "/api/names"] = wait


def broken(sites: Sites) -> None:
    reply = error_reply(503, "disk_full", retry=True)
    sites.a.routes["POST", "/api/scans"] = sites.a.routes["GET", "/api/names"] = lambda _: reply


def not_ours(sites: Sites) -> None:
    reply = Reply(b"<h1>Bad gateway</h1>", 502)
    sites.a.routes["POST", "/api/scans"] = sites.a.routes["GET", "/api/names"] = lambda _: reply


def other_key(sites: Sites) -> None:
    port = sites.a.port
    sites.a.close()
    stranger = FakeServer(*make_certificate(sites.path, "stranger"), port=port)
    sites.serve(stranger, "a")
    sites.a = stranger


@pytest.mark.parametrize("fault", [refuse, silent, broken, not_ours, other_key])
def test_the_next_one_is_asked(
    sites: Sites,
    parts: ExitStack,
    fault: Callable[[Sites], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if fault is silent:
        hurry_for(monkeypatch, SILENT_S)
    servers = both(sites, sites.a)
    way = way_by(parts, servers)
    ask(way)
    assert sites.heard == {"a": 2, "b": 0}
    fault(sites)
    ask(way)
    assert sites.heard == {"a": 2, "b": 2}
    assert servers.current().port == sites.b.port


def test_a_server_that_accepts_connections_and_never_answers(
    sites: Sites, parts: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurry_for(monkeypatch, SILENT_S)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        addresses = (ServerAddress(*mute.getsockname()), sites.address(sites.b))
        signed = sign_servers(ROOT, ServerList(EVENT_ID, 1, addresses))
        way = way_by(parts, Servers(sites.known_server, signed))
        ask(way)
    assert sites.heard["b"] == 2


@pytest.mark.parametrize("code", ["fork", "retired", "gap", "too_large"])
def test_a_server_s_refusal_is_final_everywhere(sites: Sites, parts: ExitStack, code: str) -> None:
    sites.a.routes["GET", "/api/names"] = lambda _: error_reply(409, code)
    way = way_by(parts, both(sites, sites.a))
    with pytest.raises(TransportError) as caught:
        way.get("/api/names?after=1", wire.NamesPage)
    assert caught.value.code == code
    assert sites.heard["b"] == 0


def test_if_no_server_answers_each_is_asked_once_and_then_patiently(
    sites: Sites, parts: ExitStack
) -> None:
    broken(sites)
    sites.b.routes = dict(sites.a.routes)
    servers = both(sites, sites.b)
    assert servers.hurried
    with pytest.raises(TransportError) as caught:
        way_by(parts, servers).get("/api/names?after=1", wire.NamesPage)
    assert caught.value.code == "disk_full"
    asked = [request.target for request in (*sites.a.requests, *sites.b.requests)]
    assert asked == ["/api/names?after=1"] * 2
    assert not servers.hurried, "a slow server must not be left for another slow one for ever"


def test_the_preferred_one_is_asked_again_once_it_can_work(sites: Sites, parts: ExitStack) -> None:
    moves = []
    servers = both(sites, sites.a)
    way = way_by(parts, servers)
    servers.on_change(lambda: moves.append(servers.current().port))
    ready = threading.Event()
    port = sites.a.port
    sites.a.close()
    servers.start()
    parts.callback(servers.close)
    ask(way)
    assert moves == [sites.b.port]

    sites.a = sites.server(port)
    sites.serve(sites.a, "a")
    sites.a.routes["GET", READY] = lambda _: Reply(b"{}", 200 if ready.is_set() else 503)
    until(lambda: len(sites.a.requests) > 3)
    assert servers.current().port == sites.b.port, "it answers, and can't work yet"
    ready.set()
    until(lambda: servers.current().port == port)
    ask(way)
    assert sites.heard == {"a": 2, "b": 2}
    assert moves == [sites.b.port, port]


def test_one_that_fails_after_each_return_is_looked_at_less_often(sites: Sites) -> None:
    servers = both(sites, sites.a)
    for _ in range(3):
        servers.failed(servers.current(), ())
        servers._return_to(servers._endpoints[0])
    servers.failed(servers.current(), ())
    assert servers._wait_more == 8
    assert not servers.hurried, "all are slow, and moving makes them slower"


class TestTheList:
    def test_it_is_kept_and_known_again(self, sites: Sites, tmp_path: Path) -> None:
        hall = sites.hall_of(sites.b)
        servers = Servers(
            sites.known_server, hall=hall, keep=lambda raw: save_servers(tmp_path, raw)
        )
        assert load_servers(tmp_path) == b""
        assert servers.addresses == [sites.address(sites.a).text]
        assert servers.take(sites.listed(sites.a, sites.b))
        kept = load_servers(tmp_path)
        again = Servers(sites.known_server, kept, hall=hall)
        assert again.addresses == [sites.address(server).text for server in (sites.b, sites.a)]
        assert again.current().port == sites.b.port
        assert servers.current().port == sites.a.port, "it goes there when that one is ready"

    def test_only_the_events_own_newer_word_counts(self, sites: Sites) -> None:
        kept: list[bytes] = []
        servers = Servers(sites.known_server, sites.listed(sites.a, number=5), keep=kept.append)
        before = servers.addresses
        address = sites.address(sites.b)
        for signed in (
            sites.listed(sites.b, number=6, root=key_of("stranger")),
            sites.listed(sites.b, number=5),
            sites.listed(sites.b, number=4),
            sign_servers(ROOT, ServerList(bytes(16), 6, (address,))),
            sites.listed(sites.b, number=6)[:-1],
            b"",
        ):
            assert not servers.take(signed)
        assert (servers.addresses, kept) == (before, [])
        assert servers.take(sites.listed(sites.b, number=6))
        assert len(kept) == 1

    def test_one_that_can_not_be_kept_is_not_used(self, sites: Sites) -> None:
        def full(_: bytes) -> None:
            raise OSError(28, "No space left on device")

        servers = Servers(sites.known_server, keep=full)
        with pytest.raises(OSError, match="No space"):
            servers.take(sites.listed(sites.a, sites.b))
        assert len(servers.addresses) == 1

    def test_a_spoilt_file_is_no_reason_to_stop(self, sites: Sites, tmp_path: Path) -> None:
        (tmp_path / SERVERS_FILE).write_bytes(b"{}")
        servers = Servers(sites.known_server, load_servers(tmp_path))
        assert servers.addresses == [sites.address(sites.a).text]

    def test_the_address_of_the_enrolment_is_the_last_resort(
        self, sites: Sites, parts: ExitStack
    ) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            nobody = ServerAddress(*probe.getsockname())
        signed = sign_servers(ROOT, ServerList(EVENT_ID, 1, (nobody,)))
        servers = Servers(sites.known_server, signed)
        assert servers.addresses == [nobody.text, sites.address(sites.a).text]
        ask(way_by(parts, servers))
        assert sites.heard["a"] == 2

    def test_a_server_with_its_own_certificate(self, sites: Sites, parts: ExitStack) -> None:
        own = FakeServer(*make_certificate(sites.path, "own"))
        parts.callback(own.close)
        sites.serve(own, "b")
        address = ServerAddress(own.host, own.port, own.spki_sha256)
        signed = sign_servers(ROOT, ServerList(EVENT_ID, 1, (address,)))
        ask(way_by(parts, Servers(sites.known_server, signed)))
        assert sites.heard == {"a": 0, "b": 2}
