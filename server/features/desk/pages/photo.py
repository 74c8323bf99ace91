"""The page for taking a person's photo, if the event wants photos."""

from flask import Blueprint, Response, abort, flash, redirect, render_template, request
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from badges.i18n import N_
from server.core.people import attendees
from server.features.desk import photo
from server.features.desk.pages import forms
from server.features.desk.pages.person import person_of, takes_photos
from server.features.desk.submissions import DeskError, Why
from server.storage.connection import Connection
from server.web import auth
from server.web.i18n import gettext as _
from server.web.services import services

blueprint = Blueprint("photo", __name__, url_prefix="/person")

TOO_LARGE = N_("A photo has at most %(size)s MB. Take it again, or choose a smaller one.")
_CAMERA = "camera=(self), microphone=(), geolocation=(), payment=()"


@blueprint.get("/<number>/photo")
@auth.allow(forms.ROLE)
def show(number: str) -> Response:
    person = person_of(number)
    if not takes_photos():
        abort(404)
    picture = Markup(person.photo)  # noqa: S704
    return with_camera(
        render_template("desk/photo.html", person=person, number=number, picture=picture)
    )


@blueprint.post("/<number>/photo")
@auth.allow(forms.ROLE)
@auth.takes_file(photo.PHOTO_BYTES_MAX, TOO_LARGE)
def take(number: str) -> AnyResponse:
    person, here, by = person_of(number), services(), auth.actor()
    serial, event = person.holder.serial, here.event
    sent = request.files.get("photo")
    data = sent.read() if sent else b""
    removes = request.form.get("act") == "remove"

    def step(db: Connection) -> None:
        holder = attendees.attendee(db, serial)
        if removes:
            photo.remove(db, event, holder, by=by, now=here.now())
        else:
            photo.keep(db, event, holder, picture, by=by, now=here.now())

    try:
        if not takes_photos():
            raise DeskError(Why.PHOTO_OFF)
        picture = b"" if removes else photo.prepared(data)
        here.database.write(step)
    except forms.REFUSED as error:
        flash(forms.refusal(error), "bad")
        return redirect(request.path if takes_photos() else forms.page_of(serial), 303)
    message = (
        _("The photo is removed.") if removes else _("The photo is saved. Print the card again.")
    )
    flash(message, "good")
    return redirect(forms.page_of(serial), 303)


def with_camera(page: str) -> Response:
    """Return a page that may use the camera, if the desk takes photos."""
    headers = {"Permissions-Policy": _CAMERA} if takes_photos() else {}
    return Response(page, headers=headers)
