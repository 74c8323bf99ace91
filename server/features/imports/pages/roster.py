"""The import of attendees: upload, preview with questions, confirmation."""

import os
import re
from collections.abc import Sequence
from functools import partial

from flask import Blueprint, flash, redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response

from badges.i18n import N_
from badges.roster.column_findings import IGNORE
from badges.roster.columns import COLUMN_WORDS, COLUMNS
from badges.roster.countries import codes
from badges.roster.csv_lines import ENCODINGS
from badges.roster.mapping import EMPTY
from badges.roster.problems import RosterError
from badges.roster.table import RosterLimits, UnreadSheet
from badges.roster.xlsx_lines import SHEETS_BETWEEN
from server.core.people import search
from server.core.second_disk.copy import BackupError, make_backup
from server.core.venue import store
from server.features.imports.pages import uploads
from server.features.imports.previews import mappings, roster
from server.features.imports.previews.mappings import MappingRefusedError
from server.features.imports.previews.roster import Question, RosterPreview
from server.features.imports.roster_import import RosterChangedError, RosterRefusedError
from server.web import auth, forms, i18n
from server.web.apart import ApartError, read_file_apart
from server.web.display import country, main_name
from server.web.i18n import gettext as _
from server.web.i18n import ngettext
from server.web.lists import PAGE_ROWS, page_asked
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
    *roster.OF_FILE, *roster.OF_PEOPLE, roster.SHARED, roster.SHEETS,
    roster.ENCODING, roster.SKIP_BAD, roster.TITLE_LINE,
    roster.NEW_CATEGORIES,
    *(roster.MAPPED + column for column in COLUMNS),
}  # fmt: skip
ANSWER_CHARS_MAX = 200
SHEETS_CHARS_MAX = 8_000
ANSWERS_MAX = 1_000
_WORDS = (roster.WORD, roster.SHEET, roster.COUNTRY, roster.DAYS)
_NUMBERED = re.compile(rf"({roster.USE}|{roster.TWIN})\d{{1,6}}")
# Answers after which columns are another table's.
_OF_TABLE = (roster.ENCODING, roster.SHEETS)
# Questions on which all others depend, and those on which questions about people depend.
_OF_THE_TABLE = {"other_sheets", "title_line"}
_OF_ROWS = {"columns", "row_numbers", "hidden_rows", "merged", "totals", "cancelled", "pending"}
ANSWER_WORDS = {
    "sheets": N_("Sheets"),
    "imported_sheets": N_("Sheets imported before"),
    "title_line": N_("Line with the titles"),
    "encoding": N_("Encoding of the file"),
    "hidden_rows": N_("Hidden rows"),
    "merged": N_("Merged cells"),
    "row_numbers": N_("Numbers of rows"),
    "cancelled": N_("Cancelled orders"),
    "pending": N_("Orders not yet confirmed"),
    "shared_emails": N_("Shared e-mail addresses"),
    "totals": N_("Rows with a total"),
    "several_emails": N_("Several e-mails in a cell"),
    "rounded": N_("Rounded numbers"),
    "bad_cells": N_("Unreadable cells"),
    "formulas": N_("Formulas"),
    "comma_names": N_("Names with a comma"),
    "day_order": N_("Order of day and month"),
    "renames": N_("Changed names"),
    "doubles": N_("People who may be listed twice"),
    "twins": N_("People in several rows"),
    "missing": N_("People who are not in the file"),
    "skip_bad": N_("Bad rows"),
    "new_categories": N_("Unknown categories"),
}
_SHOWN_VALUES = ("title_line", "encoding")
# Raised if there is no preview. The preview's page shows why.
_NO_PREVIEW = (UploadGoneError, UploadBusyError, ApartError, ValueError)
_SHEETS = (roster.SHEETS, roster.IMPORTED_SHEETS)


@blueprint.post("/")
@limiter.limit("30 per 5 minutes", key_func=auth.actor)
@auth.allow()
@auth.takes_file(RosterLimits().file_bytes, TOO_LARGE)
def send() -> Response:
    return _to_preview(uploads.keep(KIND))


@blueprint.get("/<token>")
@auth.allow()
def show(token: str) -> Response | str:
    kept = uploads.find(token, KIND)
    try:
        roster_preview = _preview(kept)
    except UploadGoneError:
        return uploads.gone()
    except UploadBusyError:
        return forms.turn_back(_(uploads.BUSY), url_for("admin.uploads.show"))
    except ApartError as error:
        return forms.turn_back(i18n.said(error), url_for("admin.uploads.show"))
    except ValueError as error:
        return _unreadable(kept, error)
    here, page = services(), page_asked()
    db, plan = here.database.reader, roster_preview.plan
    shown = slice(page.offset, page.offset + PAGE_ROWS)
    first = [question for question in roster_preview.questions if question.kind in _OF_THE_TABLE]
    asked, waits = first or roster_preview.questions, bool(first)
    return render_template(
        "imports/roster.html",
        upload=kept,
        mappings=mappings.kept(db),
        mapped=mappings.mapping_of(kept.answers, roster_preview.mapping),
        mapping_name_max=mappings.NAME_CHARS_MAX,
        found=roster_preview,
        sheets_left=_listed(roster_preview.sheets_left),
        result=plan.result,
        questions=asked,
        waits=waits,
        more_pages=_more_pages(asked),
        added=roster.added(db, here.event.settings, plan, page.offset, PAGE_ROWS),
        changed=roster_preview.changed[shown],
        page=page.number,
        pages=page.of(max(len(plan.added), len(roster_preview.changed))),
        answered=_answered(kept, roster_preview),
        column_words=COLUMN_WORDS,
        column_said=_column,
        categories=store.categories(db),
        countries=_countries() if roster_preview.countries else (),
        country=country,
    )


@blueprint.post("/<token>/answer")
@auth.allow()
def answer(token: str) -> Response:
    kept = uploads.find(token, KIND)
    forgotten = request.form.get("forget", "")
    for option in list(kept.answers) if forgotten == "yes" else [forgotten]:
        if option != roster.IMPORTED_SHEETS:  # a fact, and no answer
            kept.answers.pop(option, None)
    given = _given()
    if any(given.get(option, kept.answers.get(option)) != kept.answers.get(option)
           for option in _OF_TABLE):  # fmt: skip
        for option in [key for key in kept.answers if key.startswith(roster.USE)]:
            del kept.answers[option]
        kept.answers.pop(roster.WORD, None)  # people without a category: another sheet's are others
    kept.answers.update(given)
    uploads.kept_uploads().keep_answers(kept)
    return _to_preview(kept)


def _given() -> dict[str, str]:
    """Return the form's answers by option.

    A field is an option, or "answer-" with "option=value" as value. A column's select with the
    preview's value (`was_`) is no answer. Several sheets are one answer.
    """
    given: dict[str, str] = {}
    for name, text in list(request.form.items(multi=True))[:ANSWERS_MAX]:
        option, value = name, text
        if name.startswith("answer-"):
            # A word or title may contain "="; a category's key does not.
            of_word = text.startswith(_WORDS)
            option, _, value = text.rpartition("=") if of_word else text.partition("=")
        same = option.startswith(roster.USE) and value == request.form.get(f"was_{option}")
        if not _is_option(option) or not _is_value(option, value) or same:
            continue
        if option == roster.SHEETS:
            before = [given[option]] if option in given else []
            given[option] = SHEETS_BETWEEN.join([*before, value])[:SHEETS_CHARS_MAX]
        else:
            given[option] = value.strip()[:ANSWER_CHARS_MAX]
    return given


@blueprint.post("/<token>/mapping")
@auth.allow()
def use_mapping(token: str) -> Response:
    kept = uploads.find(token, KIND)
    db = services().database.reader
    try:
        titles = [column.title for column in _preview(kept).layout]
    except _NO_PREVIEW:
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
    here, given = services(), request.form.get("mapping_name", "")
    try:
        answers = mappings.mapping_of(kept.answers, _preview(kept).mapping)
    except _NO_PREVIEW:
        return _to_preview(kept)
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
    if roster.IMPORTED_SHEETS not in kept.answers:
        return uploads.give_up(kept)
    uploads.kept_uploads().drop(kept)
    flash(_("The file is deleted. People imported from it stay."), "good")
    return redirect(url_for("admin.uploads.show"), 303)


@blueprint.post("/<token>/confirm")
@auth.allow()
def confirm(token: str) -> Response:
    """Import exactly what the page showed."""
    kept = uploads.find(token, KIND)
    here, by = services(), auth.actor()
    try:
        roster_preview = _preview(kept)
    except _NO_PREVIEW:
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
    if roster_preview.sheets_left:
        _offer_sheets_left(kept, roster_preview)
    else:
        uploads.kept_uploads().drop(kept)
    return redirect(url_for("admin.badges.show"), 303)


def _offer_sheets_left(kept: Upload, roster_preview: RosterPreview) -> None:
    """Keep the file for its other sheets, and show a link to them."""
    answers = roster.for_sheets_left(kept.answers, roster_preview)
    kept.answers.clear()
    kept.answers.update(answers)
    uploads.kept_uploads().keep_answers(kept)
    text = _(
        "Not imported yet from %(file)s: %(sheets)s.",
        file=kept.name, sheets=_listed(roster_preview.sheets_left),
    )  # fmt: skip
    href = url_for("admin.roster_upload.show", token=kept.token)
    link = Markup('{} <a href="{}">{}</a>').format(text, href, _("Import now"))
    flash(link, "warn")


def _listed(sheets: Sequence[UnreadSheet]) -> str:
    return _(", ").join(
        ngettext(
            "the sheet “%(sheet)s” with %(num)s row",
            "the sheet “%(sheet)s” with %(num)s rows",
            sheet.rows, sheet=sheet.title,
        )
        for sheet in sheets
    )  # fmt: skip


def _more_pages(asked: Sequence[Question]) -> int:
    """The most pages of questions that may follow these."""
    kinds = {question.kind for question in asked}
    if kinds & _OF_THE_TABLE:
        return 2
    return 1 if kinds & _OF_ROWS else 0


def _answered(kept: Upload, roster_preview: RosterPreview) -> list[tuple[str, str, str]]:
    """Return the given answers as option, question and answer."""
    columns = {f"{roster.USE}{column.index}": column for column in roster_preview.layout}
    names = {
        item.key: main_name(item.names) for item in store.categories(services().database.reader)
    }
    answered = []
    for option, value in kept.answers.items():
        # The notes of the preview describe the effect of the other answers.
        label, text = _(ANSWER_WORDS.get(option, "")), value if option in _SHOWN_VALUES else ""
        if option in _SHEETS:
            text = ", ".join(dict.fromkeys(roster.sheet_names(value)))
        if option in columns:
            label, text = f"{columns[option].letter} {columns[option].title}", _column(value)
        elif option.startswith(roster.MAPPED):
            label = " + ".join(roster.wanted(value).titles)
            text = _column(option.removeprefix(roster.MAPPED))
        elif option.startswith(_WORDS):
            label = option.partition("_")[2] or _("(empty)")
            if option.startswith(roster.SHEET):
                label = _("(empty) on the sheet “%(sheet)s”", sheet=label)
            text = names.get(value, value)
            if option.startswith(roster.COUNTRY):
                text = _("(empty)") if value == EMPTY else country(value)
        elif option.startswith(roster.TWIN):
            line = option.removeprefix(roster.TWIN)
            label = _("Line %(line)s", line=roster_preview.twin_lines.get(line, line))
            text = _("the same person") if value == "same" else _("two people")
        answered.append((option, label, text))
    return answered


def _countries() -> list[tuple[str, str]]:
    names = [(code, country(code)) for code in codes()]
    return sorted(names, key=lambda named: named[1])


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
    """Show why a file can't be read, with encodings if they may help, else delete it."""
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
    return option in _OPTIONS or option.startswith(_WORDS) or bool(_NUMBERED.fullmatch(option))


def _is_value(option: str, value: str) -> bool:
    if option.startswith(roster.USE):
        return value in (*COLUMNS, IGNORE)
    return value.isdecimal() if option == roster.TITLE_LINE else bool(value)


def _to_preview(kept: Upload) -> Response:
    return redirect(url_for("admin.roster_upload.show", token=kept.token), 303)


def _back_up(roster_preview: RosterPreview) -> None:
    """With a second disk, make a backup before people are changed."""
    event = services().event
    if not roster_preview.plan.changes_people or event.backup_path is None:
        return
    try:
        make_backup(event, event.backup_path, services().now())
    except BackupError as error:
        flash(_("No backup was made before this import: %(why)s", why=i18n.said(error)), "warn")
