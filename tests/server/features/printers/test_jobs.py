"""A job is queued once, printed by one printer, and returns to its desk if that fails."""

import pytest

from server.core.event.directory import Event
from server.core.people import cards, issuing
from server.core.second_disk import line
from server.features.printers import jobs, store
from server.features.printers.jobs import Job
from server.features.printers.states import (
    JobError,
    JobState,
    NoPrinterError,
    PrinterState,
    Problem,
    Status,
    UnknownJobError,
    UnknownPrinterError,
)
from server.storage.database import Database
from tests.server.conftest import NOW
from tests.server.features.printers.conftest import AddPrinter


def queue(database: Database, serial: int, desk: str = "North 1", **choice: int) -> Job:
    number = database.write(
        lambda db: jobs.enqueue(db, serial, 1, desk=desk, by="user:1", now=NOW, **choice)
    )
    return jobs.job(database.reader, number)


def claim(database: Database, printer: int) -> Job | None:
    return database.write(lambda db: jobs.claim(db, printer))


def printed(database: Database, serial: int) -> int:
    row = database.reader.execute("SELECT printed FROM badge WHERE serial = ?", (serial,))
    return row.fetchone()[0]


def set_state(database: Database, printer: int, state: PrinterState) -> None:
    database.write(lambda db: store.note_status(db, printer, Status(state), NOW))


def test_it_goes_to_the_desks_own_printer_that_is_ready(
    database: Database, serials: list[int], add_printer: AddPrinter
) -> None:
    add_printer("spare")
    add_printer("south", desks=("South 1",))
    north = add_printer("north", desks=("North 1",))
    found = queue(database, serials[0], "  North   1 ")
    assert (found.printer_id, found.state, found.desk) == (north, JobState.WAITING, "North 1")
    assert jobs.jobs_of_desk(database.reader, "North 1", 10) == [found]
    assert jobs.jobs_of_desk(database.reader, "South 1", 10) == []


def test_an_own_printer_that_is_out_of_paper_comes_after_a_spare_one(
    database: Database, serials: list[int], add_printer: AddPrinter
) -> None:
    spare = add_printer("spare")
    add_printer("north", PrinterState.PAPER_OUT, desks=("North 1",))
    assert queue(database, serials[0]).printer_id == spare


def test_without_a_printer_nothing_is_queued(database: Database, serials: list[int]) -> None:
    with pytest.raises(NoPrinterError, match="No printer serves the desk 'North 1'"):
        queue(database, serials[0])
    assert jobs.newest_jobs(database.reader, 9) == []


def test_a_printer_of_other_desks_does_not_serve(
    database: Database, serials: list[int], add_printer: AddPrinter
) -> None:
    add_printer("south", desks=("South 1",))
    with pytest.raises(NoPrinterError):
        queue(database, serials[0])


def test_unknown_printer(database: Database, serials: list[int], add_printer: AddPrinter) -> None:
    add_printer("north")
    with pytest.raises(UnknownPrinterError, match="no printer 77"):
        queue(database, serials[0], printer_id=77)


def test_two_presses_queue_one_job(
    database: Database, serials: list[int], add_printer: AddPrinter
) -> None:
    north = add_printer("north")
    first = queue(database, serials[0])
    assert queue(database, serials[0]) == first
    assert claim(database, north).job_id == first.job_id
    assert queue(database, serials[0]).job_id == first.job_id
    database.write(lambda db: jobs.finish(db, first, [], NOW))
    assert queue(database, serials[0]).job_id != first.job_id


def test_a_name_of_a_desk_has_a_limit(
    database: Database, serials: list[int], add_printer: AddPrinter
) -> None:
    add_printer("north")
    with pytest.raises(JobError, match="the most is 40"):
        queue(database, serials[0], "x" * 41)


def test_order_of_claims(database: Database, serials: list[int], add_printer: AddPrinter) -> None:
    north = add_printer("north")
    made = [queue(database, serial).job_id for serial in serials]
    claimed = [claim(database, north) for _ in range(4)]
    assert [one and one.job_id for one in claimed] == [*made, None]
    assert {one.state for one in jobs.open_jobs(database.reader)} == {JobState.PRINTING}


@pytest.mark.parametrize(
    ("state", "takes_over"),
    [
        (PrinterState.READY, False),
        (PrinterState.PRINTING, False),
        (PrinterState.PAPER_OUT, True),
        (PrinterState.COVER_OPEN, True),
        (PrinterState.OFFLINE, True),
    ],
)
def test_the_next_printer_takes_over_from_one_that_cant_print(
    database: Database,
    serials: list[int],
    add_printer: AddPrinter,
    state: PrinterState,
    takes_over: bool,
) -> None:
    north, spare = add_printer("north", desks=("North 1",)), add_printer("spare")
    found = queue(database, serials[0])
    assert found.printer_id == north
    set_state(database, north, state)
    assert jobs.has_ready_peer(database.reader, found)
    taken = claim(database, spare)
    assert (taken is not None) == takes_over
    if taken is not None:
        assert (taken.printer_id, taken.state) == (spare, JobState.PRINTING)
        assert claim(database, north) is None


def test_a_printer_that_was_asked_for_is_the_only_one(
    database: Database, serials: list[int], add_printer: AddPrinter
) -> None:
    north, spare = add_printer("north"), add_printer("spare")
    found = queue(database, serials[0], printer_id=north)
    set_state(database, north, PrinterState.PAPER_OUT)
    assert claim(database, spare) is None
    assert not jobs.has_ready_peer(database.reader, found)


def test_a_printer_takes_nothing_over_at_desks_that_it_does_not_serve(
    database: Database, serials: list[int], add_printer: AddPrinter
) -> None:
    north, south = add_printer("north"), add_printer("south", desks=("South 1",))
    queue(database, serials[0])
    set_state(database, north, PrinterState.OFFLINE)
    assert claim(database, south) is None


def test_a_card_counts_as_handed_over_when_its_job_is_done(
    event: Event, database: Database, serials: list[int], add_printer: AddPrinter
) -> None:
    north = add_printer("north")
    queue(database, serials[0])
    found = claim(database, north)
    badge = cards.read(database.reader, event, [issuing.current_badge(database.reader, serials[0])])
    assert printed(database, serials[0]) == 0
    database.write(lambda db: jobs.finish(db, found, badge, NOW + 5))
    assert printed(database, serials[0]) == 1
    done = jobs.job(database.reader, found.job_id)
    assert (done.state, done.done_at) == (JobState.DONE, NOW + 5)


@pytest.fixture
def failed(database: Database, serials: list[int], add_printer: AddPrinter) -> Job:
    """A job that may have been printed."""
    north = add_printer("north")
    found = queue(database, serials[0])
    claim(database, north)
    database.write(lambda db: jobs.note_sending(db, found.job_id, "7", NOW))
    words = "The connection was lost."
    database.write(lambda db: jobs.fail(db, found.job_id, Problem.PERHAPS_PRINTED, words, NOW + 9))
    return jobs.job(database.reader, found.job_id)


def test_a_job_that_perhaps_was_printed_is_not_repeated(database: Database, failed: Job) -> None:
    assert (failed.state, failed.problem) == (JobState.FAILED, Problem.PERHAPS_PRINTED)
    assert (failed.words, failed.sent_at, failed.remote) == ("The connection was lost.", NOW, "7")
    assert claim(database, failed.printer_id) is None


def test_a_job_that_was_brought_back_while_it_printed_hands_nothing_over(
    event: Event, database: Database, serials: list[int], add_printer: AddPrinter
) -> None:
    """Its desk is asked whether the card came out, so the printer's report comes too late."""
    add_printer("north")
    queue(database, serials[0])
    (one,) = jobs.open_jobs(database.reader)
    claimed = claim(database, one.printer_id)
    assert claimed is not None
    badges = jobs.printed_badges(database.reader, event, claimed)
    assert badges
    database.write(lambda db: line.ask_about_print_jobs(db, NOW))
    database.write(lambda db: jobs.finish(db, claimed, badges, NOW))
    back = jobs.job(database.reader, claimed.job_id)
    assert (back.state, back.problem) == (JobState.FAILED, Problem.PERHAPS_PRINTED)
    assert printed(database, serials[0]) == 0
    database.write(lambda db: jobs.confirm(db, event, back.job_id, by="user:1", now=NOW))
    assert printed(database, serials[0]) == 1


def test_the_card_came_out_after_all(event: Event, database: Database, failed: Job) -> None:
    database.write(lambda db: jobs.confirm(db, event, failed.job_id, by="user:1", now=NOW))
    assert jobs.job(database.reader, failed.job_id).state is JobState.DONE
    assert printed(database, failed.serial) == 1
    with pytest.raises(JobError, match="does not need to be confirmed"):
        database.write(lambda db: jobs.confirm(db, event, failed.job_id, by="user:1", now=NOW))
    assert printed(database, failed.serial) == 1


def test_somebody_says_that_it_did_not(database: Database, failed: Job) -> None:
    database.write(lambda db: jobs.retry(db, failed.job_id, by="user:2", now=NOW))
    again = claim(database, failed.printer_id)
    assert again is not None
    assert (again.job_id, again.made_by, again.sent_at) == (failed.job_id, "user:2", None)
    with pytest.raises(JobError, match="is printing: only failed jobs"):
        database.write(lambda db: jobs.retry(db, failed.job_id, by="user:2", now=NOW))


def test_it_is_not_printed_again_beside_a_newer_job(database: Database, failed: Job) -> None:
    newer = queue(database, failed.serial)
    with pytest.raises(JobError, match="already waits for a printer"):
        database.write(lambda db: jobs.retry(db, failed.job_id, by="user:2", now=NOW))
    assert jobs.open_jobs(database.reader) == [newer]


def test_what_waits_or_failed_can_be_given_up(
    database: Database, failed: Job, serials: list[int]
) -> None:
    waiting = queue(database, serials[1])
    for one in (failed, waiting):
        database.write(lambda db, one=one: jobs.cancel(db, one.job_id, by="user:1", now=NOW))
        assert jobs.job(database.reader, one.job_id).state is JobState.CANCELLED
    assert claim(database, failed.printer_id) is None


def test_what_is_being_printed_cant_be_given_up(
    database: Database, serials: list[int], add_printer: AddPrinter
) -> None:
    north = add_printer("north")
    found = queue(database, serials[0])
    claim(database, north)
    with pytest.raises(JobError, match="is printing: it can't be cancelled"):
        database.write(lambda db: jobs.cancel(db, found.job_id, by="user:1", now=NOW))


def test_an_unknown_job_is_named(database: Database) -> None:
    with pytest.raises(UnknownJobError, match="no print job 12"):
        jobs.job(database.reader, 12)


def test_a_test_print_is_of_nobody(database: Database, add_printer: AddPrinter) -> None:
    north = add_printer("north")
    number = database.write(lambda db: jobs.enqueue_test(db, north, by="user:1", now=NOW))
    found = jobs.job(database.reader, number)
    assert (found.is_test, found.fixed, found.serial) == (True, True, None)


def test_a_removed_printers_jobs_go_to_others_or_come_back(
    database: Database, serials: list[int], add_printer: AddPrinter
) -> None:
    north = add_printer("north")
    moved, fixed = queue(database, serials[0]), queue(database, serials[1], printer_id=north)
    spare = add_printer("spare")
    database.write(lambda db: store.remove(db, north, by="test", now=NOW))
    taken = claim(database, spare)
    assert taken is not None
    assert taken.job_id == moved.job_id
    back = jobs.job(database.reader, fixed.job_id)
    assert (back.problem, back.words) == (Problem.NOT_PRINTED, "The printer was removed.")
