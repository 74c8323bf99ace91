from dataclasses import dataclass

from server.core.people import attendees
from server.features.printers import jobs, store
from server.features.printers.jobs import Job
from server.features.printers.states import JobState
from server.storage.connection import Connection

JOBS_LOOKED_AT = 200
DONE_SHOWN = 6


@dataclass(frozen=True)
class QueueRow:
    """One card of the queue: a printer's job or a browser's."""

    serial: int
    name: str
    issue: int
    made_at: int
    job: Job | None
    submission_id: int | None  # Of a browser's print
    printer: str  # Its name, or ""


@dataclass(frozen=True)
class Queue:
    failed: list[QueueRow]
    open: list[QueueRow]
    done: list[QueueRow]

    @property
    def waiting(self) -> int:
        return len(self.failed) + len(self.open)


def queue(db: Connection, desk: str, *, since: int) -> Queue:
    """Return a desk's queue. `since` is the start of its day (Unix ms); what waits, or waits for
    an answer, is older too.
    """
    newest = [
        job
        for job in jobs.jobs_of_desk(db, desk, JOBS_LOOKED_AT)
        if job.made_at >= since or job.state in (JobState.WAITING, JobState.PRINTING)
    ]
    # Until it is answered, nothing is printed for this person (`hand_over.asked_at`).
    listed = dict.fromkeys([*newest, *jobs.questions_of_desk(db, desk)])
    printers = store.printer_names(db)
    rows = [
        _row(db, job, printers)
        for job in listed
        if job.serial is not None and job.state is not JobState.CANCELLED
    ]
    by_browser = _by_browser(db, desk, since)
    done = [row for row in rows if row.job and row.job.state is JobState.DONE]
    done += [row for row, is_done in by_browser if is_done]
    done.sort(key=lambda row: -((row.job.done_at or 0) if row.job else row.made_at))
    opened = [row for row in rows if row.job and row.job.state.value in ("waiting", "printing")]
    return Queue(
        failed=[row for row in rows if row.job and row.job.state is JobState.FAILED],
        open=[row for row, is_done in by_browser if not is_done] + opened[::-1],
        done=done[:DONE_SHOWN],
    )


def known_desks(db: Connection, since: int) -> list[str]:
    """Return the desks with a printer, or active since a time."""
    rows = db.execute(
        "SELECT desk FROM printer_desk UNION SELECT desk FROM desk_submission WHERE made_at >= ?"
        " ORDER BY desk",
        (since,),
    )
    return [desk for (desk,) in rows]


def _row(db: Connection, job: Job, printers: dict[int, str]) -> QueueRow:
    assert job.serial is not None
    assert job.issue is not None
    name = attendees.attendee(db, job.serial).name
    printer = printers.get(job.printer_id, "?")
    return QueueRow(job.serial, name, job.issue, job.made_at, job, None, printer)


def _by_browser(db: Connection, desk: str, since: int) -> list[tuple[QueueRow, bool]]:
    rows = db.execute(
        "SELECT submission_id, serial, issue, made_at, done_at FROM desk_submission WHERE desk = ?"
        " AND by_browser = 1 AND made_at >= ? ORDER BY submission_id DESC LIMIT ?",
        (desk, since, JOBS_LOOKED_AT),
    ).fetchall()
    return [
        (
            QueueRow(
                row["serial"], attendees.attendee(db, row["serial"]).name, row["issue"],
                row["made_at"], None, row["submission_id"], "",
            ),
            row["done_at"] is not None,
        )
        for row in rows
    ]  # fmt: skip
