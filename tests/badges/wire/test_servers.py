"""The list of an event's servers: signature, round trip, and order of preference."""

from collections import Counter

import msgspec
import pytest
from msgspec import UNSET

from badges.credential.keys import BadSignatureError, PrivateKey
from badges.wire.servers import (
    SERVERS_MAX,
    AddressError,
    ServerAddress,
    ServerList,
    open_servers,
    parse_address,
    preferred,
    sign_servers,
)

ROOT = PrivateKey(bytes(range(32)))
EVENT_ID = bytes(range(16))
THREE = [ServerAddress(f"{name}.example.org", 8443) for name in "abc"]


def test_it_is_the_events_own() -> None:
    servers = ServerList(EVENT_ID, 7, tuple(THREE))
    signed = sign_servers(ROOT, servers)
    assert open_servers(ROOT.public, signed) == servers
    spoilt = bytearray(signed)
    spoilt[-3] ^= 1
    for wrong in (bytes(spoilt), signed[:-1], b""):
        with pytest.raises(BadSignatureError):
            open_servers(ROOT.public, wrong)
    with pytest.raises(BadSignatureError):
        open_servers(PrivateKey(bytes(32)).public, signed)


def test_one_that_is_signed_and_malformed_is_refused() -> None:
    too_many = ServerList(EVENT_ID, 1, tuple(THREE * SERVERS_MAX))
    with pytest.raises(BadSignatureError, match="malformed"):
        open_servers(ROOT.public, sign_servers(ROOT, too_many))


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("a.example.org:8443", "a.example.org", 8443),
        (" 192.0.2.1:1 ", "192.0.2.1", 1),
        ("[2001:db8::1]:65535", "[2001:db8::1]", 65535),
    ],
)
def test_addresses(text: str, host: str, port: int) -> None:
    assert parse_address(text) == ServerAddress(host, port)
    key = "AB" * 32
    own = parse_address(f"{text.strip()}={key}")
    assert own.spki_sha256 == bytes.fromhex(key)
    assert own.text == text.strip()
    raw = msgspec.json.encode(own)
    assert msgspec.json.decode(raw, type=ServerAddress) == own


@pytest.mark.parametrize(
    "text", ["", "a", "a:", "a:0", "a:65536", "https://a:1", "a:1/", "a:1=", "a:1=00", "2001::1:1"]
)
def test_malformed_addresses_are_refused(text: str) -> None:
    with pytest.raises(AddressError, match="HOST:PORT"):
        parse_address(text)


def test_a_halls_kiosks_agree_and_halls_are_shared_out() -> None:
    first = Counter(preferred(THREE, hall)[0] for hall in range(300))
    assert set(first) == set(THREE)
    assert min(first.values()) > 60
    for hall in range(20):
        assert preferred(THREE, hall) == preferred(THREE[::-1], hall)
        # Removing a server does not change the order of the others.
        gone = preferred(THREE, hall)[0]
        left = [server for server in THREE if server != gone]
        assert preferred(left, hall) == preferred(THREE, hall)[1:]
    assert preferred(THREE, None) == THREE


def test_the_certificate_does_not_change_who_is_preferred() -> None:
    own = [ServerAddress(server.host, server.port, bytes(32)) for server in THREE]
    for hall in range(20):
        order = [ServerAddress(server.host, server.port, UNSET) for server in preferred(own, hall)]
        assert order == preferred(THREE, hall)
