"""Undoes a clerk's last action, as far as possible.

A replaced badge can be valid again for a minute. Undoing a correction issues the next badge,
because the earlier card is wrong.
"""

from dataclasses import dataclass
from enum import StrEnum

from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.directory import Event
from server.core.people import attendees, issuing
from server.core.people.attendees import Attendee
from server.core.programme.guests import await_again
from server.features.desk import correction, hand_over, id_check, submissions
from server.features.desk.correction import Effect
from server.features.desk.submissions import (
    NO_PAPER,
    DeskError,
    Done,
    Form,
    Kind,
    Paper,
    Submission,
    Why,
)
from server.features.printers import jobs
from server.features.printers.states import JobState
from server.storage.connection import Connection

REASON = "mistake"
SHOWN_MS = 12 * 60 * 60_000


class Does(StrEnum):
    REVOKES = "revokes"  # The walk-in's badge is void; the person stays, revoked
    PUTS_BACK = "puts_back"
    PUTS_BACK_AND_PRINTS = "puts_back_and_prints"
    PUTS_BACK_AND_REISSUES = "puts_back_and_reissues"
    CANCELS_PRINT = "cancels_print"
    FORGETS_ID = "forgets_id"
    UNCOLLECTS = "uncollects"
    WITHDRAWS = "withdraws"


@dataclass(frozen=True)
class UndoPlan:
    """The effect of undoing the last action, or why it can't be undone."""

    submission: Submission
    holder: Attendee
    does: Does | None
    why_not: Why | None = None


def undo_plan(db: Connection, by: str, now: int) -> UndoPlan | None:
    """Return the plan for undoing a user's last action, or None without one today."""
    submission = submissions.last_submission(db, by)
    if (
        submission is None
        or submission.undone_at is not None
        or now - submission.made_at > SHOWN_MS
    ):
        return None
    if submission.kind is Kind.UNDO:
        return None
    holder = attendees.attendee(db, submission.serial)
    why_not = _why_not(db, submission, holder, now)
    return UndoPlan(submission, holder, None if why_not else _does(submission), why_not)


def undo(db: Connection, event: Event, form: Form, submission_id: int) -> Done:
    """Undo the action on the page, if still the user's last. Raises DeskError or IssuingError."""

    def do() -> Submission:
        plan = undo_plan(db, form.by, form.now)
        if plan is None or plan.submission.submission_id != submission_id:
            raise DeskError(Why.NOTHING_TO_UNDO)
        if plan.does is None:
            raise DeskError(plan.why_not or Why.NOTHING_TO_UNDO)
        paper = _undo(db, event, form, plan.submission, plan.does)
        submissions.note_undone(db, plan.submission, form.now)
        entry_log.act(db, form.by, Act.EDIT_UNDONE, {}, form.now)
        return submissions.keep(db, form, Kind.UNDO, plan.submission.serial, paper=paper)

    return submissions.once(db, form, do)


def _why_not(db: Connection, submission: Submission, holder: Attendee, now: int) -> Why | None:
    if submission.kind is Kind.REISSUE and now - submission.made_at > issuing.WITHDRAW_MS:
        return Why.NEW_BADGE_STANDS
    if submission.kind is Kind.PHONE:
        return Why.PHONE_STANDS
    if not submissions.is_newest(db, submission) or holder.issue != submission.issue:
        return Why.CHANGED_SINCE
    if submission.kind is Kind.PRINT:
        return None if _waits(db, submission) else Why.PRINTED_STANDS
    if holder.revoked_at is not None:
        return Why.REVOKED
    if submission.kind is Kind.CORRECTION:
        after = submission.kept.get("after", {})
        if any(getattr(holder, key) != value for key, value in after.items()):
            return Why.CHANGED_SINCE
    if submission.kind is Kind.ID_CHECKED:
        noted = id_check.id_check(db, submission.serial)
        if noted is None or noted.checked_at != submission.kept.get("checked_at"):
            return Why.CHANGED_SINCE
    return None


def _does(submission: Submission) -> Does:
    if submission.kind is Kind.CORRECTION:
        return {
            Effect.VOIDS.value: Does.PUTS_BACK_AND_REISSUES,
            Effect.PRINTS_AGAIN.value: Does.PUTS_BACK_AND_PRINTS,
        }.get(submission.kept.get("effect", ""), Does.PUTS_BACK)
    return {
        Kind.WALK_IN: Does.REVOKES,
        Kind.PRINT: Does.CANCELS_PRINT,
        Kind.ID_CHECKED: Does.FORGETS_ID,
        Kind.COLLECTED: Does.UNCOLLECTS,
        Kind.REISSUE: Does.WITHDRAWS,
    }[submission.kind]


def _undo(db: Connection, event: Event, form: Form, submission: Submission, does: Does) -> Paper:
    serial, by, now = submission.serial, form.by, form.now
    _give_up_print(db, submission, by=by, now=now)
    if does is Does.FORGETS_ID:
        id_check.forget(db, serial, by=by, now=now)
    elif does is Does.WITHDRAWS:
        issuing.withdraw(db, serial, by=by, now=now)
    elif does is Does.UNCOLLECTS:
        hand_over.undo_collect(db, serial, submission.issue, by=by, now=now)
    elif does is Does.REVOKES:
        # Frees the address, and what waits for it, for registering the right person.
        if address := attendees.attendee(db, serial).email:
            await_again(db, serial, address, by=by, now=now)
        attendees.change_attendee(db, serial, {"email": ""}, by=by, now=now)
        issuing.revoke(db, serial, reason=REASON, now=now, by=by)
    elif does is not Does.CANCELS_PRINT:
        attendees.change_attendee(db, serial, submission.kept["before"], by=by, now=now)
        if does is Does.PUTS_BACK_AND_REISSUES:
            issuing.reissue(db, event, serial, reason=correction.REASON, now=now, by=by)
        if does is not Does.PUTS_BACK:
            return hand_over.to_paper(db, form, serial, changed=True)
    return NO_PAPER


def _waits(db: Connection, submission: Submission) -> bool:
    """Return whether the action's print can still be cancelled."""
    if submission.by_browser:
        return submission.done_at is None
    if submission.job_id is None:
        return False
    return jobs.job(db, submission.job_id).state in (JobState.WAITING, JobState.FAILED)


def _give_up_print(db: Connection, submission: Submission, *, by: str, now: int) -> None:
    submissions.drop_browser_prints(db, submission.serial)
    if submission.job_id is not None and _waits(db, submission):
        jobs.cancel(db, submission.job_id, by=by, now=now)
