"""Actions for many attendees: preview, progress, and people by their numbers."""

from collections.abc import Mapping

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from badges.credential.badge_number import badge_number, parse_badge_number
from badges.i18n import N_
from server.core.people import collection
from server.core.people.attendees import Attendee
from server.core.people.cards import Choice as CardChoice
from server.core.people.issuing import REISSUE_REASONS, IssuingError
from server.features.attendees import bulk, listing, lists
from server.features.attendees.bulk import LEFT_OUT, Action
from server.features.attendees.listing import Filter
from server.features.attendees.reasons import REVOKE_REASONS
from server.features.cards.pages import printing
from server.features.mail import worker as mail_worker
from server.features.mail.outbox import Choice as MailChoice
from server.features.mail.settings import MailError
from server.features.mail.templates import INVITE
from server.web import auth, forms, i18n
from server.web.about import VALUES
from server.web.forms import Asked, whole
from server.web.i18n import gettext as _
from server.web.i18n import ngettext
from server.web.jobs import Job, JobError, OwnJob, State, jobs_of, people_of
from server.web.services import services

blueprint = Blueprint("attendee_many", __name__, url_prefix="/admin/people")

SHOWN = 12  # names in a preview
CHOSEN_MAX = 500  # ticked people or numbers of one form
UNKNOWN_SHOWN = 10
TITLES = {
    Action.ISSUE: N_("Issue badges"),
    Action.REISSUE: N_("Replace badges"),
    Action.PRINT: N_("Print cards"),
    Action.MAIL: N_("Mail the badge"),
    Action.REVOKE: N_("Revoke"),
    Action.BOX: N_("Note the box of the cards"),
}
EFFECTS = {
    Action.ISSUE: N_("Each of these people gets a valid badge. It is not printed yet."),
    Action.REISSUE: N_(
        "Each of these people gets a new badge. Their earlier cards, links and wallet passes are "
        "void at every door at once. The new badges are not printed or mailed yet."
    ),
    Action.PRINT: N_("The cards are drawn into one PDF. Its download counts as a print."),
    Action.MAIL: N_("Each person gets one mail with the badge, unless they got it already."),
    Action.REVOKE: N_("No door admits these people any more. Their badges are void everywhere."),
    Action.BOX: N_("The desk shows this box on each person's page. Empty removes the note."),
}
# Done as background jobs, and the reasons to choose from.
JOBS: Mapping[Action, Mapping[str, str]] = {
    Action.ISSUE: {},
    Action.REISSUE: {reason: VALUES["reason"][reason] for reason in REISSUE_REASONS},
    Action.REVOKE: REVOKE_REASONS,
}
QUICK_S = 1.0  # the longest wait for a job before its progress is shown instead


def actions() -> dict[Action, str]:
    """Return the actions that the user may do, with their titles."""
    return {action: TITLES[action] for action in Action if _may(action)}


@blueprint.get("/many")
@auth.allow("badge_desk")
@auth.with_form_to("admin.attendee_many.do")
def show() -> str | Response:
    """Preview an action for many people: whom it concerns, and its effect."""
    action = _action(request.args)
    wanted, chosen = _chosen(request.args)
    if not chosen:
        return forms.turn_back(_("Nothing was changed: no one is chosen."), _back(wanted))
    return _page(action, wanted, chosen, request.args)


@blueprint.post("/many")
@auth.allow("badge_desk")
@auth.confirmed
def do() -> Response | str:
    action = _action(request.form)
    wanted, chosen = _chosen(request.form)
    plan = bulk.preview(services().database.reader, action, chosen, _since(request.form))
    if plan.mark != request.form.get("mark"):
        flash(_("Nothing was done now: this list has changed, or it was done already."), "bad")
        return _page(action, wanted, chosen, request.form)
    if not plan.due:
        return forms.turn_back(_("Nothing was changed: no one is chosen."), _back(wanted))
    try:
        if action in JOBS:
            return _begin(action, plan.due, wanted)
        message, after = _perform(action, plan.due)
    except (bulk.BulkError, collection.BoxError, IssuingError, JobError, MailError) as error:
        flash(_("Nothing was changed: %(why)s", why=i18n.said(error)), "bad")
        return _page(action, wanted, chosen, request.form)
    flash(message, "good")
    return redirect(after or _back(wanted), 303)


def _perform(action: Action, due: list[Attendee]) -> tuple[str, str]:
    """Return the message, and the page with the progress, or ""."""
    here, by = services(), auth.actor()
    numbers = [person.serial for person in due]
    if action is Action.PRINT:
        printing.begin(CardChoice(serials=frozenset(numbers)), by)
        return _("The cards are being drawn."), url_for("admin.card_prints.show")
    if action is Action.MAIL:
        mail_worker.start(here, MailChoice(INVITE, serials=frozenset(numbers)), by=by)
        return _("The mails are being sent."), url_for("admin.mailing.show")
    done = bulk.put_box(here.database, numbers, request.form.get("box", ""), by, here.now)
    return ngettext("Noted for %(num)s card.", "Noted for %(num)s cards.", done), ""


def _begin(action: Action, due: list[Attendee], wanted: Asked[Filter]) -> Response:
    """Begin a job, and show its progress unless it is quick. Raises BulkError or JobError."""
    here, by, reasons = services(), auth.actor(), JOBS[action]
    reason = request.form.get("reason", "")
    if reasons and reason not in reasons:
        raise bulk.BulkError(N_("choose a reason."))
    issues = bulk.issues_of(due)

    def work(job: OwnJob) -> None:
        def tell(done: int, total: int, changed: int) -> None:
            job.tell(done, total, changed=changed)

        if action is Action.ISSUE:
            bulk.issue(here.event, here.database, list(issues), by=by, clock=here.now, tell=tell)
        elif action is Action.REISSUE:
            bulk.reissue(
                here.event, here.database, issues, reason, by=by, clock=here.now, tell=tell
            )
        else:
            bulk.revoke(here.database, list(issues), reason, by=by, clock=here.now, tell=tell)

    again = url_for("admin.attendee_many.show", do=action, rest="yes", since=_since_now(action))
    job = jobs_of(here).start(_kind(action), by, work, again=again, people=list(issues))
    if job.ended.wait(QUICK_S) and job.state is State.READY:
        flash(_done(action, job), "good")
        return redirect(_back(wanted), 303)
    return redirect(url_for("admin.attendee_many.progress", do=action), 303)


def _since_now(action: Action) -> int | None:
    """Return since when a new badge counts as issued by this action (Unix ms)."""
    return (_since(request.form) or services().now()) if action is Action.REISSUE else None


def _since(given: MultiDict[str, str]) -> int | None:
    return given.get("since", type=whole)


def _kind(action: Action) -> str:
    return f"people: {action}"


def open_jobs() -> list[tuple[Action, Job]]:
    """Return the jobs that are under way or broke off, of actions that the user may do."""
    jobs = [(action, jobs_of(services()).find(_kind(action))) for action in JOBS if _may(action)]
    open_states = (State.RUNNING, State.BROKEN)
    return [(action, job) for action, job in jobs if job and job.state in open_states]


def _done(action: Action, job: Job) -> str:
    count = job.figures.get("changed", 0)
    if action is Action.ISSUE:
        return ngettext("%(num)s badge was issued.", "%(num)s badges were issued.", count)
    if action is Action.REISSUE:
        return ngettext(
            "%(num)s badge was replaced. Print it again.",
            "%(num)s badges were replaced. Print them again.",
            count,
        )
    return ngettext("%(num)s person was revoked.", "%(num)s people were revoked.", count)


@blueprint.get("/many/progress")
@auth.allow("badge_desk")
def progress() -> str:
    action = _action(request.args)
    job = jobs_of(services()).find(_kind(action))
    return render_template(
        "attendees/progress.html",
        action=action,
        title=TITLES[action],
        job=job,
        done=_done(action, job) if job else "",
    )


@blueprint.post("/many/cancel")
@auth.allow("badge_desk")
def cancel() -> Response:
    action = _action(request.form)
    jobs_of(services()).cancel(_kind(action))
    return redirect(url_for("admin.attendee_many.progress", do=action), 303)


@blueprint.get("/by-numbers")
@auth.allow("badge_desk")
def numbers() -> str:
    return _numbers_page("", [])


@blueprint.post("/by-numbers")
@auth.allow("badge_desk")
def by_numbers() -> Response | tuple[str, int]:
    """Preview an action for the people with these badge numbers or external ids."""
    action, text = _action(request.form), request.form.get("numbers", "")
    found, unknown = listing.by_labels(services().database.reader, text)
    if unknown or not found or len(found) > CHOSEN_MAX:
        return _numbers_page(text, unknown, len(found)), 400
    chosen = [badge_number(serial) for serial in found]
    return redirect(url_for("admin.attendee_many.show", do=action, person=chosen), 303)


def _numbers_page(text: str, unknown: list[str], found: int = 0) -> str:
    return render_template(
        "attendees/numbers.html",
        text=text,
        unknown=unknown[:UNKNOWN_SHOWN],
        more=max(0, len(unknown) - UNKNOWN_SHOWN),
        too_many=found > CHOSEN_MAX,
        most=CHOSEN_MAX,
        asked=request.method == "POST",
        chosen=request.form.get("do", Action.REISSUE),
        actions=actions(),
    )


def _page(
    action: Action, wanted: Asked[Filter], chosen: list[int], given: MultiDict[str, str]
) -> str:
    since = _since(given)
    plan = bulk.preview(services().database.reader, action, chosen, since)
    return render_template(
        "attendees/many.html",
        action=action,
        title=TITLES[action],
        effect=EFFECTS[action],
        plan=plan,
        shown=plan.due[:SHOWN],
        left_out={LEFT_OUT[why]: count for why, count in plan.left_out.items()},
        fields=wanted.fields,
        ticked=given.getlist("person")[:CHOSEN_MAX],
        since=since,
        reasons=JOBS.get(action),
        back=_back(wanted),
        box_chars=collection.BOX_CHARS_MAX,
    )


def _action(given: MultiDict[str, str]) -> Action:
    try:
        action = Action(given.get("do", ""))
    except ValueError:
        abort(400)
    if not _may(action):
        abort(403)
    return action


def _may(action: Action) -> bool:
    """Return whether the user may do this to a single person."""
    return auth.may_open(
        {
            Action.ISSUE: "admin.badges.issue",
            Action.REISSUE: "admin.people.reissue",
            Action.PRINT: "admin.card_prints.start",
            Action.MAIL: "admin.mailing.start",
            Action.REVOKE: "admin.people.revoke",
            Action.BOX: "desk.person.box",
        }[action]
    )


def _chosen(given: MultiDict[str, str]) -> tuple[Asked[Filter], list[int]]:
    """Return the filter, and the ticked people, else all of the filter or of a job's rest."""
    wanted = lists.asked(given)
    if wanted.problems:
        abort(400)
    db = services().database.reader
    if given.get("whole") == "yes":
        return wanted, listing.serials(db, listing.condition(db, wanted.wanted))
    if given.get("rest") == "yes":
        return wanted, people_of(db, _kind(_action(given)))
    numbers = []
    for text in given.getlist("person")[:CHOSEN_MAX]:
        try:
            numbers.append(parse_badge_number(text))
        except ValueError:
            abort(400)
    return wanted, numbers


def _back(wanted: Asked[Filter]) -> str:
    return wanted.address("admin.people.search")
