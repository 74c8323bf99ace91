"""A server with another certificate is trusted only with the event's signature."""

import itertools
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from badges.credential.keys import PrivateKey
from badges.wire import wire
from badges.wire.enrolment import Identity, sign_identity
from badges.wire.server_key import TARGET, ServerKey, ServerKeyAnswer, sign_server_key
from kiosk.config.identity import KioskIdentity, load_identity, make_identity, save_identity
from kiosk.sync.known_server import KnownServer
from kiosk.sync.protocol import TransportError
from kiosk.sync.signer import Signer
from kiosk.sync.transport import Transport
from tests.kiosk.support.door_fixture import EVENT_ID, GENERATION, KIOSK, KIOSK_KEY, ROOT, key_of
from tests.kiosk.support.fake_server import FakeServer, Reply, error_reply, json_reply, serving

NAMES = wire.NamesPage([], 7, False)
OLD_KEY = bytes(range(32))


def word(
    server: FakeServer,
    number: int = 1,
    *,
    root: PrivateKey = ROOT,
    event_id: bytes = EVENT_ID,
    spki: bytes | None = None,
) -> Reply:
    key = ServerKey(event_id, spki or server.spki_sha256, number)
    return json_reply(ServerKeyAnswer(sign_server_key(root, key)))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FakeServer]:
    with serving(
        tmp_path,
        get_api_names=lambda _: json_reply(NAMES),
        post_api_scans=lambda _: json_reply(NAMES),
    ) as fake:
        fake.routes["GET", TARGET] = lambda _: word(fake)
        yield fake


def identity_for(server: FakeServer, number: int = 0) -> KioskIdentity:
    """A kiosk that pinned the server's earlier key."""
    identity = Identity(EVENT_ID, KIOSK, GENERATION, KIOSK_KEY.public.raw, 0)
    signed = sign_identity(ROOT, identity)
    return make_identity(server.host, server.port, OLD_KEY, ROOT.public.raw, signed, number)


def ask(server: KnownServer) -> wire.NamesPage:
    counter = itertools.count(1)
    signer = Signer(KIOSK, GENERATION, KIOSK_KEY, lambda above: above + next(counter))
    with closing(Transport(server, signer)) as way:
        assert way.post("/api/scans", wire.Health(version="1"), wire.NamesPage) == NAMES
        return way.get("/api/names", wire.NamesPage)


def test_it_works(server: FakeServer, tmp_path: Path) -> None:
    client = KnownServer(identity_for(server), lambda changed: save_identity(tmp_path, changed))
    assert ask(client) == NAMES
    assert client.spki_sha256 == server.spki_sha256
    # It asked once, on the connection itself, and the request has nothing of the kiosk.
    targets = [request.target for request in server.requests]
    assert targets == [TARGET, "/api/scans", "/api/names"]
    assert [request.connection for request in server.requests] == [1, 1, 2]
    assert set(server.requests[0].headers) == {"Host"}

    kept = load_identity(tmp_path)
    assert (kept.spki_sha256, kept.server_key_number) == (server.spki_sha256, 1)
    assert ask(KnownServer(kept)) == NAMES
    assert [request.target for request in server.requests[3:]] == ["/api/scans", "/api/names"]


def test_an_identity_without_a_change_is_as_it_was(server: FakeServer, tmp_path: Path) -> None:
    save_identity(tmp_path, identity_for(server))
    assert b"server_key_number" not in (tmp_path / "identity.json").read_bytes()
    assert load_identity(tmp_path) == identity_for(server)


WRONG = {
    "no word": lambda server: error_reply(404, "not_found"),
    "nonsense": lambda server: Reply(b"hello"),
    "signed by another": lambda server: word(server, root=key_of("badge")),
    "of another event": lambda server: word(server, event_id=bytes(16)),
    "on another key": lambda server: word(server, spki=bytes(32)),
    "too long": lambda server: Reply(b'{"signed": "' + b"A" * 9_000 + b'"}'),
    "cut short": lambda server: json_reply(ServerKeyAnswer(b"short")),
    "not canonical": lambda server: json_reply(
        ServerKeyAnswer(ROOT.sign(b"hallkeeper/server-key/v1\x00{}") + b"{}")
    ),
}


@pytest.mark.parametrize("action", WRONG)
def test_no_other_server_is_trusted_or_sent_anything(server: FakeServer, action: str) -> None:
    server.routes["GET", TARGET] = lambda _: WRONG[action](server)
    identity = identity_for(server)
    client = KnownServer(identity)
    with pytest.raises(TransportError, match="not this kiosk's server") as caught:
        ask(client)
    assert (caught.value.code, caught.value.permanent) == ("wrong_server", True)
    assert client.spki_sha256 == OLD_KEY
    assert [request.target for request in server.requests] == [TARGET]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_word_from_before_the_last_change_does_not_count(server: FakeServer, number: int) -> None:
    """An attacker with an earlier key also has its signed statement."""
    server.routes["GET", TARGET] = lambda _: word(server, number)
    with pytest.raises(TransportError, match="not this kiosk's server"):
        ask(KnownServer(identity_for(server, number=2)))
    server.routes["GET", TARGET] = lambda _: word(server, 3)
    assert ask(KnownServer(identity_for(server, number=2))) == NAMES


def test_a_key_that_could_not_be_kept_is_not_believed(server: FakeServer) -> None:
    def full(_: KioskIdentity) -> None:
        raise OSError(28, "No space left on device")

    client = KnownServer(identity_for(server), full)
    with pytest.raises(TransportError):
        ask(client)
    assert client.spki_sha256 == OLD_KEY
    assert replace(identity_for(server)).spki_sha256 == OLD_KEY
