"""The desk's print jobs: jobs for a clerk, and for the browser."""

from collections.abc import Callable

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from badges.printing import card as drawn_card
from server.core.people import attendees, card_design, cards, issuing
from server.features.desk import hand_over, submissions
from server.features.desk.pages import forms
from server.features.desk.submissions import Submission
from server.features.printers import jobs
from server.features.printers.states import PrintingError
from server.storage.connection import Connection
from server.web import auth, i18n
from server.web.forms import whole
from server.web.i18n import gettext as _
from server.web.services import services

blueprint = Blueprint("paper", __name__)

# Only our own page may embed the card's frame.
_OWN_FRAME = "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'; "
_WITH_FRAME = (
    "default-src 'none'; base-uri 'none'; object-src 'none'; form-action 'self'; "
    "frame-ancestors 'none'; connect-src 'self'; img-src 'self' data:; script-src 'self'; "
    "style-src 'self'; frame-src 'self'"
)


@blueprint.post("/jobs/<int:job_id>/retry")
@auth.allow(forms.ROLE)
def retry(job_id: int) -> AnyResponse:
    printer_id = request.form.get("printer", type=whole)
    return _job(
        lambda db, by, now: jobs.retry(db, job_id, by=by, now=now, printer_id=printer_id),
        _("The card is queued again."),
    )


@blueprint.post("/jobs/<int:job_id>/give-up")
@auth.allow(forms.ROLE)
def give_up(job_id: int) -> AnyResponse:
    return _job(
        lambda db, by, now: jobs.cancel(db, job_id, by=by, now=now), _("The card is not printed.")
    )


@blueprint.post("/jobs/<int:job_id>/printed")
@auth.allow(forms.ROLE)
def printed(job_id: int) -> AnyResponse:
    """Record that the card came out, if the printer can't report it."""
    event = services().event
    return _job(
        lambda db, by, now: jobs.confirm(db, event, job_id, by=by, now=now),
        _("The card counts as handed over."),
    )


@blueprint.get("/cards/<int:submission_id>")
@auth.allow(forms.ROLE)
def show(submission_id: int) -> Response:
    """Show the card in a frame, for the browser to print."""
    submission = _waits_for_browser(submission_id)
    holder = attendees.attendee(services().database.reader, submission.serial)
    page = render_template("desk/paper.html", submission=submission, holder=holder)
    return Response(page, headers={"Content-Security-Policy": _WITH_FRAME})


@blueprint.get("/cards/<int:submission_id>/card.pdf")
@auth.allow(forms.ROLE)
def card(submission_id: int) -> AnyResponse:
    submission, here = _waits_for_browser(submission_id), services()
    db = here.database.reader
    badges = [
        badge
        for badge in issuing.badges_of(db, submission.serial)
        if badge.issue == submission.issue
    ]
    try:
        design = card_design.read_design(here.event)
        (badge,) = cards.read(db, here.event, badges, lines=design.lines, photo=design.photo_of())
        pdf = drawn_card.render_pdf([badge.card], look=design.look)
    except (drawn_card.CardError, card_design.DesignError) as error:
        flash(_("The card can't be drawn: %(why)s", why=i18n.said(error)), "bad")
        return redirect(forms.page_of(submission.serial), 303)
    headers = {"Content-Security-Policy": _OWN_FRAME, "Content-Disposition": "inline"}
    return Response(pdf, mimetype="application/pdf", headers=headers)


@blueprint.post("/cards/<int:submission_id>/printed")
@auth.allow(forms.ROLE)
def came_out(submission_id: int) -> AnyResponse:
    event = services().event
    return _job(
        lambda db, by, now: hand_over.confirm_browser_print(
            db, event, submission_id, by=by, now=now
        ),
        _("The card counts as handed over."),
    )


@blueprint.post("/cards/<int:submission_id>/give-up")
@auth.allow(forms.ROLE)
def drop(submission_id: int) -> AnyResponse:
    return _job(
        lambda db, by, now: hand_over.drop_browser_print(db, submission_id),
        _("The card is not printed."),
    )


def _job(step: Callable[[Connection, str, int], None], message: str) -> AnyResponse:
    here, by = services(), auth.actor()
    try:
        here.database.write(lambda db: step(db, by, here.now()))
    except PrintingError as error:
        flash(i18n.said(error), "bad")
    except forms.REFUSED as error:
        flash(forms.refusal(error), "bad")
    else:
        flash(message, "good")
    return redirect(url_for("desk.home.show"), 303)


def _waits_for_browser(submission_id: int) -> Submission:
    submission = submissions.submission(services().database.reader, submission_id)
    if submission is None or not submission.by_browser or submission.done_at is not None:
        abort(404)
    return submission
