"""A supervisor's requests from the steward's page: unlock by PIN, then act.

Errors are for the person at the screen: a code, and plain words in each language. Neither errors
nor logs contain typed input.
"""

import logging
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, TypeVar

import msgspec
from flask import Blueprint, Response, current_app, request
from msgspec import UNSET, Meta, Struct
from werkzeug.exceptions import HTTPException

from badges.admission.facts import Direction
from badges.credential.badge_number import badge_number
from badges.record import Count
from badges.wire.supervisor import PersonFacts
from kiosk.door.admit import NotReadyError
from kiosk.journal.errors import JournalError
from kiosk.screen import pages
from kiosk.supervisor.supervision import Supervision
from kiosk.supervisor.texts import ANNUL_REASONS, OVERRIDE_REASONS, SupervisorError
from kiosk.texts.catalogue import each, say

log = logging.getLogger(__name__)
blueprint = Blueprint("supervisor", __name__, url_prefix="/supervisor")

_STATUS = {
    "wrong_pin": 401,
    "not_unlocked": 403,
    "not_a_supervisor": 403,
    "no_such_door": 404,
    "pin_locked": 429,
    "too_many": 429,
    "moved_often": 429,
    "bad_request": 400,
    "reason_missing": 400,
    "note_too_long": 400,
    "point_missing": 400,
    "no_server": 503,
    "not_ready": 503,
    "failed": 500,
}  # all others are answered with 409


class Unlocked(Struct, frozen=True, forbid_unknown_fields=True):
    user: Count
    pin: Annotated[str, Meta(pattern="^[0-9]{1,12}$")]


class Overruling(Struct, frozen=True, forbid_unknown_fields=True):
    seq: Count
    reason: Annotated[str, Meta(max_length=32)]
    note: Annotated[str, Meta(max_length=1000)] = ""


class Sought(Struct, frozen=True, forbid_unknown_fields=True):
    words: Annotated[str, Meta(min_length=2, max_length=80)]


class Chosen(Struct, frozen=True, forbid_unknown_fields=True):
    serial: Count


class Facing(Struct, frozen=True, forbid_unknown_fields=True):
    direction: Direction


class Standing(Struct, frozen=True, forbid_unknown_fields=True):
    door: Count


class Assembly(Struct, frozen=True, forbid_unknown_fields=True):
    point: Annotated[str, Meta(max_length=200)]


def supervision() -> Supervision:
    own = current_app.extensions["supervision"]
    assert isinstance(own, Supervision)
    return own


T = TypeVar("T", bound=Struct)


@blueprint.errorhandler(SupervisorError)
def refused(error: SupervisorError, **more: str) -> Response:
    shown = {"tries_left" if k == "tries" else k: v for k, v in error.fields.items()}
    body = {"error": error.code, "message": each(error.message), **shown, **more}
    return _json(body, _STATUS.get(error.code, 409))


@blueprint.errorhandler(NotReadyError)
def not_ready(_: NotReadyError) -> Response:
    return refused(SupervisorError("not_ready"))


@blueprint.errorhandler(Exception)
def failed(error: Exception) -> Response:
    """Answer any other error. A supervisor's page must neither stop the door nor log a PIN."""
    log.error("%s failed: %s", request.path, type(error).__name__)
    why = {"detail": str(error)} if isinstance(error, JournalError) else {}
    return refused(SupervisorError("failed"), **why)


blueprint.register_error_handler(HTTPException, pages.error)


@blueprint.post("/unlock")
def unlock() -> Response:
    asked = _body(Unlocked)
    session = supervision().unlock(asked.user, asked.pin)
    reasons = {"override": _listed(OVERRIDE_REASONS), "annul": _listed(ANNUL_REASONS)}
    return _json({"supervisor": session.shown(), "reasons": reasons})


@blueprint.post("/lock")
def lock() -> Response:
    supervision().lock()
    return Response(status=204)


@blueprint.post("/override")
def override() -> Response:
    asked = _body(Overruling)
    return _json({"seq": supervision().override(asked.seq, asked.reason, asked.note).seq})


@blueprint.post("/annul")
def annul() -> Response:
    asked = _body(Overruling)
    return _json({"seq": supervision().annul(asked.seq, asked.reason, asked.note).seq})


@blueprint.post("/people")
def people() -> Response:
    """Find people by name or organisation. The words go to the server and are stored nowhere."""
    result = supervision().people(_body(Sought).words)
    return _json({"people": [_person(person) for person in result.people], "more": result.more})


@blueprint.post("/admit")
def admit() -> Response:
    answer = supervision().admit(_body(Chosen).serial)
    return _json({"seq": answer.seq, "admitted": answer.admitted})


@blueprint.post("/direction")
def direction() -> Response:
    supervision().turn(_body(Facing).direction)
    return Response(status=204)


@blueprint.get("/doors")
def doors() -> Response:
    own = supervision().own_door
    listed = [
        {**msgspec.structs.asdict(choice), "current": choice.door == own}
        for choice in supervision().doors()
    ]
    return _json({"doors": listed})


@blueprint.post("/door")
def door() -> Response:
    chosen = _body(Standing).door
    supervision().move(chosen)
    return _json({"door": chosen})


@blueprint.post("/end-shift")
def end_shift() -> Response:
    return _json({"shift": supervision().end_shift()})


@blueprint.post("/resume")
def resume() -> Response:
    supervision().resume()
    return Response(status=204)


@blueprint.post("/roll-call")
def roll_call() -> Response:
    supervision().begin_roll_call(_body(Assembly).point)
    return Response(status=204)


@blueprint.post("/end-roll-call")
def end_roll_call() -> Response:
    supervision().end_roll_call()
    return Response(status=204)


def _person(person: PersonFacts) -> dict[str, Any]:
    return {
        "serial": person.serial,
        "badge": badge_number(person.serial),
        "name": person.holder.name,
        "organisation": person.holder.organisation,
        "country": person.holder.country,
        "category": supervision().category(person.category),
        "hints": [] if person.hints is UNSET else person.hints,
    }


def _listed(reasons: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "words": each(partial(say, text=text))} for key, text in reasons.items()]


def _body(kind: type[T]) -> T:
    try:
        return msgspec.json.decode(request.get_data(), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise SupervisorError("bad_request") from None


def _json(body: dict[str, Any], status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, mimetype="application/json")
