"""The page that makes a PDF of all cards, with its progress."""

from functools import partial
from pathlib import Path

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from badges.i18n import N_
from server.core.people import attendees, cards
from server.core.people.cards import ORDERS, Choice
from server.core.venue import store
from server.features.cards import all_cards
from server.features.cards.all_cards import Drawn
from server.storage.connection import Connection
from server.web import auth, forms, i18n
from server.web.downloads import send_counted
from server.web.i18n import gettext as _
from server.web.jobs import JobError, OwnJob, State, jobs_of
from server.web.services import services

blueprint = Blueprint("card_prints", __name__, url_prefix="/admin/cards/print")

KIND = "cards"
LEFT_OUT_SHOWN = 20
WHO = {
    "not_printed": N_("Never printed"),
    "changed": N_("Changed since the print"),
    "all": N_("All cards"),
}
ORDER_WORDS = {
    "name": N_("By name"),
    "organisation": N_("By organisation"),
    "category": N_("By category"),
    "number": N_("By badge number"),
}


@blueprint.get("")
@auth.allow()
def show() -> str:
    here = services()
    db = here.database.reader
    job = jobs_of(here).find(KIND)
    is_here = isinstance(job, OwnJob)
    drawn: Drawn | None = job.result if isinstance(job, OwnJob) else None
    return render_template(
        "cards/print.html",
        job=job,
        drawn=drawn,
        is_here=is_here,
        left_out=drawn.left_out[:LEFT_OUT_SHOWN] if drawn else (),
        is_own=job is not None and job.by == auth.actor(),
        **_counts(),
        who=WHO,
        orders={key: ORDER_WORDS[key] for key in ORDERS},
        categories=store.categories(db),
    )


@blueprint.get("/printed")
@auth.allow()
def printed() -> str:
    """Return the page's changing part: how many cards are printed."""
    return render_template("cards/printed.html", **_counts())


@blueprint.post("/start")
@auth.allow()
@auth.confirmed
def start() -> Response:
    back = url_for("admin.card_prints.show")
    try:
        begin(_choice(), auth.actor())
    except JobError as error:
        return forms.turn_back(i18n.said(error), back)
    return redirect(back, 303)


def begin(choice: Choice, by: str) -> None:
    """Begin to draw the cards. Raises JobError."""
    here = services()
    work = partial(_draw, event_dir=here.event.path, choice=choice)
    jobs_of(here).start(KIND, by, work, name="cards.pdf")


@blueprint.post("/cancel")
@auth.allow()
def cancel() -> Response:
    jobs_of(services()).cancel(KIND)
    return redirect(url_for("admin.card_prints.show"), 303)


@blueprint.post("/cards.pdf")
@auth.allow()
@auth.confirmed
def download() -> Response:
    """Send the PDF to its maker. The first download that is sent whole counts as a print."""
    here, by = services(), auth.actor()
    job = jobs_of(here).own(KIND)
    if job is None or job.state is not State.READY or job.by != by:
        return forms.turn_back(
            _("There is no such file any more: make it again."), url_for("admin.card_prints.show")
        )
    drawn: Drawn = job.result
    again = 0 if job.taken else cards.reprints(here.database.reader, drawn.printed)
    if again:
        flash(_("%(count)s of these cards were printed before.", count=again), "warn")

    def count(db: Connection) -> None:
        cards.note_printed(db, drawn.printed, by=by, now=here.now())

    return send_counted(
        job.path,
        partial(jobs_of(here).take, job, count),
        mimetype="application/pdf",
        as_attachment=True,
        download_name=job.name,
    )


def _counts() -> dict[str, int]:
    db = services().database.reader
    return {"people": attendees.count_people(db), "printed": cards.count_printed(db)}


def _draw(job: OwnJob, event_dir: Path, choice: Choice) -> Drawn:
    return all_cards.draw(event_dir, choice, job.path, job.tell)


def _choice() -> Choice:
    form = request.form
    keys = {category.key for category in store.categories(services().database.reader)}
    category, order = form.get("category", ""), form.get("order", "")
    return Choice(
        categories=(category,) if category in keys else (),
        not_printed=form.get("who") == "not_printed",
        changed=form.get("who") == "changed",
        order=order if order in ORDERS else "name",
    )
