"""Serves the import of a venue file, which is a file, a preview, and a confirmation."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from server.editing.previews import venue as venue_preview
from server.editing.previews.uploads import Upload, UploadBusyError, UploadGoneError
from server.editing.previews.venue import VenueChangedError
from server.editing.words import KINDS
from server.setup import venue_file
from server.setup.venue_plan import Venue, VenueError
from server.web import auth
from server.web.admin import forms
from server.web.admin.editing import uploads
from server.web.security import limiter
from server.web.services import services

blueprint = Blueprint("venue_upload", __name__, url_prefix="/admin/imports/venue")

KIND = "venue"
TOO_LARGE = (
    f"A venue file has at most {venue_file.FILE_BYTES_MAX // 1_000_000} MB. Save the sheets with "
    "the venue alone, without pictures, and choose that file."
)
WARNINGS_SHOWN = 5
WARNING_CHARS_MAX = 300  # they travel in a cookie


@blueprint.post("/")
@limiter.limit("30 per 5 minutes", key_func=auth.actor)
@auth.allow()
@auth.takes_file(venue_file.FILE_BYTES_MAX, TOO_LARGE)
def send() -> Response:
    kept = uploads.keep(KIND)
    if not isinstance(kept, Upload):
        return kept
    return redirect(url_for("admin.venue_upload.show", token=kept.token), 303)


@blueprint.get("/<token>")
@auth.allow()
def show(token: str) -> Response | str:
    kept = uploads.find(token, KIND)
    if not isinstance(kept, Upload):
        return kept
    here = services()
    problems: tuple[str, ...] = ()
    found = None
    try:
        with here.uploads.turn():
            venue = _read(kept)
            with here.database.reading() as db:
                found = venue_preview.preview(db, venue, here.event.settings)
    except VenueError as error:
        problems = error.problems
    except UploadGoneError:
        return uploads.gone()
    except UploadBusyError:
        return forms.turn_back(uploads.BUSY, url_for("admin.uploads.show"))
    return render_template(
        "editing/venue_preview.html", upload=kept, found=found, problems=problems, kinds=KINDS,
        changed_shown=venue_preview.CHANGED_SHOWN, added_shown=venue_preview.ADDED_SHOWN,
    )  # fmt: skip


@blueprint.post("/<token>/cancel")
@auth.allow()
def cancel(token: str) -> Response:
    kept = uploads.find(token, KIND)
    return uploads.give_up(kept) if isinstance(kept, Upload) else kept


@blueprint.post("/<token>/confirm")
@auth.allow()
def confirm(token: str) -> Response:
    """Import what the page showed, and nothing else."""
    kept = uploads.find(token, KIND)
    if not isinstance(kept, Upload):
        return kept
    here, by = services(), auth.actor()
    mark, gone = request.form.get("mark", ""), request.form.get("remove_sessions") == "yes"
    try:
        venue = _read(kept)
        warnings = here.database.write(
            lambda db: venue_preview.take(
                db, venue, here.event.settings, kept.name,
                mark=mark, remove_sessions=gone, by=by, now=here.now(),
            ),
            long=True,
        )  # fmt: skip
    except UploadGoneError:
        return uploads.gone()
    except (VenueChangedError, VenueError) as error:
        flash(f"Nothing was imported. {error}", "bad")
        return redirect(url_for("admin.venue_upload.show", token=token), 303)
    here.uploads.drop(kept)
    for warning in warnings[:WARNINGS_SHOWN]:
        flash(f"{warning[:WARNING_CHARS_MAX]}.", "warn")
    if len(warnings) > WARNINGS_SHOWN:
        flash(f"… and {len(warnings) - WARNINGS_SHOWN} more such remarks.", "warn")
    return redirect(url_for("admin.venue.show"), 303)


def _read(kept: Upload) -> Venue:
    return venue_file.read_venue(kept.read(), kept.name, services().event.settings)
