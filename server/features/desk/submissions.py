"""Stores the desk's actions, so that a form takes effect once and never overwrites a newer change.

Each form has a nonce, and a mark of the person's state.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from server.core.edits.last_edit import mark_of
from server.core.people import attendees
from server.storage.connection import Connection, Row

DESK_CHARS_MAX = 24
BEGUN_MS_MAX = 60 * 60_000  # A clerk who began earlier was interrupted.
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")


class Kind(StrEnum):
    WALK_IN = "walk_in"
    PRINT = "print"
    REISSUE = "reissue"
    CORRECTION = "correction"
    PHONE = "phone"
    ID_CHECKED = "id_checked"
    COLLECTED = "collected"
    UNDO = "undo"


class Why(StrEnum):
    DESK_NAME = "desk_name"
    OLD_FORM = "old_form"
    REVOKED = "revoked"
    NO_BADGE = "no_badge"
    NO_REASON = "no_reason"
    NO_NAME = "no_name"
    NO_CATEGORY = "no_category"
    EMAIL_KNOWN = "email_known"
    CHECKED_ALREADY = "checked_already"
    NOT_PRINTED = "not_printed"
    COLLECTED_ALREADY = "collected_already"
    NOTHING_TO_UNDO = "nothing_to_undo"
    CHANGED_SINCE = "changed_since"
    NEW_BADGE_STANDS = "new_badge_stands"
    PRINTED_STANDS = "printed_stands"
    PHONE_STANDS = "phone_stands"
    NOT_TO_CONFIRM = "not_to_confirm"
    ANSWER_FIRST = "answer_first"
    PRINTS_NOW = "prints_now"
    PHOTO_OFF = "photo_off"
    PHOTO_UNREADABLE = "photo_unreadable"


class DeskError(ValueError):
    """The desk refused an action; `why` is the reason. Nothing was changed."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.value)
        self.why = why


class StaleError(ValueError):
    """Another clerk has changed the person since the page was made."""


@dataclass(frozen=True)
class Form:
    nonce: str
    seen: str  # The result of `mark` when the page was made
    desk: str
    by: str
    begun_at: int  # When the clerk began with this person (Unix ms, server's clock)
    now: int


@dataclass(frozen=True)
class Submission:
    """One desk action. `issue` is the person's newest badge after it."""

    submission_id: int
    desk: str
    made_by: str
    made_at: int
    kind: Kind
    serial: int
    issue: int
    begun_at: int
    job_id: int | None
    by_browser: bool  # The clerk's own browser prints the card
    done_at: int | None
    kept: Mapping[str, Any]
    undone_at: int | None


@dataclass(frozen=True)
class Done:
    """A form's action. `again`: an earlier submission did it."""

    submission: Submission
    again: bool


@dataclass(frozen=True)
class Paper:
    """How a card is printed; by default not at all."""

    job_id: int | None = None
    by_browser: bool = False


NO_PAPER = Paper()


def desk_name(text: str) -> str:
    """Normalise a desk's name. Raises DeskError."""
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name or len(name) > DESK_CHARS_MAX or not name.isprintable():
        raise DeskError(Why.DESK_NAME)
    return name


def mark(db: Connection, serial: int) -> str:
    """Return a text that changes with every change to the person. Raises UnknownAttendeeError.

    A finished print does not count: the page itself may have started it.
    """
    (newest,) = db.execute(
        "SELECT COALESCE(MAX(submission_id), 0) FROM desk_submission WHERE serial = ?", (serial,)
    ).fetchone()
    checked = db.execute("SELECT checked_at FROM id_check WHERE serial = ?", (serial,)).fetchone()
    seen = asdict(attendees.attendee(db, serial))
    return mark_of(
        seen | {"submission": newest, "id_checked": None if checked is None else checked[0]}
    )


def once(db: Connection, form: Form, submission: Callable[[], Submission]) -> Done:
    """Perform a form's action, or return its earlier submission's. Raises DeskError for a form
    without a nonce, and the errors of `submission`.
    """
    if not _NONCE.fullmatch(form.nonce):
        raise DeskError(Why.OLD_FORM)
    row = db.execute("SELECT * FROM desk_submission WHERE nonce = ?", (form.nonce,)).fetchone()
    if row is not None:
        return Done(_submission(row), again=True)
    return Done(submission(), again=False)


def check_seen(db: Connection, form: Form, serial: int) -> None:
    """Raises StaleError, or UnknownAttendeeError."""
    if mark(db, serial) != form.seen:
        raise StaleError


def keep(
    db: Connection, form: Form, kind: Kind, serial: int, *,
    paper: Paper = NO_PAPER, done_at: int | None = None, kept: Mapping[str, Any] | None = None,
) -> Submission:  # fmt: skip
    """Store an action, and drop the undo data of this user's earlier actions."""
    db.execute(
        "UPDATE desk_submission SET kept = NULL WHERE made_by = ? AND kept IS NOT NULL", (form.by,)
    )
    issue = attendees.attendee(db, serial).issue
    begun_at = min(max(form.begun_at, form.now - BEGUN_MS_MAX), form.now)
    row = db.execute(
        "INSERT INTO desk_submission (nonce, desk, made_by, made_at, kind, serial, issue, begun_at,"
        " job_id, by_browser, done_at, kept) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " RETURNING *",
        (
            form.nonce, form.desk, form.by, form.now, kind.value, serial, issue, begun_at,
            paper.job_id, int(paper.by_browser), done_at,
            json.dumps(kept, ensure_ascii=False) if kept else None,
        ),
    ).fetchone()  # fmt: skip
    return _submission(row)


def last_submission(db: Connection, by: str) -> Submission | None:
    row = db.execute(
        "SELECT * FROM desk_submission WHERE made_by = ? ORDER BY submission_id DESC LIMIT 1", (by,)
    ).fetchone()
    return None if row is None else _submission(row)


def submission(db: Connection, submission_id: int) -> Submission | None:
    row = db.execute(
        "SELECT * FROM desk_submission WHERE submission_id = ?", (submission_id,)
    ).fetchone()
    return None if row is None else _submission(row)


def is_newest(db: Connection, submission: Submission) -> bool:
    (newest,) = db.execute(
        "SELECT MAX(submission_id) FROM desk_submission WHERE serial = ?", (submission.serial,)
    ).fetchone()
    return bool(newest == submission.submission_id)


def note_undone(db: Connection, submission: Submission, now: int) -> None:
    """Mark an action as undone; it then counts in no pace."""
    db.execute(
        "UPDATE desk_submission SET undone_at = ? WHERE submission_id = ?",
        (now, submission.submission_id),
    )


def drop_browser_prints(db: Connection, serial: int) -> None:
    db.execute(
        "UPDATE desk_submission SET by_browser = 0 WHERE serial = ? AND by_browser = 1"
        " AND done_at IS NULL",
        (serial,),
    )


def note_done(db: Connection, submission: Submission, now: int) -> None:
    db.execute(
        "UPDATE desk_submission SET done_at = ? WHERE submission_id = ?",
        (now, submission.submission_id),
    )


def _submission(row: Row) -> Submission:
    return Submission(
        submission_id=row["submission_id"],
        desk=row["desk"],
        made_by=row["made_by"],
        made_at=row["made_at"],
        kind=Kind(row["kind"]),
        serial=row["serial"],
        issue=row["issue"],
        begun_at=row["begun_at"],
        job_id=row["job_id"],
        by_browser=bool(row["by_browser"]),
        done_at=row["done_at"],
        kept=json.loads(row["kept"]) if row["kept"] else {},
        undone_at=row["undone_at"],
    )
