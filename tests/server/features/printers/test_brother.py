"""A QL printer's raster shows the picture; the desk is asked for anything it can't report."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
from PIL import Image

from server.features.printers.drivers import brother, snmp
from server.features.printers.drivers.brother import SILENT_WORDS, BrotherDriver, label, read_status
from server.features.printers.drivers.driver import (
    GarbledError,
    NotPrintedError,
    PerhapsPrintedError,
)
from server.features.printers.states import PrinterState
from tests.server.features.printers.turns import FakeTurn, picture, sheet

ROLL = (100, 62)
# 1.3.6.1.4.1.2435.3.3.9.1.6.1.0, where 2435 takes two bytes.
OID = bytes.fromhex("2b06010401930303030901060100")


def status(*, first: int = 0, second: int = 0, width: int = 62, phase: int = 0) -> bytes:
    packet = bytearray(32)
    packet[:4] = b"\x80\x20B4"
    packet[8:11] = bytes([first, second, width])
    packet[19] = phase
    return bytes(packet)


class FakeQl:
    """Takes data over TCP, and reports its state over SNMP."""

    def __init__(self) -> None:
        self.answers = [status()]  # The last one is repeated.
        self.after_print = [status(phase=1), status()]
        self.silent = False
        self.unknown_name = False
        self.received = b""
        self.questions: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.snmp_port: int = self._udp.getsockname()[1]
        self._threads = [threading.Thread(target=work) for work in (self._take, self._tell)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"end", ("127.0.0.1", self.snmp_port))
        for thread in self._threads:
            thread.join()
        self._udp.close()

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                with line:
                    while more := line.recv(65536):
                        self.received += more
                    if self.received.endswith(b"\x1a"):
                        self.answers = list(self.after_print)

    def _tell(self) -> None:
        while True:
            question, where = self._udp.recvfrom(4096)
            if question == b"end":
                return
            self.questions.append(question)
            if self.silent:
                continue
            value = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            self._udp.sendto(self._answer(question, value), where)

    def _answer(self, question: bytes, value: bytes) -> bytes:
        # SEQUENCE, version 0, "public", GetRequest with its number first.
        assert question[2:13] == b"\x02\x01\x00\x04\x06public"
        assert question[13] == 0xA0
        assert OID in question
        number = question[15 : 15 + 2 + question[16]]
        error = b"\x02" if self.unknown_name else b"\x00"
        content = b"\x05\x00" if self.unknown_name else b"\x04" + bytes([len(value)]) + value
        binding = b"\x06" + bytes([len(OID)]) + OID + content
        binding = b"\x30" + bytes([len(binding)]) + binding
        body = number + b"\x02\x01" + error + b"\x02\x01\x00"
        body += b"\x30" + bytes([len(binding)]) + binding
        body = b"\xa2" + bytes([len(body)]) + body
        body = b"\x02\x01\x00\x04\x06public" + body
        return b"\x30\x81" + bytes([len(body)]) + body


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    # A working printer answers in time, also on a busy machine.
    for name, seconds in (
        ("POLL_S", 0.01), ("SETTLE_S", 0.1), ("SILENT_S", 240.0), ("PRINT_S", 240.0),
    ):  # fmt: skip
        monkeypatch.setattr(brother, name, seconds)
    monkeypatch.setattr(snmp, "ANSWER_S", 240.0)


@pytest.fixture
def printer() -> Iterator[FakeQl]:
    fake = FakeQl()
    yield fake
    fake.close()


def driver(printer: FakeQl, **how: bool) -> BrotherDriver:
    where = brother.KIND.address(f"tcp://127.0.0.1:{printer.port}")
    return BrotherDriver(where, snmp_port=printer.snmp_port, **how)


def drawn(data: bytes) -> Image.Image:
    """Return the picture in a label's raster lines, as they lie on the roll."""
    head, at, lines = data.index(b"M\x00g") + 2, 0, []
    at = head
    while data[at : at + 1] == b"g":
        assert data[at + 1 : at + 3] == b"\x00\x5a"
        lines.append(data[at + 3 : at + 93])
        at += 93
    assert data[at:] == b"\x1a"
    image = Image.frombytes("1", (720, len(lines)), b"".join(lines))
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def test_the_raster_is_the_picture_across_the_roll() -> None:
    dpi = 696 / 62 * 25.4
    shown = picture(dpi, ROLL)
    raster = label(shown)
    assert raster.startswith(bytes(400) + b"\x1b@\x1bia\x01")
    height = int.from_bytes(raster[raster.index(b"\x1biz") + 7 :][:4], "little")
    assert (shown.height, height) == (696, shown.width)
    dark = shown.point(lambda level: 255 if level < 140 else 0).convert("1")
    lying = drawn(raster).crop((12, 0, 708, height))
    assert lying.transpose(Image.Transpose.ROTATE_270).tobytes() == dark.tobytes()


def test_a_picture_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit a roll"):
        label(Image.new("L", (500, 600)))


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (status(), PrinterState.READY, ""),
        (status(phase=1), PrinterState.PRINTING, ""),
        (status(first=0x01), PrinterState.PAPER_OUT, "no labels left"),
        (status(first=0x02), PrinterState.PAPER_OUT, "no labels left"),
        (status(second=0x10), PrinterState.COVER_OPEN, "cover is open"),
        (status(first=0x04), PrinterState.ERROR, "cutter"),
        (status(width=29), PrinterState.ERROR, "Another roll"),
        (status(second=0x80), PrinterState.ERROR, "a fault"),
    ],
)
def test_its_state_in_words(
    printer: FakeQl, answer: bytes, state: PrinterState, words: str
) -> None:
    printer.answers = [answer]
    report = driver(printer).status()
    assert report.state is state
    assert words in report.words


def test_a_label_is_out_when_it_was_seen_to_print(printer: FakeQl) -> None:
    turn = FakeTurn()
    driver(printer).print(sheet(ROLL), turn)
    assert (turn.sent, printer.received.count(b"\x1biz")) == ([""], 1)
    assert drawn(printer.received).width == 720


def test_nothing_is_sent_without_labels(printer: FakeQl) -> None:
    printer.answers = [status(first=0x01)]
    with pytest.raises(NotPrintedError, match="no labels left"):
        driver(printer).print(sheet(ROLL), FakeTurn())
    assert printer.received == b""


def test_a_roll_that_ends_leaves_the_question(printer: FakeQl) -> None:
    printer.after_print = [status(phase=1), status(first=0x02)]
    with pytest.raises(PerhapsPrintedError, match="Look whether the label came out"):
        driver(printer).print(sheet(ROLL), FakeTurn())


@pytest.mark.parametrize("silence", ["silent", "unknown_name"])
def test_a_silent_printer_says_so_and_leaves_the_question(
    printer: FakeQl, silence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    setattr(printer, silence, True)
    monkeypatch.setattr(brother, "SILENT_S", 0.05)
    monkeypatch.setattr(snmp, "ANSWER_S", 0.03 if printer.silent else 240.0)
    report = driver(printer).status()
    assert (report.state, report.words) == (PrinterState.READY, SILENT_WORDS)
    with pytest.raises(PerhapsPrintedError, match="cannot confirm that it was printed"):
        driver(printer).print(sheet(ROLL), FakeTurn())
    driver(printer, trusts_sending=True).print(sheet(ROLL), FakeTurn())
    assert printer.received.count(b"\x1biz") == 2


def test_a_dead_printer_is_offline(printer: FakeQl, monkeypatch: pytest.MonkeyPatch) -> None:
    printer.silent = True
    monkeypatch.setattr(snmp, "ANSWER_S", 0.03)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    where = brother.KIND.address(f"tcp://127.0.0.1:{port}")
    offline = BrotherDriver(where, snmp_port=printer.snmp_port)
    assert offline.status().state is PrinterState.OFFLINE
    with pytest.raises(NotPrintedError):
        offline.print(sheet(ROLL), FakeTurn())


@pytest.mark.parametrize("answer", [b"", b"\x80\x20B4", bytes(32)])
def test_garbage_is_no_state(printer: FakeQl, answer: bytes) -> None:
    with pytest.raises(GarbledError):
        read_status(answer)
    printer.answers = [answer]
    assert driver(printer).status().state is PrinterState.ERROR


def test_after_a_crash_the_desk_is_asked(printer: FakeQl) -> None:
    with pytest.raises(PerhapsPrintedError, match="server stopped"):
        driver(printer).resume("", FakeTurn())
