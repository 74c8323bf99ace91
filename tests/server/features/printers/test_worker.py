"""Jobs are printed once each, by any capable printer, and none is lost."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import pytest

from badges.credential.badge_number import badge_number
from server.core.people import issuing
from server.core.second_disk import line
from server.features.printers import jobs, store, worker
from server.features.printers.drivers import ipp, zpl
from server.features.printers.states import JobState, PrinterState, Problem
from server.features.printers.store import PrinterPlan
from server.features.printers.worker import Printing
from server.storage.connection import Connection
from tests.server.conftest import NOW
from tests.server.features.printers.conftest import PrintRoom
from tests.server.features.printers.fake_ipp import FakeIpp
from tests.server.features.printers.virtual_zpl import VirtualZpl
from tests.waiting import until


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, seconds in (
        (worker, "LOOK_S", 0.05), (worker, "LOOK_AGAIN_S", 0.05), (worker, "WAKE_S", 0.04),
        (worker, "MANAGE_S", 0.03), (worker, "TAKE_OVER_S", 0.1), (worker, "CLOSE_S", 240.0),
        (zpl, "POLL_S", 0.01), (zpl, "AGAIN_S", 0.02), (ipp, "POLL_S", 0.01),
        (ipp, "LOOK_S", 0.02),
        # A working printer answers in time, also on a busy machine.
        (zpl, "ANSWER_S", 240.0), (zpl, "COUNT_ANSWER_S", 240.0), (zpl, "RECONNECT_S", 240.0),
        (zpl, "SILENT_S", 240.0), (zpl, "CLEAR_S", 240.0),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, seconds)


class Running(PrintRoom):
    """Also runs virtual printers and the server's printing."""

    def __init__(self, room: PrintRoom, stack: ExitStack) -> None:
        super().__init__(room.event, room.database, room.serials)
        self._stack = stack

    def printer(self, **how: object) -> VirtualZpl:
        virtual = VirtualZpl(**how)
        self._stack.callback(virtual.close)
        return virtual

    def start(self) -> None:
        printing = Printing(self.event, self.database, lambda: NOW)
        self._stack.callback(printing.close)
        printing.start()

    def enqueue(self, serial: int, desk: str = "North 1") -> int:
        return self.queue(serial, desk).job_id

    def state(self, number: int) -> JobState:
        return self.job(number).state

    def all_done(self, numbers: list[int]) -> Callable[[], bool]:
        return lambda: all(self.state(number) is JobState.DONE for number in numbers)


@pytest.fixture
def shop(room: PrintRoom) -> Iterator[Running]:
    with ExitStack() as stack:
        yield Running(room, stack)


def test_what_waits_is_printed_in_order_and_counts_as_handed_over(shop: Running) -> None:
    virtual = shop.printer(takes_s=0.02)
    number = shop.add("north", address=virtual.address)
    shop.database.write(lambda db: store.load_labels(db, number, 10, by="test", now=NOW))
    shop.start()
    numbers = [shop.enqueue(serial) for serial in shop.serials]
    until(shop.all_done(numbers))
    assert len(virtual.printed) == 3
    assert len(set(virtual.printed)) == 3
    assert shop.printed() == [1, 1, 1]
    with shop.database.reading() as db:
        printer = store.printer(db, number)
        (acts,) = db.execute(
            "SELECT COUNT(*) FROM leaf WHERE CAST(body AS TEXT) LIKE '%badges_printed%'"
        ).fetchone()
    assert (printer.labels_left, acts) == (7, 3)


def test_it_begins_at_once(shop: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "WAKE_S", 3600.0)
    virtual = shop.printer(takes_s=0.0)
    number = shop.add("north", address=virtual.address)
    shop.start()

    def is_ready() -> bool:
        with shop.database.reading() as db:
            return store.printer(db, number).state is PrinterState.READY

    until(is_ready)  # It was notified, and waits.
    shop.enqueue(shop.serials[0])
    until(lambda: virtual.printed)


def test_the_next_printer_takes_over_and_nothing_comes_out_twice(shop: Running) -> None:
    north, spare = shop.printer(labels=1, takes_s=0.05), shop.printer(takes_s=0.05)
    shop.add("north", address=north.address, desks=("North 1",))
    spare_id = shop.add("spare", address=spare.address)
    shop.start()
    numbers = [shop.enqueue(serial) for serial in shop.serials]
    until(shop.all_done(numbers))
    assert (len(north.printed), len(spare.printed)) == (1, 2)
    assert len({*north.printed, *spare.printed}) == 3
    assert [shop.job(number).printer_id for number in numbers][1:] == [spare_id, spare_id]
    assert shop.printed() == [1, 1, 1]


def test_without_another_printer_a_job_waits_for_paper(shop: Running) -> None:
    virtual = shop.printer(labels=0)
    number = shop.add("north", address=virtual.address)
    shop.start()

    def is_out() -> bool:
        with shop.database.reading() as db:
            return store.printer(db, number).state is PrinterState.PAPER_OUT

    waiting = shop.enqueue(shop.serials[0])
    until(is_out)
    assert shop.state(waiting) in (JobState.WAITING, JobState.PRINTING)
    virtual.labels = 5
    until(shop.all_done([waiting]))
    assert len(virtual.printed) == 1


def test_a_job_that_perhaps_was_printed_comes_back_to_its_desk(shop: Running) -> None:
    virtual, spare = shop.printer(), shop.printer()
    virtual.closes_after = 3_000
    ids = [
        shop.add("north", address=virtual.address, desks=("North 1",)),
        shop.add("spare", address=spare.address),
    ]
    shop.start()
    first, second = shop.enqueue(shop.serials[0]), shop.enqueue(shop.serials[1])
    until(lambda: shop.state(first) is JobState.FAILED)
    until(shop.all_done([second]))
    job = shop.job(first)
    assert job.problem is Problem.PERHAPS_PRINTED
    assert "connection was lost" in job.words
    tests = [
        shop.database.write(partial(jobs.enqueue_test, printer_id=number, by="user:1", now=NOW))
        for number in ids
    ]
    until(shop.all_done(tests))  # Each has looked for waiting jobs.
    assert shop.state(first) is JobState.FAILED
    assert len(virtual.printed) + len(spare.printed) == 3
    shop.database.write(lambda db: jobs.retry(db, first, by="user:1", now=NOW))
    until(shop.all_done([first]))
    assert len(virtual.printed) + len(spare.printed) == 4


def test_a_badge_that_was_replaced_meanwhile_is_not_printed(shop: Running) -> None:
    virtual = shop.printer()
    shop.add("north", address=virtual.address)
    first, second = shop.enqueue(shop.serials[0]), shop.enqueue(shop.serials[1])
    shop.database.write(
        lambda db: issuing.reissue(
            db, shop.event, shop.serials[0], reason="lost", now=NOW, by="test"
        )
    )
    shop.database.write(
        lambda db: issuing.revoke(db, shop.serials[1], reason="lost", now=NOW, by="test")
    )
    shop.start()
    until(lambda: shop.state(second) is JobState.FAILED)
    assert shop.job(first).problem is Problem.REPLACED
    assert shop.job(second).problem is Problem.REVOKED
    assert virtual.printed == []


def test_a_card_that_cant_be_drawn_comes_back_and_the_next_is_printed(shop: Running) -> None:
    virtual = shop.printer()
    shop.add("north", address=virtual.address)
    (shop.event.path / "cards").mkdir()
    settings = shop.event.path / "cards" / "cards.toml"
    settings.write_text('format = "no such"\n')
    shop.start()
    first = shop.enqueue(shop.serials[0])
    until(lambda: shop.state(first) is JobState.FAILED)
    job = shop.job(first)
    assert (job.problem, "cards.toml" in job.words) == (Problem.NOT_DRAWN, True)
    settings.unlink()
    second = shop.enqueue(shop.serials[1])
    until(shop.all_done([second]))


def test_a_test_print_hands_nothing_over(shop: Running) -> None:
    virtual = shop.printer()
    number = shop.add("north", address=virtual.address)
    test = shop.database.write(lambda db: jobs.enqueue_test(db, number, by="user:1", now=NOW))
    shop.start()
    until(shop.all_done([test]))
    assert (len(virtual.printed), shop.printed()) == (1, [0, 0, 0])


def test_a_printer_that_is_set_anew_is_spoken_to_as_it_is_now(shop: Running) -> None:
    old, new = shop.printer(), shop.printer()
    number = shop.add("north", address=old.address)
    shop.start()
    first = shop.enqueue(shop.serials[0])
    until(shop.all_done([first]))
    plan = PrinterPlan("north", new.address, "zpl", "4x3in", 203)
    shop.database.write(lambda db: store.change(db, number, plan, by="test", now=NOW))
    until(lambda: new.connections > 0)
    second = shop.enqueue(shop.serials[1])
    until(shop.all_done([second]))
    assert (len(old.printed), len(new.printed)) == (1, 1)


def test_paper_that_runs_out_in_a_job_of_ipp_goes_to_the_next_printer(shop: Running) -> None:
    office, spare = FakeIpp(), shop.printer()
    office.polls = 10_000
    try:
        plan = {"kind": "ipp", "format": "a6", "dpi": 300, "desks": ("North 1",)}
        shop.add("office", address=office.address, **plan)
        shop.add("spare", address=spare.address)
        shop.start()
        number = shop.enqueue(shop.serials[0])
        until(lambda: office.jobs)
        office.paper_out()
        until(shop.all_done([number]))
        assert (office.printed, len(spare.printed)) == ([], 1)
        assert office.names == [badge_number(shop.serials[0])]
    finally:
        office.close()


def test_what_was_sent_before_a_stop_is_asked_of_the_printer(shop: Running) -> None:
    office = FakeIpp()
    office.polls = 10_000
    try:
        shop.add("office", address=office.address, kind="ipp", format="a6", dpi=300)
        first = Printing(shop.event, shop.database, lambda: NOW)
        first.start()
        number = shop.enqueue(shop.serials[0])
        until(lambda: shop.job(number).sent_at is not None)
        first.close()
        assert shop.state(number) is JobState.PRINTING
        office.polls = 1
        second = Printing(shop.event, shop.database, lambda: NOW)
        second.start()
        until(shop.all_done([number]))
        second.close()
        assert (len(office.jobs), shop.printed().count(1)) == (1, 1)
    finally:
        office.close()


@pytest.mark.parametrize(
    ("sent", "remote", "state_after", "problem"),
    [
        (False, "", JobState.WAITING, Problem.NONE),
        (True, "", JobState.FAILED, Problem.PERHAPS_PRINTED),
        (True, "12", JobState.PRINTING, Problem.NONE),
    ],
)
def test_a_start_brings_back_what_was_left(
    shop: Running, sent: bool, remote: str, state_after: JobState, problem: Problem
) -> None:
    north = shop.add("north")
    number = shop.enqueue(shop.serials[0])
    claimed = shop.claim(north)
    if sent:
        shop.database.write(lambda db: jobs.note_sending(db, claimed, remote, NOW))
    shop.database.write(lambda db: jobs.recover(db, "The server stopped.", NOW))
    job = shop.job(number)
    assert (job.state, job.problem) == (state_after, problem)


def test_a_server_that_was_overtaken_while_it_drew_a_card_does_not_print_it(
    shop: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a pause of its machine: another server prints the card meanwhile."""
    draw, begun, go_on = worker.sheet_of, threading.Event(), threading.Event()

    def slow_at_first(*how: object) -> object:
        if not begun.is_set():
            begun.set()
            go_on.wait()
        return draw(*how)

    monkeypatch.setattr(worker, "sheet_of", slow_at_first)
    virtual = shop.printer(takes_s=0.0)
    north = shop.add("north", address=virtual.address)
    shop.start()
    first = shop.enqueue(shop.serials[0])
    begun.wait()
    shop.database.write(lambda db: jobs.recover(db, "The server stopped.", NOW))
    other = shop.claim(north)
    assert other is not None
    go_on.set()
    second = shop.enqueue(shop.serials[1])
    until(shop.all_done([second]))
    assert len(virtual.printed) == 1
    assert shop.state(first) is JobState.PRINTING
    sent = shop.database.write(lambda db: jobs.note_sending(db, other, "", NOW))
    shop.database.write(lambda db: jobs.note_sending(db, sent, "12", NOW))


def test_a_database_that_was_set_back_asks_about_all_that_waited(shop: Running) -> None:
    shop.add("north")
    numbers = [shop.enqueue(serial) for serial in shop.serials]
    shop.database.write(lambda db: line.ask_about_print_jobs(db, NOW))
    assert {shop.job(number).problem for number in numbers} == {Problem.PERHAPS_PRINTED}
    assert not jobs.is_any_waiting(shop.database.reader)


def test_jobs_that_wait_for_somebody_elses_printer_cost_no_writes(
    shop: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    look = jobs.next_job

    def counted(db: Connection, number: int) -> object:
        looks.append(number)
        return look(db, number)

    monkeypatch.setattr(jobs, "next_job", counted)
    virtual = shop.printer()
    shop.add("away", address="tcp://127.0.0.1:1", desks=("South",))
    shop.add("north", address=virtual.address, desks=("North 1",))
    shop.start()
    shop.enqueue(shop.serials[0], "South")
    until(lambda: looks)
    commits: list[int] = []
    shop.database.on_commit(lambda db: commits.append(1))
    until(lambda: len(looks) > 5)
    assert len(commits) <= 2


def test_a_job_that_was_brought_back_meanwhile_is_not_sent(
    shop: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    virtual = shop.printer()
    shop.add("north", address=virtual.address)
    drawn = worker.sheet_of

    def draw(*arguments: object) -> object:
        drawing = drawn(*arguments)
        if not jobs.jobs_of_desk(shop.database.reader, "South", 1):
            shop.database.write(lambda db: line.ask_about_print_jobs(db, NOW))
        shop.database.give_back()
        return drawing

    monkeypatch.setattr(worker, "sheet_of", draw)
    shop.start()
    first = shop.enqueue(shop.serials[0])
    until(lambda: shop.state(first) is JobState.FAILED)
    second = shop.enqueue(shop.serials[1], "South")
    until(shop.all_done([second]))
    assert len(virtual.printed) == 1
    assert shop.job(first).problem is Problem.PERHAPS_PRINTED


def test_settings_that_are_spoilt_later_do_not_undo_a_card_that_came_out(shop: Running) -> None:
    north = shop.add("north")
    number = shop.enqueue(shop.serials[0])
    shop.claim(north)
    shop.database.write(lambda db: jobs.fail(db, number, Problem.PERHAPS_PRINTED, "", NOW))
    (shop.event.path / "cards").mkdir()
    (shop.event.path / "cards" / "cards.toml").write_text("nonsense")
    shop.database.write(lambda db: jobs.confirm(db, shop.event, number, by="user:1", now=NOW))
    assert sum(shop.printed()) == 1
