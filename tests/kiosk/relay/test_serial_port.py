"""A relay at a serial device, replaced by a pseudo-terminal."""

import os
import queue
import select
import termios
import time
import tty
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from kiosk.config.settings import KioskSettings
from kiosk.relay import relay as relays
from kiosk.relay.relay import RelayError, make_relay, switch
from kiosk.relay.serial_port import SerialError, SerialPort
from kiosk.texts.messages import in_language


class Board:
    """A relay board: `path` is its device, `heard` reads the received bytes."""

    def __init__(self) -> None:
        self.end, self._device = os.openpty()
        self.path = os.ttyname(self._device)

    def heard(self, count: int, within_s: float = 240.0) -> bytes:
        data, deadline = b"", time.monotonic() + within_s
        while (
            len(data) < count and select.select([self.end], [], [], deadline - time.monotonic())[0]
        ):
            data += os.read(self.end, 1000)
        return data

    def settings(self) -> list:
        return termios.tcgetattr(self._device)

    def unplug(self) -> None:
        for device in (self.end, self._device):
            os.close(device)


@pytest.fixture
def board() -> Iterator[Board]:
    board = Board()
    yield board
    board.unplug()


def test_a_relay_at_a_serial_device(board: Board) -> None:
    results: queue.Queue[str] = queue.Queue()
    relay = make_relay(
        KioskSettings(relay_file=board.path, relay_text="A1\n", relay_timeout_ms=240_000),
        results.put,
    )
    assert relay is not None
    relay.fire()
    relay.fire()
    assert [results.get(timeout=240), results.get(timeout=240)] == ["", ""]
    assert relay.trouble is None
    assert board.heard(6) == b"A1\nA1\n", "the line's end is not translated"
    relay.close()


def test_bytes_on_and_off(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = KioskSettings(
        relay_file=board.path,
        relay_text="hex:A00101A2",
        relay_off_text="hex:A00100A1",
        relay_pulse_ms=80,
        relay_timeout_ms=240_000,
    )
    results: queue.Queue[str] = queue.Queue()
    relay = make_relay(settings, results.put)
    assert relay is not None
    pauses: list[float] = []
    clock = SimpleNamespace(sleep=pauses.append, monotonic=time.monotonic)
    monkeypatch.setattr(relays, "time", clock)
    relay.fire()
    assert board.heard(8) == bytes.fromhex("A00101A2 A00100A1")
    assert pauses == [0.08]
    assert results.get(timeout=240) == ""
    relay.close()


def test_the_line_is_raw_at_the_speed_that_is_set(board: Board) -> None:
    cooked = board.settings()
    cooked[1] |= termios.OPOST | termios.ONLCR
    termios.tcsetattr(board._device, termios.TCSANOW, cooked)
    port = SerialPort(board.path, 19_200)
    port.write(b"\n\x03\x11", 240.0)
    assert board.heard(3) == b"\n\x03\x11"
    settings = board.settings()
    assert settings[4:6] == [termios.B19200, termios.B19200]
    assert not settings[1] & termios.OPOST
    assert not settings[2] & termios.CSTOPB
    port.close()


def test_it_is_opened_once_because_boards_restart_at_that(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, really = [], os.open
    monkeypatch.setattr(os, "open", lambda *a: opened.append(a) or really(*a))
    port = SerialPort(board.path)
    for _ in range(3):
        port.write(b"1", 240.0)
    port.close()
    assert len(opened) == 1


def test_a_device_that_accepts_nothing_is_reported_in_time(board: Board) -> None:
    port = SerialPort(board.path)
    with pytest.raises(SerialError, match="accepts no data"):
        port.write(b"x" * 1_000_000, 0.2)  # nothing reads at the other end
    board.heard(4096, 0.1)
    port.write(b"1", 240.0)  # and the next pulse reopens it
    port.close()


@pytest.mark.parametrize("pulse_while_away", [True, False])
def test_a_device_that_is_unplugged_and_back(tmp_path: Path, pulse_while_away: bool) -> None:
    first, second = Board(), Board()
    path = tmp_path / "ttyUSB0"
    path.symlink_to(first.path)
    port = SerialPort(str(path))
    port.write(b"1", 240.0)
    first.unplug()
    path.unlink()
    if pulse_while_away:
        with pytest.raises(
            RelayError, match=r"ttyUSB0 failed \(No such file or directory\)"
        ) as failure:
            switch(port, str(path), b"1", b"", 0.0, 240.0)
        assert "故障" in in_language("zh", failure.value.message)
    path.symlink_to(second.path)
    port.write(b"2", 240.0)
    assert second.heard(1) == b"2"
    port.close()
    second.unplug()


def test_a_missing_device_is_reported_by_name() -> None:
    results: queue.Queue[str] = queue.Queue()
    relay = make_relay(KioskSettings(relay_file="/dev/ttyNONE9"), results.put)
    assert relay is not None
    relay.fire()
    assert "/dev/ttyNONE9 failed (No such file or directory)" in results.get(timeout=240)
    assert relay.trouble is not None
    assert "没有该文件或设备" in in_language("zh", relay.trouble)
    relay.close()


def test_a_file_that_is_no_terminal_is_written_unchanged(tmp_path: Path) -> None:
    pipe = tmp_path / "gpio"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    port = SerialPort(str(pipe))
    port.write(b"1", 240.0)
    assert os.read(reader, 10) == b"1"
    port.close()
    os.close(reader)


def test_a_raw_line_stays_so_for_the_board(board: Board) -> None:
    tty.setraw(board.end)
    port = SerialPort(board.path)
    port.write(bytes(range(256)), 240.0)
    assert board.heard(256) == bytes(range(256))
    port.close()
