from collections.abc import Callable

from flask import Blueprint, abort, flash, render_template, request, url_for
from werkzeug.wrappers import Response

from server.core.entry_log import act_words
from server.core.outgoing.addresses import URL_CHARS_MAX
from server.features.integrations import endpoints, outbox, signing, tokens
from server.features.integrations.topics.table import TOPICS
from server.storage.connection import Connection
from server.web import auth, forms, i18n
from server.web.i18n import gettext as _
from server.web.services import services

blueprint = Blueprint("integrations", __name__, url_prefix="/admin/integrations")

DELIVERIES = 100


@blueprint.get("/")
@auth.allow()
@auth.with_form_to("admin.integrations.make_token")
def show() -> str:
    return _page()


@blueprint.post("/tokens")
@auth.allow()
@auth.confirmed
def make_token() -> str:
    here, by = services(), auth.actor()
    name, days = request.form.get("name", "")[:200], request.form.get("days", "")
    scopes = request.form.getlist("scope")
    try:
        day_count = forms.whole(days)
    except ValueError:
        day_count = 0  # The store refuses it
    try:
        token, secret = here.database.write(
            lambda db: tokens.make(db, name, scopes, day_count, by=by, now=here.now())
        )
    except tokens.TokenError as error:
        flash(_("Nothing was changed. %(why)s", why=i18n.said(error)), "bad")
        return _page()
    return _page(shown=(token.name, secret))


@blueprint.post("/tokens/<int:token_id>/revoke")
@auth.allow()
@auth.confirmed
def revoke_token(token_id: int) -> Response:
    return _perform(
        lambda db, by, now: tokens.revoke(db, token_id, by=by, now=now),
        _("The token opens nothing any more."),
    )


@blueprint.post("/webhooks")
@auth.allow()
@auth.confirmed
def add_webhook() -> str:
    here, by = services(), auth.actor()
    url, topics = request.form.get("url", "").strip(), request.form.getlist("topic")
    http_allowed = here.event.settings.webhooks_without_tls
    try:
        endpoint = here.database.write(
            lambda db: endpoints.add(
                db, url, topics, by=by, now=here.now(), http_allowed=http_allowed
            )
        )
    except endpoints.EndpointError as error:
        flash(_("Nothing was changed. %(why)s", why=i18n.said(error)), "bad")
        return _page()
    key = signing.secret(here.event.phone_secret, endpoint.secret_of)
    return _page(shown=(endpoint.url, signing.shown(key)))


@blueprint.get("/webhooks/<int:endpoint_id>")
@auth.allow()
def webhook(endpoint_id: int) -> str:
    db = services().database.reader
    try:
        endpoint = endpoints.endpoint(db, endpoint_id)
    except endpoints.EndpointError:
        abort(404)
    return render_template(
        "integrations/webhook.html",
        endpoint=endpoint,
        topics=TOPICS,
        deliveries=outbox.deliveries(db, endpoint_id, DELIVERIES),
    )


@blueprint.post("/webhooks/<int:endpoint_id>/remove")
@auth.allow()
@auth.confirmed
def remove_webhook(endpoint_id: int) -> Response:
    return _perform(
        lambda db, by, now: endpoints.remove(db, endpoint_id, by=by, now=now),
        _("The webhook and its waiting messages are removed."),
    )


@blueprint.post("/webhooks/<int:endpoint_id>/pause")
@auth.allow()
@auth.confirmed
def pause_webhook(endpoint_id: int) -> Response:
    return _perform(
        lambda db, by, now: endpoints.disable(db, endpoint_id, by=by, now=now),
        _("Sending is paused until you resume it. Events in between are sent then."),
    )


@blueprint.post("/webhooks/<int:endpoint_id>/try")
@auth.allow()
@auth.confirmed
def try_webhook(endpoint_id: int) -> Response:
    """Resume a webhook, or retry at once."""
    return _perform(
        lambda db, by, now: endpoints.enable(db, endpoint_id, by=by, now=now),
        _("It is tried again now."),
    )


def _perform(step: Callable[[Connection, str, int], None], message: str) -> Response:
    refused = (tokens.TokenError, endpoints.EndpointError)
    return forms.perform(step, message, back=url_for("admin.integrations.show"), refused=refused)


def _page(shown: tuple[str, str] | None = None) -> str:
    here = services()
    db = here.database.reader
    listed = endpoints.endpoints(db)
    return render_template(
        "integrations/integrations.html",
        tokens=tokens.tokens(db),
        now=here.now(),
        scopes=tokens.SCOPES,
        topics=TOPICS,
        webhooks=[(endpoint, outbox.waiting(db, endpoint.endpoint_id)) for endpoint in listed],
        names=act_words.Names(db),
        shown=shown,
        days_usual=tokens.DAYS_USUAL,
        days_max=tokens.DAYS_MAX,
        name_chars_max=tokens.NAME_CHARS_MAX,
        url_chars_max=URL_CHARS_MAX,
    )
