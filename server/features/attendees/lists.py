"""The list's filter in the address, its export, and bulk actions."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from badges.credential.badge_number import parse_badge_number
from badges.i18n import N_
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.people import collection
from server.core.people.attendees import Attendee
from server.core.people.cards import Choice as CardChoice
from server.core.people.issuing import IssuingError
from server.core.venue import store
from server.features.attendees import bulk, export, listing
from server.features.attendees.bulk import LEFT_OUT, Action
from server.features.attendees.listing import BADGE_STATES, SORTS, Filter
from server.features.attendees.reasons import REVOKE_REASONS
from server.features.cards.pages import printing
from server.features.mail.outbox import Choice as MailChoice
from server.features.mail.pages.pages import sender
from server.features.mail.settings import MailError
from server.features.mail.templates import INVITE
from server.web import auth, forms, i18n
from server.web.downloads import MIME_TYPES
from server.web.forms import Asked, Field, one_of, whole
from server.web.i18n import gettext as _
from server.web.i18n import ngettext
from server.web.jobs import JobError
from server.web.services import services

blueprint = Blueprint("attendee_list", __name__, url_prefix="/admin/people")

SHOWN = 12  # names in a preview
CHOSEN_MAX = 500  # ticked people of one form
TEXT_CHARS_MAX = 200
BADGES = {
    "none": N_("No badge yet"),
    "to_print": N_("Not printed yet"),
    "to_collect": N_("Printed, not collected"),
    "collected": N_("Collected"),
    "valid": N_("Valid badge"),
    "revoked": N_("Revoked"),
}
ORDERS = {
    "name": N_("By name"),
    "organisation": N_("By organisation"),
    "country": N_("By country"),
    "category": N_("By category"),
    "newest": N_("Newest first"),
}
COME = {"yes": N_("Has come"), "no": N_("Has not come")}
TITLES = {
    Action.ISSUE: N_("Issue badges"),
    Action.PRINT: N_("Print cards"),
    Action.MAIL: N_("Mail the badge"),
    Action.REVOKE: N_("Revoke"),
    Action.BOX: N_("Note the box of the cards"),
}
EFFECTS = {
    Action.ISSUE: N_("Each of these people gets a valid badge. It is not printed yet."),
    Action.PRINT: N_("The cards are drawn into one PDF. Its download counts as a print."),
    Action.MAIL: N_("Each person gets one mail with the badge, unless they got it already."),
    Action.REVOKE: N_("No door admits these people any more. Their badges are void everywhere."),
    Action.BOX: N_("The desk shows this box on each person's page. Empty removes the note."),
}
assert BADGES.keys() == BADGE_STATES.keys()
assert ORDERS.keys() == SORTS.keys()


def asked(given: Mapping[str, str]) -> Asked[Filter]:
    choose = N_("Choose from the list.")
    fields = {
        "q": Field("text", str, choose),
        "category": Field("category", whole, choose),
        "organisation": Field("organisation", str, choose),
        "country": Field("country", _country, choose),
        "badge": Field("badge", one_of(BADGES), choose),
        "letters": Field("letters", _letters, N_("First letters, such as K–M or Ka–Ke.")),
        "come": Field("come", lambda text: one_of(COME)(text) == "yes", choose),
        "day": Field("day", _day, choose),
    }
    return forms.read_filter(given, fields, Filter)


def sort(given: Mapping[str, str]) -> str:
    text = given.get("sort", "name")
    return text if text in SORTS else "name"


def choices() -> dict[str, Any]:
    here = services()
    first = here.event.settings.first_day
    days = [first + timedelta(days=day) for day in range(here.event.settings.days)]
    return {
        "badges": BADGES,
        "orders": ORDERS,
        "come": COME,
        "days": [day.isoformat() for day in days],
        "countries": listing.countries(here.database.reader),
        "actions": {action: TITLES[action] for action in Action if _may(action)},
    }


def _country(text: str) -> str:
    if len(text) != 2 or not text.isalpha():
        raise ValueError("no country")
    return text.upper()


def _letters(text: str) -> tuple[str, str]:
    first, _sign, last = text.replace("-", "–").partition("–")
    letters = first.strip(), (last or first).strip()
    collection.named_between(*letters)  # Raises BoxError, a ValueError.
    return letters


def _day(text: str) -> tuple[int, int]:
    """Return a day's begin and end. It has 23 or 25 hours where the clocks are changed."""
    day, clock = date.fromisoformat(text[:10]), services().venue_clock
    return clock.parse(f"{day} 00:00"), clock.parse(f"{day + timedelta(days=1)} 00:00")


@blueprint.get("/list.csv", defaults={"kind": "csv"})
@blueprint.get("/list.xlsx", defaults={"kind": "xlsx"})
@auth.allow("auditor")
@auth.confirmed
def download(kind: str) -> Response:
    """Send the filtered list, and log the download."""
    wanted = asked(request.args)
    if wanted.problems:
        abort(400)
    here, by = services(), auth.actor()
    db = here.database.reader
    categories = {plan.code: plan for plan in store.categories(db)}
    condition = listing.condition(db, wanted.wanted)
    _people, count = listing.page(db, condition, "name", 0, 0)
    subject: entry_log.Subject = {"format": kind, "count": count}
    here.database.write(lambda db: entry_log.act(db, by, Act.PEOPLE_EXPORTED, subject, here.now()))
    pieces = export.pieces(
        db, condition, sort(request.args), kind, categories, here.venue_clock.iso
    )
    return Response(
        pieces,
        mimetype=MIME_TYPES[kind],
        headers={"Content-Disposition": f'attachment; filename="attendees.{kind}"'},
    )


@blueprint.get("/many")
@auth.allow("badge_desk")
def show() -> str | AnyResponse:
    """Preview an action for many people: whom it concerns, and its effect."""
    action = _action(request.args)
    wanted, chosen = _chosen(request.args)
    if not chosen:
        return forms.turn_back(_("Nothing was changed: no one is chosen."), _back(wanted))
    return _page(action, wanted, chosen, request.args)


@blueprint.post("/many")
@auth.allow("badge_desk")
@auth.confirmed
def do() -> AnyResponse | str:
    action = _action(request.form)
    wanted, chosen = _chosen(request.form)
    plan = bulk.preview(services().database.reader, action, chosen)
    if plan.mark != request.form.get("mark"):
        flash(_("Nothing was done now: this list has changed, or it was done already."), "bad")
        return _page(action, wanted, chosen, request.form)
    if not plan.due:
        return forms.turn_back(_("Nothing was changed: no one is chosen."), _back(wanted))
    try:
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
        sender().start(MailChoice(INVITE, serials=frozenset(numbers)), by=by, limit=None)
        return _("The mails are being sent."), url_for("admin.mailing.show")
    if action is Action.ISSUE:
        done = bulk.issue(here.event, here.database, numbers, by, here.now)
        return ngettext("%(num)s badge was issued.", "%(num)s badges were issued.", done), ""
    if action is Action.REVOKE:
        reason = request.form.get("reason", "")
        if reason not in REVOKE_REASONS:
            raise bulk.BulkError(N_("choose a reason."))
        done = bulk.revoke(here.database, numbers, reason, by, here.now)
        return ngettext("%(num)s person was revoked.", "%(num)s people were revoked.", done), ""
    done = bulk.put_box(here.database, numbers, request.form.get("box", ""), by, here.now)
    return ngettext("Noted for %(num)s card.", "Noted for %(num)s cards.", done), ""


def _page(
    action: Action, wanted: Asked[Filter], chosen: list[int], given: MultiDict[str, str]
) -> str:
    plan = bulk.preview(services().database.reader, action, chosen)
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
        reasons=REVOKE_REASONS,
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
            Action.PRINT: "admin.card_prints.start",
            Action.MAIL: "admin.mailing.start",
            Action.REVOKE: "admin.people.revoke",
            Action.BOX: "desk.person.box",
        }[action]
    )


def _chosen(given: MultiDict[str, str]) -> tuple[Asked[Filter], list[int]]:
    """Return the filter, and the ticked people, else all of the filter."""
    wanted = asked(given)
    if wanted.problems:
        abort(400)
    db = services().database.reader
    if given.get("whole") == "yes":
        return wanted, listing.serials(db, listing.condition(db, wanted.wanted))
    numbers = []
    for text in given.getlist("person")[:CHOSEN_MAX]:
        try:
            numbers.append(parse_badge_number(text))
        except ValueError:
            abort(400)
    return wanted, numbers


def _back(wanted: Asked[Filter]) -> str:
    return wanted.address("admin.people.search")
