"""Serves staff's pages, rendered on the server. `auth.allow` on each view says who may see it."""

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from badges.i18n import N_
from server.web import auth
from server.web.admin import (
    account,
    halls,
    kiosks,
    live,
    overview,
    people,
    sign_in,
    users,
    venue,
)
from server.web.admin.accounts import factors, invitations, sign_on
from server.web.admin.board import plots, taking
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
from server.web.admin.inquiry import attention, awaited, inside
from server.web.admin.log import files as log_files
from server.web.admin.log import timeline as log
from server.web.admin.machines import pages as machines
from server.web.admin.mailing import pages as mailing
from server.web.admin.muster import pages as muster
from server.web.admin.printers import pages as printers
from server.web.admin.privacy import pages as privacy
from server.web.admin.programme import pages as programme
from server.web.admin.protocol import arrivals, badge, flag
from server.web.admin.records import acts, entries, saved
from server.web.rehearsal import pages as rehearsal

blueprint = Blueprint("admin", __name__)
for part in (
    overview, live, people, entries, kiosks, halls, venue, programme, users, sign_in, account, acts,
    rehearsal, arrivals, flag, printers, mailing, machines, factors, invitations, sign_on,
    attention, awaited, inside, muster, plots, taking, privacy, log, log_files,
):  # fmt: skip
    blueprint.register_blueprint(part.blueprint)
blueprint.register_blueprint(entries.absences)
blueprint.register_blueprint(saved.blueprint)
for part in (
    things, guests, speakers, organisations, persons, edits, uploads, roster_upload, venue_upload,
    badges, cards,
):  # fmt: skip
    blueprint.register_blueprint(part.blueprint)

PAGES = (
    ("admin.overview.show", N_("Board")),
    ("desk.home.show", N_("Badge desk")),
    ("admin.programme.forum", N_("Forum")),
    ("admin.people.search", N_("Attendees")),
    ("admin.awaited.show", N_("Not come yet")),
    ("admin.attention.show", N_("Attention")),
    ("admin.entries.show", N_("Entries")),
    ("admin.acts.show", N_("Acts")),
    ("admin.log.show", N_("Entry log")),
    ("admin.kiosks.show", N_("Kiosks")),
    ("admin.printers.show", N_("Printers")),
    ("admin.absences.show", N_("Outages")),
    ("admin.muster.show", N_("Muster")),
    ("admin.venue.show", N_("Venue")),
    ("admin.uploads.show", N_("Import")),
    ("admin.cards.show", N_("Cards")),
    ("admin.rehearsal.show", N_("Rehearsal")),
    ("admin.mailing.show", N_("Mails")),
    ("admin.users.show", N_("Users")),
    ("admin.machines.show", N_("Machines")),
    ("admin.privacy.show", N_("Retention")),
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
    "admin.taking": "admin.overview",
    "admin.plots": "admin.overview",
    "admin.things": "admin.venue",
    "admin.guests": "admin.venue",
    "admin.session_speakers": "admin.venue",
    "admin.organisation_merge": "admin.programme",
    "admin.persons": "admin.people",
    "admin.roster_upload": "admin.uploads",
    "admin.venue_upload": "admin.uploads",
    "admin.badges": "admin.uploads",
    "admin.invitations": "admin.users",
    "admin.log_files": "admin.log",
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
    who = auth.user()
    if who is not None and who.waits:
        return redirect(url_for("admin.factors.ask"))
    if who is not None and auth.must_set_up(who):
        return redirect(url_for("admin.factors.show"))
    for endpoint, _ in PAGES:
        if auth.may_open(endpoint):
            return redirect(url_for(endpoint))
    return redirect(url_for("admin.sign_in.form"))
