"""Reads badge layouts that pretix's badge editor exports: a list of areas over a PDF.

Lengths are in mm from the bottom left of the page, font sizes in pt, angles in degrees clockwise
around an area's upper left corner. Numbers may be written as texts. An area's `content`
determines its text; docs/cards.md lists the supported contents.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from badges.i18n import N_, Count, Phrase, Spoken, counted

LAYOUT_BYTES_MAX = 300_000
BACKGROUND_BYTES_MAX = 5_000_000
AREAS_MAX = 200
PAGES_MAX = 10
TEXT_CHARS_MAX = 1_000
PAGE_MM_MAX = 1_000.0
# Below it, modules of a badge's code are thinner than 0.4 mm.
CODE_MM_LEAST = 18.0
CODE_CONTENTS = ("", "secret")
LOGO_CONTENTS = ("logo", "event_logo", "organizer_logo")
_PHOTO = re.compile(r"photo|attendee_photo|question_.+")
_PLACEHOLDER = re.compile(r"\{([a-zA-Z0-9:_]+)\}")
# Filled by `_values` of `badges.printing.card`. The last three are Hallkeeper's own.
TEXT_CONTENTS = frozenset(
    "attendee_name attendee_name_full_name attendee_name_given_name attendee_name_family_name"
    " attendee_company attendee_country item itemvar item_category event_name event_series_name"
    " event_date event_date_range badge_number latin_name zones job_title".split()
)
_ALIGN = ("left", "center", "right")
_VERTICAL = ("top", "middle", "bottom")


class PretixError(Spoken, ValueError):
    """Raised for an unusable layout or background. The text has the place and the reason."""


@dataclass(frozen=True)
class Area:
    """A text or picture on the card. Lengths are in mm."""

    kind: str  # "text", "code" or "picture"
    number: int  # in the list, from 1
    page: int
    left: float
    bottom: float
    width: float
    height: float | None  # None: as high as its text
    content: str
    text: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)  # by language
    locale: str = ""
    size: float = 12  # pt
    line_height: float = 1
    colour: str = "#000000"
    family: str = ""
    bold: bool = False
    italic: bool = False
    align: str = "left"
    vertical: str = "top"
    downward: bool = False  # a text without a height hangs from `bottom`
    rotation: float = 0
    shrinks: bool = False
    quiet_zone: bool = True  # the size of a code includes its white margin


@dataclass(frozen=True)
class PretixLayout:
    """A layout's areas, the background PDF, and notes on differences from pretix."""

    areas: tuple[Area, ...]
    pages: tuple[tuple[float, float], ...]  # width and height of each, in mm
    background: bytes = field(default=b"", repr=False)
    notes: tuple[str, ...] = ()


def read_layout(
    data: bytes, name: str, background: bytes = b"", *, page: tuple[float, float] = (148, 105)
) -> PretixLayout:
    """`name` is the file's. Raises PretixError.

    `page` is the size of the paper in mm, used if there is no background.
    """
    pages = _pages(background) if background else ()
    listed = _listed(data, name)
    areas, left_out = [], 0
    for number, given in enumerate(listed, 1):
        where = Phrase("%(name)s, area %(number)s", name=name, number=number)
        if not isinstance(given, dict):
            raise PretixError(N_("%(where)s is no object with a type"), where=where)
        if given.get("type") == "poweredby":
            left_out += 1
        else:
            areas.append(_area(given, number, where))
    most = max((area.page for area in areas), default=1)
    if pages and most > len(pages):
        far = next(area for area in areas if area.page > len(pages))
        raise PretixError(
            N_(
                "%(name)s, area %(number)s is on page %(page)s, and the background has "
                "%(count)s: take the PDF that belongs to the layout"
            ),
            name=name,
            number=far.number,
            page=far.page,
            count=len(pages),
        )
    return PretixLayout(
        tuple(areas), pages or (page,) * most, background, tuple(_notes(areas, left_out))
    )


def filled(area: Area, values: Mapping[str, str]) -> str:
    if area.content in ("other", "other_i18n"):
        text = area.text
        if area.content == "other_i18n":
            short = area.locale.partition("-")[0]
            translations = (area.texts.get(language) for language in (area.locale, short, "en"))
            text = next(filter(None, translations), next(iter(area.texts.values()), ""))

        def value_of(match: re.Match[str]) -> str:
            return values.get(match[1], "" if _is_pretix(match[1]) else match[0])

        return _PLACEHOLDER.sub(value_of, text)
    return values.get(area.content, "")


def _listed(data: bytes, name: str) -> list[Any]:
    if len(data) > LAYOUT_BYTES_MAX:
        raise PretixError(
            N_("%(name)s has %(count)s bytes; the limit is %(most)s"),
            name=name,
            count=Count(len(data)),
            most=Count(LAYOUT_BYTES_MAX),
        )
    try:
        areas = json.loads(data)
    except (ValueError, RecursionError):
        raise PretixError(
            N_(
                "%(name)s is no JSON: export the layout in pretix' badge editor, or copy its source"
            ),
            name=name,
        ) from None
    if isinstance(areas, dict):  # as in the API, with its name beside it
        areas = areas.get("layout")
    if not isinstance(areas, list) or not areas:
        raise PretixError(N_("%(name)s is no layout of pretix: that is a list of areas"), name=name)
    if len(areas) > AREAS_MAX:
        raise PretixError(
            N_("%(name)s has %(count)s areas; the limit is %(most)s"),
            name=name,
            count=Count(len(areas)),
            most=AREAS_MAX,
        )
    return areas


def _pages(background: bytes) -> tuple[tuple[float, float], ...]:
    if len(background) > BACKGROUND_BYTES_MAX:
        raise PretixError(
            N_("the background has %(count)s bytes; the limit is %(most)s"),
            count=Count(len(background)),
            most=Count(BACKGROUND_BYTES_MAX),
        )
    import pypdfium2  # imported here because it loads slowly, and few events have a background

    try:
        with pypdfium2.PdfDocument(background) as document:
            sizes = tuple(page.get_size() for page in document)
    except pypdfium2.PdfiumError:
        raise PretixError(
            N_("the background is no PDF that can be read, or has a password")
        ) from None
    if not 1 <= len(sizes) <= PAGES_MAX:
        raise PretixError(
            N_("the background has %(count)s pages; use 1 to %(most)s"),
            count=len(sizes),
            most=PAGES_MAX,
        )
    pages = tuple((width / 72 * 25.4, height / 72 * 25.4) for width, height in sizes)
    if any(not 10 <= side <= PAGE_MM_MAX for page in pages for side in page):
        raise PretixError(N_("the background has a page with a side below 10 or above 1,000 mm"))
    return pages


def _area(given: Mapping[str, Any], number: int, where: str) -> Area:
    read = _Reader(given, where)
    kind = given.get("type")
    page = read.number("page", 1)
    if page != int(page) or not 1 <= page <= PAGES_MAX:
        raise PretixError(
            N_("%(where)s: page must be a whole number from 1 to %(most)s"),
            where=where,
            most=PAGES_MAX,
        )
    place: dict[str, Any] = {
        "number": number,
        "page": int(page),
        "left": read.number("left"),
        "bottom": read.number("bottom"),
        "content": read.text("content"),
        "text": read.text("text"),
        "texts": read.texts("text_i18n"),
    }
    if kind == "barcodearea":
        size = read.length("size")
        return Area("code", width=size, height=size,
                    quiet_zone=not read.flag("nowhitespace"), **place)  # fmt: skip
    if kind == "imagearea":
        return Area("picture", width=read.length("width"), height=read.length("height"), **place)
    if kind not in ("textarea", "textcontainer"):
        raise PretixError(
            N_(
                "%(where)s: there is no type %(kind)s; known are textarea, "
                "textcontainer, barcodearea, imagearea and poweredby"
            ),
            where=where,
            kind=repr(str(kind)[:40]),
        )
    size = read.number("fontsize")
    line_height = read.number("lineheight", 1)
    if not 1 <= size <= 500 or not 0.2 <= line_height <= 10:
        raise PretixError(
            N_("%(where)s: fontsize is 1 to 500 pt, and lineheight 0.2 to 10"), where=where
        )
    return Area(
        "text",
        width=read.length("width"),
        height=read.length("height") if kind == "textcontainer" else None,
        locale=read.text("locale"),
        size=size,
        line_height=line_height,
        colour=read.colour("color"),
        family=read.text("fontfamily"),
        bold=read.flag("bold"),
        italic=read.flag("italic"),
        align=read.one_of("align", _ALIGN, "left"),
        vertical=read.one_of("verticalalign", _VERTICAL, "top"),
        downward=read.flag("downward"),
        rotation=read.number("rotation", 0),
        shrinks=read.flag("autoresize"),
        **place,
    )


class _Reader:
    """Parses the values of an area. Errors name the area."""

    def __init__(self, given: Mapping[str, Any], where: str) -> None:
        self._given = given
        self._where = where

    def number(self, key: str, default: float | None = None) -> float:
        value = self._given.get(key, default)
        if value is None:
            raise PretixError(N_("%(where)s lacks %(key)s"), where=self._where, key=key)
        try:
            parsed = float("nan") if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            parsed = math.nan
        if not abs(parsed) <= 10_000:
            raise PretixError(
                N_("%(where)s: %(key)s must be a number, and is %(value)s"),
                where=self._where,
                key=key,
                value=repr(str(value)[:40]),
            )
        return parsed

    def length(self, key: str) -> float:
        millimetres = self.number(key)
        if not 0 < millimetres <= PAGE_MM_MAX:
            raise PretixError(
                N_("%(where)s: %(key)s must be more than 0 mm, up to 1,000"),
                where=self._where,
                key=key,
            )
        return millimetres

    def text(self, key: str) -> str:
        value = self._given.get(key)
        if value is None:
            return ""
        if not isinstance(value, str) or len(value) > TEXT_CHARS_MAX:
            raise PretixError(
                N_("%(where)s: %(key)s must be a text of up to %(most)s characters"),
                where=self._where,
                key=key,
                most=Count(TEXT_CHARS_MAX),
            )
        return value

    def texts(self, key: str) -> dict[str, str]:
        value = self._given.get(key) or {}
        if not isinstance(value, dict) or not all(
            isinstance(text, str) and len(text) <= TEXT_CHARS_MAX for text in value.values()
        ):
            raise PretixError(
                N_("%(where)s: %(key)s must have a text for each language"),
                where=self._where,
                key=key,
            )
        return dict(value)

    def flag(self, key: str) -> bool:
        value = self._given.get(key, False)
        if not isinstance(value, bool):
            raise PretixError(
                N_("%(where)s: %(key)s must be true or false"), where=self._where, key=key
            )
        return value

    def one_of(self, key: str, choices: tuple[str, ...], default: str) -> str:
        value = self._given.get(key) or default
        if value not in choices:
            raise PretixError(
                N_("%(where)s: %(key)s must be one of %(known)s"),
                where=self._where,
                key=key,
                known=", ".join(choices),
            )
        return str(value)

    def colour(self, key: str) -> str:
        value = self._given.get(key, [0, 0, 0])
        if not isinstance(value, list) or len(value) not in (3, 4):
            raise PretixError(
                N_("%(where)s: %(key)s must be a list of red, green and blue"),
                where=self._where,
                key=key,
            )
        parts = [part if isinstance(part, int) and 0 <= part <= 255 else -1 for part in value[:3]]
        if -1 in parts:
            raise PretixError(
                N_("%(where)s: %(key)s must have whole numbers from 0 to 255"),
                where=self._where,
                key=key,
            )
        return "#" + "".join(f"{part:02x}" for part in parts)


def shows_code(area: Area) -> bool:
    return area.kind == "code" and area.content in CODE_CONTENTS


def shows_photo(area: Area) -> bool:
    """Whether a picture shows the attendee's photo. In pretix it is the answer to a question."""
    return bool(_PHOTO.fullmatch(area.content))


def _notes(areas: list[Area], left_out: int) -> Iterator[str]:
    if not any(map(shows_code, areas)):
        yield (
            Phrase(
                "No area has the badge's code, a barcodearea with the content secret: no "
                "door can read these cards."
            )
        )
    for area in areas:
        named = Phrase("Area %(number)s", number=area.number)
        if shows_code(area) and area.width < CODE_MM_LEAST:
            yield (
                Phrase(
                    "%(named)s: the code is %(width)s mm wide. Below %(code_mm_least)s mm "
                    "cameras may not read it.",
                    named=named,
                    width=f"{area.width:g}",
                    code_mm_least=f"{CODE_MM_LEAST:g}",
                )
            )
        elif unknown := _unfilled(area):
            empty = (
                Phrase("it stays empty")
                if area.content not in ("other", "other_i18n")
                else (Phrase("it is left out of the text"))
            )
            names = ", ".join(unknown)
            yield Phrase(
                "%(named)s: there is nothing for %(names)s here, and %(empty)s.",
                named=named,
                names=names,
                empty=empty,
            )
        elif area.kind == "picture" and area.content.startswith("question_"):
            yield Phrase(
                "%(named)s: %(content)s is taken as the person's photo.",
                named=named,
                content=area.content,
            )
    if left_out:
        yield counted(
            "%(num)s of type poweredby is left out.",
            "%(num)s of type poweredby are left out.",
            left_out,
        )


def _unfilled(area: Area) -> list[str]:
    if area.kind == "picture":
        supported = area.content in LOGO_CONTENTS or shows_photo(area)
        return [] if supported else [area.content or Phrase("a picture without a name")]
    if shows_code(area):
        return []
    if area.content in ("other", "other_i18n"):
        words = [area.text, *area.texts.values()]
        named = {match for text in words for match in _PLACEHOLDER.findall(text)}
        return sorted(name for name in named if name not in TEXT_CONTENTS and _is_pretix(name))
    return (
        []
        if area.content in TEXT_CONTENTS
        else [area.content or Phrase("an area without a content")]
    )


# Prefixes of the other content names of pretix. Other words in braces are printed verbatim.
_PRETIX = re.compile(
    r"(secret|order|positionid|item|variation|price|attendee|pseudonymization|event|telephone|email"
    r"|invoice|addons|organizer|now_|purchase|valid_|medium|seat|meta:|itemmeta:|question_|name)"
)


def _is_pretix(name: str) -> bool:
    return bool(_PRETIX.match(name))
