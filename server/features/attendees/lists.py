"""The list's filter in the address, and its export."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, Response, abort, request

from badges.i18n import N_
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.people import collection
from server.core.venue import store
from server.features.attendees import export, listing
from server.features.attendees.listing import BADGE_STATES, SORTS, Filter
from server.web import auth, forms
from server.web.downloads import MIME_TYPES
from server.web.forms import Asked, Field, one_of, whole
from server.web.services import services

blueprint = Blueprint("attendee_list", __name__, url_prefix="/admin/people")

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
