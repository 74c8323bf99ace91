"""Serves staff's pages, rendered on the server. `auth.allow` on each view says who may see it."""

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from badges.i18n import N_
from server.web import auth
from server.web.admin import (
    account,
    acts,
    entries,
    halls,
    kiosks,
    live,
    overview,
    people,
    sign_in,
    users,
    venue,
)
from server.web.admin.cards import pages as cards
from server.web.admin.editing import (
    badges,
    edits,
    guests,
    organisations,
    persons,
    roster_upload,
    speakers,
    things,
    uploads,
    venue_upload,
)
from server.web.admin.mailing import pages as mailing
from server.web.admin.printers import pages as printers
from server.web.admin.programme import pages as programme
from server.web.admin.protocol import arrivals, badge, flag
from server.web.rehearsal import pages as rehearsal

blueprint = Blueprint("admin", __name__)
for part in (
    overview, live, people, entries, kiosks, halls, venue, programme, users, sign_in, account, acts,
    rehearsal, arrivals, flag, printers, mailing,
):  # fmt: skip
    blueprint.register_blueprint(part.blueprint)
blueprint.register_blueprint(entries.absences)
for part in (
    things, guests, speakers, organisations, persons, edits, uploads, roster_upload, venue_upload,
    badges, cards,
):  # fmt: skip
    blueprint.register_blueprint(part.blueprint)

PAGES = (
    ("admin.overview.show", N_("Overview")),
    ("desk.home.show", N_("Badge desk")),
    ("admin.programme.forum", N_("Forum")),
    ("admin.people.search", N_("Attendees")),
    ("admin.entries.show", N_("Entries")),
    ("admin.acts.show", N_("Acts")),
    ("admin.kiosks.show", N_("Kiosks")),
    ("admin.printers.show", N_("Printers")),
    ("admin.absences.show", N_("Outages")),
    ("admin.venue.show", N_("Venue")),
    ("admin.uploads.show", N_("Import")),
    ("admin.cards.show", N_("Cards")),
    ("admin.rehearsal.show", N_("Rehearsal")),
    ("admin.mailing.show", N_("Mails")),
    ("admin.users.show", N_("Users")),
)

# Pages on which people see what they last changed, and may undo it.
WITH_LAST_EDIT = frozenset(
    f"admin.{name}"
    for name in (
        "venue",
        "things",
        "programme",
        "session_speakers",
        "guests",
        "people",
        "persons",
        "halls",
        "badges",
    )
)
# Under which of the pages those stand that have no entry of their own.
SECTIONS = {
    "admin.things": "admin.venue",
    "admin.guests": "admin.venue",
    "admin.session_speakers": "admin.venue",
    "admin.organisation_merge": "admin.programme",
    "admin.persons": "admin.people",
    "admin.roster_upload": "admin.uploads",
    "admin.venue_upload": "admin.uploads",
    "admin.badges": "admin.uploads",
}


@blueprint.app_context_processor
def _pages() -> dict[str, object]:
    return {
        "pages": PAGES,
        "section": SECTIONS.get(request.blueprint or "", request.blueprint),
        "with_last_edit": WITH_LAST_EDIT,
        "last_edit": edits.banner,
    }


blueprint.app_context_processor(badge.context)


@blueprint.get("/")
@auth.allow_everybody
def home() -> Response:
    """Send the user to the first page that they may open, or to the sign-in."""
    for endpoint, _ in PAGES:
        if auth.may_open(endpoint):
            return redirect(url_for(endpoint))
    return redirect(url_for("admin.sign_in.form"))
