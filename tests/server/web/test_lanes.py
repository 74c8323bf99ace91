"""Lanes: strangers fill only their own, and a kiosk proves itself before its body arrives."""

import base64
import tracemalloc
from contextlib import ExitStack

import pytest

from badges.credential.keys import PrivateKey
from badges.wire.enrolment import RequestStamp, body_digest, request_mac, request_message
from server.web.lanes import BusyError, Lanes, read_stamp

# The capacity of each lane, and how long an address is known.
KIOSK_MAX = 8
KNOWN_MAX = 200
KNOWN_ADDRESS_MAX = 100
STRANGERS_MAX = 64
STRANGER_ADDRESS_MAX = 8
KNOWN_S = 12 * 3600
KNOWN_ADDRESSES_MAX = 10_000
SESSION_S = 12 * 3600

KEY = PrivateKey(b"west".ljust(32, b"."))
KIOSK = ("west", 1)
BODY = b'{"records":[]}'


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def lanes(time: Time) -> Lanes:
    return Lanes(time)


def hold(lanes: Lanes, stack: ExitStack, address: str, times: int, kiosk=None) -> int:
    for done in range(times):
        try:
            stack.enter_context(lanes.hold(address, kiosk))
        except BusyError:
            return done
    return times


def headers(body: bytes = BODY, *, key: PrivateKey = KEY, counter: int = 7) -> dict[str, str]:
    stamp = RequestStamp(*KIOSK, counter)
    signature = key.sign(request_message(stamp, "POST", "/api/scans", body))
    return {
        stamp.KIOSK_HEADER: "west/1",
        stamp.COUNTER_HEADER: str(counter),
        stamp.SIGNATURE_HEADER: base64.b64encode(signature).decode(),
        stamp.DIGEST_HEADER: body_digest(body),
    }


def test_one_stranger_holds_few(lanes: Lanes) -> None:
    with ExitStack() as stack:
        assert hold(lanes, stack, "10.0.0.1", 100) == STRANGER_ADDRESS_MAX
        assert hold(lanes, stack, "10.0.0.2", 1) == 1
    with ExitStack() as stack:
        assert hold(lanes, stack, "10.0.0.1", 1) == 1, "what was let go can be held again"


def test_all_strangers_together_hold_no_more_than_their_lane(lanes: Lanes) -> None:
    with ExitStack() as stack:
        held = sum(hold(lanes, stack, f"10.0.0.{n}", 100) for n in range(36))
        assert held == STRANGERS_MAX
        assert hold(lanes, stack, "10.0.1.1", 1) == 0
        lanes.remember("10.0.2.2")
        assert hold(lanes, stack, "10.0.2.2", 1) == 1, "who is known has another lane"
        assert hold(lanes, stack, "10.0.0.1", 1, KIOSK) == 1, "and so has a kiosk, wherever it is"


def test_known_addresses_and_kiosks_have_limits_too(lanes: Lanes) -> None:
    for n in range(9):
        lanes.remember(f"10.0.0.{n}")
    with ExitStack() as stack:
        assert hold(lanes, stack, "10.0.0.0", 1000) == KNOWN_ADDRESS_MAX
        held = sum(hold(lanes, stack, f"10.0.0.{n}", 1000) for n in range(1, 9))
        assert held == KNOWN_MAX - KNOWN_ADDRESS_MAX
        assert hold(lanes, stack, "10.0.0.0", 1000, KIOSK) == KIOSK_MAX


def test_addresses_are_forgotten_the_oldest_first(lanes: Lanes, time: Time) -> None:
    lanes.remember("10.0.0.1")
    assert lanes.is_known("10.0.0.1")
    time.now += KNOWN_S
    assert not lanes.is_known("10.0.0.1")
    lanes.remember("10.0.0.1")
    for n in range(KNOWN_ADDRESSES_MAX):
        lanes.remember(f"a{n}")
    assert not lanes.is_known("10.0.0.1")
    assert lanes.is_known("a1")


def test_a_kiosk_that_was_verified_proves_itself_by_its_headers(lanes: Lanes) -> None:
    assert lanes.prove(headers(), "POST", "/api/scans") is None, "nobody has verified it yet"
    lanes.remember_kiosk(KIOSK, KEY.public.raw, "10.0.0.1")
    proof = lanes.prove(headers(), "POST", "/api/scans")
    assert proof is not None
    assert proof.stamp == RequestStamp(*KIOSK, 7)
    assert proof.key == KEY.public.raw
    assert proof.fits(BODY)
    assert not proof.fits(BODY + b" ")
    assert lanes.is_known("10.0.0.1")


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({RequestStamp.DIGEST_HEADER: body_digest(b"another")}, id="another body"),
        pytest.param({RequestStamp.DIGEST_HEADER: "x"}, id="no digest"),
        pytest.param({RequestStamp.COUNTER_HEADER: "8"}, id="another counter"),
        pytest.param({RequestStamp.COUNTER_HEADER: "many"}, id="no counter"),
        pytest.param({RequestStamp.COUNTER_HEADER: str(2**63)}, id="a counter beyond limits"),
        pytest.param({RequestStamp.KIOSK_HEADER: "east/1"}, id="another kiosk"),
        pytest.param({RequestStamp.KIOSK_HEADER: "west/2"}, id="another generation"),
        pytest.param({RequestStamp.SIGNATURE_HEADER: "===="}, id="no signature"),
    ],
)
def test_what_proves_nothing(lanes: Lanes, changed: dict[str, str]) -> None:
    lanes.remember_kiosk(KIOSK, KEY.public.raw, "10.0.0.1")
    assert lanes.prove(headers() | changed, "POST", "/api/scans") is None


def test_another_key_or_path_proves_nothing(lanes: Lanes) -> None:
    lanes.remember_kiosk(KIOSK, KEY.public.raw, "10.0.0.1")
    other = PrivateKey(b"east".ljust(32, b"."))
    assert lanes.prove(headers(key=other), "POST", "/api/scans") is None
    assert lanes.prove(headers(), "POST", "/api/people") is None
    assert lanes.prove({}, "POST", "/api/scans") is None


def in_session(key: bytes, counter: int) -> dict[str, str]:
    stamp = RequestStamp(*KIOSK, counter)
    mac = request_mac(key, request_message(stamp, "POST", "/api/scans", BODY))
    given = headers(counter=counter) | {stamp.MAC_HEADER: mac}
    del given[stamp.SIGNATURE_HEADER]
    return given


def test_a_session_proves_each_request_once_and_in_order(lanes: Lanes) -> None:
    key = bytes(32)
    assert lanes.prove(in_session(key, 8), "POST", "/api/scans") is None, "there is no session"
    lanes.begin_session(KIOSK, KEY.public.raw, key, 7)
    proven = [
        lanes.prove(in_session(key, counter), "POST", "/api/scans") is not None
        for counter in (7, 8, 8, 10, 9, 11)
    ]
    assert proven == [False, True, False, True, False, True]
    proof = lanes.prove(in_session(key, 12), "POST", "/api/scans")
    assert proof is not None
    assert (proof.key, proof.signature) == (KEY.public.raw, None)
    assert proof.fits(BODY)
    assert not proof.fits(BODY + b" ")
    assert lanes.prove(in_session(bytes(31) + b"1", 13), "POST", "/api/scans") is None
    lanes.end_session(KIOSK)
    assert lanes.prove(in_session(key, 13), "POST", "/api/scans") is None


def test_a_session_ends_after_half_a_day(lanes: Lanes, time: Time) -> None:
    lanes.begin_session(KIOSK, KEY.public.raw, bytes(32), 0)
    time.now += SESSION_S - 1
    assert lanes.prove(in_session(bytes(32), 1), "POST", "/api/scans") is not None
    time.now += 1
    assert lanes.prove(in_session(bytes(32), 2), "POST", "/api/scans") is None


def test_a_renewed_session_is_not_the_oldest(lanes: Lanes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.web.lanes.SESSIONS_MAX", 2)
    for name in ("west", "east", "west", "north"):
        lanes.begin_session((name, 1), KEY.public.raw, bytes(32), 0)
    assert lanes.prove(in_session(bytes(32), 1), "POST", "/api/scans") is not None


def test_an_address_that_is_used_again_is_not_the_oldest(lanes: Lanes) -> None:
    lanes.remember("10.0.0.1")
    for n in range(KNOWN_ADDRESSES_MAX - 1):
        lanes.remember(f"a{n}")
    lanes.remember("10.0.0.1")
    lanes.remember("10.0.0.2")
    assert lanes.is_known("10.0.0.1")
    assert not lanes.is_known("a0")
    assert lanes.is_known("a1")


def test_nobody_is_known_while_the_machine_has_just_started() -> None:
    time = Time()
    time.now = 0.5
    assert not Lanes(time).is_known("10.0.0.1")


def test_a_body_that_is_there_makes_room_for_one(lanes: Lanes) -> None:
    with ExitStack() as stack:
        assert hold(lanes, stack, "10.0.0.1", 100, KIOSK) == KIOSK_MAX
    with ExitStack() as stack:
        assert hold(lanes, stack, "10.0.0.1", KIOSK_MAX - 1, KIOSK) == KIOSK_MAX - 1
        with lanes.hold("10.0.0.1", KIOSK):
            assert hold(lanes, stack, "10.0.0.1", 1, KIOSK) == 0
        assert hold(lanes, stack, "10.0.0.1", 5, KIOSK) == 1


@pytest.mark.parametrize(
    ("generation", "counter", "read"),
    [
        (0, 0, True),
        (1, 1, True),
        (2**53 - 1, 2**53 - 1, True),
        (1, 2**53, False),
        (2**53, 1, False),
        (1, -1, False),
        (-1, 1, False),
    ],
)
def test_numbers_that_a_stamp_can_have(generation: int, counter: int, read: bool) -> None:
    headers = {
        RequestStamp.KIOSK_HEADER: f"west/{generation}",
        RequestStamp.COUNTER_HEADER: str(counter),
    }
    stamp = RequestStamp("west", generation, counter)
    assert read_stamp(headers) == (stamp if read else None)


def test_of_a_stamp_no_more_is_read_than_one_can_have() -> None:
    """The sender may be anyone."""
    headers = {
        RequestStamp.KIOSK_HEADER: "x" * 1_000 + "/" + "0" * 20 + "7",
        RequestStamp.COUNTER_HEADER: "0" * 20 + "7",
    }
    assert read_stamp(headers | {RequestStamp.KIOSK_HEADER: "x" * 1_000 + "/1"}) == RequestStamp(
        "x" * 64, 1, 0
    )
    assert read_stamp(headers) == RequestStamp("x" * 64, 0, 0)


def test_those_who_are_gone_take_no_memory(lanes: Lanes) -> None:
    """Strangers have any number of addresses."""
    tracemalloc.start()
    try:
        for n in range(5_000):
            with lanes.hold(f"2001:db8::{n:x}"):
                pass
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 100_000
