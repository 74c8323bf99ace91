"""Implements Apple's web service for passes.

Phones fetch changed passes when their owner pulls them down. Without internet there are no push
messages.
"""

import re

import msgspec
from flask import Blueprint, Response, abort, current_app, request
from werkzeug.wrappers import Response as AnyResponse

from badges.whole_text import whole_json
from server.features.wallet import apple, certificates, devices
from server.features.wallet.certificates import AppleSigner, WalletError
from server.features.wallet.pages.pages import pass_answer
from server.storage.connection import Connection
from server.web import auth
from server.web.security import limiter
from server.web.services import services

blueprint = Blueprint("passkit", __name__, url_prefix=f"{apple.SERVICE}/v1")

BODY_BYTES_MAX = 20_000
ASKED_MAX = "600 per hour"  # Per address, which a venue's phones may share
_SCHEME = "ApplePass "
_DEVICE = re.compile(r"[A-Za-z0-9-]{8,128}")
_DEVICE_PATH = "/devices/<device>/registrations/<pass_type>"


class _Registration(msgspec.Struct):
    push_token: str = msgspec.field(name="pushToken")


class _Changed(msgspec.Struct, rename="camel"):
    serial_numbers: list[str]
    last_updated: str


@blueprint.post(f"{_DEVICE_PATH}/<name>")
@auth.allow_everybody
@limiter.limit(ASKED_MAX)
def register(device: str, pass_type: str, name: str) -> Response:
    serial, issue = _proven(pass_type, name)
    try:
        token = msgspec.json.decode(whole_json(_body()), type=_Registration).push_token
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError):
        abort(400)
    if not _DEVICE.fullmatch(device) or len(token) > 256:
        abort(400)
    here = services()
    now = here.now()
    try:
        new = here.database.write(
            lambda db: devices.register(db, device, serial, issue, token, now)
        )
    except apple.UnknownPassError:
        abort(404)
    except devices.TooManyError:
        abort(429)
    return Response(status=201 if new else 200)


@blueprint.delete(f"{_DEVICE_PATH}/<name>")
@auth.allow_everybody
@limiter.limit(ASKED_MAX)
def unregister(device: str, pass_type: str, name: str) -> Response:
    serial, issue = _proven(pass_type, name)
    here = services()
    here.database.write(lambda db: devices.unregister(db, device, serial, issue))
    return Response(status=200)


@blueprint.get(_DEVICE_PATH)
@auth.allow_everybody
@limiter.limit(ASKED_MAX)
def changed(device: str, pass_type: str) -> Response:
    here = services()
    signer = _signer(pass_type)
    passes_held = devices.passes_of(here.database.reader, device)
    if not passes_held:
        return Response(status=204)
    now = here.now()

    def step(db: Connection) -> list[tuple[str, int]]:
        changed = []
        for serial, issue in passes_held:
            _texts, at = devices.keep_pass(db, here.event, signer, serial, issue, now)
            changed.append((apple.pass_name(serial, issue), at))
        return changed

    try:
        passes = here.database.write(step)
    except (WalletError, apple.UnknownPassError) as error:
        current_app.logger.error("%s", error)
        abort(503)
    given = request.args.get("passesUpdatedSince", "")
    since = int(given) if given.isascii() and given.isdigit() and len(given) <= 15 else -1
    newer = [name for name, at in passes if at > since]
    if not newer:
        return Response(status=204)
    body = _Changed(newer, str(max(at for _, at in passes)))
    return Response(msgspec.json.encode(body), mimetype="application/json")


@blueprint.get("/passes/<pass_type>/<name>")
@auth.allow_everybody
@limiter.limit(ASKED_MAX)
def latest(pass_type: str, name: str) -> AnyResponse:
    """Return the current pass; a replaced one is void, without a code."""
    serial, issue = _proven(pass_type, name)
    try:
        return pass_answer(_signer(pass_type), serial, issue)
    except apple.UnknownPassError:
        abort(404)


@blueprint.post("/log")
@auth.allow_everybody
@limiter.limit("60 per hour")
def complaints() -> Response:
    """Accept phones' error reports. Their texts may name a pass, so are not logged."""
    current_app.logger.warning("a phone could not use the web service of wallet passes")
    return Response(status=200)


def _proven(pass_type: str, name: str) -> tuple[int, int]:
    """Return the (serial, issue) that the request's token proves."""
    _signer(pass_type)
    given = request.headers.get("Authorization", "")
    if not given.startswith(_SCHEME):
        abort(401)
    try:
        return apple.open_pass(services().event, name, given.removeprefix(_SCHEME))
    except apple.UnknownPassError:
        abort(401)


def _signer(pass_type: str) -> AppleSigner:
    try:
        signer = certificates.apple_signer(services().event)
    except WalletError as error:
        current_app.logger.error("%s", error)
        abort(503)
    if signer is None or signer.pass_type != pass_type:
        abort(404)
    return signer


def _body() -> bytes:
    data = request.get_data()
    if len(data) > BODY_BYTES_MAX:
        abort(413)
    return data
