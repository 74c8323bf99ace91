"""The form for corrections. It first shows the effect on the badge."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from server.features.desk import correction
from server.features.desk.correction import FIELDS, CorrectionPlan, Effect
from server.features.desk.pages import forms, words
from server.features.desk.pages.person import person_of
from server.features.desk.person import DeskPerson
from server.features.desk.submissions import StaleError, Submission
from server.web import auth, display
from server.web.forms import whole
from server.web.i18n import gettext as _
from server.web.services import services

blueprint = Blueprint("correction", __name__, url_prefix="/person")

TEXT_CHARS_MAX = 254


@blueprint.get("/<number>/correct")
@auth.allow(forms.ROLE)
def show(number: str) -> str:
    person = person_of(number)
    values = {key: getattr(person.holder, key) for key in FIELDS}
    return _page(person, number, values)


@blueprint.post("/<number>/correct")
@auth.allow(forms.ROLE)
def save(number: str) -> Response | tuple[str, int] | str:
    """Correct a person. Changes to the badge need a confirmation first."""
    person, here = person_of(number), services()
    values = sent_values()
    serial = person.holder.serial
    try:
        plan = correction.plan(here.database.reader, here.event, serial, values)
        asks = plan.effect in (Effect.VOIDS, Effect.PRINTS_AGAIN)
        if asks and request.form.get("confirm") != plan.effect.value:
            if request.form.get("seen") != person.mark:
                return forms.overtaken(forms.page_of(serial))
            return _page(person, number, values, plan=plan)
        form = forms.sent()
        done = here.database.write(
            lambda db: correction.correct(db, here.event, form, serial, values)
        )
    except StaleError:
        return forms.overtaken(forms.page_of(serial))
    except forms.REFUSED as error:
        return _page(person, number, values, problem=forms.refusal(error)), 400
    if done is None:
        flash(_("Nothing was changed. The badge stays valid."), "good")
        return redirect(forms.page_of(serial), 303)
    flash(_("This was done already, once.") if done.again else _said(done.submission), "good")
    after = "" if done.submission.job_id or done.submission.by_browser else forms.page_of(serial)
    return redirect(forms.next_page(done.submission, after), 303)


def sent_values() -> dict[str, Any]:
    values: dict[str, Any] = {
        key: request.form[key][: TEXT_CHARS_MAX + 1].strip()
        for key in FIELDS
        if key in request.form and key != "category"
    }
    category = request.form.get("category", type=whole)
    return values if category is None else {**values, "category": category}


def _said(submission: Submission) -> str:
    name = forms.name_of(services().database.reader, submission.serial)
    effect = submission.kept.get("effect")
    if effect == Effect.VOIDS.value:
        return _(
            "%(name)s is corrected. Badge %(issue)s is issued, and every earlier one is void.",
            name=name,
            issue=submission.issue,
        )
    if effect == Effect.PRINTS_AGAIN.value:
        return _("%(name)s is corrected. The card is printed again.", name=name)
    return _("%(name)s is corrected. The badge stays valid.", name=name)


def _page(
    person: DeskPerson, number: str, values: dict[str, Any], *,
    plan: CorrectionPlan | None = None, problem: str = "",
) -> str:  # fmt: skip
    return render_template(
        "desk/correct.html",
        person=person,
        number=number,
        values=values,
        plan=plan,
        problem=problem,
        columns=words.columns(),
        categories=forms.categories(),
        country_name=display.country,
        back=url_for("desk.person.show", number=number),
        chars_max=TEXT_CHARS_MAX,
    )
