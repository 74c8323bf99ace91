"""Jobs are printed once each, by any capable printer, and none is lost."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import pytest

from badges.credential.badge_number import badge_number
from server.core.event.directory import Event
from server.core.people import issuing
from server.core.second_disk import line
from server.features.printers import jobs, store, worker
from server.features.printers.drivers import ipp, zpl
from server.features.printers.jobs import Job
from server.features.printers.states import JobState, PrinterState, Problem
from server.features.printers.store import PrinterPlan
from server.features.printers.worker import Printing
from server.storage.connection import Connection
from server.storage.database import Database
from tests.server.conftest import NOW
from tests.server.features.printers.conftest import AddPrinter
from tests.server.features.printers.fake_ipp import FakeIpp
from tests.server.features.printers.virtual_zpl import VirtualZpl
from tests.waiting import until

Start = Callable[[], Printing]


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


@pytest.fixture
def printers() -> Iterator[Callable[..., VirtualZpl]]:
    with ExitStack() as stack:

        def make(**how: object) -> VirtualZpl:
            made = VirtualZpl(**how)
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def start(event: Event, database: Database) -> Iterator[Start]:
    with ExitStack() as stack:

        def begin() -> Printing:
            made = Printing(event, database, lambda: NOW)
            stack.callback(made.close)
            made.start()
            return made

        yield begin


def enqueue(database: Database, serial: int, desk: str = "North 1", **choice: int) -> int:
    return database.write(
        lambda db: jobs.enqueue(db, serial, 1, desk=desk, by="user:1", now=NOW, **choice)
    )


def job(database: Database, number: int) -> Job:
    with database.reading() as db:
        return jobs.job(db, number)


def state(database: Database, number: int) -> JobState:
    return job(database, number).state


def printed(database: Database) -> list[int]:
    with database.reading() as db:
        return [row[0] for row in db.execute("SELECT printed FROM badge ORDER BY serial")]


def all_done(database: Database, numbers: list[int]) -> Callable[[], bool]:
    return lambda: all(state(database, one) is JobState.DONE for one in numbers)


def test_what_waits_is_printed_in_order_and_counts_as_handed_over(
    database: Database,
    serials: list[int],
    add_printer: AddPrinter,
    printers: Callable[..., VirtualZpl],
    start: Start,
) -> None:
    virtual = printers(takes_s=0.02)
    number = add_printer("north", address=virtual.address)
    database.write(lambda db: store.load_labels(db, number, 10, by="test", now=NOW))
    start()
    made = [enqueue(database, serial) for serial in serials]
    until(all_done(database, made))
    assert len(virtual.printed) == 3
    assert len(set(virtual.printed)) == 3
    assert printed(database) == [1, 1, 1]
    with database.reading() as db:
        found = store.printer(db, number)
        (acts,) = db.execute(
            "SELECT COUNT(*) FROM leaf WHERE CAST(body AS TEXT) LIKE '%badges_printed%'"
        ).fetchone()
    assert (found.labels_left, acts) == (7, 3)


def test_it_begins_at_once(
    database: Database,
    serials: list[int],
    add_printer: AddPrinter,
    printers: Callable[..., VirtualZpl],
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "WAKE_S", 3600.0)
    virtual = printers(takes_s=0.0)
    number = add_printer("north", address=virtual.address)
    start()

    def is_ready() -> bool:
        with database.reading() as db:
            return store.printer(db, number).state is PrinterState.READY

    until(is_ready)  # It was notified, and waits.
    enqueue(database, serials[0])
    until(lambda: virtual.printed)


def test_the_next_printer_takes_over_and_nothing_comes_out_twice(
    database: Database,
    serials: list[int],
    add_printer: AddPrinter,
    printers: Callable[..., VirtualZpl],
    start: Start,
) -> None:
    north, spare = printers(labels=1, takes_s=0.05), printers(takes_s=0.05)
    add_printer("north", address=north.address, desks=("North 1",))
    spare_id = add_printer("spare", address=spare.address)
    start()
    made = [enqueue(database, serial) for serial in serials]
    until(all_done(database, made))
    assert (len(north.printed), len(spare.printed)) == (1, 2)
    assert len({*north.printed, *spare.printed}) == 3
    assert [job(database, one).printer_id for one in made][1:] == [spare_id, spare_id]
    assert printed(database) == [1, 1, 1]


def test_without_another_printer_a_job_waits_for_paper(
    database: Database,
    serials: list[int],
    add_printer: AddPrinter,
    printers: Callable[..., VirtualZpl],
    start: Start,
) -> None:
    virtual = printers(labels=0)
    number = add_printer("north", address=virtual.address)
    start()

    def is_out() -> bool:
        with database.reading() as db:
            return store.printer(db, number).state is PrinterState.PAPER_OUT

    made = enqueue(database, serials[0])
    until(is_out)
    assert state(database, made) in (JobState.WAITING, JobState.PRINTING)
    virtual.labels = 5
    until(all_done(database, [made]))
    assert len(virtual.printed) == 1


def test_a_job_that_perhaps_was_printed_comes_back_to_its_desk(
    database: Database,
    serials: list[int],
    add_printer: AddPrinter,
    printers: Callable[..., VirtualZpl],
    start: Start,
) -> None:
    virtual, spare = printers(), printers()
    virtual.closes_after = 3_000
    ids = [
        add_printer("north", address=virtual.address, desks=("North 1",)),
        add_printer("spare", address=spare.address),
    ]
    start()
    first, second = enqueue(database, serials[0]), enqueue(database, serials[1])
    until(lambda: state(database, first) is JobState.FAILED)
    until(all_done(database, [second]))
    found = job(database, first)
    assert found.problem is Problem.PERHAPS_PRINTED
    assert "connection was lost" in found.words
    tests = [
        database.write(partial(jobs.enqueue_test, printer_id=one, by="user:1", now=NOW))
        for one in ids
    ]
    until(all_done(database, tests))  # Each has looked for waiting jobs.
    assert state(database, first) is JobState.FAILED
    assert len(virtual.printed) + len(spare.printed) == 3
    database.write(lambda db: jobs.retry(db, first, by="user:1", now=NOW))
    until(all_done(database, [first]))
    assert len(virtual.printed) + len(spare.printed) == 4


def test_a_badge_that_was_replaced_meanwhile_is_not_printed(
    event: Event,
    database: Database,
    serials: list[int],
    add_printer: AddPrinter,
    printers: Callable[..., VirtualZpl],
    start: Start,
) -> None:
    virtual = printers()
    add_printer("north", address=virtual.address)
    first, second = enqueue(database, serials[0]), enqueue(database, serials[1])
    database.write(
        lambda db: issuing.reissue(db, event, serials[0], reason="lost", now=NOW, by="test")
    )
    database.write(lambda db: issuing.revoke(db, serials[1], reason="lost", now=NOW, by="test"))
    start()
    until(lambda: state(database, second) is JobState.FAILED)
    assert job(database, first).problem is Problem.REPLACED
    assert job(database, second).problem is Problem.REVOKED
    assert virtual.printed == []


def test_a_card_that_cant_be_drawn_comes_back_and_the_next_is_printed(
    event: Event,
    database: Database,
    serials: list[int],
    add_printer: AddPrinter,
    printers: Callable[..., VirtualZpl],
    start: Start,
) -> None:
    virtual = printers()
    add_printer("north", address=virtual.address)
    (event.path / "cards").mkdir()
    settings = event.path / "cards" / "cards.toml"
    settings.write_text('format = "no such"\n')
    start()
    first = enqueue(database, serials[0])
    until(lambda: state(database, first) is JobState.FAILED)
    found = job(database, first)
    assert (found.problem, "cards.toml" in found.words) == (Problem.NOT_DRAWN, True)
    settings.unlink()
    second = enqueue(database, serials[1])
    until(all_done(database, [second]))


def test_a_test_print_hands_nothing_over(
    database: Database,
    serials: list[int],
    add_printer: AddPrinter,
    printers: Callable[..., VirtualZpl],
    start: Start,
) -> None:
    virtual = printers()
    number = add_printer("north", address=virtual.address)
    made = database.write(lambda db: jobs.enqueue_test(db, number, by="user:1", now=NOW))
    start()
    until(all_done(database, [made]))
    assert (len(virtual.printed), printed(database)) == (1, [0, 0, 0])


def test_a_printer_that_is_set_anew_is_spoken_to_as_it_is_now(
    database: Database,
    serials: list[int],
    add_printer: AddPrinter,
    printers: Callable[..., VirtualZpl],
    start: Start,
) -> None:
    old, new = printers(), printers()
    number = add_printer("north", address=old.address)
    start()
    first = enqueue(database, serials[0])
    until(all_done(database, [first]))
    plan = PrinterPlan("north", new.address, "zpl", "4x3in", 203)
    database.write(lambda db: store.change(db, number, plan, by="test", now=NOW))
    until(lambda: new.connections > 0)
    second = enqueue(database, serials[1])
    until(all_done(database, [second]))
    assert (len(old.printed), len(new.printed)) == (1, 1)


def test_paper_that_runs_out_in_a_job_of_ipp_goes_to_the_next_printer(
    database: Database,
    serials: list[int],
    add_printer: AddPrinter,
    printers: Callable[..., VirtualZpl],
    start: Start,
) -> None:
    office, spare = FakeIpp(), printers()
    office.polls = 10_000
    try:
        plan = {"kind": "ipp", "format": "a6", "dpi": 300, "desks": ("North 1",)}
        add_printer("office", address=office.address, **plan)
        add_printer("spare", address=spare.address)
        start()
        made = enqueue(database, serials[0])
        until(lambda: office.jobs)
        office.paper_out()
        until(all_done(database, [made]))
        assert (office.printed, len(spare.printed)) == ([], 1)
        assert office.names == [badge_number(serials[0])]
    finally:
        office.close()


def test_what_was_sent_before_a_stop_is_asked_of_the_printer(
    event: Event,
    database: Database,
    serials: list[int],
    add_printer: AddPrinter,
) -> None:
    office = FakeIpp()
    office.polls = 10_000
    try:
        add_printer("office", address=office.address, kind="ipp", format="a6", dpi=300)
        first = Printing(event, database, lambda: NOW)
        first.start()
        made = enqueue(database, serials[0])
        until(lambda: job(database, made).sent_at is not None)
        first.close()
        assert state(database, made) is JobState.PRINTING
        office.polls = 1
        second = Printing(event, database, lambda: NOW)
        second.start()
        until(all_done(database, [made]))
        second.close()
        assert (len(office.jobs), printed(database).count(1)) == (1, 1)
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
    database: Database,
    serials: list[int],
    add_printer: AddPrinter,
    sent: bool,
    remote: str,
    state_after: JobState,
    problem: Problem,
) -> None:
    north = add_printer("north")
    made = enqueue(database, serials[0])
    database.write(lambda db: jobs.claim(db, north))
    if sent:
        database.write(lambda db: jobs.note_sending(db, made, remote, NOW))
    database.write(lambda db: jobs.recover(db, "The server stopped.", NOW))
    found = job(database, made)
    assert (found.state, found.problem) == (state_after, problem)


def test_a_database_that_was_set_back_asks_about_all_that_waited(
    database: Database, serials: list[int], add_printer: AddPrinter
) -> None:
    add_printer("north")
    made = [enqueue(database, serial) for serial in serials]
    database.write(lambda db: line.ask_about_print_jobs(db, NOW))
    assert {job(database, one).problem for one in made} == {Problem.PERHAPS_PRINTED}
    assert not jobs.is_any_waiting(database.reader)


def test_jobs_that_wait_for_somebody_elses_printer_cost_no_writes(
    database: Database,
    serials: list[int],
    add_printer: AddPrinter,
    printers: Callable[..., VirtualZpl],
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[int] = []
    look = jobs.next_job

    def counted(db: Connection, number: int) -> object:
        looks.append(number)
        return look(db, number)

    monkeypatch.setattr(jobs, "next_job", counted)
    virtual = printers()
    away = add_printer("away", address="tcp://127.0.0.1:1")
    add_printer("north", address=virtual.address)
    start()
    enqueue(database, serials[0], printer_id=away)
    until(lambda: looks)
    commits: list[int] = []
    database.on_commit(lambda db: commits.append(1))
    until(lambda: len(looks) > 5)
    assert len(commits) <= 2


def test_a_job_that_was_brought_back_meanwhile_is_not_sent(
    database: Database,
    serials: list[int],
    add_printer: AddPrinter,
    printers: Callable[..., VirtualZpl],
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    virtual = printers()
    add_printer("north", address=virtual.address)
    drawn = worker.sheet_of

    def draw(*arguments: object) -> object:
        found = drawn(*arguments)
        if not jobs.jobs_of_desk(database.reader, "South", 1):
            database.write(lambda db: line.ask_about_print_jobs(db, NOW))
        database.give_back()
        return found

    monkeypatch.setattr(worker, "sheet_of", draw)
    start()
    first = enqueue(database, serials[0])
    until(lambda: state(database, first) is JobState.FAILED)
    second = enqueue(database, serials[1], "South")
    until(all_done(database, [second]))
    assert len(virtual.printed) == 1
    assert job(database, first).problem is Problem.PERHAPS_PRINTED


def test_settings_that_are_spoilt_later_do_not_undo_a_card_that_came_out(
    event: Event, database: Database, serials: list[int], add_printer: AddPrinter
) -> None:
    north = add_printer("north")
    made = enqueue(database, serials[0])
    database.write(lambda db: jobs.claim(db, north))
    database.write(lambda db: jobs.fail(db, made, Problem.PERHAPS_PRINTED, "", NOW))
    (event.path / "cards").mkdir()
    (event.path / "cards" / "cards.toml").write_text("nonsense")
    database.write(lambda db: jobs.confirm(db, event, made, by="user:1", now=NOW))
    assert sum(printed(database)) == 1
