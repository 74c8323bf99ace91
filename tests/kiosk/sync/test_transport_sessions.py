"""A session at the kiosk, over real sockets: when it begins, and the ways back to signatures. None
loses a request.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from badges.credential.keys import PrivateKey
from badges.wire import session, wire
from badges.wire.enrolment import RequestStamp, body_digest, request_mac, signed_message
from badges.wire.version import HEADER, OWN, SESSIONS_SINCE, WireVersion
from badges.wire.wire import ErrorCode
from kiosk.sync import transport
from kiosk.sync.protocol import TransportError
from kiosk.sync.signer import Signer
from kiosk.sync.transport import SIGNED_POSTS, Transport
from tests.kiosk.support.door_fixture import GENERATION, KIOSK, KIOSK_KEY, ROOT
from tests.kiosk.support.fake_server import (
    FakeServer,
    Reply,
    Request,
    error_reply,
    json_reply,
    serving,
)

NAMES = wire.NamesPage([], 7, False)
QUESTION = wire.Health(version="1")
SIGNED, MAC = RequestStamp.SIGNATURE_HEADER, RequestStamp.MAC_HEADER


@dataclass
class Sessions:
    """A server's sessions. It checks each request's keyed hash, and refuses it without the key."""

    server: FakeServer
    root: PrivateKey = ROOT
    stated: WireVersion = OWN
    key: bytes | None = None
    proofs: list[str] = field(default_factory=list)  # of each batch: its header, or "refused"

    def begin(self, request: Request) -> Reply:
        assert SIGNED in request.headers
        asked = wire.decode(request.body, session.SessionRequest)
        self.key, answer = session.agree(self.root, (KIOSK, GENERATION), asked)
        return self._stating(json_reply(answer))

    def scans(self, request: Request) -> Reply:
        mac = request.headers.get(MAC)
        if mac is not None and (self.key is None or mac != self._mac(request, self.key)):
            self.proofs.append("refused")
            return self._stating(error_reply(401, ErrorCode.SESSION, retry=True))
        self.proofs.append(SIGNED if mac is None else MAC)
        return self._stating(json_reply(NAMES))

    def _mac(self, request: Request, key: bytes) -> str:
        stamp = RequestStamp(KIOSK, GENERATION, int(request.headers[RequestStamp.COUNTER_HEADER]))
        digest = body_digest(request.body)
        return request_mac(key, signed_message(stamp, request.method, request.target, digest))

    def _stating(self, reply: Reply) -> Reply:
        reply.headers[HEADER] = self.stated.text
        return reply


@pytest.fixture
def sessions(tmp_path: Path) -> Iterator[Sessions]:
    with serving(tmp_path) as server:
        sessions = Sessions(server)
        server.routes["POST", session.TARGET] = sessions.begin
        server.routes["POST", "/api/scans"] = sessions.scans
        server.routes["GET", "/api/names"] = sessions.scans
        yield sessions


@pytest.fixture
def signer() -> Signer:
    counter = itertools.count(1)
    return Signer(KIOSK, GENERATION, KIOSK_KEY, lambda above: above + next(counter))


@pytest.fixture
def way(sessions: Sessions, signer: Signer) -> Iterator[Transport]:
    with closing(Transport(sessions.server, signer, root=ROOT.public)) as way:
        yield way


def post(way: Transport, times: int = 1) -> None:
    for _ in range(times):
        assert way.post("/api/scans", QUESTION, wire.NamesPage) == NAMES


def offers(sessions: Sessions) -> int:
    return sum(request.target == session.TARGET for request in sessions.server.requests)


def test_a_session_begins_on_a_connection_that_lasts(way: Transport, sessions: Sessions) -> None:
    post(way, SIGNED_POSTS + 3)
    assert sessions.proofs == [SIGNED] * SIGNED_POSTS + [MAC] * 3
    assert offers(sessions) == 1
    requests = sessions.server.requests
    assert {request.connection for request in requests} == {1}
    counters = [int(request.headers[RequestStamp.COUNTER_HEADER]) for request in requests]
    assert counters == sorted(set(counters))
    assert all(SIGNED not in r.headers for r in requests if MAC in r.headers)


def test_other_connections_sign(way: Transport, sessions: Sessions) -> None:
    post(way, SIGNED_POSTS + 1)
    assert way.get("/api/names?after=3", wire.NamesPage) == NAMES
    assert sessions.proofs[-2:] == [MAC, SIGNED]
    sessions.server._server.drop_connections()
    post(way, 2)
    assert sessions.proofs[-2:] == [SIGNED, SIGNED]


def test_without_the_event_s_key_every_request_is_signed(
    sessions: Sessions, signer: Signer
) -> None:
    with closing(Transport(sessions.server, signer)) as way:
        post(way, SIGNED_POSTS + 2)
    assert set(sessions.proofs) == {SIGNED}
    assert not offers(sessions)


def test_an_earlier_server_is_not_asked(way: Transport, sessions: Sessions) -> None:
    """Nor one that a man in the middle makes an earlier one: the kiosk then signs, as before."""
    sessions.stated = WireVersion(SESSIONS_SINCE - 1, 1)
    post(way, SIGNED_POSTS + 2)
    assert set(sessions.proofs) == {SIGNED}
    assert not offers(sessions)


def forged(sessions: Sessions) -> None:
    sessions.root = PrivateKey(bytes(32))


def refused(sessions: Sessions) -> None:
    sessions.server.routes["POST", session.TARGET] = lambda _: error_reply(404, "not_found")


def unreadable(sessions: Sessions) -> None:
    sessions.server.routes["POST", session.TARGET] = lambda _: Reply(b"no")


@pytest.mark.parametrize("spoil", [forged, refused, unreadable])
def test_a_session_that_does_not_begin(
    way: Transport, sessions: Sessions, spoil: Callable[[Sessions], None]
) -> None:
    spoil(sessions)
    post(way, SIGNED_POSTS + 2)
    assert set(sessions.proofs) == {SIGNED}
    assert offers(sessions) == 1, "the next one comes a minute later"


@pytest.mark.parametrize("spoil", [forged, refused, unreadable])
def test_after_a_pause_the_kiosk_asks_again(
    way: Transport,
    sessions: Sessions,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Sessions], None],
) -> None:
    monkeypatch.setattr(transport, "SESSION_PAUSE_S", 0.0)
    spoil(sessions)
    post(way, SIGNED_POSTS + 2)
    assert offers(sessions) == 2
    sessions.root = ROOT
    sessions.server.routes["POST", session.TARGET] = sessions.begin
    post(way)
    assert sessions.proofs[-1] == MAC


def test_a_server_that_does_not_know_the_session(way: Transport, sessions: Sessions) -> None:
    """Behind one address another server may answer, or the session is too old. The same request is
    signed at once, and for a minute no session is asked for.
    """
    post(way, SIGNED_POSTS + 1)
    sessions.key = None
    post(way, 2)
    assert sessions.proofs[-4:] == [MAC, "refused", SIGNED, SIGNED]
    bodies = [request.body for request in sessions.server.requests[-3:]]
    assert bodies == [wire.encode(QUESTION)] * 3
    assert offers(sessions) == 1


def test_an_earlier_server_behind_the_same_address(way: Transport, sessions: Sessions) -> None:
    """It finds no signature, and does not know the code of a session."""
    post(way, SIGNED_POSTS + 1)

    def earlier(request: Request) -> Reply:
        if SIGNED not in request.headers:
            return error_reply(401, "bad_signature")
        return sessions.scans(request)

    sessions.server.routes["POST", "/api/scans"] = earlier
    post(way)
    assert sessions.proofs[-1] == SIGNED


def test_a_signed_request_that_is_refused_is_not_repeated(
    way: Transport, sessions: Sessions
) -> None:
    post(way, SIGNED_POSTS + 1)
    sessions.server.routes["POST", "/api/scans"] = lambda _: error_reply(401, "bad_signature")
    before = len(sessions.server.requests)
    with pytest.raises(TransportError) as caught:
        post(way)
    assert caught.value.code == "bad_signature"
    assert len(sessions.server.requests) == before + 2


def test_a_server_that_ends_while_the_session_begins(way: Transport, sessions: Sessions) -> None:
    """The batch goes up on a new connection, signed."""

    def drop(request: Request) -> None:
        sessions.server._server.drop_connections()

    post(way, SIGNED_POSTS)
    sessions.server.routes["POST", session.TARGET] = drop
    post(way)
    assert sessions.proofs[-1] == SIGNED
    assert [request.connection for request in sessions.server.requests[-2:]] == [1, 2]
