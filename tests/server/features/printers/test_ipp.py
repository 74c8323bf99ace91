"""A card is out when the printer reports its job completed; IPP input is not trusted."""

import contextlib
import socket
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.features.printers.drivers import ipp
from server.features.printers.drivers.driver import (
    GarbledError,
    NotPrintedError,
    PerhapsPrintedError,
)
from server.features.printers.drivers.ipp import IppDriver
from server.features.printers.drivers.ipp_messages import Operation, Tag, read, request
from server.features.printers.states import PrinterState
from tests.server.features.printers.fake_ipp import ABORTED, CANCELLED, FakeIpp
from tests.server.features.printers.turns import FakeTurn, picture, sheet

A6 = (105, 148)


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (
        ("POLL_S", 0.01), ("LOOK_S", 0.03),
        # A working printer answers in time, also on a busy machine.
        ("REQUEST_S", 240.0), ("PRINT_S", 240.0), ("CANCEL_S", 240.0), ("BUSY_S", 240.0),
        ("RECONNECT_S", 240.0),
    ):  # fmt: skip
        monkeypatch.setattr(ipp, name, seconds)


@pytest.fixture
def printer() -> Iterator[FakeIpp]:
    fake = FakeIpp()
    yield fake
    fake.close()


def driver(printer: FakeIpp) -> IppDriver:
    return IppDriver(ipp.KIND.address(printer.address), 300)


def test_a_card_is_out_when_its_job_is_completed(printer: FakeIpp) -> None:
    turn = FakeTurn()
    turn.on_sending = lambda: documents.append(printer.jobs[1]["document"])
    documents: list[bytes] = []
    driver(printer).print(sheet(A6), turn)
    assert printer.printed == [b"%PDF-1.7 a card\n%%EOF\n"]
    assert (turn.sent, printer.names) == (["1"], ["0042"])
    # The job's number is on disk before the document is sent.
    assert documents == [b""]


def test_a_printer_without_create_job_prints_too(printer: FakeIpp) -> None:
    printer.operations = [2, 8, 9, 11]
    turn = FakeTurn()
    driver(printer).print(sheet(A6), turn)
    assert (len(printer.printed), turn.sent) == (1, ["", "1"])


def test_wishes_are_only_what_the_printer_knows(printer: FakeIpp) -> None:
    attributes = driver(printer)._look()[1]
    wishes = ipp._wishes(sheet(A6), attributes)
    assert [(name, values) for _, name, values in wishes] == [
        ("media", ["iso_a6_105x148mm"]),
        ("print-scaling", ["none"]),
    ]
    assert ipp._wishes(sheet((86, 54)), {}) == []


@pytest.mark.parametrize(
    ("formats", "first"),
    [
        (["application/pdf", "image/pwg-raster"], b"%PDF"),
        (["image/urf", "image/pwg-raster"], b"RaS2PwgRaster"),
        (["image/jpeg", "image/png"], b"\x89PNG"),
        (["image/jpeg"], b"\xff\xd8"),
    ],
)
def test_the_cards_form_is_the_printers(printer: FakeIpp, formats: list[str], first: bytes) -> None:
    printer.formats = formats
    driver(printer).print(sheet(A6), FakeTurn())
    assert printer.printed[0].startswith(first)


def test_a_printer_that_reads_none_of_them_gets_nothing(printer: FakeIpp) -> None:
    printer.formats = ["application/postscript"]
    with pytest.raises(NotPrintedError, match="neither PDF nor"):
        driver(printer).print(sheet(A6), FakeTurn())
    assert printer.jobs == {}


@pytest.mark.parametrize(
    ("state", "reasons", "expected", "words"),
    [
        (3, ["none"], PrinterState.READY, ""),
        (4, ["none"], PrinterState.PRINTING, ""),
        (3, ["media-low-warning"], PrinterState.READY, "almost used up"),
        (5, ["media-empty-error"], PrinterState.PAPER_OUT, "no paper left"),
        (3, ["media-empty"], PrinterState.PAPER_OUT, "no paper left"),
        (3, ["media-empty-warning"], PrinterState.READY, ""),
        (5, ["media-empty-warning"], PrinterState.PAPER_OUT, "no paper left"),
        (5, ["media-empty-error", "cover-open-error"], PrinterState.COVER_OPEN, "cover is open"),
        (5, ["door-open-report"], PrinterState.COVER_OPEN, "cover is open"),
        (5, ["media-jam-error"], PrinterState.ERROR, "jammed"),
        (5, ["paused"], PrinterState.ERROR, "paused"),
        (5, ["offline-report"], PrinterState.OFFLINE, "can't reach the printer"),
        (5, ["toner-empty-error"], PrinterState.ERROR, "ink or toner"),
        (5, ["none"], PrinterState.ERROR, "without giving a reason"),
        (5, ["com.example-odd-error"], PrinterState.ERROR, "without giving a reason"),
    ],
)
def test_its_state_is_told_in_plain_words(
    printer: FakeIpp, state: int, reasons: list[str], expected: PrinterState, words: str
) -> None:
    printer.state, printer.reasons = state, reasons
    report = driver(printer).status()
    assert report.state is expected
    assert words in report.words


def test_a_printer_that_takes_no_jobs_says_so(printer: FakeIpp) -> None:
    printer.accepting = False
    assert driver(printer).status().words == "The printer takes no jobs at present."


def test_paper_that_is_out_before_leaves_the_card_unsent(printer: FakeIpp) -> None:
    printer.paper_out()
    turn = FakeTurn()
    with pytest.raises(NotPrintedError) as caught:
        driver(printer).print(sheet(A6), turn)
    assert (caught.value.status.state, turn.sent) == (PrinterState.PAPER_OUT, [])
    assert printer.jobs == {}


def runs_out(printer: FakeIpp) -> FakeTurn:
    turn = FakeTurn()
    turn.on_sending = printer.paper_out
    return turn


def test_paper_that_runs_out_takes_the_card_back(printer: FakeIpp) -> None:
    turn = runs_out(printer)
    with pytest.raises(NotPrintedError) as caught:
        driver(printer).print(sheet(A6), turn)
    assert caught.value.status.state is PrinterState.PAPER_OUT
    assert (printer.jobs[1]["state"], printer.printed) == (CANCELLED, [])


def test_paper_that_is_loaded_lets_the_card_come_out(printer: FakeIpp) -> None:
    turn = runs_out(printer)
    turn.gives_up = False

    def load() -> None:
        if len(turn.stood) == 3:
            printer.state, printer.reasons = 3, ["none"]

    turn.on_standing = load
    driver(printer).print(sheet(A6), turn)
    assert len(printer.printed) == 1


def test_a_job_whose_sheets_nobody_counts_leaves_the_question(printer: FakeIpp) -> None:
    printer.counts = False
    with pytest.raises(PerhapsPrintedError, match="no paper left.*Part of the card"):
        driver(printer).print(sheet(A6), runs_out(printer))


@pytest.mark.parametrize(("ends_as", "words"), [(ABORTED, "given up by"), (CANCELLED, "cancelled")])
def test_a_job_that_ends_otherwise_comes_back(printer: FakeIpp, ends_as: int, words: str) -> None:
    printer.ends_as = ends_as
    with pytest.raises(PerhapsPrintedError, match=words):
        driver(printer).print(sheet(A6), FakeTurn())


def test_a_refused_document_was_not_printed(printer: FakeIpp) -> None:
    printer.refuses[Operation.SEND_DOCUMENT] = (0x040A, 1)
    with pytest.raises(NotPrintedError, match="IPP 0x040a"):
        driver(printer).print(sheet(A6), FakeTurn())
    assert printer.jobs[1]["state"] == CANCELLED


def test_a_busy_printer_is_asked_again(printer: FakeIpp) -> None:
    printer.refuses[Operation.CREATE_JOB] = (0x0507, 3)
    driver(printer).print(sheet(A6), FakeTurn())
    assert len(printer.printed) == 1


def test_a_busy_printer_refuses(printer: FakeIpp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ipp, "BUSY_S", 0.2)
    printer.refuses[Operation.CREATE_JOB] = (0x0507, 1_000)
    with pytest.raises(NotPrintedError, match="IPP 0x0507"):
        driver(printer).print(sheet(A6), FakeTurn())


def test_a_connection_lost_before_the_document_leaves_nothing_printed(printer: FakeIpp) -> None:
    printer.drops = {Operation.SEND_DOCUMENT}
    with pytest.raises(NotPrintedError) as caught:
        driver(printer).print(sheet(A6), FakeTurn())
    assert caught.value.status.state is PrinterState.OFFLINE
    assert (printer.printed, printer.jobs[1]["state"]) == ([], CANCELLED)


def test_a_connection_lost_while_it_is_asked_is_made_again(printer: FakeIpp) -> None:
    printer.drops = {Operation.GET_JOB_ATTRIBUTES}
    driver(printer).print(sheet(A6), FakeTurn())
    assert len(printer.printed) == 1


def test_print_job_whose_answer_is_lost_leaves_the_question(printer: FakeIpp) -> None:
    printer.operations, printer.drops = [2, 8, 9, 11], {Operation.PRINT_JOB}
    with pytest.raises(PerhapsPrintedError, match="connection was lost"):
        driver(printer).print(sheet(A6), FakeTurn())


def test_a_lost_printer_is_a_question(printer: FakeIpp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ipp, "RECONNECT_S", 0.1)
    turn = FakeTurn()
    turn.on_sending = lambda: setattr(printer, "garbage", b"")
    with pytest.raises(PerhapsPrintedError, match="connection was lost"):
        driver(printer).print(sheet(A6), turn)


def test_after_a_crash_the_printer_is_asked_what_became_of_it(printer: FakeIpp) -> None:
    driver(printer).print(sheet(A6), FakeTurn())
    driver(printer).resume("1", FakeTurn())
    assert len(printer.jobs) == 1
    with pytest.raises(PerhapsPrintedError, match="no longer knows"):
        driver(printer).resume("7", FakeTurn())
    with pytest.raises(PerhapsPrintedError, match="connection was lost"):
        driver(printer).resume("", FakeTurn())


def test_after_a_crash_a_job_without_its_document_is_cancelled(printer: FakeIpp) -> None:
    driver(printer)._create(sheet(A6), [], FakeTurn())
    with pytest.raises(NotPrintedError):
        driver(printer).resume("1", FakeTurn())
    assert printer.jobs[1]["state"] == CANCELLED


@pytest.mark.parametrize("garbage", [b"", b"<html>", b"\x02\x00\x00\x00\x00\x00\x00\x01\x04\x21"])
def test_garbage_is_no_state(printer: FakeIpp, garbage: bytes) -> None:
    printer.garbage = garbage
    report = driver(printer).status()
    assert (report.state, report.words) == (
        PrinterState.ERROR,
        "The printer's answer can't be read: does it speak IPP?",
    )


def test_a_wrong_path_is_named(printer: FakeIpp) -> None:
    printer.http_status = 404
    assert "HTTP 404" in driver(printer).status().words


def test_a_printer_that_hangs_is_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ipp, "REQUEST_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = f"ipp://127.0.0.1:{silent.getsockname()[1]}/ipp/print"
        report = IppDriver(ipp.KIND.address(where), 300).status()
    assert (report.state, "does not answer" in report.words) == (PrinterState.OFFLINE, True)


def test_a_request_is_as_rfc_8010_writes_it() -> None:
    message = request(Operation.GET_JOB_ATTRIBUTES, 5, [(Tag.INTEGER, "job-id", [9])])
    assert message == (
        b"\x02\x00\x00\x09\x00\x00\x00\x05\x01"
        b"\x47\x00\x12attributes-charset\x00\x05utf-8"
        b"\x48\x00\x1battributes-natural-language\x00\x02en"
        b"\x21\x00\x06job-id\x00\x04\x00\x00\x00\x09\x03"
    )


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    with contextlib.suppress(GarbledError):
        read(struct.pack(">BBHI", 2, 0, 0, 1) + body)


def test_a_page_of_pwg_raster_is_the_picture() -> None:
    shown = picture(100, A6)
    for in_colour, mode in ((True, "RGB"), (False, "L")):
        raster = ipp.raster.pwg(shown, 100, in_colour)
        assert unpacked(raster, 3 if in_colour else 1) == shown.convert(mode).tobytes()


def unpacked(data: bytes, pixel: int) -> bytes:
    """Read PWG Raster by its specification."""
    header = data[4 : 4 + 1796]
    width, height = struct.unpack(">II", header[372:380])
    assert struct.unpack(">I", header[392:396]) == (width * pixel,)
    at, rows = 4 + 1796, []
    while len(rows) < height:
        again, at = data[at] + 1, at + 1
        row = b""
        while len(row) < width * pixel:
            count, at = data[at], at + 1
            if count < 128:
                row, at = row + data[at : at + pixel] * (count + 1), at + pixel
            else:
                length = (257 - count) * pixel
                row, at = row + data[at : at + length], at + length
        rows += [row] * again
    assert at == len(data)
    return b"".join(rows)
