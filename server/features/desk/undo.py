"""Undoes a clerk's last action, as far as possible.

A new badge is never withdrawn, because doors may treat the earlier one as void. So undoing a
correction issues the next badge.
"""

from dataclasses import dataclass
from enum import StrEnum

from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.directory import Event
from server.core.people import attendees, issuing
from server.core.people.attendees import Attendee
from server.features.desk import acts, correction, hand_over, id_check
from server.features.desk.acts import NO_PAPER, DeskAct, DeskError, Done, Form, Kind, Paper, Why
from server.features.desk.correction import Effect
from server.features.printers import jobs
from server.features.printers.states import JobState
from server.storage.connection import Connection

REASON = "mistake"
SHOWN_MS = 12 * 60 * 60_000


class Does(StrEnum):
    REVOKES = "revokes"  # The walk-in's badge is void; the person stays on the roster, revoked
    PUTS_BACK = "puts_back"
    PUTS_BACK_AND_PRINTS = "puts_back_and_prints"
    PUTS_BACK_AND_REISSUES = "puts_back_and_reissues"
    CANCELS_PRINT = "cancels_print"
    FORGETS_ID = "forgets_id"


@dataclass(frozen=True)
class UndoPlan:
    """The effect of undoing a user's last action, or why it can't be undone."""

    act: DeskAct
    holder: Attendee
    does: Does | None
    why_not: Why | None = None


def undo_plan(db: Connection, by: str, now: int) -> UndoPlan | None:
    """Return the effect of undoing a user's last action, or None if there is none of today."""
    act = acts.last_act(db, by)
    if act is None or act.undone_at is not None or now - act.made_at > SHOWN_MS:
        return None
    if act.kind is Kind.UNDO:
        return None
    holder = attendees.attendee(db, act.serial)
    why_not = _why_not(db, act, holder)
    return UndoPlan(act, holder, None if why_not else _does(act), why_not)


def undo(db: Connection, event: Event, form: Form, act_id: int) -> Done:
    """Undo the action that the page showed, if it is still the user's last. Raises DeskError or
    IssuingError.
    """

    def do() -> DeskAct:
        plan = undo_plan(db, form.by, form.now)
        if plan is None or plan.act.act_id != act_id:
            raise DeskError(Why.NOTHING_TO_UNDO)
        if plan.does is None:
            raise DeskError(plan.why_not or Why.NOTHING_TO_UNDO)
        paper = _undo(db, event, form, plan.act, plan.does)
        acts.note_undone(db, plan.act, form.now)
        entry_log.act(db, form.by, Act.EDIT_UNDONE, {}, form.now)
        return acts.keep(db, form, Kind.UNDO, plan.act.serial, paper=paper)

    return acts.once(db, form, do)


def _why_not(db: Connection, act: DeskAct, holder: Attendee) -> Why | None:
    if act.kind is Kind.REISSUE:
        return Why.NEW_BADGE_STANDS
    if act.kind is Kind.PHONE:
        return Why.PHONE_STANDS
    if not acts.is_newest(db, act) or holder.issue != act.issue:
        return Why.CHANGED_SINCE
    if act.kind is Kind.PRINT:
        return None if _waits(db, act) else Why.PRINTED_STANDS
    if holder.revoked_at is not None:
        return Why.REVOKED
    if act.kind is Kind.CORRECTION:
        after = act.kept.get("after", {})
        if any(getattr(holder, key) != value for key, value in after.items()):
            return Why.CHANGED_SINCE
    if act.kind is Kind.ID_CHECKED:
        noted = id_check.id_check(db, act.serial)
        if noted is None or noted.checked_at != act.kept.get("checked_at"):
            return Why.CHANGED_SINCE
    return None


def _does(act: DeskAct) -> Does:
    if act.kind is Kind.CORRECTION:
        return {
            Effect.VOIDS.value: Does.PUTS_BACK_AND_REISSUES,
            Effect.PRINTS_AGAIN.value: Does.PUTS_BACK_AND_PRINTS,
        }.get(act.kept.get("effect", ""), Does.PUTS_BACK)
    return {
        Kind.WALK_IN: Does.REVOKES,
        Kind.PRINT: Does.CANCELS_PRINT,
        Kind.ID_CHECKED: Does.FORGETS_ID,
    }[act.kind]


def _undo(db: Connection, event: Event, form: Form, act: DeskAct, does: Does) -> Paper:
    serial, by, now = act.serial, form.by, form.now
    _give_up_print(db, act, by=by, now=now)
    if does is Does.FORGETS_ID:
        id_check.forget(db, serial, by=by, now=now)
    elif does is Does.REVOKES:
        # Frees the address for registering the right person.
        attendees.change_attendee(db, serial, {"email": ""}, by=by, now=now)
        issuing.revoke(db, serial, reason=REASON, now=now, by=by)
    elif does is not Does.CANCELS_PRINT:
        attendees.change_attendee(db, serial, act.kept["before"], by=by, now=now)
        if does is Does.PUTS_BACK_AND_REISSUES:
            issuing.reissue(db, event, serial, reason=correction.REASON, now=now, by=by)
        if does is not Does.PUTS_BACK:
            return hand_over.to_paper(db, form, serial)
    return NO_PAPER


def _waits(db: Connection, act: DeskAct) -> bool:
    """Return whether the action's card is not printed yet, and its print can be cancelled."""
    if act.by_browser:
        return act.done_at is None
    if act.job_id is None:
        return False
    return jobs.job(db, act.job_id).state in (JobState.WAITING, JobState.FAILED)


def _give_up_print(db: Connection, act: DeskAct, *, by: str, now: int) -> None:
    acts.drop_browser_prints(db, act.serial)
    if act.job_id is not None and _waits(db, act):
        jobs.cancel(db, act.job_id, by=by, now=now)
