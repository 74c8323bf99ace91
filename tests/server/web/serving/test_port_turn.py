"""One server at a time starts on a port."""

import threading

import pytest

from server.app import port_turn
from server.app.port_turn import PortTurn
from server.core.event.settings import EventError
from tests.system.support.site import free_port


def test_the_next_one_waits_until_the_turn_is_given_back() -> None:
    port, order = free_port(), []
    first = PortTurn(port)

    def wait() -> None:
        second = PortTurn(port)
        order.append("second")
        second.close()

    thread = threading.Thread(target=wait)
    thread.start()
    order.append("first")
    first.close()
    thread.join(240)
    assert order == ["first", "second"]


def test_another_port_has_a_turn_of_its_own() -> None:
    first = PortTurn(free_port())
    PortTurn(free_port()).close()
    first.close()
    first.close()  # which may be done twice


def test_who_waits_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port_turn, "WAIT_S", 0.0)
    first = PortTurn(port := free_port())
    with pytest.raises(EventError, match=f"another server has been beginning on port {port}"):
        PortTurn(port)
    first.close()
