"""A job is queued once, printed by one printer, and returns to its desk if that fails."""

import pytest

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
    UnknownJobError,
    UnknownPrinterError,
)
from tests.server.conftest import NOW
from tests.server.features.printers.conftest import PrintRoom


def printed(room: PrintRoom, serial: int) -> int:
    row = room.database.reader.execute("SELECT printed FROM badge WHERE serial = ?", (serial,))
    return row.fetchone()[0]


def test_it_goes_to_the_desks_own_printer_that_is_ready(room: PrintRoom) -> None:
    room.add("spare")
    room.add("south", desks=("South 1",))
    north = room.add("north", desks=("North 1",))
    job = room.queue(room.serials[0], "  North   1 ")
    assert (job.printer_id, job.state, job.desk) == (north, JobState.WAITING, "North 1")
    assert jobs.jobs_of_desk(room.database.reader, "North 1", 10) == [job]
    assert jobs.jobs_of_desk(room.database.reader, "South 1", 10) == []


def test_an_own_printer_that_is_out_of_paper_comes_after_a_spare_one(room: PrintRoom) -> None:
    spare = room.add("spare")
    room.add("north", PrinterState.PAPER_OUT, desks=("North 1",))
    assert room.queue(room.serials[0]).printer_id == spare


def test_without_a_printer_nothing_is_queued(room: PrintRoom) -> None:
    with pytest.raises(NoPrinterError, match="No printer serves the desk 'North 1'"):
        room.queue(room.serials[0])
    assert jobs.newest_jobs(room.database.reader, 9) == []


def test_a_printer_of_other_desks_does_not_serve(room: PrintRoom) -> None:
    room.add("south", desks=("South 1",))
    with pytest.raises(NoPrinterError):
        room.queue(room.serials[0])


def test_unknown_printer(room: PrintRoom) -> None:
    room.add("north")
    with pytest.raises(UnknownPrinterError, match="no printer 77"):
        room.queue_at(77, room.serials[0])


def test_two_presses_queue_one_job(room: PrintRoom) -> None:
    north = room.add("north")
    first = room.queue(room.serials[0])
    assert room.queue(room.serials[0]) == first
    assert room.claim(north).job_id == first.job_id
    assert room.queue(room.serials[0]).job_id == first.job_id
    room.database.write(lambda db: jobs.finish(db, first, [], NOW))
    assert room.queue(room.serials[0]).job_id != first.job_id


def test_a_name_of_a_desk_has_a_limit(room: PrintRoom) -> None:
    room.add("north")
    with pytest.raises(JobError, match="the most is 40"):
        room.queue(room.serials[0], "x" * 41)


def test_order_of_claims(room: PrintRoom) -> None:
    north = room.add("north")
    numbers = [room.queue(serial).job_id for serial in room.serials]
    claimed = [room.claim(north) for _ in range(4)]
    assert [job and job.job_id for job in claimed] == [*numbers, None]
    assert {job.state for job in jobs.open_jobs(room.database.reader)} == {JobState.PRINTING}


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
    room: PrintRoom, state: PrinterState, takes_over: bool
) -> None:
    north, spare = room.add("north", desks=("North 1",)), room.add("spare")
    job = room.queue(room.serials[0])
    assert job.printer_id == north
    room.set_state(north, state)
    assert jobs.has_ready_peer(room.database.reader, job)
    taken = room.claim(spare)
    assert (taken is not None) == takes_over
    if taken is not None:
        assert (taken.printer_id, taken.state) == (spare, JobState.PRINTING)
        assert room.claim(north) is None


def test_a_printer_that_was_asked_for_is_the_only_one(room: PrintRoom) -> None:
    north, spare = room.add("north"), room.add("spare")
    job = room.queue_at(north, room.serials[0])
    room.set_state(north, PrinterState.PAPER_OUT)
    assert room.claim(spare) is None
    assert not jobs.has_ready_peer(room.database.reader, job)


def test_a_printer_takes_nothing_over_at_desks_that_it_does_not_serve(room: PrintRoom) -> None:
    north, south = room.add("north"), room.add("south", desks=("South 1",))
    room.queue(room.serials[0])
    room.set_state(north, PrinterState.OFFLINE)
    assert room.claim(south) is None


def test_a_card_counts_as_handed_over_when_its_job_is_done(room: PrintRoom) -> None:
    north = room.add("north")
    room.queue(room.serials[0])
    job = room.claim(north)
    badge = cards.read(
        room.database.reader,
        room.event,
        [issuing.current_badge(room.database.reader, room.serials[0])],
    )
    assert printed(room, room.serials[0]) == 0
    room.database.write(lambda db: jobs.finish(db, job, badge, NOW + 5))
    assert printed(room, room.serials[0]) == 1
    done = room.job(job.job_id)
    assert (done.state, done.done_at) == (JobState.DONE, NOW + 5)


@pytest.fixture
def failed(room: PrintRoom) -> Job:
    """A job that may have been printed."""
    north = room.add("north")
    room.queue(room.serials[0])
    job = room.claim(north)
    room.database.write(lambda db: jobs.note_sending(db, job, "7", NOW))
    words = "The connection was lost."
    room.database.write(
        lambda db: jobs.fail(db, job.job_id, Problem.PERHAPS_PRINTED, words, NOW + 9)
    )
    return room.job(job.job_id)


def test_a_job_that_perhaps_was_printed_is_not_repeated(room: PrintRoom, failed: Job) -> None:
    assert (failed.state, failed.problem) == (JobState.FAILED, Problem.PERHAPS_PRINTED)
    assert (failed.words, failed.sent_at, failed.remote) == ("The connection was lost.", NOW, "7")
    assert room.claim(failed.printer_id) is None


def test_a_job_that_was_brought_back_while_it_printed_hands_nothing_over(room: PrintRoom) -> None:
    """Its desk is asked whether the card came out, so the printer's report comes too late."""
    room.add("north")
    room.queue(room.serials[0])
    (job,) = jobs.open_jobs(room.database.reader)
    claimed = room.claim(job.printer_id)
    assert claimed is not None
    badges = jobs.printed_badges(room.database.reader, room.event, claimed)
    assert badges
    room.database.write(lambda db: line.ask_about_print_jobs(db, NOW))
    room.database.write(lambda db: jobs.finish(db, claimed, badges, NOW))
    back = room.job(claimed.job_id)
    assert (back.state, back.problem) == (JobState.FAILED, Problem.PERHAPS_PRINTED)
    assert printed(room, room.serials[0]) == 0
    room.database.write(lambda db: jobs.confirm(db, room.event, back.job_id, by="user:1", now=NOW))
    assert printed(room, room.serials[0]) == 1


def test_the_card_came_out_after_all(room: PrintRoom, failed: Job) -> None:
    room.database.write(
        lambda db: jobs.confirm(db, room.event, failed.job_id, by="user:1", now=NOW)
    )
    assert room.job(failed.job_id).state is JobState.DONE
    assert printed(room, failed.serial) == 1
    with pytest.raises(JobError, match="does not need to be confirmed"):
        room.database.write(
            lambda db: jobs.confirm(db, room.event, failed.job_id, by="user:1", now=NOW)
        )
    assert printed(room, failed.serial) == 1


def test_somebody_says_that_it_did_not(room: PrintRoom, failed: Job) -> None:
    room.database.write(lambda db: jobs.retry(db, failed.job_id, by="user:2", now=NOW))
    again = room.claim(failed.printer_id)
    assert again is not None
    assert (again.job_id, again.made_by, again.sent_at) == (failed.job_id, "user:2", None)
    with pytest.raises(JobError, match="is printing: only failed jobs"):
        room.database.write(lambda db: jobs.retry(db, failed.job_id, by="user:2", now=NOW))


def test_it_is_not_printed_again_beside_a_newer_job(room: PrintRoom, failed: Job) -> None:
    newer = room.queue(failed.serial)
    with pytest.raises(JobError, match="already waits for a printer"):
        room.database.write(lambda db: jobs.retry(db, failed.job_id, by="user:2", now=NOW))
    assert jobs.open_jobs(room.database.reader) == [newer]


def test_what_waits_or_failed_can_be_given_up(room: PrintRoom, failed: Job) -> None:
    waiting = room.queue(room.serials[1])
    for job in (failed, waiting):
        room.database.write(lambda db, job=job: jobs.cancel(db, job.job_id, by="user:1", now=NOW))
        assert room.job(job.job_id).state is JobState.CANCELLED
    assert room.claim(failed.printer_id) is None


def test_what_is_being_printed_cant_be_given_up(room: PrintRoom) -> None:
    north = room.add("north")
    job = room.queue(room.serials[0])
    room.claim(north)
    with pytest.raises(JobError, match="is printing: it can't be cancelled"):
        room.database.write(lambda db: jobs.cancel(db, job.job_id, by="user:1", now=NOW))


def test_an_unknown_job_is_named(room: PrintRoom) -> None:
    with pytest.raises(UnknownJobError, match="no print job 12"):
        room.job(12)


def test_a_test_print_is_of_nobody(room: PrintRoom) -> None:
    north = room.add("north")
    number = room.database.write(lambda db: jobs.enqueue_test(db, north, by="user:1", now=NOW))
    job = room.job(number)
    assert (job.is_test, job.fixed, job.serial) == (True, True, None)


def test_a_removed_printers_jobs_go_to_others_or_come_back(room: PrintRoom) -> None:
    north = room.add("north")
    moved, fixed = room.queue(room.serials[0]), room.queue_at(north, room.serials[1])
    spare = room.add("spare")
    room.database.write(lambda db: store.remove(db, north, by="test", now=NOW))
    taken = room.claim(spare)
    assert taken is not None
    assert taken.job_id == moved.job_id
    back = room.job(fixed.job_id)
    assert (back.problem, back.words) == (Problem.NOT_PRINTED, "The printer was removed.")
