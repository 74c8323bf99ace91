"""Shows missing and outdated badges, and issues and replaces them."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from server.core.people import issuing, wrong_badges
from server.core.people.attendees import Attendee
from server.core.staff import confirmations
from server.core.venue import store
from server.web import auth, forms, shown
from server.web.i18n import gettext as _
from server.web.i18n import ngettext
from server.web.services import services

blueprint = Blueprint("badges", __name__, url_prefix="/admin/badges")

LOOKS = 200  # The most badges compared for the page
FAILED_SHOWN = 5
# Instead of a digest, where they are too many to look at and the form says "all outdated badges".
ALL = "all"


@blueprint.get("/")
@auth.allow("badge_desk")
def show() -> str:
    here = services()
    db = here.database.reader
    wrong = issuing.changed_badges(db, here.event, LOOKS)
    perhaps = issuing.perhaps_changed(db)
    return render_template(
        "editing/badges.html",
        missing=issuing.missing_badges(db),
        wrong=wrong,
        total=len(wrong) if perhaps <= LOOKS else perhaps,
        exact=perhaps <= LOOKS,
        as_shown=_as_shown(wrong) if perhaps <= LOOKS else ALL,
        categories={category.code: category for category in store.categories(db)},
    )


def _as_shown(wrong: list[Attendee]) -> str:
    return confirmations.digest(map(_key, wrong))


def _key(holder: Attendee) -> str:
    return f"{holder.serial} {holder.issue}"


@blueprint.post("/issue")
@auth.allow()
def issue() -> Response:
    here, by = services(), auth.actor()
    done = wrong_badges.issue_all(here.event, here.database, by=by, clock=here.now)
    flash(ngettext("%(num)s badge was issued.", "%(num)s badges were issued.", done), "good")
    return redirect(url_for("admin.badges.show"), 303)


@blueprint.post("/reissue")
@auth.allow()
@auth.confirmed
def reissue() -> Response:
    back = url_for("admin.badges.show")
    if request.form.get("confirm") != "yes":
        return forms.turn_back(_("Nothing was changed: tick the box."), back)
    here, by = services(), auth.actor()
    wrong = wrong_badges.find_changed(here.event, here.database)
    try:
        if shown.digest() != ALL:
            confirmations.require_digest(shown.digest(), map(_key, wrong))
    except confirmations.ShownChangedError as error:
        return forms.turn_back(forms.unchanged(error), back)
    done, failed = wrong_badges.replace_badges(
        here.event, here.database, wrong, by=by, clock=here.now
    )
    for why in failed[:FAILED_SHOWN]:
        flash(_("Not replaced: %(why)s", why=why), "bad")
    flash(
        ngettext(
            "%(num)s badge was replaced. Print it again.",
            "%(num)s badges were replaced. Print them again.",
            done,
        ),
        "good",
    )
    return redirect(back, 303)
