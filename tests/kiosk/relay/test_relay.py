"""The relay: after the answer, with its own timing, and reported when it fails."""

import base64
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from kiosk.config.settings import KioskSettings
from kiosk.relay.relay import PULSE_AGE_MAX_S, WAITING_MAX, Relay, RelayError, call, make_relay
from kiosk.texts.messages import in_language

PATIENT_MS = 240_000  # more than the settings file allows


@contextmanager
def turnstile(
    status: int | Callable[[], int] = 200, hangs_until: threading.Event | None = None
) -> Iterator[tuple[str, list[str]]]:
    """Its address, and its received paths, each with the login if there is one."""
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if hangs_until is not None:
                hangs_until.wait(240)
            heard.append(self.path + self.headers.get("Authorization", ""))
            self.send_response(status() if callable(status) else status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            with suppress(OSError):  # the kiosk did not wait
                super().handle()

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_it_works() -> None:
    results: queue.Queue[str] = queue.Queue()
    with turnstile() as (url, heard):
        settings = KioskSettings(relay_url=f"{url}/open?gate=2", relay_timeout_ms=PATIENT_MS)
        relay = make_relay(settings, results.put)
        assert relay is not None
        relay.fire()
        assert results.get(timeout=240) == ""
        relay.close()
    assert heard == ["/open?gate=2"]


def test_no_relay_is_none() -> None:
    assert make_relay(KioskSettings(), print) is None


@pytest.mark.parametrize("status", [404, 500])
def test_a_relay_that_refuses(status: int) -> None:
    with turnstile(status) as (url, _), pytest.raises(RelayError, match=str(status)):
        call(url, 20.0)


def test_a_relay_that_is_slow() -> None:
    over = threading.Event()
    with turnstile(hangs_until=over) as (url, _):
        with pytest.raises(RelayError, match="does not answer"):
            call(url, 0.1)
        over.set()


def test_a_missing_relay_is_reported_without_its_password() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://user:secret@127.0.0.1:{unused.getsockname()[1]}/"
        with pytest.raises(RelayError, match="127.0.0.1 failed") as caught:
            call(url, 20.0)
    assert "secret" not in str(caught.value)


def test_firing_never_waits_and_pulses_do_not_pile_up() -> None:
    results: queue.Queue[str] = queue.Queue()
    go = threading.Event()
    relay = Relay(lambda: go.wait(240) and None, results.put)
    for _ in range(WAITING_MAX + 3):
        relay.fire()
    assert "too slow" in results.get(timeout=240)
    go.set()
    relay.close()


def test_a_fault_of_the_program_is_reported_too() -> None:
    results: queue.Queue[str] = queue.Queue()
    relay = Relay(lambda: 1 / 0, results.put)
    relay.fire()
    assert "ZeroDivisionError" in results.get(timeout=240)
    relay.close()


def test_trouble_is_reported_in_every_language_until_the_next_pulse() -> None:
    results: queue.Queue[str] = queue.Queue()
    answers = [500, 200]
    with turnstile(lambda: answers.pop(0)) as (url, _):
        settings = KioskSettings(relay_url=url, relay_timeout_ms=PATIENT_MS)
        relay = make_relay(settings, results.put)
        assert relay is not None
        relay.fire()
        assert results.get(timeout=240) == "The relay at 127.0.0.1 answered with status 500."
        assert relay.trouble is not None
        assert in_language("zh", relay.trouble) == "继电器 127.0.0.1 返回状态码 500。"
        relay.fire()
        assert results.get(timeout=240) == ""
        assert relay.trouble is None
        relay.close()


def test_a_hanging_relay_delays_no_scan_and_sends_no_late_pulses() -> None:
    results: queue.Queue[str] = queue.Queue()
    pulsing, hang, pulses, now = threading.Event(), threading.Event(), [], [0.0]

    def pulse() -> None:
        pulses.append(now[0])
        pulsing.set()
        hang.wait(240)

    relay = Relay(pulse, results.put, clock=lambda: now[0])
    relay.fire()
    assert pulsing.wait(240)
    for _ in range(200):
        relay.fire()
    now[0] = PULSE_AGE_MAX_S + 1
    hang.set()
    relay.close(within_s=240)
    assert pulses == [0.0], "the ones that waited are too old"
    outcomes = [results.get_nowait() for _ in range(results.qsize())]
    assert outcomes.count("The relay is too slow: a pulse was left out.") == 200


def test_a_server_that_takes_the_connection_and_hangs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        with pytest.raises(RelayError, match="does not answer"):
            call(url, 0.05)


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999/", "http://127.0.0.1:x/"])
def test_an_address_with_a_bad_port_is_reported(url: str) -> None:
    with pytest.raises(RelayError, match=r"failed \(port\)"):
        call(url, 0.2)


def test_a_user_and_password_in_the_address_are_sent_as_a_login() -> None:
    with turnstile() as (url, heard):
        call(url.replace("//", "//gate:p%40ss@") + "/open", 240.0)
    assert heard == ["/openBasic " + base64.b64encode(b"gate:p@ss").decode()]
