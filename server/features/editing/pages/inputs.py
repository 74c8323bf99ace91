"""Defines each form's inputs and texts, and converts them to a venue file's values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from werkzeug.datastructures import MultiDict

from badges.i18n import N_, Phrase
from server.core.edits.things import Values
from server.core.programme import activities, exhibition
from server.core.venue import store
from server.core.venue.fields import ALL, OUTSIDE
from server.features.editing.programme.named import Named
from server.storage.connection import Connection
from server.web.display import main_name
from server.web.i18n import gettext as _
from server.web.lists import ORGANISATION_KINDS

NOT_SAID = ""
_CODE = N_(
    "A short ID used in files and lists. It cannot be changed later. Letters, digits, dots and "
    "hyphens. Leave empty to make it from the name."
)

_EXHIBITOR_CODE = N_(
    "A short ID used in files and lists. It cannot be changed later. Letters, digits, dots and "
    "hyphens. Leave empty to make it from the organisation's."
)
_HOSTS = N_("Organisations, one a line, by name or code.")
_UNKNOWN = {
    "organisation": N_(
        "no organisation is called “%(name)s”, or several are: write its code, or add it first"
    ),
    "activity": N_(
        "no activity is called “%(name)s”, or several are: write its code, or add it first"
    ),
    "exhibitor": N_(
        "no exhibitor is called “%(name)s”, or several are: write its code, or add it first"
    ),
}
NAMES_OFFERED = 500  # The longest useful list of suggestions

Options = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Input:
    """`kind` is text, number, measure, moment, colour, choice, flag, several, named (by code or
    name), lines (of named things), or texts.
    """

    key: str
    label: str
    kind: str = "text"
    help: str = ""
    required: bool = False
    options: Options = ()
    value: Any = ""
    rare: bool = False  # Shown below the common inputs
    only_new: bool = False  # Can't be changed later
    of: str = ""  # The kind of the named things


_NAMES = (
    Input("name", N_("Name in English")),
    Input("name_zh", N_("Name in Chinese"), help=N_("One of the two names is enough.")),
)
_TITLES = (
    Input("title", N_("Title in English")),
    Input("title_zh", N_("Title in Chinese"), help=N_("One of the two titles is enough.")),
)
_NEW_CODE = Input("code", N_("Code"), help=_CODE, only_new=True)
_FORMS: Mapping[str, tuple[Input, ...]] = {
    "hall": (
        *_NAMES,
        _NEW_CODE,
        Input("capacity", N_("Capacity"), "number", required=True,
              help=N_("How many people the doors may admit automatically.")),
        Input("fire_limit", N_("Legal limit"), "number",
              help=N_("Fire-safety maximum. Leave empty to use the capacity.")),
        Input("parent", N_("Part of"), "choice", help=N_("Choose the hall this room is inside, "
                                                         "if any.")),
        Input("sessions_only", N_("Open only while a session is on"), "flag"),
        Input("categories", N_("Who may enter at any time"), "several"),
        Input("zones", N_("Zones"), "several", rare=True,
              help=N_("Leave empty to accept badges of every zone.")),
        Input("anti_passback", N_("If someone enters twice without scanning out"), "choice",
              rare=True, options=(
            ("hard", N_("Denied")), ("soft", N_("Admitted and flagged")),
            ("off", N_("Not looked at")))),
        Input("exits", N_("When a door is offline and someone leaves"), "choice", rare=True,
              options=(
            ("strict", N_("Strict: frees only places this door gave out")),
            ("trusting", N_("Trusting: frees any place")))),
        Input("leaving", N_("Leaving is counted"), "choice", rare=True, options=(
            ("scanned", N_("Counted by scanned exits alone")),
            ("inferred", N_("Counted by scanned exits, and by entering another hall")))),
        Input("accessible_places", N_("Places kept for wheelchair users and companions"), "number",
              rare=True, help=N_("Part of the capacity. Leave empty for none.")),
        Input("accessible_until_min",
              N_("Release reserved places … minutes before the start"), "number",
              rare=True, help=N_("Leave empty to keep them all the time.")),
        Input("walk_s", N_("Shortest walking time to another hall (seconds)"), "number", rare=True),
        Input("floor_m2", N_("Floor area, m²"), "measure", rare=True),
        Input("m2_per_person", N_("m² for a person"), "measure", rare=True),
        Input("seats", N_("Seats"), "number", rare=True),
        Input("exit_width_m", N_("Width of all level exits, m"), "measure", rare=True),
        Input("exit_steps_width_m", N_("Width of all exits with steps, m"), "measure", rare=True),
        Input("entry_lanes", N_("Entry lanes"), "number", rare=True),
        Input("fill_min", N_("Minutes to fill it"), "measure", rare=True),
        Input("clear_min", N_("Minutes to leave it"), "measure", rare=True),
        Input("emergency_min", N_("Minutes to leave it in an emergency"), "measure", rare=True),
        Input("facts_age_max_min", N_("Stop admitting after … minutes offline"), "number",
              rare=True,
              help=N_("A door offline for longer admits no one. Leave empty for no limit.")),
    ),
    "door": (
        *_NAMES,
        _NEW_CODE,
        Input("hall", N_("Hall"), "choice", required=True),
        Input("mode", N_("Direction"), "choice", options=(
            ("both", N_("Entry and exit")), ("entry", N_("Entry only")),
            ("exit", N_("Exit only")))),
        Input("from", N_("Leads from"), "choice",
              help=N_("Only for a room inside a hall: where does this door start?")),
    ),
    "session": (
        *_TITLES,
        _NEW_CODE,
        Input("hall", N_("Hall"), "choice", required=True),
        Input("starts", N_("Starts"), "moment", required=True),
        Input("ends", N_("Ends"), "moment", required=True),
        Input("opens_before_min", N_("Doors open, minutes before the start"), "number",
              help=N_("Empty: 30.")),
        Input("closes_after_min", N_("Keep admitting … minutes after the end"), "number",
              help=N_("Empty: until the end.")),
        Input("activity", N_("Activity"), "named", of="activity",
              help=N_("Its title or code. Empty: none.")),
        Input("categories", N_("Who may enter"), "several",
              help=N_("Tick none to admit only people invited by name.")),
    ),
    "category": (
        *_NAMES,
        Input("key", N_("Key"), only_new=True,
              help=N_("Files name the category so. Small letters, digits and hyphens. "
                   "Empty: made from the name.")),
        Input("letter", N_("Letter"), required=True,
              help=N_("On the badge and the screen, for those who see no colours.")),
        Input("colour", N_("Colour"), "colour", required=True,
              help=N_("Any but red, which means no at a door.")),
    ),
    "organisation": (
        *_NAMES,
        _NEW_CODE,
        Input("kind", N_("Kind"), "choice", options=tuple(ORGANISATION_KINDS.items())),
        Input("country", N_("Country or region"), help=N_("A two-letter country code, or the "
                                                          "country's name.")),
        Input("other_names", N_("Other names"), "texts",
              help=N_("Other names on cards and lists, one per line.")),
    ),
    "activity_kind": (
        *_NAMES,
        Input("code", N_("Key"), only_new=True,
              help=N_("Files name the kind so. Small letters, digits and hyphens. "
                   "Empty: made from the name.")),
    ),
    "activity": (
        *_TITLES,
        _NEW_CODE,
        Input("kind", N_("Kind"), "choice", required=True),
        Input("parallel", N_("Parallel forum"), "flag"),
        Input("official", N_("Led or co-hosted by national authorities"), "flag"),
        Input("theme", N_("Theme")),
        Input("language", N_("Language"), help=N_("A code such as en or zh, or a name.")),
        Input("lead", N_("Lead"), "lines", of="organisation", help=_HOSTS),
        Input("co_hosts", N_("Co-hosts"), "lines", of="organisation", help=_HOSTS),
    ),
    "area": (
        *_NAMES,
        _NEW_CODE,
        Input("hall", N_("Hall"), "choice", required=True),
        Input("m2", N_("Size, m²"), "number"),
    ),
    "exhibitor": (
        Input("organisation", N_("Organisation"), "named", of="organisation", required=True,
              help=N_("Its name or code. Add it first, where it is new.")),
        Input("code", N_("Code"), help=_EXHIBITOR_CODE, only_new=True),
    ),
    "stand": (
        Input("code", N_("Number"), only_new=True, required=True,
              help=N_("As people look for it. Letters, digits, dots and hyphens.")),
        Input("area", N_("Area"), "choice", required=True),
        Input("exhibitor", N_("Exhibitor"), "named", of="exhibitor",
              help=N_("The organisation's name, or the exhibitor's code. Empty: it is free.")),
        Input("m2", N_("Size, m²"), "number"),
    ),
}  # fmt: skip
_DEFAULTS: Mapping[str, Values] = {
    "hall": {"categories": ALL, "anti_passback": "hard", "exits": "strict", "leaving": "scanned"},
    "door": {"mode": "both"},
    "session": {"categories": ALL},
    "category": {"colour": "#2f5d7c"},
    "organisation": {"kind": "company"},
    "activity": {"kind": "conference"},
}


def new_values(kind: str) -> Values:
    return dict(_DEFAULTS.get(kind, {}))


def inputs(db: Connection, kind: str, values: Mapping[str, Any], *, new: bool) -> list[Input]:
    options = _options(db, kind, values)
    shown = []
    for field_of_form in _FORMS[kind]:
        if (field_of_form.only_new and not new) or (
            field_of_form.key == "zones" and not options["zones"]
        ):
            continue
        field_of_form = _said(field_of_form)
        value = values.get(field_of_form.key, "")
        if field_of_form.kind in ("named", "lines"):
            shown.append(_named(db, field_of_form, value))
            continue
        if field_of_form.kind == "several":
            every_option = [key for key, _ in options[field_of_form.key]]
            value = every_option if value == ALL else value or []
        elif field_of_form.kind == "texts":
            value = "\n".join(value or ())
        elif field_of_form.kind == "moment":
            value = str(value).replace(" ", "T")
        shown.append(
            replace(
                field_of_form,
                value=value,
                options=options.get(field_of_form.key, field_of_form.options),
            )
        )
    return shown


def _said(field_of_form: Input) -> Input:
    """Translate an input's texts to the page's language."""
    options = tuple((value, _(words)) for value, words in field_of_form.options)
    return replace(
        field_of_form,
        label=_(field_of_form.label),
        help=_(field_of_form.help) if field_of_form.help else "",
        options=options,
    )


def form_values(
    db: Connection, kind: str, form: MultiDict[str, str], values: Mapping[str, Any]
) -> Values:
    """Convert a form to values. Values without an input stay."""
    wanted = dict(values)
    for field_of_form in inputs(db, kind, values, new=False) + [
        each for each in _FORMS[kind] if each.only_new and each.key in form
    ]:
        if field_of_form.kind == "flag":
            wanted[field_of_form.key] = form.get(field_of_form.key) == "yes"
        elif field_of_form.kind == "several":
            every_option, chosen = (
                [key for key, _ in field_of_form.options],
                form.getlist(field_of_form.key),
            )
            every = field_of_form.key == "categories" and set(chosen) >= set(every_option)
            wanted[field_of_form.key] = ALL if every else chosen
        elif field_of_form.kind == "texts":
            lines = [
                " ".join(line.split()) for line in form.get(field_of_form.key, "").splitlines()
            ]
            wanted[field_of_form.key] = [line for line in lines if line]
        elif field_of_form.kind == "lines":
            lines = [
                " ".join(line.split()) for line in form.get(field_of_form.key, "").splitlines()
            ]
            known_names = Named(db, field_of_form.of)
            wanted[field_of_form.key] = sorted(
                {known_names.code(each) or each for each in lines if each}
            )
        elif field_of_form.kind == "named" and form.get(field_of_form.key, "").strip():
            text = " ".join(form[field_of_form.key].split())
            wanted[field_of_form.key] = Named(db, field_of_form.of).code(text) or text
        else:
            text = form.get(field_of_form.key, "").strip()
            wanted[field_of_form.key] = (
                text.replace("T", " ") if field_of_form.kind == "moment" else text
            )
            if text == NOT_SAID:
                wanted.pop(field_of_form.key)
    return wanted


def unknown(db: Connection, kind: str, values: Mapping[str, Any]) -> list[str]:
    """Return the unknown or ambiguous names in `values`, each as a sentence."""
    problems: list[str] = []
    for field_of_form in _FORMS[kind]:
        given = values.get(field_of_form.key) if field_of_form.kind in ("named", "lines") else None
        names = Named(db, field_of_form.of) if given else None
        for text in [given] if isinstance(given, str) else given or ():
            if names and names.code(text) is None:
                problems.append(
                    Phrase(
                        "%(key)s %(what)s",
                        key=field_of_form.key,
                        what=Phrase(_UNKNOWN[field_of_form.of], name=text),
                    )
                )
    return problems


def _named(db: Connection, field_of_form: Input, value: Any) -> Input:
    """Return an input with names in place of codes."""
    names = Named(db, field_of_form.of)
    if field_of_form.kind == "lines":
        return replace(field_of_form, value="\n".join(names.words(code) for code in value or ()))
    offered = names.all_words()
    options = [(words, words) for words in offered] if len(offered) <= NAMES_OFFERED else []
    return replace(field_of_form, value=names.words(value) if value else "", options=options)


def labels(kind: str) -> dict[str, str]:
    return {field_of_form.key: _(field_of_form.label) for field_of_form in _FORMS[kind]}


def _options(db: Connection, kind: str, values: Mapping[str, Any]) -> dict[str, Options]:
    if kind == "activity":
        kinds = activities.kinds(db).values()
        return {"kind": [(item.code, main_name(item.names)) for item in kinds]}
    if kind == "stand":
        areas = exhibition.areas(db)
        return {"area": [(item.code, main_name(item.names)) for item in areas]}
    if kind not in ("hall", "door", "session", "area"):
        return {"zones": ()}
    halls = [(item.code, main_name(item.names)) for item in store.halls(db)]
    own = values.get("code")
    return {
        "hall": halls,
        "parent": [(NOT_SAID, _("No hall")), *(item for item in halls if item[0] != own)],
        "from": [(NOT_SAID, _("Not answered")), (OUTSIDE, _("Outside")), *halls],
        "zones": [(code, code) for code in store.zones(db)],
        "categories": [(item.key, main_name(item.names)) for item in store.categories(db)],
    }
