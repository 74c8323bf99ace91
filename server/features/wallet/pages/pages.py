"""The pages' addresses contain the secret of a badge's link."""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    make_response,
    render_template,
    request,
    url_for,
)
from flask import redirect as redirect_to
from werkzeug.wrappers import Response as AnyResponse

from badges.credential.badge_number import badge_number
from server.core.people import attendees, issuing, phone_links
from server.core.people.card_design import DesignError
from server.core.people.phone_token import PhoneTokenError
from server.core.venue import store
from server.features.wallet import apple, calendar_feed, certificates, devices, google, pictures
from server.features.wallet.certificates import AppleSigner, GoogleSigner, WalletError
from server.features.wallet.links import links_of
from server.web import auth
from server.web.services import services

blueprint = Blueprint("wallet", __name__)

CALENDAR_CACHE = "private, max-age=300"
# Shown where the event has no certificate or key for a wallet.
NO_PASS = (
    "No wallet pass here · 无法添加到钱包",
    "This event makes no passes for this wallet. Your badge's page does the same: open it at the"
    " door, or keep a screenshot of the code. 本活动不提供此钱包的电子证件。"
    "请在门口打开您的电子证件页面，或保存二维码截图。",
)


@dataclass(frozen=True)
class Offers:
    calendar: str
    subscription: str
    apple: str
    google: str


@blueprint.app_template_global()
def wallet_offers(token: str) -> Offers:
    """Return the links for a badge's page. `token` is the secret of its link."""
    now = services().now()
    signer = _apple()
    links = links_of(services().event, token)
    return Offers(
        calendar=url_for("wallet.programme", token=token),
        subscription=links.subscription,
        apple=url_for("wallet.apple_pass", token=token) if signer and signer.ends_at > now else "",
        google=url_for("wallet.google_link", token=token) if _google() else "",
    )


@blueprint.get("/b/<token>/programme.ics")
@auth.allow_everybody
def programme(token: str) -> Response:
    here = services()
    serial = _badge(token).serial
    holder = attendees.attendee(here.database.reader, serial)
    if not calendar_feed.is_current(here.database.reader, serial):
        now = here.now()
        here.database.write(lambda db: calendar_feed.refresh(db, serial, now))
        # This request's reader may not see the new rows yet.
        here.database.give_back()
    events = calendar_feed.given(here.database.reader, serial)
    body = calendar_feed.calendar(here.event, events, holder.language)
    answer = Response(body, mimetype="text/calendar")
    answer.headers["Content-Disposition"] = 'inline; filename="programme.ics"'
    answer.headers["Cache-Control"] = CALENDAR_CACHE
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.set_etag(sha256(body).hexdigest()[:32])
    return _if_changed(answer)


@blueprint.get("/b/<token>/pass.pkpass")
@auth.allow_everybody
def apple_pass(token: str) -> Response:
    badge = _badge(token)
    signer = _apple()
    if signer is None or signer.ends_at <= services().now():
        return _no_pass()
    return pass_answer(signer, badge.serial, badge.issue)


@blueprint.get("/b/<token>/google-wallet")
@auth.allow_everybody
def google_link(token: str) -> AnyResponse:
    """Redirect to Google Wallet, with the whole pass in the address."""
    here = services()
    badge = _badge(token)
    signer = _google()
    if signer is None:
        return _no_pass()
    db = here.database.reader
    holder = attendees.attendee(db, badge.serial)
    (category,) = (plan for plan in store.categories(db) if plan.code == holder.category)
    try:
        target = google.save_link(here.event, signer, holder, badge, category, here.now())
    except WalletError as error:
        current_app.logger.error("%s", error)
        return _no_pass()
    answer = redirect_to(target, 303)
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["Cache-Control"] = "no-store"
    return answer


def pass_answer(signer: AppleSigner, serial: int, issue: int) -> Response:
    """Return the current pass for Apple Wallet, or 304 if unchanged.

    Raises UnknownPassError.
    """
    here = services()
    now = here.now()
    try:
        kept = here.database.write(
            lambda db: devices.keep_pass(db, here.event, signer, serial, issue, now)
        )
        drawn = pictures.pictures(here.event)
    except (WalletError, DesignError) as error:
        current_app.logger.error("%s", error)
        return _no_pass()
    answer = Response(apple.package(signer, {**kept.texts, **drawn}), mimetype=apple.MIME)
    name = f'attachment; filename="badge-{badge_number(serial)}.pkpass"'
    answer.headers["Content-Disposition"] = name
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.last_modified = datetime.fromtimestamp(kept.changed_at // 1000, UTC)
    return _if_changed(answer)


def _if_changed(answer: Response) -> Response:
    """Answer with 304 if the phone has this version."""
    answer.make_conditional(request)
    return answer


def _no_pass() -> Response:
    title, remedy = NO_PASS
    return make_response(render_template("error.html", title=title, remedy=remedy), 404)


def _apple() -> AppleSigner | None:
    """Return the signer, or None. Damage is reported to staff by `certificates.trouble`."""
    try:
        return certificates.apple_signer(services().event)
    except WalletError as error:
        current_app.logger.error("%s", error)
        return None


def _google() -> GoogleSigner | None:
    try:
        return certificates.google_signer(services().event)
    except WalletError as error:
        current_app.logger.error("%s", error)
        return None


def _badge(token: str) -> issuing.Badge:
    """Return the link's badge. Aborts with 404 for a wrong token, with 410 for a replaced or
    revoked badge or link.
    """
    here = services()
    db = here.database.reader
    try:
        serial, issue = phone_links.open_link(db, here.event, token)
        current = issuing.current_badge(db, serial)
        person = attendees.attendee(db, serial)
    except phone_links.GoneLinkError:
        abort(410)
    except (PhoneTokenError, issuing.NoBadgeError, attendees.UnknownAttendeeError):
        abort(404)
    if current.issue != issue or person.revoked_at is not None:
        abort(410)
    return current
