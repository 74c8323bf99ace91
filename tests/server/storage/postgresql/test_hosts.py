"""An address with several hosts, some of them silent."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from server.storage.postgresql.hosts import Hosts, each_host
from tests.waiting import until

BUSY_S = 240.0


class Made:
    def __init__(self, host: str) -> None:
        self.host = host
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()


class FakeHosts:
    """Hosts with configured answers. Unlisted hosts refuse."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[], bool]] = {}
        self.asked: list[str] = []
        self.made: list[Made] = []

    def connect(self, given: dict[str, Any]) -> tuple[Made | None, str]:
        host = given["host"]
        self.asked.append(host)
        if not self.answers.get(host, lambda: False)():
            return None, f"{host} refuses"
        self.made.append(Made(host))
        return self.made[-1], ""


@pytest.fixture
def hosts() -> FakeHosts:
    return FakeHosts()


def test_each_host_of_an_address() -> None:
    assert each_host({"host": "a,b", "port": "1,2", "user": "u"}) == [
        {"host": "a", "port": "1", "user": "u"},
        {"host": "b", "port": "2", "user": "u"},
    ]
    assert each_host({"host": "a,b", "port": 5432}) == [
        {"host": "a", "port": "5432"},
        {"host": "b", "port": "5432"},
    ]
    for alone in (
        {"host": "a", "port": "1"},
        {"dbname": "forum"},
        {"host": "a,b", "port": "1,2,3"},
    ):
        assert each_host(alone) == [alone]


def test_the_host_that_answered_is_asked_first_and_alone(hosts: FakeHosts) -> None:
    connector = Hosts(hosts.connect)
    hosts.answers["b"] = lambda: True
    for _ in range(2):
        connection, _ = connector.connection({"host": "a,b"})
        assert connection is not None
        assert connection.host == "b"
    assert hosts.asked == ["a", "b", "b"]


def test_a_silent_host_keeps_nobody_waiting(hosts: FakeHosts) -> None:
    heard = threading.Event()
    hosts.answers["a"] = lambda: heard.wait(BUSY_S)
    hosts.answers["b"] = lambda: True
    connection, _ = Hosts(hosts.connect).connection({"host": "a,b"})
    assert connection is not None
    assert connection.host == "b"
    assert not heard.is_set()
    # The caller closes connections that arrive too late.
    heard.set()
    until(lambda: len(hosts.made) >= 2)
    late = next(connected for connected in hosts.made if connected.host == "a")
    assert late.closed.wait(BUSY_S)
    assert not connection.closed.is_set()


def test_why_no_host_suits(hosts: FakeHosts) -> None:
    assert Hosts(hosts.connect).connection({"host": "a,b"}) == (None, "a refuses; b refuses")
