"""The pages' addresses contain the secret of a badge's link."""

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import TypeVar

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
from server.core.event.directory import Event
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

Signer = TypeVar("Signer")

CALENDAR_CACHE = "private, max-age=300"
# Shown without a certificate or key for a wallet.
NO_PASS = (
    "No wallet pass here · 无法添加到钱包",
    "This event makes no passes for this wallet. Your badge's page does the same: open it at the"
    " door, or keep a screenshot of the code. 本活动不提供此钱包的电子证件。"
    "请在门口打开您的电子证件页面，或保存二维码截图。",
)


@blueprint.app_template_global()
def wallet_offers(token: str) -> dict[str, str]:
    """Return the links for a badge's page. `token` is its secret."""
    return {
        "calendar": url_for("wallet.programme", token=token),
        "subscription": links_of(services().event, token).subscription,
        "apple": url_for("wallet.apple_pass", token=token) if _apple() else "",
        "google": url_for("wallet.google_link", token=token) if _google() else "",
    }


@blueprint.get("/b/<token>/programme.ics")
@auth.allow_everybody
def programme(token: str) -> AnyResponse:
    here = services()
    serial = _badge(token).serial
    holder = attendees.attendee(here.database.reader, serial)
    days = here.calendar.day_starts
    if not calendar_feed.is_current(here.database.reader, serial, days):
        now = here.now()
        here.database.write(lambda db: calendar_feed.refresh(db, serial, days, now))
        # This request's reader may not see the new rows yet.
        here.database.give_back()
    events = calendar_feed.given(here.database.reader, serial)
    body = calendar_feed.calendar(here.event, events, holder.language)
    answer = Response(body, mimetype="text/calendar")
    answer.headers["Content-Disposition"] = 'inline; filename="programme.ics"'
    answer.headers["Cache-Control"] = CALENDAR_CACHE
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.set_etag(sha256(body).hexdigest()[:32])
    # 304 if the phone has this version
    return answer.make_conditional(request)


@blueprint.get("/b/<token>/pass.pkpass")
@auth.allow_everybody
def apple_pass(token: str) -> AnyResponse:
    badge = _badge(token)
    signer = _apple()
    if signer is None:
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


def pass_answer(signer: AppleSigner, serial: int, issue: int) -> AnyResponse:
    """Return the current pass, or 304 if unchanged.

    Raises UnknownPassError.
    """
    here = services()
    now = here.now()
    try:
        texts, changed_at = here.database.write(
            lambda db: devices.keep_pass(db, here.event, signer, serial, issue, now)
        )
        drawn = pictures.pictures(here.event)
    except (WalletError, DesignError) as error:
        current_app.logger.error("%s", error)
        return _no_pass()
    answer = Response(apple.package(signer, {**texts, **drawn}), mimetype=apple.MIME)
    name = f'attachment; filename="badge-{badge_number(serial)}.pkpass"'
    answer.headers["Content-Disposition"] = name
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.last_modified = datetime.fromtimestamp(changed_at // 1000, UTC)
    return answer.make_conditional(request)


def _no_pass() -> Response:
    title, remedy = NO_PASS
    return make_response(render_template("error.html", title=title, remedy=remedy), 404)


def _apple() -> AppleSigner | None:
    signer = _signer(certificates.apple_signer)
    return signer if signer and signer.ends_at > services().now() else None


def _google() -> GoogleSigner | None:
    return _signer(certificates.google_signer)


def _signer(read: Callable[[Event], Signer | None]) -> Signer | None:
    """Return the signer, None for a damaged one, which an alert reports."""
    try:
        return read(services().event)
    except WalletError as error:
        current_app.logger.error("%s", error)
        return None


def _badge(token: str) -> issuing.Badge:
    """Return the link's badge. Aborts with 404 for a wrong token, 410 for a replaced or revoked
    badge or link.
    """
    here = services()
    try:
        return phone_links.open_badge(here.database.reader, here.event, token)
    except phone_links.GoneLinkError:
        abort(410)
    except PhoneTokenError:
        abort(404)
