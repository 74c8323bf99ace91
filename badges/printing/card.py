"""Draws cards as PDF and PNG. Attendees wear them for days; stewards read them at four metres.

A card is a Typst template and data. Names reach the template as JSON and are set as text, so
they are never interpreted as markup.
"""

import colorsys
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import typst

from badges.i18n import N_, Count, Phrase, Spoken, phrase_of
from badges.printing import fonts
from badges.printing.look import TEXT_CHARS_MAX, Look
from badges.printing.pretix import (
    LOGO_CONTENTS,
    Area,
    PretixLayout,
    filled,
    shows_code,
    shows_photo,
)
from badges.printing.qr import SymbolError, symbol_svg

CARDS_MAX = 5_000  # the most cards in one document; more become several documents
_TEMPLATES = Path(str(resources.files("badges.printing") / "templates"))
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_PACKAGE = re.compile(r"""["']@[a-z0-9-]+/""")
_EAST_ASIAN = re.compile(
    r"[\u3005\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff]+"
)
_KEPT_DOCUMENTS = 11


class CardError(Spoken, ValueError):
    """Raised if the card can't be drawn. The message has the remedy."""


class TemplateError(CardError):
    """Raised if the template does not compile, or imports a package."""


class MissingGlyphError(CardError):
    """Raised if no installed font has `characters` on `card`, or on all cards (None: the event's
    name).
    """

    def __init__(self, card: "Card | None", characters: str, hint: str) -> None:
        where = (
            Phrase("badge %(badge_number)s", badge_number=card.badge_number)
            if card
            else Phrase("the event's name")
        )
        which = ", ".join(f"{_shown(char)} (U+{ord(char):04X})" for char in characters)
        super().__init__(
            Phrase(
                "%(where)s: no installed font draws %(which)s. %(hint)s",
                where=where,
                which=which,
                hint=hint,
            )
        )
        self.card = card
        self.characters = characters
        self.hint = hint


@dataclass(frozen=True)
class Day:
    label: str  # day of the month
    valid: bool


@dataclass(frozen=True)
class Card:
    """The content of one card. Raises CardError for invalid values."""

    text: str  # the credential's text, as in its code
    given_name: str
    family_name: str
    organisation: str
    # Printed verbatim. `country_name` converts a code to a name.
    country: str
    category_name: str
    category_letter: str
    category_colour: str  # "#rrggbb", never red
    badge_number: str
    zones: tuple[str, ...] = ()
    language: str = ""  # the attendee's; chooses the forms of Han characters
    category_second_name: str = ""  # in the other language
    latin_name: str = ""  # the whole name in Latin letters, if the name is in others
    days: tuple["Day", ...] = ()  # the days of the event; empty if not shown
    photo: str = ""  # by `look.photo`
    job_title: str = ""
    # Large on a day credential: its day and its name. Empty on other cards, and not in the repr.
    good_on: tuple[str, str] = field(default=("", ""), repr=False)

    def __post_init__(self) -> None:
        if not self.given_name.strip() and not self.family_name.strip():
            raise CardError(
                N_("badge %(badge_number)s has no name"), badge_number=self.badge_number
            )
        if not 1 <= len(self.category_letter) <= 2:
            raise CardError(
                N_("category %(category_name)s: its letter has one or two characters"),
                category_name=self.category_name,
            )
        for text in _texts(self):
            if len(text) > TEXT_CHARS_MAX:
                raise CardError(
                    N_(
                        "badge %(badge_number)s has a text of %(count)s characters; the limit is "
                        "%(most)s"
                    ),
                    badge_number=self.badge_number,
                    count=Count(len(text)),
                    most=TEXT_CHARS_MAX,
                )
        check_colour(self.category_colour)


def check_colour(colour: str) -> str:
    """Return a valid colour "#rrggbb". Raises CardError, also for red, which means "denied" at
    doors.
    """
    if not _COLOUR.fullmatch(colour):
        raise CardError(
            N_("%(colour)s is no colour: write one as #1f6feb"), colour=repr(colour[:20])
        )
    hue, lightness, saturation = colorsys.rgb_to_hls(*(part / 255 for part in _rgb(colour)))
    if (hue < 12 / 360 or hue > 345 / 360) and saturation > 0.4 and 0.15 < lightness < 0.75:
        raise CardError(
            N_("%(colour)s is red, which means 'denied' at doors: choose another colour"),
            colour=colour,
        )
    return colour.lower()


def render_pdf(cards: Sequence[Card], look: Look) -> bytes:
    """Draw a PDF with a page per card, or as in the format of `look`. Deterministic. Raises
    CardError.
    """
    if not 1 <= len(cards) <= CARDS_MAX:
        raise CardError(
            N_("%(count)s cards: print 1 to %(most)s at a time"),
            count=Count(len(cards)),
            most=Count(CARDS_MAX),
        )
    return _compile(look, _data(cards, look), "pdf", None)[0]


def forget_drawn() -> None:
    """Empty Typst's cache of this process's documents.

    Typst caches 0.2 MB a card until ten more documents are compiled, so this compiles ten empty
    ones.
    """
    compiler = typst.Compiler(root=_TEMPLATES, font_paths=fonts.none(), ignore_system_fonts=True)
    for number in range(_KEPT_DOCUMENTS):
        compiler.compile(f"// {number}".encode(), format="pdf")


def render_pngs(cards: Sequence[Card], look: Look, dpi: float) -> list[bytes]:
    """A PNG per page. Raises CardError."""
    if not 30 <= dpi <= 1_200:
        raise CardError(N_("%(dpi)s dots per inch: use 30 to 1200"), dpi=dpi)
    return _compile(look, _data(cards, look), "png", dpi)


def undrawable(cards: Sequence[Card], look: Look) -> list[MissingGlyphError]:
    errors = [_missing(None, look.texts(), "")[1]]
    errors += [_missing(card, _printed_texts(card, look), card.language)[1] for card in cards]
    return [error for error in errors if error]


def on_card(card: Card, look: Look) -> Card:
    empty: dict[str, dict[str, Any]] = {
        "latin": {"latin_name": ""},
        "organisation": {"organisation": ""},
        "country": {"country": ""},
        "days": {"days": ()},
        "zones": {"zones": ()},
        "photo": {"photo": ""},
    }
    changed = {key: value for line in look.hidden for key, value in empty.get(line, {}).items()}
    return replace(card, **changed) if changed else card


def _printed_texts(card: Card, look: Look) -> Iterable[str]:
    if look.layout:
        return [value for area, value in _on_layout(card, look, look.layout) if area.kind == "text"]
    return _texts(on_card(card, look))


def _data(cards: Sequence[Card], look: Look) -> bytes:
    """The JSON data for a template. docs/cards.md lists the fields."""
    event_fonts, error = _missing(None, look.texts(), "")
    if error:
        raise error
    draw = _layout_card if look.layout else _card_data
    data = {
        "event": _clean(look.event_name),
        "event_second": _clean(look.event_second_name),
        "dates": _clean(look.dates),
        "fonts": event_fonts,
        "format": look.format,
        "layer_only": look.layer_only,
        "logo": look.logo,
        "host_logo": look.host_logo,
        "back": _back_data(look),
        "layout": _layout_data(look.layout) if look.layout else None,
        "cards": [draw(card, look) for card in cards],
    }
    return msgspec.json.encode(data)


def _back_data(look: Look) -> dict[str, object] | None:
    if look.back is None:
        return None
    words = ["Programme 日程", "Wi-Fi 无线网络", "Help 帮助"]
    families, _ = fonts.families_for([*map(_clean, look.back_texts()), *words], "")
    back = look.back
    return {
        "programme": [
            {"at": _clean(item.at), "titles": list(map(_clean, item.titles)),
             "place": _clean(item.place)}
            for item in back.programme
        ],
        "wifi_name": _clean(back.wifi_name),
        "wifi_password": back.wifi_password,
        "help": list(map(_clean, back.help)),
        "fonts": families,
    }  # fmt: skip


def layout_notes(layout: PretixLayout) -> list[str]:
    families = {area.family for area in layout.areas if area.family}
    lacking = sorted(families.difference(fonts.installed().families()))
    missing = (
        [
            Phrase(
                "Not installed: %(lacking)s. Noto is used instead.",
                lacking=", ".join(lacking),
            )
        ]
        if lacking
        else []
    )
    return [*layout.notes, *missing]


def _layout_data(layout: PretixLayout) -> dict[str, object]:
    here = set(fonts.installed().families())
    areas = [
        {"kind": area.kind, "page": area.page, "left": area.left, "bottom": area.bottom,
         "width": area.width, "height": area.height, "size": area.size,
         "line_height": area.line_height, "colour": area.colour, "bold": area.bold,
         "italic": area.italic, "align": area.align, "vertical": area.vertical,
         "downward": area.downward, "rotation": area.rotation, "shrinks": area.shrinks,
         "fonts": [area.family] if area.family in here else []}
        for area in layout.areas
    ]  # fmt: skip
    pages = [{"width": width, "height": height} for width, height in layout.pages]
    return {"pages": pages, "areas": areas, "background": bool(layout.background)}


def _layout_card(card: Card, look: Look) -> dict[str, object]:
    assert look.layout is not None
    shown = _on_layout(card, look, look.layout)
    texts = [value for area, value in shown if area.kind == "text"]
    families, error = _missing(card, texts, card.language)
    if error:
        raise error
    return {"values": [value for _, value in shown], "fonts": families}


def _on_layout(card: Card, look: Look, layout: PretixLayout) -> list[tuple[Area, str]]:
    """Each area with its text, or its picture as SVG. Raises CardError."""
    card = on_card(card, look)
    by_language = {chinese: _values(card, look, chinese=chinese) for chinese in (True, False)}
    values = []
    for area in layout.areas:
        value = filled(area, by_language[(area.locale or card.language).startswith("zh")])
        if area.kind == "picture":
            value = card.photo if shows_photo(area) else ""
            value = look.logo if area.content in LOGO_CONTENTS else value
        elif area.kind == "code":
            text = card.text if shows_code(area) else value
            try:
                value = symbol_svg(text, quiet_zone=4 if area.quiet_zone else 0) if text else ""
            except SymbolError as error:
                raise CardError(
                    N_("area %(number)s of the layout: %(why)s"),
                    number=area.number,
                    why=phrase_of(error),
                ) from None
        else:
            value = "\n".join(map(_clean, value.splitlines()))
        values.append((area, value))
    return values


def _values(card: Card, look: Look, *, chinese: bool) -> dict[str, str]:
    """The card's values, by the names that pretix layouts use."""

    def chosen(first: str, second: str) -> str:
        return first if chinese or not second else second

    category = chosen(card.category_name, card.category_second_name)
    event = chosen(look.event_name, look.event_second_name)
    name = " ".join(filter(None, _headline(card.given_name.strip(), card.family_name.strip())))
    return {
        "attendee_name": name,
        "attendee_name_full_name": name,
        "attendee_name_given_name": card.given_name,
        "attendee_name_family_name": card.family_name,
        "attendee_company": card.organisation,
        "attendee_country": card.country,
        "item": category,
        "itemvar": category,
        "item_category": category,
        "event_name": event,
        "event_series_name": event,
        "event_date": look.dates,
        "event_date_range": look.dates,
        "badge_number": "" if "number" in look.hidden else card.badge_number,
        "latin_name": card.latin_name,
        "job_title": card.job_title,
        "zones": " · ".join(card.zones),
    }


def _card_data(card: Card, look: Look) -> dict[str, object]:
    card = on_card(card, look)
    families, error = _missing(card, _texts(card), card.language)
    if error:
        raise error
    headline, second_line = _headline(_clean(card.given_name), _clean(card.family_name))
    return {
        "headline": headline,
        "second_line": second_line,
        "given_name": _clean(card.given_name),
        "family_name": _clean(card.family_name),
        "latin": _clean(card.latin_name),
        "job_title": _clean(card.job_title),
        "organisation": _clean(card.organisation),
        "country": _clean(card.country),
        "category": _clean(card.category_name),
        "category_second": _clean(card.category_second_name),
        "letter": _clean(card.category_letter),
        "colour": card.category_colour,
        "ink": _ink(card.category_colour),
        "number": "" if "number" in look.hidden else _clean(card.badge_number),
        "zones": list(map(_clean, card.zones)),
        "days": card.days,
        "photo": card.photo,
        "good_on": list(map(_clean, card.good_on)),
        "code_svg": symbol_svg(card.text, quiet_zone=0),
        "fonts": families,
    }


def _headline(given: str, family: str) -> tuple[str, str]:
    """A name in two lines, given name first. Names in Han, kana or hangul stay together, family
    name first.
    """
    if given and family and _EAST_ASIAN.fullmatch(given) and _EAST_ASIAN.fullmatch(family):
        return family + given, ""
    return (given, family) if given else (family, "")


def _missing(
    card: Card | None, texts: Iterable[str], language: str
) -> tuple[tuple[str, ...], MissingGlyphError | None]:
    families, characters = fonts.families_for(map(_clean, texts), language)
    if not characters:
        return families, None
    return families, MissingGlyphError(card, "".join(characters), fonts.remedy(characters))


def _texts(card: Card) -> Iterator[str]:
    yield from (card.given_name, card.family_name, card.organisation, card.country)
    yield from (card.category_name, card.category_letter, card.badge_number, *card.zones)
    yield from (card.category_second_name, card.latin_name, *(day.label for day in card.days))
    yield from (card.job_title, *card.good_on)


def _clean(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _shown(char: str) -> str:
    return repr(char) if char.isprintable() else Phrase("a character")


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _ink(colour: str) -> str:
    """The colour of text on `colour`: white if it is legible (WCAG 2.2 contrast of 4.5), else
    near-black.
    """
    linear = [
        part / 3294.6 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4
        for part in _rgb(colour)
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#ffffff" if 1.05 / (luminance + 0.05) >= 4.5 else "#111111"


@cache
def _template(name: str) -> str:
    return (_TEMPLATES / name).read_text("utf-8")


def _compile(look: Look, data: bytes, form: str, dpi: float | None) -> list[bytes]:
    template = _template("card.typ") if look.template is None else look.template
    if look.layout:
        template = _template("pretix.typ")
    elif _PACKAGE.search(template):
        raise TemplateError(
            N_("the template imports a package: nothing is fetched here, paste its text")
        )
    with ExitStack() as stack:
        root = _TEMPLATES
        if look.layout and look.layout.background:
            # Typst reads a PDF only from a file.
            root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hallkeeper-")))
            (root / "background.pdf").write_bytes(look.layout.background)
        compiler = typst.Compiler(root=root, font_paths=fonts.installed(), ignore_system_fonts=True)
        try:
            pages = compiler.compile(
                template.encode(),
                format="png" if form == "png" else "pdf",
                ppi=dpi,
                sys_inputs={"data": data.decode()},
                pdf_tags=False,
            )
        except typst.TypstError as error:
            hints = "".join(f" ({hint})" for hint in error.hints)
            raise TemplateError(
                N_("the template: %(message)s%(hints)s"), message=error.message, hints=hints
            ) from None
    return pages if isinstance(pages, list) else [pages or b""]
