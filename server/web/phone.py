"""Shows an attendee's badge on their phone, behind a link with a secret.

It is one page, which needs nothing else once it is open.
"""

from itertools import groupby

from flask import Blueprint, Response, abort, render_template
from markupsafe import Markup

from badges.printing.qr import symbol_svg
from server.people import attendees, day_credentials, issuing
from server.people.phone_token import PhoneTokenError, open_phone_token
from server.programme import activities, speakers
from server.storage.connection import Connection
from server.venue import store
from server.web import auth
from server.web.services import services

blueprint = Blueprint("phone", __name__)

SESSIONS_SHOWN = 100  # of a programme that admits the person to more
# Without a network the phone may show what it has, because a door decides by the code alone.
CACHE = "private, max-age=300, stale-if-error=604800"
# What a speaker is, in English and Chinese.
ROLES = {
    "keynote": ("Keynote speaker", "主旨演讲嘉宾"),
    "speaker": ("Speaker", "演讲嘉宾"),
    "moderator": ("Moderator", "主持人"),
    "panellist": ("Panellist", "对话嘉宾"),
}


@blueprint.get("/b/<token>")
@auth.allow_everybody
def badge(token: str) -> Response:
    here = services()
    db = here.database.reader
    current = _open(db, token)
    person = attendees.attendee(db, current.serial)
    clock = here.venue_clock
    of_day = day_credentials.standing(db, here.event, current.serial, here.now())
    programme, left_out = _programme(db, current.serial, here.now())
    days = groupby(programme, key=lambda row: clock.day(row.starts_at))
    page = render_template(
        "phone.html",
        person=person,
        badge=current,
        symbol=Markup(symbol_svg((of_day or current).credential)),
        good_on=clock.day(here.now()) if of_day else "",
        category={one.code: one for one in store.categories(db)}.get(person.category),
        days=[(day, list(rows)) for day, rows in days],
        kinds=activities.kinds(db),
        activities=activities.activities_of(db, (row.activity_id or 0 for row in programme)),
        speakers=speakers.speakers_of(db, (row.session_id for row in programme)),
        talks=speakers.talks(db, current.serial),
        roles=ROLES,
        left_out=left_out,
        hall_names={hall.hall_id: hall.names for hall in store.halls(db)},
    )
    headers = {"Cache-Control": CACHE, "Referrer-Policy": "no-referrer"}
    return Response(page, headers=headers)


def _programme(db: Connection, serial: int, now: int) -> tuple[list[store.SessionRow], bool]:
    """Return the sessions to show, the soonest first, and whether some are left out.

    Of very many, only those are shown that are not over: all that invite the person by name, and
    the next ones of the others.
    """
    found = store.programme_for(db, serial, limit=SESSIONS_SHOWN + 1)
    if len(found) <= SESSIONS_SHOWN:
        return found, False
    soon = store.programme_for(db, serial, after=now, limit=SESSIONS_SHOWN)
    named = store.programme_for(db, serial, after=now, limit=SESSIONS_SHOWN, named=True)
    shown = {row.session_id: row for row in (*soon, *named)}
    return sorted(shown.values(), key=lambda row: (row.starts_at, row.code)), True


def _open(db: Connection, token: str) -> issuing.Badge:
    """Return the badge that the link is for. Any other text is answered with 404, and a badge that
    was replaced with 410.
    """
    event = services().event
    try:
        serial, issue = open_phone_token(event, token)
        current = issuing.current_badge(db, serial)
        person = attendees.attendee(db, serial)
    except (PhoneTokenError, issuing.NoBadgeError, attendees.UnknownAttendeeError):
        abort(404)
    if current.issue != issue or person.revoked_at is not None:
        abort(410)
    return current
