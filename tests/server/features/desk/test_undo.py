"""A clerk's last act is undone as far as possible; otherwise the page gives the reason."""

from dataclasses import replace

import pytest

from server.core.event.directory import Event
from server.core.people import attendees, issuing
from server.core.people.attendees import Attendee
from server.features.desk import id_check
from server.features.desk.submissions import DeskError, Why
from server.features.desk.undo import SHOWN_MS, Does
from server.features.printers import jobs
from server.storage.database import Database
from tests.server.features.desk.support import NAMED, Clerk, add_printer, await_noa, named, refused
from tests.server.features.desk.test_hand_over import all_jobs, finish_all


@pytest.fixture
def clerk(event: Event, site: Database) -> Clerk:
    add_printer(site)
    return Clerk(event, site)


def person(clerk: Clerk, serial: int) -> Attendee:
    return attendees.attendee(clerk.database.reader, serial)


def refusal(clerk: Clerk) -> Why | None:
    """The page's reason, which equals the reason for refusing the form."""
    plan = clerk.plan()
    assert plan is not None
    assert plan.does is None
    with pytest.raises(DeskError) as refused:
        clerk.undo(plan.submission.submission_id)
    assert refused.value.why is plan.why_not
    return plan.why_not


def test_a_walk_in(clerk: Clerk) -> None:
    submission = clerk.walk_in(email="noa@example.org").submission
    assert clerk.plan().does is Does.REVOKES
    clerk.undo()
    gone = person(clerk, submission.serial)
    assert gone.revoked_at is not None
    assert gone.email == ""
    assert all_jobs(clerk.database) == [(submission.serial, 1, "cancelled")]
    again = clerk.walk_in(
        email="noa@example.org"
    ).submission  # no attendee is alike, and the address is free
    assert person(clerk, again.serial).email == "noa@example.org"


def test_what_a_venue_file_says_waits_for_the_right_walk_in(clerk: Clerk) -> None:
    await_noa(clerk.database)
    wrong = clerk.walk_in(given_name="Nora", email="noa@example.org").submission.serial
    assert named(clerk.database, wrong) == NAMED
    clerk.undo()
    assert named(clerk.database, wrong) == {}
    right = clerk.walk_in(email="noa@example.org").submission.serial
    assert named(clerk.database, right) == NAMED


def test_a_correction_is_put_back_with_the_next_badge(clerk: Clerk) -> None:
    serial = clerk.serial("A1")
    clerk.print(serial)
    finish_all(clerk)
    clerk.correct(serial, given_name="Hanna")
    assert clerk.plan().does is Does.PUTS_BACK_AND_REISSUES
    clerk.undo()
    assert (person(clerk, serial).given_name, person(clerk, serial).issue) == ("Anna", 3)
    assert all_jobs(clerk.database) == [
        (serial, 1, "done"), (serial, 2, "cancelled"), (serial, 3, "waiting"),
    ]  # fmt: skip


def test_a_correction_that_is_not_on_the_badge(clerk: Clerk) -> None:
    serial = clerk.serial("A1")
    clerk.print(serial)
    clerk.correct(serial, email="new@example.org")
    assert clerk.plan().does is Does.PUTS_BACK
    clerk.undo()
    assert (person(clerk, serial).email, person(clerk, serial).issue) == ("anna@example.org", 1)


def test_a_latin_line_is_put_back_and_printed(clerk: Clerk) -> None:
    serial = clerk.serial("A1")
    clerk.print(serial)
    finish_all(clerk)
    clerk.correct(serial, latin_name="Anna K")
    assert clerk.plan().does is Does.PUTS_BACK_AND_PRINTS
    clerk.undo()
    assert person(clerk, serial).latin_name == ""
    assert [state for _, _, state in all_jobs(clerk.database)] == ["done", "cancelled", "waiting"]


def test_a_noted_document(clerk: Clerk) -> None:
    serial = clerk.serial("A1")
    clerk.check_id(serial)
    assert id_check.id_check(clerk.database.reader, serial).checked_by == clerk.by
    with refused(Why.CHECKED_ALREADY):
        clerk.check_id(serial)
    clerk.undo()
    assert id_check.id_check(clerk.database.reader, serial) is None


def test_a_print_that_waits_is_given_up(clerk: Clerk) -> None:
    serial = clerk.serial("A1")
    clerk.print(serial)
    assert clerk.plan().does is Does.CANCELS_PRINT
    clerk.undo()
    assert all_jobs(clerk.database) == [(serial, 1, "cancelled")]


def test_a_card_that_is_out_stays(clerk: Clerk) -> None:
    clerk.print(clerk.serial("A1"))
    finish_all(clerk)
    assert refusal(clerk) is Why.PRINTED_STANDS


def test_a_card_that_is_being_printed_stays(clerk: Clerk) -> None:
    clerk.print(clerk.serial("A1"))
    clerk.database.write(lambda db: jobs.claim(db, jobs.open_jobs(db)[0].printer_id))
    assert refusal(clerk) is Why.PRINTED_STANDS


def test_a_new_badge_is_taken_back_for_a_minute(clerk: Clerk) -> None:
    serial = clerk.serial("A1")
    clerk.print(serial)
    finish_all(clerk)
    clerk.reissue(serial)
    assert clerk.plan().does is Does.WITHDRAWS
    clerk.undo()
    assert person(clerk, serial).issue == 1
    assert all_jobs(clerk.database)[-1] == (serial, 2, "cancelled")


def test_a_new_badge_that_is_printed_is_taken_back_too(clerk: Clerk) -> None:
    serial = clerk.serial("A1")
    clerk.print(serial)
    clerk.reissue(serial)
    finish_all(clerk)
    clerk.undo()
    assert person(clerk, serial).issue == 1
    # The next one is not the card that came out.
    assert clerk.reissue(serial).submission.issue == 3


def test_a_new_badge_stands_after_a_minute(clerk: Clerk) -> None:
    serial = clerk.serial("A1")
    clerk.print(serial)
    clerk.reissue(serial)
    clerk.now += issuing.WITHDRAW_MS + 1
    assert refusal(clerk) is Why.NEW_BADGE_STANDS
    assert person(clerk, serial).issue == 2


def test_a_link_that_was_shown_stands(clerk: Clerk) -> None:
    serial = clerk.serial("A1")
    clerk.print(serial)
    clerk.phone(serial)
    assert refusal(clerk) is Why.PHONE_STANDS


def test_what_a_colleague_did_since_stands(clerk: Clerk) -> None:
    serial = clerk.serial("A1")
    clerk.print(serial)
    clerk.correct(serial, given_name="Hanna")
    other = replace(clerk, by="user:2", opened={})
    other.check_id(serial)
    assert refusal(clerk) is Why.CHANGED_SINCE
    assert person(clerk, serial).given_name == "Hanna"


def test_what_an_admin_changed_since_stands(clerk: Clerk) -> None:
    serial = clerk.serial("A1")
    clerk.correct(serial, email="new@example.org")
    clerk.database.write(
        lambda db: attendees.change_attendee(
            db, serial, {"email": "newer@example.org"}, by="user:9", now=clerk.now
        )
    )
    assert refusal(clerk) is Why.CHANGED_SINCE


@pytest.mark.parametrize("submission", ["walk_in", "print", "correct", "check_id"])
def test_a_badge_that_an_admin_issued_since_stands(clerk: Clerk, submission: str) -> None:
    """No desk issued it, so only the newest badge's number shows that the act is old."""
    serial = clerk.serial("A1")
    if submission == "walk_in":
        serial = clerk.walk_in().submission.serial
    elif submission == "correct":
        clerk.print(serial)
        finish_all(clerk)
        clerk.correct(serial, given_name="Hanna")
    else:
        {"print": clerk.print, "check_id": clerk.check_id}[submission](serial)
    before = person(clerk, serial)
    clerk.database.write(
        lambda db: issuing.reissue(
            db, clerk.event, serial, reason="lost", by="user:9", now=clerk.now
        )
    )
    assert refusal(clerk) is Why.CHANGED_SINCE
    after = person(clerk, serial)
    assert (after.issue, after.name, after.revoked_at) == (before.issue + 1, before.name, None)


def test_only_the_last_act_and_only_once(clerk: Clerk) -> None:
    first, second = clerk.serial("A1"), clerk.serial("A2")
    earlier = clerk.check_id(first).submission
    clerk.check_id(second)
    with refused(Why.NOTHING_TO_UNDO):
        clerk.undo(earlier.submission_id)
    clerk.undo()
    assert clerk.plan() is None
    assert id_check.id_check(clerk.database.reader, first) is not None


def test_a_form_that_is_sent_twice_undoes_once(clerk: Clerk) -> None:
    serial = clerk.serial("A1")
    clerk.print(serial)
    submission = clerk.correct(serial, given_name="Hanna").submission
    form = clerk.form()
    first, second = (
        clerk.undo(submission.submission_id, form),
        clerk.undo(submission.submission_id, form),
    )
    assert (first.again, second.again) == (False, True)
    assert person(clerk, serial).issue == 3


def test_each_user_has_an_act_of_their_own(clerk: Clerk) -> None:
    other = replace(clerk, by="user:2", opened={})
    clerk.check_id(clerk.serial("A1"))
    assert other.plan() is None


def test_an_act_of_yesterday_is_not_undone(clerk: Clerk) -> None:
    clerk.check_id(clerk.serial("A1"))
    clerk.now += SHOWN_MS + 1
    assert clerk.plan() is None


def test_words_of_earlier_acts_are_not_kept(clerk: Clerk) -> None:
    serial = clerk.serial("A1")
    clerk.correct(serial, email="new@example.org")
    clerk.check_id(serial)
    kept = clerk.database.reader.execute(
        "SELECT kept FROM desk_submission WHERE kept LIKE '%example%'"
    )
    assert kept.fetchall() == []


def test_the_log_has_the_acts_and_no_name(clerk: Clerk) -> None:
    serial = clerk.serial("A1")
    clerk.check_id(serial)
    clerk.undo()
    bodies = [
        bytes(row[0])
        for row in clerk.database.reader.execute(
            "SELECT body FROM leaf WHERE kind = 'act' ORDER BY number DESC LIMIT 3"
        )
    ]
    text = b"".join(bodies)
    for submission in (b"id_checked", b"id_check_undone", b"edit_undone"):
        assert submission in text
    assert b"Keller" not in text
