"""Whose account listens at a port: by written tables, and by a process of another account."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from kiosk.screen.board import Board
from kiosk.screen.port_owner import stranger_at
from kiosk.screen.serving import ScreenError, ScreenServer, create_screen

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
PORT = 0x20E5  # 8421
OWN, STRANGER, ROOT = 990, 1001, 0
# It changes its account itself: another one may be unable to read the Python of this environment.
SQUAT = """
import os, socket, sys
os.setuid(int(sys.argv[2]))
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print(listener.getsockname()[1], flush=True)
    sys.stdin.read()
"""


def line(address: str, user: int, state: str = "0A", port: int = PORT) -> str:
    there = "0" * len(address) + ":0000"
    return f"   0: {address}:{port:04X} {there} {state} 0:0 00:0 0 {user} 0 12345 1\n"


@pytest.mark.parametrize(
    ("table", "written", "stranger"),
    [
        ("tcp", line("0100007F", OWN), None),
        ("tcp", line("0100007F", ROOT), None),
        ("tcp", line("0100007F", STRANGER), STRANGER),
        ("tcp", line("00000000", STRANGER), STRANGER),
        ("tcp", line("0100007F", STRANGER, state="01"), None),  # a connection
        ("tcp", line("0100007F", STRANGER, port=PORT + 1), None),
        ("tcp", line("0A00A8C0", STRANGER), None),  # another address
        ("tcp6", line("0" * 32, STRANGER), STRANGER),
        ("tcp6", line("0" * 16 + "FFFF0000" + "0100007F", STRANGER), STRANGER),
        ("tcp6", line("0" * 24 + "01000000", STRANGER), None),  # ::1
    ],
)
def test_written_tables(tmp_path: Path, table: str, written: str, stranger: int | None) -> None:
    (tmp_path / table).write_text(HEAD + written)
    assert stranger_at(PORT, OWN, tmp_path) == stranger


def test_without_tables_nobody_is_a_stranger(tmp_path: Path) -> None:
    assert stranger_at(PORT, OWN, tmp_path / "none") is None


@pytest.mark.system
@pytest.mark.skipif(os.getuid() != 0, reason="another account's process needs root")
def test_another_account_at_the_port_is_named() -> None:
    command = [sys.executable, "-c", SQUAT, "0", "54321"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as squatter:
        port = int(squatter.stdout.readline())
        assert stranger_at(port) == 54_321
        with pytest.raises(ScreenError, match="user id 54321 has it"):
            ScreenServer(create_screen(Board(), lambda: None), port)
        squatter.stdin.close()
    with socket.create_server(("127.0.0.1", port)):
        assert stranger_at(port) is None
