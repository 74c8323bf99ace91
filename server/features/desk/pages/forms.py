import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from badges.categories import CategoryPlan
from badges.credential.badge_number import badge_number, parse_badge_number
from server.core.event.settings import EventError
from server.core.people import attendees
from server.core.people.attendees import AttendeeError, UnknownAttendeeError
from server.core.people.issuing import IssuingError
from server.core.venue import store
from server.features.desk import submissions
from server.features.desk.pages import words
from server.features.desk.submissions import DeskError, Done, Form, StaleError, Submission
from server.storage.connection import Connection
from server.web import auth, i18n
from server.web.forms import whole
from server.web.i18n import gettext as _
from server.web.services import services

COOKIE = "__Host-hallkeeper-desk"
COOKIE_S = 365 * 24 * 3600
ROLE = "badge_desk"
REFUSED = (DeskError, AttendeeError, IssuingError, EventError)

Step = Callable[[Connection, Form], Done]


def desk() -> str:
    try:
        return submissions.desk_name(unquote(request.cookies.get(COOKIE, "")))
    except DeskError:
        return ""


def keep_desk(response: Response, name: str) -> None:
    response.set_cookie(
        COOKIE, quote(name), max_age=COOKIE_S, secure=True, httponly=True, samesite="Lax", path="/"
    )


def sent() -> Form:
    """Return the fields of every form. Raises DeskError without a desk."""
    now = services().now()
    busy_ms = request.form.get("busy_ms", type=whole)
    opened_at = request.form.get("opened_at", default=now, type=whole)
    return Form(
        nonce=request.form.get("nonce", ""),
        seen=request.form.get("seen", "")[:64],
        desk=submissions.desk_name(desk()),
        by=auth.actor(),
        begun_at=opened_at if busy_ms is None else now - busy_ms,
        now=now,
    )


def perform(
    step: Step, message: Callable[[Submission], str], *, back: str, after: str = ""
) -> Response:
    """Perform a form's action, show `message`, and go to `after`, else the browser's print page
    or home. Goes `back` after a refusal; answers 409 for an outdated page.
    """
    try:
        form = sent()
        done = services().database.write(lambda db: step(db, form))
    except StaleError:
        return overtaken(back)
    except REFUSED as error:
        flash(refusal(error), "bad")
        return redirect(back, 303)
    if done.again:
        flash(_("This was done already, and nothing was done twice."), "good")
    elif text := message(done.submission):
        flash(text, "good")
    return redirect(next_page(done.submission, after), 303)


def refusal(error: Exception) -> str:
    text = words.why(error.why) if isinstance(error, DeskError) else i18n.said(error)
    return _("Nothing was done. %(why)s", why=text)


def overtaken(back: str) -> Response:
    page = render_template("desk/overtaken.html", back=back)
    return Response(page, 409, mimetype="text/html")


def serial_of(number: str) -> int:
    """Raises UnknownAttendeeError."""
    try:
        serial = parse_badge_number(number)
    except ValueError:
        raise UnknownAttendeeError from None
    return attendees.attendee(services().database.reader, serial).serial


def page_of(serial: int, card: int | None = None) -> str:
    return url_for("desk.person.show", number=badge_number(serial), card=card)


def name_of(db: Connection, serial: int) -> str:
    return attendees.attendee(db, serial).name


def categories() -> dict[int, CategoryPlan]:
    return {category.code: category for category in store.categories(services().database.reader)}


def day_began() -> int:
    """Return the start of the day at the venue (Unix ms)."""
    here = services()
    local = here.venue_clock.local(here.now())
    return int(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)


def context() -> dict[str, Any]:
    return {
        "desk_name": desk(),
        "nonce": lambda: secrets.token_urlsafe(16),
        "opened_at": services().now(),
        "words": words,
    }


def next_page(submission: Submission, after: str = "") -> str:
    """Return the page after an action: a pending browser's print page first."""
    if submission.by_browser and submission.done_at is None:
        return url_for("desk.paper.show", submission_id=submission.submission_id)
    return after or url_for("desk.home.show")
