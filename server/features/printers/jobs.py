"""Stores the desks' print jobs.

A job waits, is printed, and is done when its printer reports it. `sent_at` is on disk before the
first byte is sent. After a crash sent jobs are not repeated: they fail as `perhaps_printed`, and
the desk decides.
"""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from badges.i18n import N_, Phrase, restored, stored
from server.core.event.directory import Event
from server.core.event.settings import EventError
from server.core.people import card_design, cards, issuing
from server.core.people.cards import PrintedBadge
from server.features.printers.states import (
    JobError,
    JobState,
    NoPrinterError,
    PrinterState,
    Problem,
    UnknownJobError,
    UnknownPrinterError,
)
from server.storage.connection import Connection

DESK_CHARS_MAX = 40
_SELECT = (
    "SELECT job_id, serial, issue, desk, made_by, made_at, printer_id, fixed, state, problem,"
    " words, sent_at, remote, done_at FROM print_job"
)
# A desk's printers: ready ones first, then its own, then idle ones.
_SERVING = (
    "SELECT p.printer_id FROM printer p"
    " LEFT JOIN printer_desk d ON d.printer_id = p.printer_id AND d.desk = ?"
    " WHERE p.removed_at IS NULL AND (d.desk IS NOT NULL OR NOT EXISTS"
    " (SELECT 1 FROM printer_desk o WHERE o.printer_id = p.printer_id))"
    " ORDER BY CASE WHEN p.state IN ('ready', 'printing') THEN 0 WHEN p.state = 'unknown' THEN 1"
    " ELSE 2 END, CASE WHEN d.desk IS NULL THEN 1 ELSE 0 END,"
    " CASE WHEN p.state = 'printing' THEN 1 ELSE 0 END, p.place, p.printer_id"
)


@dataclass(frozen=True)
class Job:
    job_id: int
    serial: int | None
    issue: int | None
    desk: str
    made_by: str
    made_at: int
    printer_id: int
    fixed: bool  # Only this printer may print it
    state: JobState
    problem: Problem
    words: str
    sent_at: int | None  # When the first byte may have been sent
    # The printer's id of the job, or its earlier count. Before it is sent: a mark of its claim.
    remote: str
    done_at: int | None

    @property
    def is_test(self) -> bool:
        return self.serial is None


def enqueue(db: Connection, serial: int, issue: int, *, desk: str, by: str, now: int) -> int:
    """Queue a badge at the desk's first ready printer, and return the job's number, or the
    existing job's. Raises NoPrinterError, or JobError if the desk's name is too long.
    """
    queued = _queued(db, serial, issue)
    return _add(db, (serial, issue), desk, by, now, None) if queued is None else queued


def _queued(db: Connection, serial: int | None, issue: int | None) -> int | None:
    row = db.execute(
        "SELECT job_id FROM print_job WHERE serial = ? AND issue = ?"
        " AND state IN ('waiting', 'printing')",
        (serial, issue),
    ).fetchone()
    return None if row is None else row["job_id"]


def enqueue_test(db: Connection, printer_id: int, *, by: str, now: int) -> int:
    """Queue a test print; return the job's number. Raises UnknownPrinterError."""
    return _add(db, (None, None), "", by, now, printer_id)


def job(db: Connection, job_id: int) -> Job:
    """Raises UnknownJobError."""
    row = db.execute(f"{_SELECT} WHERE job_id = ?", (job_id,)).fetchone()
    if row is None:
        raise UnknownJobError(N_("There is no print job %(job_id)s."), job_id=job_id)
    return _job(row)


def jobs_of_desk(db: Connection, desk: str, limit: int) -> list[Job]:
    rows = db.execute(
        f"{_SELECT} WHERE desk = ? ORDER BY job_id DESC LIMIT ?", (" ".join(desk.split()), limit)
    )
    return [_job(row) for row in rows.fetchall()]


def questions_of_desk(db: Connection, desk: str) -> list[Job]:
    """Return the desk's jobs whose card perhaps came out, newest first, of any age."""
    rows = db.execute(
        f"{_SELECT} WHERE desk = ? AND state = 'failed' AND problem = 'perhaps_printed'"
        " ORDER BY job_id DESC",
        (" ".join(desk.split()),),
    )
    return [_job(row) for row in rows.fetchall()]


def newest_jobs(db: Connection, limit: int) -> list[Job]:
    """Return all desks' last jobs, with test prints, newest first."""
    rows = db.execute(f"{_SELECT} ORDER BY job_id DESC LIMIT ?", (limit,))
    return [_job(row) for row in rows.fetchall()]


def open_jobs(db: Connection) -> list[Job]:
    rows = db.execute(f"{_SELECT} WHERE state IN ('waiting', 'printing') ORDER BY job_id")
    return [_job(row) for row in rows.fetchall()]


def is_printing(db: Connection, serial: int, issue: int) -> bool:
    """Return whether a badge's card is drawn already, and perhaps on its way out."""
    row = db.execute(
        "SELECT 1 FROM print_job WHERE serial = ? AND issue = ? AND state = 'printing'",
        (serial, issue),
    ).fetchone()
    return row is not None


def retry(db: Connection, job_id: int, *, by: str, now: int, printer_id: int | None = None) -> None:
    """Queue a failed or cancelled job again.

    After `perhaps_printed` it means: no card came out, or another is wanted. Raises JobError,
    NoPrinterError, UnknownPrinterError or UnknownJobError.
    """
    old = job(db, job_id)
    if old.state not in (JobState.FAILED, JobState.CANCELLED):
        raise JobError(
            N_("Job %(job_id)s is %(state)s: only failed jobs can be printed again."),
            job_id=job_id,
            state=Phrase(old.state.value),
        )
    if _queued(db, old.serial, old.issue) is not None:
        raise JobError(
            N_("The badge of job %(job_id)s already waits for a printer, in another job."),
            job_id=job_id,
        )
    fixed = old.fixed if printer_id is None else True
    chosen = printer_id if printer_id is not None else old.printer_id if fixed else None
    db.execute(
        "UPDATE print_job SET state = 'waiting', problem = '', words = '', sent_at = NULL,"
        " remote = '', done_at = NULL, made_by = ?, made_at = ?, printer_id = ?, fixed = ?"
        " WHERE job_id = ?",
        (by, now, _printer(db, old.desk, chosen), int(fixed), job_id),
    )


def cancel(db: Connection, job_id: int, *, by: str, now: int) -> None:
    """Cancel a waiting or failed job. Raises JobError for other states."""
    open_job = job(db, job_id)
    if open_job.state not in (JobState.WAITING, JobState.FAILED):
        raise JobError(
            N_("Job %(job_id)s is %(state)s: it can't be cancelled any more."),
            job_id=job_id,
            state=Phrase(open_job.state.value),
        )
    db.execute(
        "UPDATE print_job SET state = 'cancelled', made_by = ?, done_at = ? WHERE job_id = ?",
        (by, now, job_id),
    )


def confirm(db: Connection, event: Event, job_id: int, *, by: str, now: int) -> None:
    """Record that a perhaps-printed card came out; it counts as handed over.

    Raises JobError for jobs of other states.
    """
    uncertain = job(db, job_id)
    if uncertain.state is not JobState.FAILED or uncertain.problem is not Problem.PERHAPS_PRINTED:
        raise JobError(
            N_("Job %(job_id)s is %(state)s: it does not need to be confirmed."),
            job_id=job_id,
            state=Phrase(uncertain.state.value),
        )
    db.execute(
        "UPDATE print_job SET state = 'done', problem = '', words = '', done_at = ?"
        " WHERE job_id = ?",
        (now, job_id),
    )
    if uncertain.serial is not None and uncertain.issue is not None:
        cards.note_handed_over(db, printed_badges(db, event, uncertain), by=by, now=now)


def printed_badges(db: Connection, event: Event, printed_job: Job) -> list[PrintedBadge]:
    """Return a job's badge with its card's data; empty for a test print."""
    badges = [] if printed_job.serial is None else issuing.badges_of(db, printed_job.serial)
    lines = cards.USUAL
    with suppress(EventError):  # The card is printed; broken settings don't matter.
        lines = card_design.read_design(event).lines
    return cards.read(
        db, event, [badge for badge in badges if badge.issue == printed_job.issue], lines=lines
    )


def next_job(db: Connection, printer_id: int) -> int | None:
    """Return a ready printer's next job or None: the oldest of its own, and of its desks whose
    printers can't print.
    """
    row = db.execute(
        "SELECT j.job_id FROM print_job j WHERE j.state = 'waiting' AND (j.printer_id = ?"
        " OR (j.fixed = 0 AND EXISTS (SELECT 1 FROM printer p WHERE p.printer_id = j.printer_id"
        " AND (p.removed_at IS NOT NULL OR p.state NOT IN ('ready', 'printing')))"
        " AND (EXISTS (SELECT 1 FROM printer_desk d WHERE d.printer_id = ? AND d.desk = j.desk)"
        " OR NOT EXISTS (SELECT 1 FROM printer_desk d WHERE d.printer_id = ?))))"
        " ORDER BY j.job_id LIMIT 1",
        (printer_id, printer_id, printer_id),
    ).fetchone()
    return None if row is None else row["job_id"]


def claim(db: Connection, printer_id: int) -> Job | None:
    """Assign the next job, if any, to a ready printer."""
    number = next_job(db, printer_id)
    if number is None:
        return None
    db.execute(
        "UPDATE print_job SET state = 'printing', printer_id = ?, words = '', sent_at = NULL,"
        " remote = ? WHERE job_id = ?",
        (printer_id, f"claim {secrets.token_hex(8)}", number),
    )
    return job(db, number)


def note_sending(db: Connection, claimed: Job, remote: str, now: int) -> Job:
    """Record that bytes may reach the printer, with its id of the job. Return the job.

    Raises JobError if the job is no longer printing, or another server has claimed it since; then
    nothing may be sent.
    """
    noted = db.execute(
        "UPDATE print_job SET sent_at = ?, remote = ?"
        " WHERE job_id = ? AND state = 'printing' AND remote = ?",
        (now, remote, claimed.job_id, claimed.remote),
    )
    if noted.rowcount != 1:
        raise JobError(N_("Job %(job_id)s is no longer being printed."), job_id=claimed.job_id)
    return job(db, claimed.job_id)


def finish(db: Connection, ended: Job, printed: Sequence[PrintedBadge], now: int) -> None:
    """Record that the card is out; it counts as handed over.

    Ignored for a job that has been returned to its desk.
    """
    noted = db.execute(
        "UPDATE print_job SET state = 'done', problem = '', words = '', done_at = ?"
        " WHERE job_id = ? AND state = 'printing'",
        (now, ended.job_id),
    )
    if printed and noted.rowcount == 1:
        cards.note_handed_over(db, printed, by=ended.made_by, now=now)


def fail(db: Connection, job_id: int, problem: Problem, words: str, now: int) -> None:
    """Return a job to its desk with its problem."""
    db.execute(
        "UPDATE print_job SET state = 'failed', problem = ?, words = ?, done_at = ?"
        " WHERE job_id = ? AND state IN ('waiting', 'printing')",
        (problem, stored(words), now, job_id),
    )


def put_back(db: Connection, job_id: int, words: str) -> None:
    """Requeue a job certainly not printed. `words` gives the reason."""
    db.execute(
        "UPDATE print_job SET state = 'waiting', words = ?, sent_at = NULL, remote = ''"
        " WHERE job_id = ? AND state = 'printing'",
        (stored(words), job_id),
    )


def recover(db: Connection, words: str, now: int) -> None:
    """Clean up after a stopped server.

    Unsent jobs wait again. Sent jobs return to their desk, unless the printer can be asked.
    """
    db.execute(
        "UPDATE print_job SET state = 'waiting' WHERE state = 'printing' AND sent_at IS NULL"
    )
    db.execute(
        "UPDATE print_job SET state = 'failed', problem = 'perhaps_printed', words = ?, done_at = ?"
        " WHERE state = 'printing' AND (remote = '' OR printer_id IN"
        " (SELECT printer_id FROM printer WHERE removed_at IS NOT NULL))",
        (stored(words), now),
    )


def waiting(db: Connection) -> dict[int, tuple[int, int]]:
    """Return each printer's number of waiting cards, and since when the oldest waits (Unix ms)."""
    rows = db.execute(
        "SELECT printer_id, COUNT(*) AS cards, MIN(made_at) AS since FROM print_job"
        " WHERE state = 'waiting' GROUP BY printer_id"
    )
    return {row["printer_id"]: (row["cards"], row["since"]) for row in rows}


def is_any_waiting(db: Connection) -> bool:
    row = db.execute("SELECT 1 FROM print_job WHERE state = 'waiting' LIMIT 1").fetchone()
    return row is not None


def _add(
    db: Connection,
    badge: tuple[int | None, int | None],
    desk: str,
    by: str,
    now: int,
    printer_id: int | None,
) -> int:
    desk = " ".join(desk.split())
    if len(desk) > DESK_CHARS_MAX:
        raise JobError(
            N_("The desk's name has %(count)s characters: the most is %(most)s."),
            count=len(desk),
            most=DESK_CHARS_MAX,
        )
    row = db.execute(
        "INSERT INTO print_job (serial, issue, desk, made_by, made_at, printer_id, fixed, state)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting') RETURNING job_id",
        (*badge, desk, by, now, _printer(db, desk, printer_id), int(printer_id is not None)),
    ).fetchone()
    return int(row["job_id"])


def _printer(db: Connection, desk: str, printer_id: int | None) -> int:
    if printer_id is None:
        row = db.execute(f"{_SERVING} LIMIT 1", (desk,)).fetchone()
        if row is None:
            raise NoPrinterError(
                N_("No printer serves the desk %(desk)s: an admin adds one under Printers."),
                desk=repr(desk),
            )
    else:
        row = db.execute(
            "SELECT printer_id FROM printer WHERE printer_id = ? AND removed_at IS NULL",
            (printer_id,),
        ).fetchone()
        if row is None:
            raise UnknownPrinterError(
                N_("There is no printer %(printer_id)s, or it was removed."), printer_id=printer_id
            )
    return int(row["printer_id"])


def has_ready_peer(db: Connection, own_job: Job) -> bool:
    if own_job.fixed:
        return False
    others = [row["printer_id"] for row in db.execute(_SERVING, (own_job.desk,)).fetchall()]
    ready = {
        row["printer_id"]
        for row in db.execute("SELECT printer_id, state FROM printer WHERE removed_at IS NULL")
        if PrinterState(row["state"]).can_print
    }
    return any(other in ready for other in others if other != own_job.printer_id)


def _job(row: object) -> Job:
    values = dict(row)  # type: ignore[call-overload]
    return Job(
        **{
            **values,
            "fixed": bool(values["fixed"]),
            "state": JobState(values["state"]),
            "problem": Problem(values["problem"]),
            "words": restored(values["words"]),
        }
    )
