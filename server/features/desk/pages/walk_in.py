"""The form that registers a walk-in, and issues the badge."""

import os
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from server.core.people.attendees import Attendee
from server.features.desk import photo, walk_in
from server.features.desk.pages import forms, words
from server.features.desk.pages.correction import TEXT_CHARS_MAX, sent_values
from server.features.desk.pages.person import takes_photos
from server.features.desk.pages.photo import TOO_LARGE, with_camera
from server.features.desk.submissions import Submission
from server.features.desk.walk_in import SimilarError
from server.web import auth
from server.web.forms import whole
from server.web.i18n import gettext as _
from server.web.services import services

blueprint = Blueprint("walk_in", __name__, url_prefix="/walk-in")

KNOWN_MAX = 50


@blueprint.get("")
@auth.allow(forms.ROLE)
def show() -> Response | str:
    name = request.args.get("name", "").strip()[:TEXT_CHARS_MAX]
    is_email = "@" in name
    return _page({"email": name} if is_email else {"given_name": name})


@blueprint.post("")
@auth.allow(forms.ROLE)
@auth.takes_file(photo.PHOTO_BYTES_MAX, TOO_LARGE)
def register() -> Response | tuple[Response, int]:
    values, event = sent_values(), services().event
    sent = request.files.get("photo")
    data = sent.read() if sent else b""
    seen = _known()
    try:
        form = forms.sent()
        picture = photo.prepared(data) if data and takes_photos() else b""
        done = services().database.write(
            lambda db: walk_in.register(
                db, event, form, values, seen=seen, random=os.urandom, picture=picture
            )
        )
    except SimilarError as error:
        return _page(values, alike=error.people), 409
    except forms.REFUSED as error:
        return _page(values, problem=forms.refusal(error)), 400
    flash(_said(done.submission) if not done.again else _("This was done already, once."), "good")
    return redirect(forms.next_page(done.submission), 303)


def _said(submission: Submission) -> str:
    name = forms.name_of(services().database.reader, submission.serial)
    return _("%(name)s is registered, and the badge is issued.", name=name)


def _known() -> set[int]:
    listed = request.form.getlist("known")[:KNOWN_MAX]
    serials = set()
    for text in listed:
        try:
            serials.add(whole(text))
        except ValueError:
            continue
    return serials


def _page(
    values: dict[str, Any], *, alike: list[Attendee] | None = None, problem: str = ""
) -> Response:
    page = render_template(
        "desk/walk_in.html",
        values=values,
        alike=alike or [],
        problem=problem,
        columns=words.columns(),
        categories=forms.categories(),
        chars_max=TEXT_CHARS_MAX,
        takes_photos=takes_photos(),
        has_email=walk_in.has_email,
    )
    return with_camera(page)
