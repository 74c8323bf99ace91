"""Rate limits of an API client at one server, and at several together."""

import pytest

from badges.limits import Steady
from server.features.integrations.interface import rates
from server.features.integrations.interface.rates import Rates, SharedRates
from server.storage.database import Database
from tests.server.conftest import NOW

AT_ONCE = 40


class Clock:
    now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def servers(database: Database, clock: Clock) -> list[SharedRates]:
    return [SharedRates(database, clock, Steady(AT_ONCE, every_ms=100)) for _ in range(2)]


def test_rates_come_back_with_time(clock: Clock) -> None:
    limit = Rates(Steady(2, every_ms=1_000), clock)
    assert [limit.wait_s(7) for _ in range(3)] == [0, 0, 1]
    assert limit.wait_s(8) == 0
    clock.now += 500
    assert limit.wait_s(7) == 0.5
    clock.now += 500
    assert limit.wait_s(7) == 0


def asked(servers: list[SharedRates], times: int, token: int = 7) -> int:
    """How many of `times` requests, to the servers in turn, were accepted."""
    return sum(servers[n % len(servers)].wait_s(token) == 0 for n in range(times))


def test_two_servers_keep_to_one_limit(servers: list[SharedRates], clock: Clock) -> None:
    assert 0.7 * AT_ONCE < asked(servers, 3 * AT_ONCE) <= AT_ONCE
    assert asked(servers[1:], 1, token=8) == 1, "each token has its own"
    taken = 0
    for _ in range(60):
        clock.now += 100
        taken += asked(servers, 6)
    assert 50 <= taken <= 60 + AT_ONCE * 0.3, "ten a second"


def test_one_is_told_how_long_to_wait_and_asks_nobody_meanwhile(
    servers: list[SharedRates], clock: Clock, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = servers[0]
    while (wait_s := server.wait_s(7)) == 0:
        pass
    assert 0 < wait_s <= 0.1
    with monkeypatch.context() as patch:
        patch.setattr(database, "write", None)
        assert 0 < server.wait_s(7) <= 0.1
    clock.now += 101
    assert server.wait_s(7) == 0


def test_most_requests_write_nothing(
    servers: list[SharedRates], clock: Clock, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes, kept = 0, database.write

    def write(step):
        nonlocal writes
        writes += 1
        return kept(step)

    monkeypatch.setattr(database, "write", write)
    for _ in range(200):
        clock.now += 110
        assert servers[0].wait_s(7) == 0
    assert writes < 30


def test_who_asks_now_and_then_loses_nothing(servers: list[SharedRates], clock: Clock) -> None:
    """A server's reserve expires with time, so it reserves few for a slow client."""
    for _ in range(3 * AT_ONCE):
        clock.now += 1_000
        assert asked(servers, 2) == 2


def test_a_clock_set_back_locks_nobody_out(servers: list[SharedRates], clock: Clock) -> None:
    asked(servers, 3 * AT_ONCE)
    clock.now -= 3_600_000
    assert asked(servers, 1) == 0
    clock.now += 1_001
    assert asked(servers, 1) == 1


def test_memory_is_bounded(servers: list[SharedRates], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "CLIENTS_MAX", 3)
    for token in range(10):
        assert servers[0].wait_s(token) == 0
    assert len(servers[0]._batches) <= 3
