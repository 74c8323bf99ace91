"""Connections: which of them must close, and the kernel's report on real ones is read correctly."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from server.storage.database import Database
from server.web import connections
from server.web.connections import (
    BUSY_STRANGERS,
    KNOWN_ADDRESS_MAX,
    SILENT_KNOWN_S,
    SILENT_STRANGER_S,
    STRANGER_ADDRESS_MAX,
    STRANGERS_MAX,
    Connection,
    Guard,
    connections_to,
    to_end,
)


def is_known(address: str) -> bool:
    return address.startswith("10.")


def many(address: str, count: int, silent_s: float = 1.0) -> list[Connection]:
    return [Connection(n, address, silent_s + n / 1e6) for n in range(count)]


@pytest.mark.parametrize(
    ("address", "limit_s"), [("10.0.0.1", SILENT_KNOWN_S), ("9.0.0.1", SILENT_STRANGER_S)]
)
def test_a_silent_one_ends(address: str, limit_s: float) -> None:
    lives, silent = Connection(1, address, limit_s - 1), Connection(2, address, limit_s + 1)
    assert to_end([lives, silent], is_known) == [silent]


@pytest.mark.parametrize(
    ("address", "most"), [("10.0.0.1", KNOWN_ADDRESS_MAX), ("9.0.0.1", STRANGER_ADDRESS_MAX)]
)
def test_of_too_many_from_one_address_the_most_silent_end(address: str, most: int) -> None:
    crowd = many(address, most + 3)
    assert to_end(crowd[:most], is_known) == []
    assert {connection.file for connection in to_end(crowd, is_known)} == {most, most + 1, most + 2}


def test_strangers_together_hold_no_more_than_their_share() -> None:
    crowd = [
        connection for n in range(36) for connection in many(f"9.0.0.{n}", STRANGER_ADDRESS_MAX)
    ]
    ended = to_end([*crowd, *many("10.0.0.1", 500)], is_known)
    assert len(ended) == 36 * STRANGER_ADDRESS_MAX - STRANGERS_MAX
    assert not any(is_known(connection.address) for connection in ended)


def silent(port: int, of: socket.socket) -> float:
    return next(
        connection.silent_s for connection in connections_to(port) if connection.file == of.fileno()
    )


def test_silent_connections_are_found_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        quiet = socket.create_connection(("127.0.0.1", port))
        lively = socket.create_connection(("127.0.0.1", port))
        accepted = [listening.accept()[0] for _ in range(2)]
        local = socket.socketpair()  # other sockets of the process do not matter
        with quiet, lively, accepted[0], accepted[1], local[0], local[1]:
            while silent(port, accepted[0]) < 1.0:
                time.sleep(0.01)
            accepted[1].sendall(b"still here")
            by_file = {connection.file: connection for connection in connections_to(port)}
            assert set(by_file) == {end.fileno() for end in accepted}, (
                "no client's end, no listener"
            )
            assert {connection.address for connection in by_file.values()} == {"127.0.0.1"}
            silent_s, lively_s = (by_file[end.fileno()].silent_s for end in accepted)
            assert silent_s - lively_s > 0.7
            # A busy machine may take long until the guard looks, as if both were silent.
            monkeypatch.setattr(connections, "connections_to", lambda _: list(by_file.values()))
            monkeypatch.setattr(connections, "SILENT_STRANGER_S", silent_s - 0.1)
            assert Guard(port, lambda address: False).sweep(), "more may follow soon"
            quiet.settimeout(240)
            assert quiet.recv(10) == b"", "ended"
            assert lively.recv(20) == b"still here"
            accepted[1].sendall(b"!")
            assert lively.recv(10) == b"!"


@pytest.mark.parametrize(
    ("address", "silent_s", "is_soon"),
    [
        ("10.0.0.1", 1.0, False),
        ("9.0.0.1", 1.0, True),
        ("10.0.0.1", SILENT_KNOWN_S + 1, True),
    ],
    ids=["a thousand kiosks", "strangers", "ended connections"],
)
def test_many_connections_of_strangers_or_ended_ones_are_swept_again_soon(
    monkeypatch: pytest.MonkeyPatch, address: str, silent_s: float, is_soon: bool
) -> None:
    sockets = [socket.socket() for _ in range(2)]  # not connected, so nothing is shut down
    crowd = [
        Connection(sockets[n % 2].fileno(), address, silent_s) for n in range(BUSY_STRANGERS + 1)
    ]
    monkeypatch.setattr(connections, "connections_to", lambda _: iter(crowd))
    with sockets[0], sockets[1]:
        assert Guard(1, is_known).sweep() is is_soon


def test_the_guard_stops() -> None:
    guard = Guard(1, is_known)
    guard.start()
    guard.close()


COMMAND = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("INSERT INTO one VALUES (2)")
db.close()
"""


@pytest.mark.system
def test_a_command_beside_the_server_leaves_its_log_in_use(tmp_path: Path) -> None:
    """The database's files are examined, and SQLite's locks on them stay.

    Without the locks the command would close last, and delete the log that the server still writes.
    """
    path = tmp_path / "hallkeeper.db"
    with Database(path) as database:
        database.write(lambda db: db.execute("CREATE TABLE one (two)"))
        log = path.with_name("hallkeeper.db-wal")
        before = log.stat().st_ino
        with socket.create_server(("127.0.0.1", 0)) as listening:
            Guard(listening.getsockname()[1], is_known).sweep()
        subprocess.run([sys.executable, "-c", COMMAND, str(path)], check=True)
        assert log.stat().st_ino == before
        database.write(lambda db: db.execute("INSERT INTO one VALUES (3)"))
        rows = database.reader.execute("SELECT two FROM one ORDER BY two").fetchall()
        assert [row[0] for row in rows] == [2, 3]
        database.give_back()
    with Database(path) as again:
        assert again.reader.execute("SELECT COUNT(*) FROM one").fetchone()[0] == 2
        again.give_back()
