"""A label is drawn dot by dot, and counts as out only when the printer reports it."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from zebrafy import ZebrafyZPL

from server.features.printers.drivers import zpl
from server.features.printers.drivers.driver import (
    NotPrintedError,
    PerhapsPrintedError,
    StoppedError,
)
from server.features.printers.drivers.zpl import ZplDriver, label, read_host_status
from server.features.printers.states import PrinterState
from tests.server.features.printers.turns import FakeTurn, picture, sheet
from tests.server.features.printers.virtual_zpl import VirtualZpl
from tests.waiting import until

IDLE = (
    b"\x02030,0,0,0609,000,0,0,0,000,0,0,0\x03\r\n"
    b"\x02001,0,0,0,0,2,4,0,00000000,1,000\x03\r\n\x021234,0\x03\r\n"
)


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (
        ("POLL_S", 0.01), ("SILENT_S", 0.1), ("SETTLE_S", 0.1), ("AGAIN_S", 0.02),
        # A working printer answers in time, also on a busy machine.
        ("ANSWER_S", 240.0), ("COUNT_ANSWER_S", 240.0), ("CLEAR_S", 240.0),
        ("RECONNECT_S", 240.0), ("PRINT_S", 240.0),
    ):  # fmt: skip
        monkeypatch.setattr(zpl, name, seconds)


@pytest.fixture
def printer() -> Iterator[VirtualZpl]:
    virtual = VirtualZpl()
    yield virtual
    virtual.close()


@pytest.fixture
def counts_nothing(printer: VirtualZpl, monkeypatch: pytest.MonkeyPatch) -> None:
    """It never reports how much it printed, so no test has to wait for that."""
    printer.counts = False
    monkeypatch.setattr(zpl, "COUNT_ANSWER_S", 0.03)


@pytest.fixture
def hangs(printer: VirtualZpl, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Stops its answers from now on. Timeouts are short, so that the driver notices soon."""

    def hang() -> None:
        for name in ("RECONNECT_S", "COUNT_ANSWER_S", "ANSWER_S"):
            monkeypatch.setattr(zpl, name, 0.1)
        printer.hangs = True

    return hang


def seen_at_work(printer: VirtualZpl) -> FakeTurn:
    """A turn in which a label comes out once the driver has seen that the printer has it."""
    printer.holds = True
    turn = FakeTurn()
    turn.on_waiting = lambda: setattr(printer, "holds", False)
    return turn


def driver(printer: VirtualZpl, **how: bool) -> ZplDriver:
    return ZplDriver(zpl.KIND.address(printer.address), 203, **how)


@pytest.mark.parametrize("dpi", [203, 300])
def test_a_label_shows_the_picture_dot_by_dot(dpi: int) -> None:
    commands = label(picture(dpi))
    (read,) = ZebrafyZPL(commands.decode()).to_images()
    expected = picture(dpi).point(lambda level: 0 if level < 140 else 255).convert("1")
    row = (expected.width + 7) // 8 * 8
    assert read.size == (row, expected.height)
    assert read.crop((0, 0, *expected.size)).tobytes() == expected.tobytes()
    assert f"^PW{expected.width}^LL{expected.height}".encode() in commands
    assert commands.count(b"^XA") == commands.count(b"^XZ") == commands.count(b"^PQ1,0,0,N") == 1


@pytest.mark.parametrize(
    ("old", "new", "state", "words"),
    [
        (b"030,0,0,", b"030,1,0,", PrinterState.PAPER_OUT, "no labels left"),
        (b"030,0,0,", b"030,0,1,", PrinterState.ERROR, "paused"),
        (b"001,0,0,0,", b"001,0,1,0,", PrinterState.COVER_OPEN, "cover is open"),
        (b"001,0,0,0,", b"001,0,0,1,", PrinterState.ERROR, "ribbon"),
        (b"0,0,0\x03", b"0,0,1\x03", PrinterState.ERROR, "too hot"),
        (b"0,0,0\x03", b"1,0,0\x03", PrinterState.ERROR, "settings are lost"),
        (b"0609,000", b"0609,002", PrinterState.PRINTING, ""),
        (b"00000000", b"00000003", PrinterState.PRINTING, ""),
        (b"", b"", PrinterState.READY, ""),
    ],
)
def test_its_status_in_plain_words(old: bytes, new: bytes, state: PrinterState, words: str) -> None:
    report = read_host_status(IDLE.replace(old, new, 1)).status
    assert report.state is state
    assert words in report.words


def test_a_label_is_out_when_the_printer_has_counted_it(printer: VirtualZpl) -> None:
    turn = FakeTurn()
    turn.on_sending = lambda: printed_before.append(len(printer.printed))
    printed_before: list[int] = []
    driver(printer).print(sheet(), turn)
    assert len(printer.printed) == 1
    assert printed_before == [0]
    assert turn.sent == ["1200"]


@pytest.mark.usefixtures("counts_nothing")
def test_a_printer_without_a_count_is_done_when_it_was_seen_at_work(printer: VirtualZpl) -> None:
    driver(printer).print(sheet(), seen_at_work(printer))
    assert len(printer.printed) == 1


@pytest.mark.usefixtures("counts_nothing")
def test_a_printer_without_work_or_count_leaves_the_question(printer: VirtualZpl) -> None:
    printer.loses_formats = True
    with pytest.raises(PerhapsPrintedError, match="did not confirm that it was printed"):
        driver(printer).print(sheet(), FakeTurn())
    driver(printer, trusts_sending=True).print(sheet(), FakeTurn())


def test_a_count_that_does_not_go_up_is_no_print(printer: VirtualZpl) -> None:
    printer.loses_formats = True
    with pytest.raises(PerhapsPrintedError, match="counter did not go up"):
        driver(printer, trusts_sending=True).print(sheet(), FakeTurn())


@pytest.mark.parametrize(
    ("trouble", "state"),
    [
        (lambda virtual: setattr(virtual, "labels", 0), PrinterState.PAPER_OUT),
        (lambda virtual: setattr(virtual, "head_open", True), PrinterState.COVER_OPEN),
        (lambda virtual: setattr(virtual, "paused", True), PrinterState.ERROR),
        (lambda virtual: setattr(virtual, "hangs", True), PrinterState.OFFLINE),
        (lambda virtual: setattr(virtual, "garbles", True), PrinterState.ERROR),
    ],
)
def test_nothing_is_sent_to_a_printer_that_cant_print(
    printer: VirtualZpl,
    trouble: Callable[[VirtualZpl], None],
    state: PrinterState,
    hangs: Callable[[], None],
) -> None:
    if state is PrinterState.OFFLINE:
        hangs()
    trouble(printer)
    assert driver(printer).status().state is state
    turn = FakeTurn()
    with pytest.raises(NotPrintedError) as caught:
        driver(printer).print(sheet(), turn)
    assert (caught.value.status.state, turn.sent, printer.printed) == (state, [], [])


def test_a_printer_that_is_switched_off_is_offline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    offline = ZplDriver(zpl.KIND.address(f"tcp://127.0.0.1:{port}"), 203)
    assert offline.status().state is PrinterState.OFFLINE
    with pytest.raises(NotPrintedError, match="refuses this port"):
        offline.print(sheet(), FakeTurn())


def runs_out(printer: VirtualZpl) -> FakeTurn:
    """A turn in which the paper runs out just as the label is sent."""
    turn = FakeTurn()
    turn.on_sending = lambda: setattr(printer, "labels", 0)
    return turn


def test_a_label_without_paper_is_taken_back_and_not_printed(printer: VirtualZpl) -> None:
    turn = runs_out(printer)
    with pytest.raises(NotPrintedError) as caught:
        driver(printer).print(sheet(), turn)
    assert caught.value.status.state is PrinterState.PAPER_OUT
    printer.labels = 9
    driver(printer).print(sheet(), FakeTurn())
    assert (len(printer.printed), printer.cancelled) == (1, 1)


def test_a_label_waits_for_paper_and_then_comes_out(printer: VirtualZpl) -> None:
    turn = runs_out(printer)
    turn.gives_up = False
    turn.on_standing = lambda: len(turn.stood) > 5 and setattr(printer, "labels", 9)
    driver(printer).print(sheet(), turn)
    assert (len(printer.printed), printer.cancelled) == (1, 0)


@pytest.mark.usefixtures("counts_nothing")
def test_without_a_count_nobody_knows_how_much_came_out(printer: VirtualZpl) -> None:
    with pytest.raises(PerhapsPrintedError, match="Part of the label may have come out"):
        driver(printer).print(sheet(), runs_out(printer))
    assert printer.cancelled == 1


@pytest.mark.parametrize("counts", [True, False])
def test_a_connection_lost_in_the_middle_of_a_label_leaves_the_question(
    printer: VirtualZpl, counts: bool, request: pytest.FixtureRequest
) -> None:
    if not counts:
        request.getfixturevalue("counts_nothing")
    printer.closes_after = 5_000
    with pytest.raises(PerhapsPrintedError, match="The connection was lost"):
        driver(printer).print(sheet(), FakeTurn())
    assert printer.printed == []
    driver(printer).print(sheet(), FakeTurn() if counts else seen_at_work(printer))
    assert len(printer.printed) == 1


def test_a_count_that_went_up_answers_it(printer: VirtualZpl) -> None:
    printer.closes_when_printed = True
    driver(printer).print(sheet(), FakeTurn())
    assert len(printer.printed) == 1


def test_a_printer_that_hangs_after_the_label_leaves_the_question(
    printer: VirtualZpl, hangs: Callable[[], None]
) -> None:
    turn = FakeTurn()
    turn.on_sending = hangs
    with pytest.raises(PerhapsPrintedError):
        driver(printer).print(sheet(), turn)


@pytest.mark.usefixtures("counts_nothing")
def test_an_earlier_label_never_comes_out_later(printer: VirtualZpl) -> None:
    printer.holds = True
    with socket.create_connection(("127.0.0.1", printer.port)) as other:
        other.sendall(b"^XA^FDold^FS^XZ")
        until(lambda: printer._waiting)
    driver(printer).print(sheet(), seen_at_work(printer))
    assert [b"old" in card for card in printer.printed] == [False]


@pytest.mark.parametrize(("came_out", "remote"), [(True, "1199"), (False, "1200"), (False, "")])
def test_the_count_tells_after_a_crash(printer: VirtualZpl, came_out: bool, remote: str) -> None:
    if came_out:
        driver(printer).resume(remote, FakeTurn())
    else:
        with pytest.raises(PerhapsPrintedError):
            driver(printer).resume(remote, FakeTurn())


def test_a_server_that_stops_ends_the_wait(printer: VirtualZpl) -> None:
    turn = runs_out(printer)
    turn.gives_up = False
    turn.on_standing = lambda: setattr(turn, "stopped", True)
    with pytest.raises(StoppedError):
        driver(printer).print(sheet(), turn)


def test_an_answer_without_end_is_cut_off() -> None:
    def flood(listener: socket.socket) -> None:
        line, _ = listener.accept()
        with line:
            try:
                for _ in range(100):
                    line.sendall(b"x" * 10_000)
            except OSError:
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=flood, args=(listener,))
        thread.start()
        where = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        report = ZplDriver(zpl.KIND.address(where), 203).status()
        assert report.state is PrinterState.OFFLINE
        thread.join()
