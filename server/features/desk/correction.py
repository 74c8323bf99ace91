from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from server.core.event.directory import Event
from server.core.people import attendees, card_design, issuing
from server.core.people.attendees import CARRIED, Attendee
from server.core.programme.guests import settle_person
from server.features.desk import hand_over, submissions
from server.features.desk.submissions import NO_PAPER, DeskError, Done, Form, Kind, Submission, Why
from server.storage.connection import Connection

FIELDS = (
    "given_name", "family_name", "latin_name", "organisation", "job_title", "country", "email",
    "category",
)  # fmt: skip
REASON = "changed"


class Effect(StrEnum):
    VOIDS = "voids"  # The earlier badge is void, and the next one is printed
    PRINTS_AGAIN = "prints_again"  # The badge stays valid; its card is printed again
    NONE = "none"
    NO_BADGE = "no_badge"  # There is no badge yet


@dataclass(frozen=True)
class Change:
    column: str
    before: Any
    after: Any


@dataclass(frozen=True)
class CorrectionPlan:
    holder: Attendee
    changes: list[Change]
    effect: Effect


def plan(db: Connection, event: Event, serial: int, values: Mapping[str, Any]) -> CorrectionPlan:
    """Return a correction's effect.

    Raises DeskError, AttendeeError, UnknownAttendeeError or DesignError.
    """
    holder = hand_over.standing(db, serial)
    checked = attendees.checked({key: values[key] for key in FIELDS if key in values})
    after = {key: getattr(holder, key) for key in FIELDS} | checked
    if not (after["given_name"] or after["family_name"]):
        raise DeskError(Why.NO_NAME)
    changes = [
        Change(key, getattr(holder, key), value)
        for key, value in checked.items()
        if getattr(holder, key) != value
    ]
    columns = {change.column for change in changes}
    return CorrectionPlan(holder, changes, _effect(holder, columns, _on_paper(event)))


def correct(
    db: Connection, event: Event, form: Form, serial: int, values: Mapping[str, Any]
) -> Done | None:
    """Correct a person; replace and print the badge if needed.

    Returns None if nothing changes. Raises DeskError, StaleError, UnknownAttendeeError,
    AttendeeError, IssuingError or DesignError.
    """

    def do() -> Submission:
        submissions.check_seen(db, form, serial)
        planned = plan(db, event, serial, values)
        if not planned.changes:
            raise _NothingChangedError
        after = {change.column: change.after for change in planned.changes}
        attendees.change_attendee(db, serial, after, by=form.by, now=form.now)
        settle_person(db, serial, by=form.by, now=form.now)
        paper = NO_PAPER
        if planned.effect is Effect.VOIDS:
            issuing.reissue(db, event, serial, reason=REASON, now=form.now, by=form.by)
        if planned.effect in (Effect.VOIDS, Effect.PRINTS_AGAIN):
            paper = hand_over.to_paper(db, form, serial, changed=True)
        before = {change.column: change.before for change in planned.changes}
        kept = {"before": before, "after": after, "effect": planned.effect.value}
        return submissions.keep(db, form, Kind.CORRECTION, serial, paper=paper, kept=kept)

    try:
        return submissions.once(db, form, do)
    except _NothingChangedError:
        return None


class _NothingChangedError(Exception):
    """Leaves `once` without an action."""


def _on_paper(event: Event) -> set[str]:
    """Columns on the card that are not in the badge's code."""
    prints_job_title = card_design.read_design(event).lines.job_title
    return {"latin_name", "job_title"} if prints_job_title else {"latin_name"}


def _effect(holder: Attendee, columns: set[str], on_paper: set[str]) -> Effect:
    if not columns:
        return Effect.NONE
    if not holder.issue:
        return Effect.NO_BADGE
    if CARRIED & columns:
        return Effect.VOIDS
    return Effect.PRINTS_AGAIN if on_paper & columns else Effect.NONE
