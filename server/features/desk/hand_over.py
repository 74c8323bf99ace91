"""Prints cards, hands them over, replaces badges, and hands badges over to phones.

A printer's job is queued in the same transaction. Without a printer, the clerk prints by browser
and confirms.
"""

from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.directory import Event
from server.core.people import attendees, card_design, cards, collection, issuing
from server.core.people.attendees import Attendee
from server.features.desk import submissions
from server.features.desk.submissions import DeskError, Done, Form, Kind, Paper, Submission, Why
from server.features.printers import jobs
from server.features.printers.states import NoPrinterError
from server.storage.connection import Connection

FIRST = "first"


def print_badge(db: Connection, event: Event, form: Form, serial: int) -> Done:
    """Print a person's newest badge, issued first if there is none.

    Raises DeskError, StaleError, UnknownAttendeeError or IssuingError.
    """

    def do() -> Submission:
        submissions.check_seen(db, form, serial)
        if standing(db, serial).issue == 0:
            issuing.reissue(db, event, serial, reason=FIRST, now=form.now, by=form.by)
        return submissions.keep(db, form, Kind.PRINT, serial, paper=to_paper(db, form, serial))

    return submissions.once(db, form, do)


def reissue(db: Connection, event: Event, form: Form, serial: int, reason: str) -> Done:
    """Issue and print a person's next badge, which voids the earlier ones.

    Raises DeskError, StaleError, UnknownAttendeeError or IssuingError.
    """

    def do() -> Submission:
        submissions.check_seen(db, form, serial)
        if reason not in issuing.REISSUE_REASONS:
            raise DeskError(Why.NO_REASON)
        if standing(db, serial).issue == 0:
            raise DeskError(Why.NO_BADGE)
        issuing.reissue(db, event, serial, reason=reason, now=form.now, by=form.by)
        return submissions.keep(db, form, Kind.REISSUE, serial, paper=to_paper(db, form, serial))

    return submissions.once(db, form, do)


def collect(db: Connection, form: Form, serial: int) -> Done:
    """Record that a person's printed card was handed over.

    Raises DeskError, StaleError or UnknownAttendeeError.
    """

    def do() -> Submission:
        submissions.check_seen(db, form, serial)
        issue = standing(db, serial).issue
        row = db.execute(
            "SELECT printed, collected_at FROM badge WHERE serial = ? AND issue = ?",
            (serial, issue),
        ).fetchone()
        if row is None or not row["printed"]:
            raise DeskError(Why.NOT_PRINTED)
        if row["collected_at"] is not None:
            raise DeskError(Why.COLLECTED_ALREADY)
        collection.note_collected(db, serial, issue, by=form.by, now=form.now)
        subject: dict[str, str | int | None] = {"serial": serial, "issue": issue}
        entry_log.act(db, form.by, Act.BADGE_COLLECTED, subject, form.now)
        return submissions.keep(db, form, Kind.COLLECTED, serial, done_at=form.now)

    return submissions.once(db, form, do)


def undo_collect(db: Connection, serial: int, issue: int, *, by: str, now: int) -> None:
    collection.forget_collected(db, serial, issue)
    subject: dict[str, str | int | None] = {"serial": serial, "issue": issue}
    entry_log.act(db, by, Act.BADGE_COLLECTION_UNDONE, subject, now)


def show_phone_link(db: Connection, form: Form, serial: int) -> Done:
    """Record that a person has the badge on the phone.

    Raises DeskError, StaleError or UnknownAttendeeError.
    """

    def do() -> Submission:
        submissions.check_seen(db, form, serial)
        holder = standing(db, serial)
        if holder.issue == 0:
            raise DeskError(Why.NO_BADGE)
        subject: dict[str, str | int | None] = {"serial": serial, "issue": holder.issue}
        entry_log.act(db, form.by, Act.PHONE_LINK_SHOWN, subject, form.now)
        return submissions.keep(db, form, Kind.PHONE, serial, done_at=form.now)

    return submissions.once(db, form, do)


def confirm_browser_print(
    db: Connection, event: Event, submission_id: int, *, by: str, now: int
) -> None:
    """Record a browser's printed card as handed over; repetition does nothing.

    Raises DeskError if no browser print is pending, or DesignError.
    """
    printed_act = submissions.submission(db, submission_id)
    if printed_act is None or not printed_act.by_browser:
        raise DeskError(Why.NOT_TO_CONFIRM)
    if printed_act.done_at is not None:
        return
    badges = [
        badge
        for badge in issuing.badges_of(db, printed_act.serial)
        if badge.issue == printed_act.issue
    ]
    lines = card_design.read_design(event).lines
    cards.note_handed_over(db, cards.read(db, event, badges, lines=lines), by=by, now=now)
    submissions.note_done(db, printed_act, now)


def drop_browser_print(db: Connection, submission_id: int) -> None:
    """Raises DeskError if no browser print is pending."""
    printed_act = submissions.submission(db, submission_id)
    if printed_act is None or not printed_act.by_browser or printed_act.done_at is not None:
        raise DeskError(Why.NOT_TO_CONFIRM)
    submissions.drop_browser_prints(db, printed_act.serial)


def to_paper(db: Connection, form: Form, serial: int, *, changed: bool = False) -> Paper:
    """Queue a person's newest badge at this desk, and cancel their waiting and failed jobs.

    Raises DeskError while a card of this badge may have come out, and, for a card that has
    `changed`, while it is being printed as it was.
    """
    issue = attendees.attendee(db, serial).issue
    if asked_at(db, serial, issue):
        raise DeskError(Why.ANSWER_FIRST)
    if changed and jobs.is_printing(db, serial, issue):
        raise DeskError(Why.PRINTS_NOW)
    rows = db.execute(
        "SELECT job_id FROM print_job WHERE serial = ?"
        " AND (state = 'failed' OR (state = 'waiting' AND issue <> ?))",
        (serial, issue),
    ).fetchall()
    for row in rows:
        jobs.cancel(db, row["job_id"], by=form.by, now=form.now)
    submissions.drop_browser_prints(db, serial)
    try:
        job_id = jobs.enqueue(db, serial, issue, desk=form.desk, by=form.by, now=form.now)
    except NoPrinterError:
        return Paper(by_browser=True)
    return Paper(job_id)


def asked_at(db: Connection, serial: int, issue: int) -> str:
    """Return the desk that must confirm whether this badge's card came out, or ""."""
    row = db.execute(
        "SELECT desk FROM print_job WHERE serial = ? AND issue = ? AND state = 'failed'"
        " AND problem = 'perhaps_printed' LIMIT 1",
        (serial, issue),
    ).fetchone()
    return "" if row is None else str(row["desk"])


def standing(db: Connection, serial: int) -> Attendee:
    """Return a person who is not revoked. Raises DeskError or UnknownAttendeeError."""
    holder = attendees.attendee(db, serial)
    if holder.revoked_at is not None:
        raise DeskError(Why.REVOKED)
    return holder
