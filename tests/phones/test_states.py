"""A phone's bad luck, in a real Chromium with a real server: the phone's words, the server's, and
the capacity.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.core.kiosks import registry
from tests.phones.chromium import needed
from tests.phones.forum import Forum, forum
from tests.phones.phone import Phone

pytestmark = pytest.mark.soak  # each starts Chromium and a phone's Python several times

CAPACITY, PEOPLE = 12, 40
SHOTS = os.environ.get("HALLKEEPER_SHOTS", "")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Forum]:
    needed()
    with forum(tmp_path, CAPACITY, PEOPLE) as here:
        yield here


@pytest.fixture
def phone(place: Forum) -> Iterator[Phone]:
    phone = place.phone("north")
    yield phone
    phone.close()


def scan(place: Forum, phone: Phone, people: range) -> int:
    """How many of the people got a green light."""
    return sum(phone.answer_to(place.place.badge(n)).green for n in people)


def online(phone: Phone) -> None:
    phone.wait("the server", lambda: phone.status.get("online"))


def offline(place: Forum, phone: Phone) -> None:
    place.network.cut()
    phone.wait("no server", lambda: phone.status.get("online") is False)


def in_time(place: Forum, phone: Phone) -> None:
    """The network is whole again, and everything is sent."""
    place.network.mend()
    phone.wait("the queue", lambda: phone.status.get("online")
               and phone.status.get("scans_waiting") == 0)  # fmt: skip


def needs(phone: Phone, what: str) -> None:
    phone.wait(what, lambda: any(m["what"] == what for m in phone.of_type("need")))


def state_of(place: Forum, phone: Phone) -> str:
    rows = registry.kiosks(place.place.database.reader)
    return next(row.state for row in rows if row.kiosk == phone.kiosk)


def keep_shot(phone: Phone, name: str) -> None:
    if SHOTS:
        phone.shot(Path(SHOTS) / f"phone-door-{name}.png")


def test_online_and_offline(place: Forum, phone: Phone) -> None:
    """A green offline is on this phone alone until the network is back; each reaches the ledger."""
    online(phone)
    assert phone.status["promise"] == "server"
    assert scan(place, phone, range(3)) == 3
    assert place.missing(phone, phone.shown) == []  # acknowledged before the light
    offline(place, phone)
    assert scan(place, phone, range(3, 6)) == 3
    assert phone.status["promise"] == "phone"
    assert phone.status["alone"] == 3
    keep_shot(phone, "offline")
    in_time(place, phone)
    assert phone.status["alone"] == 0
    assert place.missing(phone, phone.shown) == []
    assert place.inside() == 6


def test_a_copied_profile(place: Forum, phone: Phone) -> None:
    """Both copies go on. The server admits one, and the other learns that it is a copy."""
    online(phone)
    scan(place, phone, range(2))
    phone.close()
    twin = phone.copy(phone.home.with_name("twin"))
    phone.start()
    online(phone)
    greens = scan(place, phone, range(2, 4))
    twin.start()
    twin.wait_ready()
    greens += scan(place, twin, range(4, 8))
    greens += scan(place, phone, range(8, 12))
    try:
        for one in (phone, twin):
            one.wait("the fence", lambda one=one: one.status.get("retired")
                     or one.status.get("refused"))  # fmt: skip
        keep_shot(phone, "copied")
        assert state_of(place, phone) == "fenced"
        assert 2 + greens <= CAPACITY
        assert place.inside() == 2 + greens  # each green is in the ledger
    finally:
        twin.close()


def test_two_tabs(place: Forum, phone: Phone) -> None:
    online(phone)
    phone.open()
    needs(phone, "other_tab")
    keep_shot(phone, "two-tabs")
