import base64
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree

from badges.i18n import N_, Count, Spoken
from badges.printing import pictures
from badges.printing.pictures import LargePictureError, PictureError
from badges.printing.pretix import PretixLayout

# Optional lines. The name, the category and the code are on every card.
LINES = ("latin", "organisation", "country", "days", "zones", "number", "photo")
TEXT_CHARS_MAX = 200
PROGRAMME_MAX = 20
HELP_MAX = 6
PICTURE_BYTES_MAX = 3_000_000
_LOGO_PX = 1_200
_PHOTO_PX = 500
_ACTIVE = re.compile(rb"<!ENTITY|<!DOCTYPE[^>]*\[|<script|<foreignObject", re.IGNORECASE)


class LookError(Spoken, ValueError):
    """Raised if cards can't be printed as requested. The text has the remedy."""


@dataclass(frozen=True)
class Format:
    """A paper format and the cards on it. Lengths are in mm."""

    page_width: float
    page_height: float
    card_width: float
    card_height: float
    layout: str  # "upright" or "level"
    on_page: str = "one"  # "one", "four" or "folded"
    mono: bool = False  # black and white, for label printers
    bleed: float = 0  # overlap of colour beyond the edge, for cards that are cut out


FORMATS = {
    "a6": Format(105, 148, 105, 148, "upright"),
    "4x6in": Format(101.6, 152.4, 101.6, 152.4, "upright"),
    "a4-four": Format(210, 297, 92, 134, "upright", on_page="four", bleed=2),
    "a4-folded": Format(210, 297, 105, 148.5, "upright", on_page="folded"),
    "86x54": Format(86, 54, 86, 54, "level"),
    "4x3in": Format(101.6, 76.2, 101.6, 76.2, "level", mono=True),
    "62mm": Format(100, 62, 100, 62, "level", mono=True),
}


@dataclass(frozen=True)
class ProgrammeItem:
    at: str
    titles: tuple[str, ...]  # in one language or two
    place: str = ""


@dataclass(frozen=True)
class Back:
    programme: tuple[ProgrammeItem, ...] = ()
    wifi_name: str = ""
    wifi_password: str = ""
    help: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.programme) > PROGRAMME_MAX:
            raise LookError(
                N_("the back has room for %(most)s lines of the programme"), most=PROGRAMME_MAX
            )
        if len(self.help) > HELP_MAX:
            raise LookError(N_("the back has room for %(most)s lines of help"), most=HELP_MAX)

    def texts(self) -> list[str]:
        lines = [text for item in self.programme for text in (item.at, *item.titles, item.place)]
        return [*lines, self.wifi_name, self.wifi_password, *self.help]


@dataclass(frozen=True)
class Look:
    """The common properties of all cards in a print. Pictures are SVG texts from `logo` and
    `photo`.
    """

    event_name: str
    event_second_name: str = ""  # in the other language
    dates: str = ""
    format: Format = field(default_factory=lambda: FORMATS["a6"])
    logo: str = ""
    host_logo: str = ""
    back: Back | None = None
    # Leave out the colour, logos and event name of a pre-printed shell.
    layer_only: bool = False
    template: str | None = None  # text of an own Typst template
    hidden: tuple[str, ...] = ()  # those of LINES that no card shows
    layout: PretixLayout | None = None  # overrides template, format and back

    def __post_init__(self) -> None:
        if not self.event_name.strip() or len(self.event_name) > TEXT_CHARS_MAX:
            raise LookError(
                N_("the event's name has 1 to %(most)s characters"), most=TEXT_CHARS_MAX
            )
        for text in self.texts():
            if len(text) > TEXT_CHARS_MAX:
                raise LookError(
                    N_("%(text)s… is longer than %(most)s characters"),
                    text=repr(text[:40]),
                    most=TEXT_CHARS_MAX,
                )

    def texts(self) -> list[str]:
        return [self.event_name, self.event_second_name, self.dates, *self.back_texts()]

    def back_texts(self) -> list[str]:
        return self.back.texts() if self.back else []


def logo(data: bytes, name: str) -> str:
    """Return SVG text. Raises LookError."""
    if len(data) > PICTURE_BYTES_MAX:
        raise LookError(
            N_("%(name)s has %(count)s bytes; the limit is %(most)s"),
            name=name,
            count=Count(len(data)),
            most=Count(PICTURE_BYTES_MAX),
        )
    if data.lstrip()[:5] in (b"<svg ", b"<?xml", b"<svg\n") or name.lower().endswith(".svg"):
        return _checked_svg(data, name)
    return _embedded(data, name, _LOGO_PX, "PNG")


def photo(data: bytes, name: str) -> str:
    """Return SVG text, upright and scaled down. Raises LookError."""
    return _embedded(data, name, _PHOTO_PX, "JPEG")


def _checked_svg(data: bytes, name: str) -> str:
    """Check that the SVG loads and executes nothing. Raises LookError."""
    if _ACTIVE.search(data):
        raise LookError(
            N_("%(name)s has scripts, entities or foreign parts: save it as plain SVG"), name=name
        )
    try:
        root = ElementTree.fromstring(data)  # noqa: S314 - the organiser's own picture
        text = data.decode()
    except (ElementTree.ParseError, UnicodeDecodeError):
        raise LookError(
            N_("%(name)s is no SVG in UTF-8: save it anew as plain SVG, or as PNG"), name=name
        ) from None
    if root.tag.rpartition("}")[2] != "svg":
        raise LookError(
            N_("%(name)s is no SVG: its first element is %(tag)s"),
            name=name,
            tag=repr(root.tag[:40]),
        )
    for element in root.iter():
        for key, value in element.attrib.items():
            if key.rpartition("}")[2] == "href" and not value.startswith(("#", "data:image/")):
                raise LookError(
                    N_("%(name)s refers to %(value)s: embed the picture in it"),
                    name=name,
                    value=repr(value[:40]),
                )
            if key.rpartition("}")[2] == "href" and value.startswith("data:"):
                _check_inner(value, name)
        if element.tag.rpartition("}")[2] == "text":
            raise LookError(
                N_("%(name)s has text, which needs its font: turn text into paths"), name=name
            )
    return text


def _check_inner(uri: str, name: str) -> None:
    """Check a picture within an SVG, which is not scaled down. Raises LookError."""
    kind, _, text = uri.partition(",")
    data = unquote_to_bytes(text)
    with suppress(ValueError):
        data = base64.b64decode(data + b"==") if kind.endswith("base64") else data
    with _picture_errors(name):
        pictures.check(data)


@contextmanager
def _picture_errors(name: str) -> Iterator[None]:
    try:
        yield
    except LargePictureError:
        raise LookError(
            N_("%(name)s has more than %(most)s megapixels"),
            name=name,
            most=pictures.PX_MAX // 1_000_000,
        ) from None
    except PictureError:
        raise LookError(
            N_("%(name)s is no picture that can be read: use PNG, JPEG or SVG"), name=name
        ) from None


def _embedded(data: bytes, name: str, most_px: int, form: str) -> str:
    with _picture_errors(name):
        upright = pictures.read_small(data, most_px, "RGB" if form == "JPEG" else "RGBA")
    out = io.BytesIO()
    upright.save(out, form)
    width, height = upright.size
    encoded = base64.b64encode(out.getvalue()).decode()
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}"><image width="{width}" height="{height}"'
        f' href="data:image/{form.lower()};base64,{encoded}"/></svg>'
    )
