"""The import of a venue file, a programme or exhibitors: upload, preview with questions,
confirmation.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from badges.i18n import N_
from server.core.edits.words import KINDS, PLURALS, field_words
from server.core.people import search
from server.features.imports import venue_file
from server.features.imports.pages import uploads
from server.features.imports.previews import files
from server.features.imports.previews.files import FileOvertakenError
from server.features.imports.previews.kind import Reading
from server.features.imports.venue_plan import Venue, VenueError
from server.features.imports.venue_preview import Change, Preview, Thing, preview
from server.storage.connection import Connection
from server.web import auth, forms, i18n
from server.web.apart import ApartError, read_file_apart
from server.web.i18n import gettext as _
from server.web.i18n import ngettext
from server.web.security import limiter
from server.web.services import services
from server.web.uploads import Upload, UploadBusyError, UploadGoneError

blueprint = Blueprint(
    "venue_upload", __name__,
    url_prefix=f"/admin/imports/<any({','.join(files.KINDS)}):kind>",
)  # fmt: skip

TOO_LARGE = N_(
    "The file may have at most %(size)s MB. Save only the data to import, without pictures, and"
    " choose that file."
)
CHANGED_SHOWN = 300
ADDED_SHOWN = 100
PROBLEMS_SHOWN = 200
WARNINGS_SHOWN = 5
WARNING_CHARS_MAX = 300  # They are stored in a cookie
ANSWER_CHARS_MAX = 64
ANSWERS_MAX = 500


@dataclass(frozen=True)
class _Shown:
    """The page's values. Without `effects` nothing can be imported yet."""

    reading: Reading = field(default_factory=lambda: Reading(Venue()))
    problems: tuple[str, ...] = ()
    effects: Preview | None = None


@blueprint.post("/")
@limiter.limit("30 per 5 minutes", key_func=auth.actor)
@auth.allow()
@auth.takes_file(venue_file.FILE_BYTES_MAX, TOO_LARGE)
def send(kind: str) -> Response:
    return _to_preview(uploads.keep(kind))


@blueprint.get("/<token>")
@auth.allow()
def show(kind: str, token: str) -> Response | str:
    kept = uploads.find(token, kind)
    try:
        with uploads.kept_uploads().turn():
            shown = _look(kept)
    except UploadGoneError:
        return uploads.gone()
    except UploadBusyError:
        return forms.turn_back(_(uploads.BUSY), url_for("admin.uploads.show"))
    except ApartError as error:
        return uploads.give_up(kept, i18n.said(error))
    effects = shown.effects
    return render_template(
        "imports/venue_preview.html", upload=kept, shown=shown, found=effects, kinds=KINDS,
        added=_by_kind(effects.added if effects else ()),
        missing=_by_kind(
            item
            for item in (effects.missing if effects else ())
            if item.kind in files.KINDS[kind].reports
        ),
        changed=_changed(effects) if effects else [],
        guests=sum(len(item.invited) + len(item.refused) for item in shown.reading.venue.sessions),
        skips=kept.answers.get(files.SKIP_BAD) == "yes", words=field_words, plurals=PLURALS,
        changed_shown=CHANGED_SHOWN, added_shown=ADDED_SHOWN, problems_shown=PROBLEMS_SHOWN,
    )  # fmt: skip


@blueprint.post("/<token>/answer")
@auth.allow()
def answer(kind: str, token: str) -> Response:
    kept = uploads.find(token, kind)
    try:
        asked = [question.key for question in _read(kept).questions][:ANSWERS_MAX]
    except UploadGoneError:
        return uploads.gone()
    except (VenueError, ApartError):
        asked = []
    for key in (*asked, files.SKIP_BAD):
        kept.answers[key] = request.form.get(key, "")[:ANSWER_CHARS_MAX]
    uploads.kept_uploads().keep_answers(kept)
    return _to_preview(kept)


@blueprint.post("/<token>/cancel")
@auth.allow()
def cancel(kind: str, token: str) -> Response:
    return uploads.give_up(uploads.find(token, kind))


@blueprint.post("/<token>/confirm")
@auth.allow()
def confirm(kind: str, token: str) -> Response:
    """Import exactly what the page showed."""
    kept = uploads.find(token, kind)
    here, by = services(), auth.actor()
    mark, gone = request.form.get("mark", ""), request.form.get("remove_sessions") == "yes"

    def step(db: Connection) -> Preview:
        return files.take(
            db, reading.venue, here.event.settings, kept.name,
            mark=mark, remove_sessions=gone, by=by, now=here.now(),
        )  # fmt: skip

    try:
        reading = _read(kept)
        if reading.problems and kept.answers.get(files.SKIP_BAD) != "yes":
            raise VenueError(reading.problems)
        done = here.database.write(step, long=True)
    except UploadGoneError:
        return uploads.gone()
    except (FileOvertakenError, VenueError, ApartError) as error:
        flash(_("Nothing was imported. %(why)s", why=i18n.said(error)[:WARNING_CHARS_MAX]), "bad")
        return _to_preview(kept)
    search.fold_all(here.database.write)
    uploads.kept_uploads().drop(kept)
    for warning in done.warnings[:WARNINGS_SHOWN]:
        flash(_("%(sentence)s.", sentence=i18n.said(warning)[:WARNING_CHARS_MAX]), "warn")
    if len(done.warnings) > WARNINGS_SHOWN:
        more = len(done.warnings) - WARNINGS_SHOWN
        flash(
            ngettext("… and %(num)s more such remark.", "… and %(num)s more such remarks.", more),
            "warn",
        )
    return redirect(url_for(files.KINDS[kind].then), 303)


def _to_preview(kept: Upload) -> Response:
    return redirect(url_for("admin.venue_upload.show", kind=kept.kind, token=kept.token), 303)


def _read(kept: Upload) -> Reading:
    """Raises UploadGoneError, VenueError and ApartError."""
    here = services()
    read = partial(
        files.read,
        kind=kept.kind,
        data=kept.read(), name=kept.name,
        settings=here.event.settings, answers=dict(kept.answers),
    )  # fmt: skip
    return read_file_apart(here.database.path, read)


def _look(kept: Upload) -> _Shown:
    """Return the file's effects, if it can be imported. Raises UploadGoneError and ApartError."""
    here = services()
    try:
        reading = _read(kept)
    except VenueError as error:
        return _Shown(problems=tuple(error.problems))
    if reading.problems and kept.answers.get(files.SKIP_BAD) != "yes":
        return _Shown(reading, reading.problems)
    try:
        effects = preview(
            here.database, reading.venue, here.event.settings, by=auth.actor(), now=here.now()
        )
    except VenueError as error:
        return _Shown(reading, (*reading.problems, *error.problems))
    return _Shown(reading, reading.problems, effects)


def _by_kind(things: Iterable[Thing]) -> dict[str, list[Thing]]:
    by_kind = defaultdict(list)
    for thing in things:
        by_kind[thing.kind].append(thing)
    return dict(by_kind)


def _changed(effects: Preview) -> list[tuple[str, str, list[Change]]]:
    by_thing = groupby(effects.changed, key=lambda change: (change.kind, change.code))
    return [(kind, code, list(changes)) for (kind, code), changes in by_thing]
