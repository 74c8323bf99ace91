"""The import of attendees: upload, preview with questions, confirmation."""

import os
from functools import partial

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from badges.i18n import N_
from badges.roster.columns import COLUMNS
from badges.roster.csv_lines import ENCODINGS
from badges.roster.problems import RosterError
from badges.roster.table import RosterLimits
from server.core.people import search
from server.core.second_disk.copy import BackupError, make_backup
from server.core.venue import store
from server.features.imports.pages import uploads
from server.features.imports.previews import mappings, roster
from server.features.imports.previews.mappings import MappingRefusedError
from server.features.imports.previews.roster import RosterPreview
from server.features.imports.roster_import import RosterChangedError, RosterRefusedError
from server.web import auth, forms, i18n
from server.web.apart import ApartError, read_file_apart
from server.web.i18n import gettext as _
from server.web.security import limiter
from server.web.services import services
from server.web.uploads import Upload, UploadBusyError, UploadGoneError

blueprint = Blueprint("roster_upload", __name__, url_prefix="/admin/imports/people")

KIND = "people"
TOO_LARGE = N_(
    "A list of attendees has at most %(size)s MB. Save the sheet "
    "with the people alone, without pictures, as CSV, and choose that file."
)
_OPTIONS = {
    *roster.OF_FILE, *roster.OF_PEOPLE, roster.SHARED,
    roster.ENCODING, roster.SKIP_BAD,
    roster.NEW_CATEGORIES,
    *(roster.MAPPED + column for column in COLUMNS),
}  # fmt: skip
ANSWER_CHARS_MAX = 200
ANSWERS_MAX = 100
WORDS_SHOWN = 60
COLUMN_WORDS = {
    "given_name": N_("Given name"),
    "family_name": N_("Family name"),
    "name": N_("Name"),
    "category": N_("Category"),
    "organisation": N_("Organisation"),
    "email": N_("E-mail"),
    "external_id": N_("Registration"),
    "latin_name": N_("Name in Latin letters"),
    "country": N_("Country"),
    "phone": N_("Telephone"),
    "order_number": N_("Order"),
    "days": N_("Days"),
    "zones": N_("Zones"),
    "invitations": N_("Invitations"),
    "language": N_("Language"),
    "accessible": N_("Accessible place"),
    "status": N_("Status of the order"),
}


@blueprint.post("/")
@limiter.limit("30 per 5 minutes", key_func=auth.actor)
@auth.allow()
@auth.takes_file(RosterLimits().file_bytes, TOO_LARGE)
def send() -> Response:
    kept = uploads.keep(KIND)
    if not isinstance(kept, Upload):
        return kept
    return _to_preview(kept)


@blueprint.get("/<token>")
@auth.allow()
def show(token: str) -> Response | str:
    kept = uploads.find(token, KIND)
    if not isinstance(kept, Upload):
        return kept
    try:
        roster_preview = _preview(kept)
    except UploadGoneError:
        return uploads.gone()
    except UploadBusyError:
        return forms.turn_back(_(uploads.BUSY), url_for("admin.uploads.show"))
    except ApartError as error:
        return forms.turn_back(i18n.said(error), url_for("admin.uploads.show"))
    except (RosterError, ValueError) as error:
        return _unreadable(kept, error)
    db = services().database.reader
    return render_template(
        "imports/roster.html",
        upload=kept,
        mappings=mappings.kept(db),
        mapped=mappings.mapping_of(kept.answers),
        mapping_name_max=mappings.NAME_CHARS_MAX,
        found=roster_preview,
        result=roster_preview.plan.result,
        missing=_missing_columns(roster_preview),
        column_words=COLUMN_WORDS,
        column_said=_column,
        words=roster_preview.unknown_words[:WORDS_SHOWN],
        categories=store.categories(db),
    )


@blueprint.post("/<token>/answer")
@auth.allow()
def answer(token: str) -> Response:
    kept = uploads.find(token, KIND)
    if not isinstance(kept, Upload):
        return kept
    if request.form.get("forget") == "yes":
        kept.answers.clear()
    for name, text in list(request.form.items())[:ANSWERS_MAX]:
        # A word or title of the file may contain "=". A category's key does not.
        of_word = text.startswith(roster.WORD)
        option, _, value = text.rpartition("=") if of_word else text.partition("=")
        if name.startswith("answer-") and _is_option(option) and value:
            kept.answers[option] = value[:ANSWER_CHARS_MAX]
    uploads.kept_uploads().keep_answers(kept)
    return _to_preview(kept)


@blueprint.post("/<token>/mapping")
@auth.allow()
def use_mapping(token: str) -> Response:
    kept = uploads.find(token, KIND)
    if not isinstance(kept, Upload):
        return kept
    db = services().database.reader
    try:
        # The next page shows why a file can't be read.
        titles = _preview(kept).unread
    except (UploadGoneError, UploadBusyError, ApartError, ValueError):
        return _to_preview(kept)
    try:
        answers = mappings.fitting(
            db,
            request.form.get("mapping", ""),
            titles=titles,
            categories=[category.key for category in store.categories(db)],
        )
    except MappingRefusedError as error:
        flash(_("Nothing was changed: %(why)s", why=i18n.said(error)), "bad")
        return _to_preview(kept)
    kept.answers.update(answers)
    uploads.kept_uploads().keep_answers(kept)
    return _to_preview(kept)


@blueprint.post("/<token>/mapping/keep")
@auth.allow()
def keep_mapping(token: str) -> Response:
    kept = uploads.find(token, KIND)
    if not isinstance(kept, Upload):
        return kept
    here, given = services(), request.form.get("mapping_name", "")
    answers = dict(kept.answers)
    try:
        name = here.database.write(lambda db: mappings.keep(db, given, answers, here.now()))
    except MappingRefusedError as error:
        flash(_("Nothing was kept: %(why)s", why=i18n.said(error)), "bad")
    else:
        flash(_("Kept as “%(name)s”. The next import offers it.", name=name), "good")
    return _to_preview(kept)


@blueprint.post("/<token>/mapping/remove")
@auth.allow()
def remove_mapping(token: str) -> Response:
    kept = uploads.find(token, KIND)
    if not isinstance(kept, Upload):
        return kept
    name = request.form.get("mapping", "")
    try:
        services().database.write(lambda db: mappings.remove(db, name))
    except MappingRefusedError as error:
        flash(_("Nothing was changed: %(why)s", why=i18n.said(error)), "bad")
    else:
        flash(_("The mapping is removed."), "good")
    return _to_preview(kept)


@blueprint.post("/<token>/cancel")
@auth.allow()
def cancel(token: str) -> Response:
    kept = uploads.find(token, KIND)
    return uploads.give_up(kept) if isinstance(kept, Upload) else kept


@blueprint.post("/<token>/confirm")
@auth.allow()
def confirm(token: str) -> Response:
    """Import exactly what the page showed."""
    kept = uploads.find(token, KIND)
    if not isinstance(kept, Upload):
        return kept
    here, by = services(), auth.actor()
    try:
        roster_preview = _preview(kept)
    except (UploadGoneError, UploadBusyError, ApartError, RosterError, ValueError):
        return _to_preview(kept)
    if roster_preview.mark != request.form.get("mark"):
        flash(_("Nothing was imported yet: look at the preview once more."), "warn")
        return _to_preview(kept)
    _back_up(roster_preview)
    try:
        here.database.write(
            lambda db: roster.take(db, roster_preview, kept.name, by=by, now=here.now()), long=True
        )
    except (RosterChangedError, RosterRefusedError):
        uploads.kept_uploads().forget_plan(kept)
        flash(
            _(
                "Nothing was imported: people or the venue were changed in the meantime. This "
                "is the updated preview."
            ),
            "bad",
        )
        return _to_preview(kept)
    search.fold_all(here.database.write)
    uploads.kept_uploads().drop(kept)
    return redirect(url_for("admin.badges.show"), 303)


def _missing_columns(roster_preview: RosterPreview) -> list[str]:
    missing = {item.column for item in roster_preview.problems if "in a mapping" in item.message}
    if not missing or not roster_preview.unread:
        return []
    names = ["given_name", "family_name", "name"] if "given_name" in missing else []
    return names + [item for item in ("category", "organisation", "email", "external_id")
                    if (item == "category" and item in missing) or item != "category"]  # fmt: skip


def _preview(kept: Upload) -> RosterPreview:
    """Return the preview, cached for each set of answers."""
    here = services()
    cached = kept.plan
    if isinstance(cached, RosterPreview):
        return cached
    with uploads.kept_uploads().turn():
        data = kept.read()
        make = partial(
            roster.preview, settings=here.event.settings, data=data, name=kept.name,
            answers=dict(kept.answers), now=here.now(), random=os.urandom,
        )  # fmt: skip
        result = read_file_apart(here.database.path, make)
    uploads.kept_uploads().remember(kept, result)
    return result


def _unreadable(kept: Upload, error: Exception) -> str:
    """Show why a file can't be read, with a choice of encodings if that may help, else
    delete it.
    """
    text = (
        i18n.said(error)
        if isinstance(error, RosterError)
        else _("This is not a list of people: %(why)s", why=i18n.said(error))
    )
    encodings = ENCODINGS if "--encoding" in i18n.said(error) else ()
    text = text.replace("--encoding ", "")
    if not encodings:
        uploads.kept_uploads().drop(kept)
    return render_template(
        "imports/unreadable.html", upload=kept, problem=text, encodings=encodings
    )


def _column(column: str) -> str:
    return _(COLUMN_WORDS[column]) if column in COLUMN_WORDS else column


def _is_option(option: str) -> bool:
    return option in _OPTIONS or option.startswith(roster.WORD)


def _to_preview(kept: Upload) -> Response:
    return redirect(url_for("admin.roster_upload.show", token=kept.token), 303)


def _back_up(roster_preview: RosterPreview) -> None:
    """Make a backup before people are changed, if the event has a second disk."""
    event = services().event
    if not roster_preview.plan.changes_people or event.backup_path is None:
        return
    try:
        make_backup(event, event.backup_path, services().now())
    except BackupError as error:
        flash(_("No backup was made before this import: %(why)s", why=i18n.said(error)), "warn")
