"""Cards printed and badges replaced at the desk, once per form, never from an old page."""

import threading
from dataclasses import replace

import pytest

from server.core.event.directory import Event
from server.core.people import attendees, issuing
from server.features.desk import hand_over, submissions
from server.features.desk.submissions import DeskError, Kind, StaleError, Why
from server.features.printers import jobs
from server.features.printers.states import JobState, Problem
from server.storage.database import Database
from tests.server.conftest import NOW
from tests.server.features.desk.support import Clerk, add_printer, refused


@pytest.fixture
def clerk(event: Event, site: Database) -> Clerk:
    return Clerk(event, site)


def printed(database: Database, serial: int) -> list[tuple[int, int]]:
    rows = database.reader.execute(
        "SELECT issue, printed FROM badge WHERE serial = ? ORDER BY issue", (serial,)
    )
    return [tuple(row) for row in rows]


def all_jobs(database: Database) -> list[tuple[int, int, str]]:
    rows = jobs.newest_jobs(database.reader, 100)
    return [(job.serial, job.issue, job.state.value) for job in reversed(rows)]


def test_it_works(clerk: Clerk) -> None:
    add_printer(clerk.database)
    serial = clerk.serial("A1")
    done = clerk.print(serial)
    assert (done.again, done.submission.kind, done.submission.issue, done.submission.desk) == (
        False, Kind.PRINT, 1, "North 2",
    )  # fmt: skip
    assert all_jobs(clerk.database) == [(serial, 1, "waiting")]


def test_a_form_that_is_sent_twice_prints_once(clerk: Clerk) -> None:
    add_printer(clerk.database)
    serial = clerk.serial("A1")
    form = clerk.form(serial)
    first, second = clerk.print(serial, form), clerk.print(serial, form)
    assert (second.again, second.submission) == (True, first.submission)
    assert len(all_jobs(clerk.database)) == 1


def test_a_form_that_is_sent_by_many_at_once_reissues_once(clerk: Clerk) -> None:
    add_printer(clerk.database)
    serial = clerk.serial("A1")
    clerk.print(serial)
    form = clerk.form(serial)
    together, results = threading.Barrier(6), []

    def send() -> None:
        together.wait()
        results.append(clerk.reissue(serial, "lost", form))

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result.again for result in results) == [False, *[True] * 5]
    assert attendees.attendee(clerk.database.reader, serial).issue == 2


def test_an_old_page_does_nothing(clerk: Clerk) -> None:
    add_printer(clerk.database)
    other = replace(clerk, desk="South 1", by="user:2", opened={})
    serial = clerk.serial("A1")
    clerk.open(serial)
    other.print(serial)
    for submission in (clerk.print, clerk.reissue, clerk.check_id, clerk.phone):
        clerk.opened[serial] = clerk.opened.get(serial) or "of before"
        with pytest.raises(StaleError):
            submission(serial)
    assert all_jobs(clerk.database) == [(serial, 1, "waiting")]
    assert attendees.attendee(clerk.database.reader, serial).issue == 1


def test_two_desks_at_once_reissue_once(clerk: Clerk) -> None:
    add_printer(clerk.database)
    serial = clerk.serial("A1")
    clerk.print(serial)
    other = replace(clerk, desk="South 1", by="user:2", opened={})
    clerk.open(serial)
    other.open(serial)
    other.reissue(serial, "stolen")
    with pytest.raises(StaleError):
        clerk.reissue(serial)
    assert attendees.attendee(clerk.database.reader, serial).issue == 2


def test_a_print_that_ended_leaves_the_page_good(clerk: Clerk) -> None:
    add_printer(clerk.database)
    serial = clerk.serial("A1")
    clerk.print(serial)
    clerk.open(serial)
    finish_all(clerk)
    clerk.check_id(serial)


def finish_all(clerk: Clerk) -> None:
    """The printers report that their cards are out."""

    def step(db) -> None:
        for job in jobs.open_jobs(db):
            claimed = jobs.claim(db, job.printer_id)
            assert claimed is not None
            badges = jobs.printed_badges(db, clerk.event, claimed)
            jobs.finish(db, claimed, badges, clerk.now)

    clerk.database.write(step)


def test_a_new_badge_gives_up_what_waits_for_the_old_one(clerk: Clerk) -> None:
    add_printer(clerk.database)
    serial = clerk.serial("A1")
    clerk.print(serial)
    clerk.reissue(serial, "misprint")
    assert all_jobs(clerk.database) == [(serial, 1, "cancelled"), (serial, 2, "waiting")]
    finish_all(clerk)
    assert printed(clerk.database, serial) == [(1, 0), (2, 1)]


def fail(clerk: Clerk, problem: Problem) -> int:
    (job,) = jobs.open_jobs(clerk.database.reader)
    clerk.database.write(lambda db: jobs.fail(db, job.job_id, problem, "", clerk.now))
    return job.job_id


def test_what_failed_is_not_repeated_beside_a_new_print(clerk: Clerk) -> None:
    """Otherwise its *Retry* would print a second card."""
    add_printer(clerk.database)
    serial = clerk.serial("A1")
    clerk.print(serial)
    fail(clerk, Problem.NOT_PRINTED)
    clerk.print(serial)
    assert all_jobs(clerk.database) == [(serial, 1, "cancelled"), (serial, 1, "waiting")]


def test_a_card_that_perhaps_came_out_is_asked_about_first(clerk: Clerk) -> None:
    add_printer(clerk.database)
    serial = clerk.serial("A1")
    clerk.print(serial)
    job_id = fail(clerk, Problem.PERHAPS_PRINTED)
    with refused(Why.ANSWER_FIRST):
        clerk.print(serial)
    assert hand_over.asked_at(clerk.database.reader, serial, 1) == "North 2"
    clerk.database.write(
        lambda db: jobs.confirm(db, clerk.event, job_id, by="user:1", now=clerk.now)
    )
    clerk.print(serial)
    assert [state for *_, state in all_jobs(clerk.database)] == ["done", "waiting"]


def test_a_new_badge_needs_no_answer_about_the_old_card(clerk: Clerk) -> None:
    add_printer(clerk.database)
    serial = clerk.serial("A1")
    clerk.print(serial)
    fail(clerk, Problem.PERHAPS_PRINTED)
    clerk.reissue(serial, "misprint")
    assert all_jobs(clerk.database) == [(serial, 1, "cancelled"), (serial, 2, "waiting")]


@pytest.mark.parametrize("reason", ["", "because", "first", "lost "])
def test_a_reason_is_one_of_four(clerk: Clerk, reason: str) -> None:
    serial = clerk.serial("A1")
    clerk.print(serial)
    with refused(Why.NO_REASON):
        clerk.reissue(serial, reason)
    assert attendees.attendee(clerk.database.reader, serial).issue == 1


def test_without_a_badge_there_is_none_to_replace(clerk: Clerk) -> None:
    serial = clerk.serial("A1")
    for submission in (clerk.reissue, clerk.phone):
        with refused(Why.NO_BADGE):
            submission(serial)


def test_a_revoked_badge_is_not_printed(clerk: Clerk) -> None:
    serial = clerk.serial("A1")
    clerk.print(serial)
    clerk.database.write(
        lambda db: issuing.revoke(db, serial, reason="conduct", now=NOW, by="test")
    )
    for submission in (clerk.print, clerk.reissue, clerk.phone):
        with refused(Why.REVOKED):
            submission(serial)


@pytest.mark.parametrize("nonce", ["short", "x" * 65, "spaces are not good"])
def test_a_form_without_a_nonce_does_nothing(clerk: Clerk, nonce: str) -> None:
    serial = clerk.serial("A1")
    with refused(Why.OLD_FORM):
        clerk.print(serial, clerk.form(serial, nonce))
    assert attendees.attendee(clerk.database.reader, serial).issue == 0


class TestWithoutAPrinter:
    def test_a_browser_prints_and_the_clerk_confirms_once(self, clerk: Clerk) -> None:
        serial = clerk.serial("A1")
        submission = clerk.print(serial).submission
        assert (submission.by_browser, submission.job_id) == (True, None)
        assert printed(clerk.database, serial) == [(1, 0)]
        for _ in range(2):
            confirm(clerk, submission.submission_id)
        assert printed(clerk.database, serial) == [(1, 1)]

    def test_what_is_given_up_is_not_confirmed(self, clerk: Clerk) -> None:
        submission = clerk.print(clerk.serial("A1")).submission
        clerk.database.write(lambda db: hand_over.drop_browser_print(db, submission.submission_id))
        with refused(Why.NOT_TO_CONFIRM):
            confirm(clerk, submission.submission_id)

    def test_the_next_badge_gives_up_the_print_of_the_earlier_one(self, clerk: Clerk) -> None:
        serial = clerk.serial("A1")
        first = clerk.print(serial).submission
        second = clerk.reissue(serial).submission
        with pytest.raises(DeskError):
            confirm(clerk, first.submission_id)
        confirm(clerk, second.submission_id)
        assert printed(clerk.database, serial) == [(1, 0), (2, 1)]

    def test_no_act_and_a_printers_job_are_not_confirmed(self, clerk: Clerk) -> None:
        add_printer(clerk.database)
        submission = clerk.print(clerk.serial("A1")).submission
        for number in (submission.submission_id, 999):
            with pytest.raises(DeskError):
                confirm(clerk, number)


def confirm(clerk: Clerk, submission_id: int) -> None:
    clerk.database.write(
        lambda db: hand_over.confirm_browser_print(
            db, clerk.event, submission_id, by=clerk.by, now=clerk.now
        )
    )


def test_a_printer_serves_its_own_desks(clerk: Clerk) -> None:
    add_printer(clerk.database, desks=("South 1",))
    assert clerk.print(clerk.serial("A1")).submission.by_browser
    other = replace(clerk, desk="South 1", opened={})
    job_id = other.print(clerk.serial("A2")).submission.job_id
    assert job_id is not None
    assert jobs.job(clerk.database.reader, job_id).state is JobState.WAITING


@pytest.mark.parametrize(
    ("text", "name"),
    [("North 2", "North 2"), ("  North   2 ", "North 2"), ("北二", "北二"), ("e\u0301", "é")],
)
def test_desk_names(text: str, name: str) -> None:
    assert submissions.desk_name(text) == name


@pytest.mark.parametrize("text", ["", "   ", "x" * 25, "a\u0007b"])
def test_what_is_no_desk_name(text: str) -> None:
    with refused(Why.DESK_NAME):
        submissions.desk_name(text)
