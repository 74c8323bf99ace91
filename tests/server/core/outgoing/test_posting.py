"""A request ends after its whole time, even if there is no socket yet at its deadline.

The name's addresses are made up. The sockets are real.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from server.core.outgoing import posting
from tests.waiting import until

SILENT = ("127.0.0.2", "127.0.0.3")
SLOW = "127.0.0.4"


def drip(listener: socket.socket, over: threading.Event) -> None:
    """Answer one request, byte by byte, with headers that never end."""
    try:
        client, _ = listener.accept()
    except OSError:
        return
    with client:
        try:
            client.recv(10_000)
            client.sendall(b"HTTP/1.1 200 OK\r\n")
            while not over.wait(0.2):
                client.sendall(b"x")
        except OSError:
            return


@pytest.fixture
def port() -> Iterator[int]:
    """A port where two addresses answer no SYN, and a third drips."""
    with ExitStack() as stack:

        def listening(host: str, port: int, backlog: int) -> socket.socket:
            listener = stack.enter_context(socket.socket())
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(backlog)
            return listener

        number = listening(SILENT[0], 0, 0).getsockname()[1]
        listening(SILENT[1], number, 0)
        for host in SILENT:
            for _ in range(3):  # Their backlog is then full, so Linux drops any other SYN.
                caller = stack.enter_context(socket.socket())
                caller.setblocking(False)
                caller.connect_ex((host, number))
        slow = listening(SLOW, number, 5)
        over = threading.Event()
        thread = threading.Thread(target=drip, args=(slow, over))
        thread.start()
        try:
            yield number
        finally:
            over.set()
            slow.shutdown(socket.SHUT_RDWR)  # ends a pending accept
            thread.join()


@pytest.mark.system
def test_a_slow_receiver_is_left_though_the_deadline_passed_while_connecting(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(_host: str, port: int, *_: object, **__: object) -> list[tuple]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))
            for address in (*SILENT, SLOW)
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    # Two silent addresses take two seconds, longer than the whole request may.
    monkeypatch.setattr(posting, "TIMEOUT_S", 1.0)
    thread = threading.Thread(
        target=posting.ask,
        args=("POST", f"http://many.example:{port}/", b"{}", {}, 1000),
        kwargs={"whole_s": 1.5},
        daemon=True,
    )
    thread.start()
    until(lambda: not thread.is_alive(), lambda: "the request goes on after its deadline")
