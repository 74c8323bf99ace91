"""The agreement on a session's key: both have the same, and only with each other."""

from dataclasses import replace

import msgspec
import pytest

from badges.credential.keys import BadSignatureError, PrivateKey
from badges.record import WireError
from badges.wire import wire
from badges.wire.enrolment import RequestStamp, request_mac, signed_message
from badges.wire.session import Offer, SessionAnswer, SessionRequest, agree

ROOT = PrivateKey(b"root".ljust(32, b"."))
KIOSK = ("west", 1)
# Points of low order (RFC 7748 §7): the secret would be known to all.
LOW_ORDER = [
    bytes(32),
    bytes([1]) + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
]


def test_both_have_the_same_key_and_a_new_one_each_time() -> None:
    keys = set()
    for _ in range(2):
        offer = Offer()
        theirs, answer = agree(ROOT, KIOSK, offer.request)
        sent = wire.decode(wire.encode(answer), SessionAnswer)
        assert offer.accept(sent, KIOSK, ROOT.public) == theirs
        keys |= {theirs, offer.request.key, answer.key}
    assert len(keys) == 6
    assert all(len(key) == 32 for key in keys)


def test_an_answer_is_for_one_offer_of_one_kiosk() -> None:
    offer = Offer()
    _, answer = agree(ROOT, KIOSK, offer.request)
    with pytest.raises(BadSignatureError):
        Offer().accept(answer, KIOSK, ROOT.public)
    for kiosk in (("west", 2), ("east", 1), ("west/1", 1)):
        with pytest.raises(BadSignatureError):
            offer.accept(answer, kiosk, ROOT.public)


def test_a_server_without_the_event_s_key_is_refused() -> None:
    """As a man in the middle who has the key of the server's certificate."""
    offer = Offer()
    _, forged = agree(PrivateKey(bytes(32)), KIOSK, offer.request)
    _, right = agree(ROOT, KIOSK, offer.request)
    for answer in (forged, msgspec.structs.replace(right, key=forged.key)):
        with pytest.raises(BadSignatureError):
            offer.accept(answer, KIOSK, ROOT.public)


@pytest.mark.parametrize("key", LOW_ORDER)
def test_a_key_without_a_secret_is_refused(key: bytes) -> None:
    with pytest.raises(WireError, match="key"):
        agree(ROOT, KIOSK, SessionRequest(key))


def test_a_keyed_hash_covers_the_whole_request() -> None:
    stamp = RequestStamp("west", 1, 7)
    parts = (stamp, "POST", "/api/scans", "0" * 64)
    others = [
        (replace(stamp, kiosk="east"), *parts[1:]),
        (replace(stamp, generation=2), *parts[1:]),
        (replace(stamp, counter=8), *parts[1:]),
        (stamp, "PUT", *parts[2:]),
        (stamp, "POST", "/api/door", parts[3]),
        (*parts[:3], "1" * 64),
    ]
    key = bytes(32)
    macs = {request_mac(key, signed_message(*request)) for request in [parts, *others]}
    macs.add(request_mac(bytes([1] * 32), signed_message(*parts)))
    assert len(macs) == len(others) + 2
