import base64
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from babel import Locale
from flask import Blueprint, Response, flash, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from badges import colours
from badges.i18n import N_, locale_of
from badges.printing.card import CardError
from badges.printing.look import FORMATS, LINES
from badges.system_reasons import reason_of
from server.core.edits.last_edit import EditError
from server.core.entry_log.act_words import Names
from server.core.event.directory import CARDS_FOLDER
from server.core.event.settings import EventError
from server.core.people import issuing
from server.core.people.attendees import UnknownAttendeeError, more_people_than
from server.core.people.card_design import (
    SETTINGS_FILE,
    CardSettings,
    read_card_settings,
    read_card_text,
)
from server.core.venue import store
from server.features.cards import card_settings
from server.features.cards.designing.chosen import Chosen
from server.features.cards.designing.drawer import Drawer, PreviewError
from server.features.cards.designing.preview import Drawn, Shown, job_for, people_to_show
from server.features.cards.designing.settings_file import rewritten
from server.features.cards.pages import form
from server.features.cards.pages.form import FormError, Wanted
from server.features.cards.pages.words import FORMATS as FORMAT_WORDS
from server.features.imports.venue_plan import VenueError
from server.storage.connection import Connection
from server.web import auth, forms, i18n
from server.web.apart import ApartError, read_apart
from server.web.display import main_name
from server.web.i18n import gettext as _
from server.web.security import limiter
from server.web.services import services

blueprint = Blueprint("cards", __name__, url_prefix="/admin/cards")

PEOPLE_HERE_MAX = 2_000
TOO_LARGE = N_("These files are too large: a logo has up to 3 MB, a background 5 MB.")


@blueprint.get("/")
@auth.allow()
def show() -> str:
    return _page()


def _page(refused: str = "") -> str:
    """Return the page with the stored settings, or with the refused form as it was typed."""
    here = services()
    folder = here.event.path / CARDS_FOLDER
    problem = seen = ""
    settings = CardSettings()
    try:
        settings = read_card_settings(folder)
        seen = card_settings.mark_of(here.event)
    except EventError as error:
        problem = i18n.said(error)
    programme = form.programme_text(settings.programme)
    typed = request.form
    if refused:
        settings = form.as_typed(settings)
        seen, programme = typed.get("seen", ""), typed.get("programme", "")
    last = card_settings.last_save(here.event)
    db = here.database.reader
    stored = {category.key: category.colour for category in store.categories(db)}
    return render_template(
        "cards/cards.html",
        settings=settings,
        refused=refused,
        files_sent=any(file.filename for file in request.files.values()),
        problem=problem,
        seen=seen,
        programme=programme,
        formats=FORMATS,
        format_words=FORMAT_WORDS,
        script=_script,
        lines=_lines(),
        templates=_templates(folder),
        people=_people(db),
        categories=store.categories(db),
        colours={key: typed.get(f"colour-{key}", colour) for key, colour in stored.items()},
        alike=_alike(stored),
        last=last,
        saved_by=Names(db).who(last.by) if last else "",
    )


@blueprint.post("/preview")
@limiter.limit("600 per 5 minutes", key_func=auth.actor)
@auth.allow()
@auth.takes_file(form.FILE_BYTES_MAX, TOO_LARGE)
def preview() -> Response:
    here = services()
    db = here.database.reader
    folder = here.event.path / CARDS_FOLDER
    alike: list[str] = []
    dropped: Sequence[str] = ()
    try:
        wanted = form.read_form(db, read_card_settings(folder))
        alike = _alike(wanted.colours)
        place = str(folder / SETTINGS_FILE)
        dropped = rewritten(read_card_text(folder), wanted.settings, place).dropped
        drawn = _drawn(db, folder, wanted)
    except (FormError, EventError, CardError, PreviewError) as error:
        drawn = Drawn(problems=(i18n.said(error),))
    except UnknownAttendeeError:
        drawn = Drawn(problems=(_("The roster has no attendee whose card could be shown."),))
    return jsonify(
        pages=[_data_address(png) for png in drawn.pages],
        problems=list(map(i18n.said, drawn.problems)),
        notes=list(map(i18n.said, drawn.notes)),
        alike=alike,
        dropped=list(dropped),
    )


@blueprint.post("/save")
@auth.allow()
@auth.takes_file(form.FILE_BYTES_MAX, TOO_LARGE)
def save() -> AnyResponse | tuple[str, int]:
    here, by = services(), auth.actor()
    try:
        wanted = form.read_form(
            here.database.reader, read_card_settings(here.event.path / CARDS_FOLDER)
        )
        saved = card_settings.save(
            here.event, here.database, wanted.settings, wanted.new_files, wanted.colours,
            seen=request.form.get("seen", ""), by=by, now=here.now(),
        )  # fmt: skip
    except VenueError as error:
        return _page(_unchanged("; ".join(map(i18n.said, error.problems)))), 400
    except (FormError, EditError, EventError, CardError) as error:
        return _page(_unchanged(i18n.said(error))), 400
    except OSError as error:
        why = f"{error.filename or CARDS_FOLDER}: {i18n.said(reason_of(error))}"
        return _page(_unchanged(why)), 400
    if not saved.changed:
        flash(_("Nothing was changed: there was no difference."), "good")
    else:
        flash(_("Saved. Cards are printed this way from now on."), "good")
        _say_of_badges(saved.changed)
    if saved.dropped:
        flash(_("These comments are no longer in cards.toml: %(comments)s",
                comments=" ".join(saved.dropped)[:500]), "warn")  # fmt: skip
    return redirect(url_for("admin.cards.show"), 303)


@blueprint.post("/undo")
@auth.allow()
def undo() -> AnyResponse:
    here = services()
    back = url_for("admin.cards.show")
    try:
        card_settings.undo(here.event, here.database, by=auth.actor(), now=here.now())
    except VenueError as error:
        return forms.turn_back(_unchanged("; ".join(map(i18n.said, error.problems))), back)
    except (EditError, EventError) as error:
        return forms.turn_back(_unchanged(i18n.said(error)), back)
    flash(_("The last save is undone."), "good")
    return redirect(back, 303)


def _unchanged(why: str) -> str:
    return _("Nothing was changed: %(why)s", why=why)


def _say_of_badges(changed: Sequence[str]) -> None:
    if "colours" in changed and not issuing.missing_badges(services().database.reader):
        flash(_("Cards that were printed before have the colours of then."), "warn")


def _drawn(db: Connection, folder: Path, wanted: Wanted) -> Drawn:
    here = services()
    codes = {category.key: category.code for category in store.categories(db)}
    by_code = {codes[key]: colour for key, colour in wanted.colours.items()}
    serial = request.form.get("person", "")
    if not serial:
        people = _people(db)
        serial = str(people[0].serial) if people else ""
    try:
        number = forms.whole(serial)
    except ValueError:
        raise UnknownAttendeeError(serial) from None
    settings, files = wanted.settings, wanted.new_files
    return here.own(Drawer).draw(job_for(db, here.event, folder, number, settings, files, by_code))


def _people(db: Connection) -> list[Shown]:
    if not more_people_than(db, PEOPLE_HERE_MAX):
        return people_to_show(db)
    here = services()
    choose = partial(read_apart, here.database.path, partial(people_to_show))
    try:
        return here.own(Chosen).people(db, choose)
    except ApartError:
        return []


_SCRIPTS = {
    "Arabic": "Arab", "Armenian": "Armn", "Bengali": "Beng", "Cyrillic": "Cyrl",
    "Devanagari": "Deva", "Ethiopic": "Ethi", "Georgian": "Geor", "Greek": "Grek",
    "Gujarati": "Gujr", "Gurmukhi": "Guru", "Han": "Hani", "Hangul": "Hang", "Hebrew": "Hebr",
    "Hiragana": "Hira", "Kannada": "Knda", "Katakana": "Kana", "Khmer": "Khmr", "Lao": "Laoo",
    "Latin": "Latn", "Malayalam": "Mlym", "Mongolian": "Mong", "Myanmar": "Mymr",
    "Sinhala": "Sinh", "Tamil": "Taml", "Telugu": "Telu", "Thai": "Thai", "Tibetan": "Tibt",
}  # fmt: skip


def _script(name: str) -> str:
    """Return a script's name in the page's language, if it has one."""
    scripts = Locale.parse(locale_of(i18n.language())).scripts
    return str(scripts.get(_SCRIPTS.get(name, ""), name))


def _data_address(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


# For translation: the texts of `colours.Alike.eyes`.
_EYES = (
    N_("to everybody"), N_("to eyes without red (protanopia)"),
    N_("to eyes without green (deuteranopia)"), N_("to eyes without blue (tritanopia)"),
)  # fmt: skip


def _alike(by_key: Mapping[str, str]) -> list[str]:
    categories = {
        category.key: category for category in store.categories(services().database.reader)
    }
    by_code = {categories[key].code: colour for key, colour in by_key.items()}
    names = {category.code: main_name(category.names) for category in categories.values()}
    return [
        _("%(first)s and %(second)s look alike %(eyes)s: they differ by %(distance)s, and %(least)s"
          " is the least.", first=names[pair.first], second=names[pair.second],
          eyes=_(pair.eyes), distance=f"{pair.distance:.0f}", least=colours.LEAST)
        for pair in colours.alike(by_code)
    ]  # fmt: skip


def _lines() -> list[tuple[str, str]]:
    words = {
        "latin": _("Name in Latin letters"),
        "organisation": _("Organisation"),
        "country": _("Country"),
        "days": _("Days"),
        "zones": _("Zones"),
        "number": _("Badge number"),
        "photo": _("Photo"),
    }
    return [(line, words[line]) for line in LINES]


def _templates(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.typ")) if folder.is_dir() else []
