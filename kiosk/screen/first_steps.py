"""The page of a kiosk that belongs to no event yet: it takes the enrolment code and shows the six
words. It has both languages at once, because the kiosk knows no setting yet.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

import msgspec
from flask import Blueprint, Flask, Response, abort, current_app, render_template, request
from msgspec import Meta, Struct

from kiosk.screen.pages import screen

EXTENSION = "enrolment"
CODE_MAX = 400
blueprint = Blueprint("first_steps", __name__)


@dataclass(frozen=True)
class Progress:
    """`detail` is the failure in English, for the technician."""

    state: Literal[
        "waiting", "asking", "words", "enrolled", "bad_code", "no_server", "unconfirmed", "failed"
    ] = "waiting"
    words: str = ""
    detail: str = ""


class Enrolment(Protocol):
    @property
    def progress(self) -> Progress: ...

    def take(self, code: str) -> None: ...


class Entered(Struct, frozen=True, forbid_unknown_fields=True):
    code: Annotated[str, Meta(min_length=1, max_length=CODE_MAX)]


def add_first_steps(app: Flask, enrolment: Enrolment) -> None:
    """Show the first steps in place of the steward's page."""
    app.extensions[EXTENSION] = enrolment
    app.view_functions["screen.page"] = page
    app.register_blueprint(blueprint)


def _own() -> Enrolment:
    own: Enrolment = current_app.extensions[EXTENSION]
    return own


def page() -> str:
    return render_template("first_steps.html", token=screen().token, key=screen().key)


@blueprint.get("/enrolment")
def progress() -> Response:
    return Response(msgspec.json.encode(_own().progress), mimetype="application/json")


@blueprint.post("/enrolment")
def enter() -> Response:
    if request.mimetype != "application/json":
        abort(415, "Send JSON.")
    try:
        entered = msgspec.json.decode(request.get_data(), type=Entered)
    except msgspec.MsgspecError:
        abort(400, "Malformed request.")
    _own().take(entered.code)
    return Response(status=204)
