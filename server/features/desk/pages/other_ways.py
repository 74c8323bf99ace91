"""Other ways to enter today: a day credential for a forgotten badge, and the badge by mail."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from server.core.people import day_credentials
from server.core.people.issuing import IssuingError
from server.features.desk.pages import forms
from server.features.desk.pages.person import person_of
from server.features.mail import worker
from server.features.mail.settings import MailError
from server.web import auth, i18n
from server.web.forms import whole
from server.web.i18n import gettext as _
from server.web.services import services

blueprint = Blueprint("other_ways", __name__, url_prefix="/person")


@blueprint.get("/<number>/day")
@auth.allow(forms.ROLE)
def day(number: str) -> str:
    """Show a person's possible and given day credentials."""
    here, person = services(), person_of(number)
    holder = person.holder
    if holder.issue == 0 or holder.revoked_at is not None:
        abort(404)
    given = day_credentials.of_attendee(here.database.reader, holder.serial)
    taken = {item.day for item in given if item.issue == holder.issue}
    days = day_credentials.days_to_choose(here.event, holder, here.now())
    return render_template(
        "desk/day.html",
        person=person,
        number=number,
        days=[item for item in days if item not in taken],
        given=[item for item in given if item.issue == holder.issue],
        none_left=len(given) >= day_credentials.EACH_MAX,
        each_max=day_credentials.EACH_MAX,
        date=lambda item: i18n.said(day_credentials.day_words(here.event.settings, item)),
    )


@blueprint.post("/<number>/day")
@auth.allow(forms.ROLE)
def give_day(number: str) -> Response:
    """Issue a day credential, only once for a repeated form."""
    here, by = services(), auth.actor()
    serial = person_of(number).holder.serial
    chosen = request.form.get("day", type=whole)
    back = url_for("desk.other_ways.day", number=number)
    if chosen is None:
        flash(_("Nothing was done. %(why)s", why=_("Choose a day.")), "bad")
        return redirect(back, 303)
    try:
        here.database.write(
            lambda db: day_credentials.issue_day_credential(
                db, here.event, serial, day=chosen, by=by, now=here.now()
            )
        )
    except IssuingError as error:
        flash(forms.refusal(error), "bad")
        return redirect(back, 303)
    flash(_("The day credential is valid. Print it now: on its day doors deny the badge."), "good")
    return redirect(back, 303)


@blueprint.post("/<number>/mail")
@auth.allow(forms.ROLE)
def mail(number: str) -> Response:
    holder, by = person_of(number).holder, auth.actor()
    back = url_for("desk.person.show", number=number)
    if holder.issue == 0 or holder.revoked_at is not None or not holder.email:
        flash(_("Nothing was done. %(why)s", why=_("There is no badge or no address.")), "bad")
        return redirect(back, 303)
    try:
        worker.mail_now(services(), holder.serial, by=by)
    except MailError as error:
        flash(_("Nothing was done. %(why)s", why=i18n.said(error)), "bad")
        return redirect(back, 303)
    flash(_("The badge is on its way to %(address)s.", address=holder.email), "good")
    return redirect(back, 303)
