"""The lifetime of a door's place request."""

import pytest

from badges.places.account import Account
from kiosk.sync.exchange import PlaceRequest

FULL = Account(granted=3, entries=3)


@pytest.mark.parametrize(("now", "stands"), [(9.9, True), (10.0, False)])
def test_for_its_time(now: float, stands: bool) -> None:
    assert PlaceRequest(until=10.0).stands(FULL, now) is stands


def test_not_once_a_place_is_free_here() -> None:
    """A person has left by this door, and the place is its own again."""
    wish = PlaceRequest(until=10.0)
    assert wish.stands(FULL, 5.0)
    assert not wish.stands(FULL.credit(), 5.0)


def test_it_ends_with_the_place_that_comes_though_that_is_used_at_once() -> None:
    wish = PlaceRequest(until=10.0)
    assert wish.stands(FULL, 5.0)
    assert not wish.stands(Account(granted=4, entries=4), 5.0)


def test_earlier_grants_do_not_end_a_request() -> None:
    wish = PlaceRequest(until=10.0)
    for now in (1.0, 2.0):
        assert wish.stands(Account(granted=4, entries=4), now)
