"""A phone with and without a network, in a real Chromium with a real server."""

import pytest

from tests.phones.forum import Forum
from tests.phones.phone import Phone
from tests.phones.steps import in_time, keep_shot, offline, online, scan, troubled

pytestmark = pytest.mark.soak  # each starts Chromium and a phone's Python


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


def test_a_phone_that_may_lose_its_storage_is_online_only(place: Forum) -> None:
    phone = place.phone("north", persistent=False)
    try:
        online(phone)
        assert scan(place, phone, range(3)) == 3
        offline(place, phone)
        phone.present(place.place.badge(3))
        troubled(phone, "does not keep scans")
        assert phone.status["promise"] == "none"
        keep_shot(phone, "online-only")
        in_time(place, phone)
        assert [answer.green for answer in phone.shown] == [True] * 3
        assert place.inside() == 3
    finally:
        phone.close()
