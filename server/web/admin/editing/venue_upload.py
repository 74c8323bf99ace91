"""Serves the import of a venue file, which is a file, a preview, and a confirmation."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from server.editing.previews import venue as venue_preview
from server.editing.previews.uploads import Upload, UploadBusyError, UploadGoneError
from server.editing.previews.venue import VenueChangedError
from server.editing.words import KINDS
from server.setup import venue_file
from server.setup.venue_advice import advice
from server.setup.venue_plan import Venue, VenueError
from server.storage.connection import Connection
from server.web import auth
from server.web.admin import forms
from server.web.admin.editing import uploads
from server.web.apart import ApartError, read_apart
from server.web.security import limiter
from server.web.services import services

blueprint = Blueprint("venue_upload", __name__, url_prefix="/admin/imports/venue")

KIND = "venue"
BYTES_HERE_MAX = 100_000  # Above these a file is read in a process of its own.
T = TypeVar("T")
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
            found = _of_file(kept, venue_preview.preview_file)
    except VenueError as error:
        problems = error.problems
    except UploadGoneError:
        return uploads.gone()
    except ApartError as error:
        return forms.turn_back(str(error), url_for("admin.uploads.show"))
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
        venue = _of_file(kept, venue_preview.read_file)
        here.database.write(
            lambda db: venue_preview.take(
                db, venue, here.event.settings, kept.name,
                mark=mark, remove_sessions=gone, by=by, now=here.now(),
            ),
            long=True,
        )  # fmt: skip
    except UploadGoneError:
        return uploads.gone()
    except (ApartError, VenueChangedError, VenueError) as error:
        flash(f"Nothing was imported. {error}", "bad")
        return redirect(url_for("admin.venue_upload.show", token=token), 303)
    warnings = _advice(kept, venue)
    here.uploads.drop(kept)
    for warning in warnings[:WARNINGS_SHOWN]:
        flash(f"{warning[:WARNING_CHARS_MAX]}.", "warn")
    if len(warnings) > WARNINGS_SHOWN:
        flash(f"… and {len(warnings) - WARNINGS_SHOWN} more such remarks.", "warn")
    return redirect(url_for("admin.venue.show"), 303)


def _advice(kept: Upload, venue: Venue) -> list[str]:
    """Return what of the venue that was imported is more often a slip than meant, in sentences."""
    try:
        return _of_event(kept, partial(advice, venue=venue, settings=services().event.settings))
    except ApartError as error:
        return [f"Whether something in it is a slip was not looked at: {error}"]


def _of_file(kept: Upload, read: Callable[..., T]) -> T:
    """Return what `read` makes of the file and the event. Raises UploadGoneError, ApartError."""
    settings = services().event.settings
    return _of_event(kept, partial(read, data=kept.read(), name=kept.name, settings=settings))


def _of_event(kept: Upload, read: Callable[[Connection], T]) -> T:
    """Return what is read, for a large file in a process of its own."""
    database = services().database
    if len(kept.read()) > BYTES_HERE_MAX:
        return read_apart(database.path, read)
    with database.reading() as db:
        return read(db)
