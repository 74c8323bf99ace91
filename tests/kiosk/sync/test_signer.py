"""A kiosk's signature on each request: verifiable by the server, with increasing counters."""

import base64
from collections.abc import Callable

import pytest

from badges.credential.keys import BadSignatureError
from badges.wire.enrolment import RequestStamp, body_digest, signed_message
from kiosk.sync.signer import Signer
from tests.kiosk.support.door_fixture import GENERATION, KIOSK, KIOSK_KEY

FAR = 2**52  # not reached by a clock in a hundred thousand years


@pytest.fixture
def asked() -> list[int]:
    """The lower bound of each requested counter."""
    return []


@pytest.fixture
def signer(asked: list[int]) -> Signer:
    def next_counter(above: int) -> int:
        asked.append(above)
        return above + len(asked)

    return Signer(KIOSK, GENERATION, KIOSK_KEY, next_counter)


def counter_of(headers: dict[str, str]) -> int:
    return int(headers[RequestStamp.COUNTER_HEADER])


def test_the_headers_name_the_kiosk_and_sign_the_request(signer: Signer) -> None:
    headers = signer.headers("POST", "/api/scans?x=1", b"body")
    assert headers[RequestStamp.KIOSK_HEADER] == f"{KIOSK}/{GENERATION}"
    assert headers[RequestStamp.DIGEST_HEADER] == body_digest(b"body")
    stamp = RequestStamp(KIOSK, GENERATION, counter_of(headers))
    signature = base64.b64decode(headers[RequestStamp.SIGNATURE_HEADER])

    def verify(method: str, target: str, body: bytes) -> None:
        message = signed_message(stamp, method, target, body_digest(body))
        KIOSK_KEY.public.verify(message, signature)

    verify("POST", "/api/scans?x=1", b"body")
    wrong: list[Callable[[], None]] = [
        lambda: verify("GET", "/api/scans?x=1", b"body"),
        lambda: verify("POST", "/api/scans", b"body"),
        lambda: verify("POST", "/api/scans?x=1", b"other"),
    ]
    for check in wrong:
        with pytest.raises(BadSignatureError):
            check()


def test_each_has_a_counter_of_its_own(signer: Signer) -> None:
    counters = [counter_of(signer.headers("GET", "/", b"")) for _ in range(3)]
    assert len(set(counters)) == 3


def test_the_next_counter_is_above_the_server_s_last(signer: Signer, asked: list[int]) -> None:
    """The highest that it reported."""
    signer.headers("GET", "/", b"")
    for seen in (500, 300):
        signer.overtaken(seen)
        signer.headers("GET", "/", b"")
    assert asked == [0, 500, 500]


@pytest.mark.parametrize(("seen", "above"), [(FAR - 1, FAR - 1), (FAR, 0), (2**63, 0)])
def test_a_server_can_t_use_up_the_counters(
    signer: Signer, asked: list[int], seen: int, above: int
) -> None:
    """Counting on from there, this kiosk would be refused for good."""
    signer.overtaken(seen)
    signer.headers("GET", "/", b"")
    assert asked == [above]
