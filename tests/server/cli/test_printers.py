"""`hallkeeper printer`: adds, lists, tests and removes the printers of the desks."""

import threading
from collections.abc import Iterator

import pytest

from server.features.printers import commands as command
from server.features.printers import worker
from server.features.printers.drivers import zpl
from server.features.printers.worker import Printing
from server.storage.database import Database
from tests.server.conftest import NOW
from tests.server.features.printers.virtual_zpl import VirtualZpl
from tests.server.support.console import Console
from tests.waiting import until


@pytest.fixture
def virtual(monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualZpl]:
    monkeypatch.setattr(zpl, "POLL_S", 0.02)
    printer = VirtualZpl()
    yield printer
    printer.close()


def test_one_is_added_listed_and_removed(console: Console) -> None:
    assert "No printers." in console("printer", "list").output
    added = console(
        "printer", "add", "North", "zpl", "tcp://127.0.0.1:9", "--desk", "North 1"
    ).output
    assert added == "North prints 4x3in. Try it: hallkeeper printer test North\n"
    console("printer", "labels", "North", "12")
    listed = console("printer", "list").output
    assert "North  unknown  tcp://127.0.0.1:9" in listed
    assert "4x3in at 203 dpi, desks North 1, 12 labels left (few)" in listed
    assert "0 jobs waiting" in listed
    assert "not counted" in console("printer", "labels", "North").output
    console("printer", "remove", "North")
    assert "No printers." in console("printer", "list").output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("add", "N", "zpl", "http://10.0.0.1"), "does not begin with tcp://"),
        (("add", "N", "brother", "tcp://10.0.0.1", "--format", "a6"), "can't print 'a6'"),
        (("remove", "N"), "There is no printer 'N'. Printers: there is none yet."),
        (("labels", "N", "5"), "There is no printer 'N'"),
        (("test", "N"), "There is no printer 'N'"),
    ],
)
def test_what_cant_be_is_one_sentence(
    console: Console, words: tuple[str, ...], message: str
) -> None:
    result = console("printer", *words, status=1)
    assert message in result.output
    assert "Traceback" not in result.output


def test_a_test_print_waits_without_a_server(
    console: Console, virtual: VirtualZpl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "TEST_S", 0.2)
    console("printer", "add", "North", "zpl", virtual.address)
    output = console("printer", "test", "North").output
    assert output.startswith("North: ready.\n")
    assert "The test print waits." in output
    assert virtual.printed == []


def test_a_test_print_comes_out_of_a_running_servers_printer(
    console: Console, virtual: VirtualZpl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "WAKE_S", 0.1)
    monkeypatch.setattr(worker, "MANAGE_S", 0.1)
    console("printer", "add", "North", "zpl", virtual.address)
    with Database(console.event.database_path) as database:
        printing = Printing(console.event, database, lambda: NOW)
        printing.start()
        try:
            assert "The test print came out." in console("printer", "test", "North").output
            assert len(virtual.printed) == 1
            virtual.closes_after = 3_000
            printing_again = console("printer", "test", "North", status=1).output
            assert "The connection was lost" in printing_again
        finally:
            printing.close()
    until(lambda: not any(thread.name.startswith("printer ") for thread in threading.enumerate()))
