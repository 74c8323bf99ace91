"""The relay: after the answer, in its own time, and told when it fails."""

import os
import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from kiosk.config import KioskSettings
from kiosk.signal import WAITING_MAX, Relay, RelayError, call, make_relay, write


@contextmanager
def turnstile(status: int = 200, delay_s: float = 0.0) -> Iterator[tuple[str, list[str]]]:
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # noqa: N802 - the library's name
            time.sleep(delay_s)
            heard.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                pass  # the kiosk did not wait

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
        relay = make_relay(KioskSettings(relay_url=f"{url}/open?gate=2"), results.put)
        assert relay is not None
        relay.fire()
        assert results.get(timeout=5) == ""
        relay.close()
    assert heard == ["/open?gate=2"]


def test_no_relay_is_none() -> None:
    assert make_relay(KioskSettings(), print) is None


@pytest.mark.parametrize("status", [404, 500])
def test_a_relay_that_refuses(status: int) -> None:
    with turnstile(status) as (url, _), pytest.raises(RelayError, match=str(status)):
        call(url, 1.0)


def test_a_relay_that_is_slow() -> None:
    with turnstile(delay_s=0.5) as (url, _), pytest.raises(RelayError, match="does not answer"):
        call(url, 0.1)


def test_a_relay_that_is_away_and_its_password_is_not_told() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://user:secret@127.0.0.1:{unused.getsockname()[1]}/"
        with pytest.raises(RelayError, match="127.0.0.1 failed") as caught:
            call(url, 1.0)
    assert "secret" not in str(caught.value)


def test_serial(tmp_path: Path) -> None:
    pipe = tmp_path / "tty"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    results: queue.Queue[str] = queue.Queue()
    relay = make_relay(KioskSettings(relay_file=str(pipe), relay_text="A1\n"), results.put)
    assert relay is not None
    relay.fire()
    assert results.get(timeout=5) == ""
    relay.close()
    assert os.read(reader, 100) == b"A1\n"
    os.close(reader)


def test_serial_that_takes_nothing(tmp_path: Path) -> None:
    pipe = tmp_path / "tty"
    os.mkfifo(pipe)
    with pytest.raises(RelayError, match="can't be opened"):
        write(str(pipe), b"1", 0.1)  # nobody at the other end
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(RelayError, match="takes nothing"):
        write(str(pipe), b"x" * 1_000_000, 0.1)
    os.close(reader)


def test_firing_never_waits_and_pulses_do_not_pile_up() -> None:
    results: queue.Queue[str] = queue.Queue()
    go = threading.Event()
    relay = Relay(lambda: go.wait(5) and None, results.put)
    began = time.monotonic()
    for _ in range(WAITING_MAX + 3):
        relay.fire()
    assert time.monotonic() - began < 0.5
    assert "too slow" in results.get(timeout=5)
    go.set()
    relay.close()


def test_a_fault_of_ours_is_told_too() -> None:
    results: queue.Queue[str] = queue.Queue()
    relay = Relay(lambda: 1 / 0, results.put)
    relay.fire()
    assert "ZeroDivisionError" in results.get(timeout=5)
    relay.close()
