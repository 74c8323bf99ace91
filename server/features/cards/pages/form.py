from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from flask import request

from badges.i18n import N_
from badges.printing.card import CardError, check_colour
from badges.printing.look import LINES, PICTURE_BYTES_MAX
from badges.printing.pretix import BACKGROUND_BYTES_MAX, LAYOUT_BYTES_MAX
from badges.settings_check import SettingsError, check_values
from server.core.people.card_design import CardSettings
from server.core.venue import store
from server.features.cards.card_settings import name_for
from server.storage.connection import Connection
from server.web import i18n
from server.web.i18n import gettext as _

FILES: Mapping[str, int] = {
    "logo": PICTURE_BYTES_MAX,
    "host_logo": PICTURE_BYTES_MAX,
    "pretix_layout": LAYOUT_BYTES_MAX,
    "pretix_background": BACKGROUND_BYTES_MAX,
}
FILE_BYTES_MAX = sum(FILES.values())
_SUFFIXES = {
    "logo": (".svg", ".png", ".jpg", ".jpeg", ".webp"),
    "host_logo": (".svg", ".png", ".jpg", ".jpeg", ".webp"),
    "pretix_layout": (".json",),
    "pretix_background": (".pdf",),
}
LABELS: Mapping[str, str] = {
    "format": N_("Format"),
    "template": N_("Template"),
    "layer_only": N_("Only the print layer, for pre-printed shells"),
    "back": N_("Print the backs too"),
    "hide": N_("Content of a card"),
    "latin": N_("Make a line in Latin letters where the roster has none"),
    "job_title": N_("Print the job title"),
    "dates": N_("Dates"),
    "logo": N_("Logo"),
    "host_logo": N_("Host's logo"),
    "programme": N_("Programme"),
    "wifi_name": N_("Wi-Fi name"),
    "wifi_password": N_("Wi-Fi password"),
    "help": N_("Help"),
    "pretix_layout": N_("Layout (JSON)"),
    "pretix_background": N_("Background (PDF)"),
}
_PLAIN = ("format", "template", "dates", "wifi_name", "wifi_password")


class FormError(ValueError):
    """The form is invalid. The text names field and reason."""


@dataclass(frozen=True)
class Wanted:
    settings: CardSettings
    new_files: Mapping[str, bytes] = field(default_factory=dict)
    colours: Mapping[str, str] = field(default_factory=dict)  # By category key


def read_form(db: Connection, before: CardSettings) -> Wanted:
    """Read the form. Missing settings stay as `before`. Raises FormError."""
    form = request.form
    values = {**_typed(), "programme": programme_of(form.get("programme", ""))}
    new_files: dict[str, bytes] = {}
    for kind in FILES:
        values[kind] = _file(kind, getattr(before, kind), new_files)
    if not values["pretix_layout"]:
        values["pretix_background"] = ""
    try:
        check_values(CardSettings, values, LABELS)
    except SettingsError as error:
        raise FormError(i18n.said(error)) from None
    current = {category.key: category.colour for category in store.categories(db)}
    try:
        colours = {
            key: check_colour(form[f"colour-{key}"]) for key in current if f"colour-{key}" in form
        }
    except CardError as error:
        raise FormError(_("%(what)s.", what=i18n.said(error))) from None
    return Wanted(replace(before, **values), new_files, colours)  # type: ignore[arg-type]  # checked


def as_typed(before: CardSettings) -> CardSettings:
    """Return the settings of a refused form, which may be invalid, without programme and files."""
    return replace(before, **_typed())  # type: ignore[arg-type]  # of these types, but unchecked


def _typed() -> dict[str, object]:
    form = request.form
    shown = form.getlist("shown")
    return {
        **{key: form.get(key, "").strip() for key in _PLAIN},
        "back": form.get("back") == "yes",
        "layer_only": form.get("layer_only") == "yes",
        "latin": form.get("latin") == "yes",
        "job_title": form.get("job_title") == "yes",
        "hide": [line for line in LINES if line not in shown],
        "help": [line for line in map(_line, form.get("help", "").splitlines()) if line],
    }


def programme_of(text: str) -> list[dict[str, str]]:
    """Parse the programme on the back, each line: time | Chinese | English | place."""
    items = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        parts = [part.strip() for part in line.split("|")]
        if not 2 <= len(parts) <= 4 or not parts[0] or not any(parts[1:3]):
            raise FormError(
                _("Programme, line %(number)s: write time | Chinese | English | place.",
                  number=number)
            )  # fmt: skip
        keys = ("at", "zh", "en", "place")
        items.append({key: part for key, part in zip(keys, parts, strict=False) if part})
    return items


def programme_text(items: list[dict[str, str]]) -> str:
    lines = []
    for item in items:
        parts = [item.get(key, "") for key in ("at", "zh", "en", "place")]
        while not parts[-1]:
            parts.pop()
        lines.append(" | ".join(parts))
    return "\n".join(lines)


def _line(text: str) -> str:
    return " ".join(text.split())


def _file(kind: str, before: str, new_files: dict[str, bytes]) -> str:
    sent = request.files.get(kind)
    if sent is None or not sent.filename:
        return "" if request.form.get(f"no_{kind}") == "yes" else before
    suffix = Path(sent.filename).suffix.lower()
    if suffix not in _SUFFIXES[kind]:
        raise FormError(
            _("“%(name)s” is not taken here: choose a file of %(kinds)s.",
              name=sent.filename[:80], kinds=", ".join(_SUFFIXES[kind]))
        )  # fmt: skip
    data = sent.stream.read(FILES[kind] + 1)
    if len(data) > FILES[kind]:
        raise FormError(
            _("“%(name)s” is larger than %(size)s kB.",
              name=sent.filename[:80], size=i18n.decimal(FILES[kind] // 1000))
        )  # fmt: skip
    name = name_for(kind, data, suffix)
    new_files[name] = data
    return name
