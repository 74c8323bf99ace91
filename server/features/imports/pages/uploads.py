"""The page for uploads, with sample files."""

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from badges.i18n import N_
from server.features.imports import sample
from server.features.imports.previews.files import KINDS
from server.web import auth, forms
from server.web.downloads import MIME_TYPES
from server.web.i18n import gettext as _
from server.web.services import services
from server.web.shared_uploads import SharedUploads
from server.web.uploads import Upload, UploadBusyError, UploadGoneError, Uploads

blueprint = Blueprint("uploads", __name__, url_prefix="/admin/imports")

GONE = N_(
    "This file is no longer stored: it was imported or cancelled, or an hour has passed. Choose"
    " it again."
)
BUSY = N_("Others are importing just now. Wait a minute, then try again.")
_TYPES = {**MIME_TYPES, "toml": "text/plain"}


@blueprint.get("/")
@auth.allow()
def show() -> str:
    return render_template("imports/uploads.html", kinds=KINDS.values())


@blueprint.get("/sample/<name>")
@auth.allow()
def sample_file(name: str) -> Response:
    if name not in sample.NAMES:
        abort(404)
    data = sample.sample_files(services().event.settings.first_day)[name]
    return Response(
        data,
        mimetype=_TYPES[name.rpartition(".")[2]],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def kept_uploads() -> Uploads | SharedUploads:
    here = services()
    return here.find(SharedUploads) or here.own(Uploads)


def keep(kind: str) -> Upload:
    """Store the request's file. Without one, abort with a redirect and a message."""
    back = url_for("admin.uploads.show")
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        abort(forms.turn_back(_("Nothing was sent: choose a file first."), back))
    data = sent.stream.read()
    if not data:
        abort(forms.turn_back(_("The file is empty: save it again, then choose it."), back))
    try:
        return kept_uploads().keep(data, kind=kind, by=auth.actor(), name=sent.filename)
    except UploadBusyError:
        abort(forms.turn_back(_(BUSY), back))
    except OSError:
        why = _("The file can't be stored: the server's disk is full. Tell an admin.")
        abort(forms.turn_back(why, back))


def find(token: str, kind: str) -> Upload:
    """Return the user's upload. Without it, abort with a redirect and a message."""
    try:
        return kept_uploads().find(token, kind=kind, by=auth.actor())
    except UploadGoneError:
        abort(gone())


def gone() -> AnyResponse:
    return forms.turn_back(_(GONE), url_for("admin.uploads.show"))


def give_up(upload: Upload, why: str = "") -> AnyResponse:
    kept_uploads().drop(upload)
    back = url_for("admin.uploads.show")
    if why:
        return forms.turn_back(why, back)
    flash(_("Nothing was imported, and the file is deleted."), "good")
    return redirect(back, 303)
