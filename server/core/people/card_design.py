"""Reads the design of an event's cards from its folder `cards`: `cards.toml`, logos, photos and the
organiser's own templates, all optional.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from badges.i18n import N_, Phrase, phrase_of
from badges.printing.look import (
    FORMATS,
    LINES,
    Back,
    Look,
    LookError,
    ProgrammeItem,
    logo,
    photo,
)
from badges.printing.pretix import (
    BACKGROUND_BYTES_MAX,
    LAYOUT_BYTES_MAX,
    PretixError,
    PretixLayout,
    read_layout,
)
from badges.settings_check import SettingsError, read_settings, rule
from server.core.event.directory import CARDS_FOLDER, Event
from server.core.event.files import read_small
from server.core.event.settings import EventError, EventSettings
from server.core.people.attendees import Attendee
from server.core.people.cards import Lines, both_languages
from server.storage import durable_files

SETTINGS_FILE = "cards.toml"
SETTINGS_BYTES_MAX = 100_000
TEMPLATE_BYTES_MAX = 1_000_000
PHOTO_BYTES_MAX = 20_000_000
_PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
_ITEM_KEYS = {"at", "zh", "en", "place"}


class DesignError(EventError):
    pass


def _is_file_name(name: str) -> bool:
    return not name or (Path(name).name == name and name not in (".", ".."))


def _is_programme(items: list[dict[str, str]]) -> bool:
    return all(
        item.get("at") and (item.get("zh") or item.get("en")) and item.keys() <= _ITEM_KEYS
        for item in items
    )


_FileName = Annotated[
    str, rule(Phrase("the name of a file in the folder cards"), holds=_is_file_name)
]
_Text = Annotated[
    str, rule(Phrase("a text of up to 200 characters"), holds=lambda text: len(text) <= 200)
]


@dataclass(frozen=True)
class CardSettings:
    """The contents of `cards.toml`. Every key is optional."""

    format: Annotated[
        str,
        rule(
            Phrase("one of %(formats)s", formats=", ".join(FORMATS)),
            holds=lambda name: name in FORMATS,
        ),
    ] = "a6"
    template: _FileName = ""
    # A layout exported from pretix' badge editor, and the PDF beneath it. It overrides the format
    # and the template.
    pretix_layout: _FileName = ""
    pretix_background: _FileName = ""
    logo: _FileName = ""
    host_logo: _FileName = ""
    photos: Annotated[
        str, rule(Phrase("the name of a folder in the folder cards"), holds=_is_file_name)
    ] = ""
    # `back` prints backs too. `layer_only` prints only the text missing on a pre-printed card.
    back: Annotated[bool, rule(Phrase("true or false"))] = False
    layer_only: Annotated[bool, rule(Phrase("true or false"))] = False
    hide: Annotated[
        list[str],
        rule(
            Phrase("a list of one or more of %(lines)s", lines=", ".join(LINES)),
            holds=lambda x: set(x) <= set(LINES),
        ),
    ] = field(default_factory=list)
    # Whether to transliterate names in other scripts if the roster has no Latin form.
    latin: Annotated[bool, rule(Phrase("true or false"))] = True
    job_title: Annotated[bool, rule(Phrase("true or false"))] = False
    dates: _Text = ""
    wifi_name: _Text = ""
    wifi_password: _Text = ""
    help: Annotated[
        list[str], rule(Phrase("a list of up to 6 texts"), holds=lambda x: len(x) <= 6)
    ] = field(default_factory=list)
    programme: Annotated[
        list[dict[str, str]],
        rule(
            Phrase(
                'a list of up to 20 tables, each with "at", with "zh" or "en" or both, '
                'and perhaps "place"'
            ),
            holds=lambda items: len(items) <= 20 and _is_programme(items),
        ),
    ] = field(default_factory=list)


@dataclass(frozen=True)
class CardDesign:
    look: Look
    back: Back  # the content of a back, even if backs are not printed
    lines: Lines
    photos: Path | None

    def photo_files(self) -> list[Path]:
        """Return all photos, sorted."""
        files = [] if self.photos is None else sorted(self.photos.iterdir())
        return [path for path in files if path.suffix.lower() in _PHOTO_SUFFIXES and path.is_file()]

    def leftover_photos(self) -> list[Path]:
        """Return photos whose process died before they were in place."""
        files = [] if self.photos is None else sorted(self.photos.iterdir())
        return [path for path in files if durable_files.meant_for(path) != path]

    def photo_of(self) -> Callable[[Attendee], str] | None:
        """Return a reader of photos, or None if cards have none.

        A photo's file is named by external id or badge number. The function returns "" without a
        photo, and raises DesignError for a file that is no picture.
        """
        if self.photos is None:
            return None
        files = {path.stem: path for path in self.photo_files()}

        def read(holder: Attendee) -> str:
            path = files.get(holder.external_id or "") or files.get(holder.number)
            if path is None:
                return ""
            with _design_errors():
                return photo(read_small(path, PHOTO_BYTES_MAX, DesignError), str(path))

        return read


def read_design(
    event: Event, *, format_name: str = "", back: bool | None = None, layer_only: bool = False
) -> CardDesign:
    """`format_name` and `back` override the settings. Raises DesignError."""
    folder = event.path / CARDS_FOLDER
    settings = read_card_settings(folder)
    settings = replace(
        settings,
        format=format_name or settings.format,
        back=settings.back if back is None else back,
        layer_only=layer_only or settings.layer_only,
    )
    return design_of(event.settings, folder, settings)


def design_of(
    event: EventSettings,
    folder: Path,
    settings: CardSettings,
    new_files: Mapping[str, bytes] | None = None,
) -> CardDesign:
    """`new_files` maps names to files not saved yet. Raises DesignError."""
    files = _Files(folder, new_files or {})
    first, second = both_languages(event.name)
    try:
        reverse = _back(settings)
        look = Look(
            event_name=first,
            event_second_name=second,
            dates=settings.dates or " · ".join(dates_texts(event)),
            format=FORMATS[settings.format],
            logo=files.logo(settings.logo),
            host_logo=files.logo(settings.host_logo),
            back=reverse if settings.back else None,
            layer_only=settings.layer_only,
            hidden=tuple(settings.hide),
            layout=_layout(files, settings) if settings.pretix_layout else None,
        )
    except LookError as error:
        raise DesignError(
            N_("%(place)s: %(what)s."), place=folder / SETTINGS_FILE, what=error.phrase
        ) from None
    if settings.template:
        look = replace(look, template=read_template(folder / settings.template))
    photos = folder / settings.photos if settings.photos else None
    if photos is not None and not photos.is_dir():
        raise DesignError(
            N_("There is no folder %(photos)s: make it, or take photos out of the file."),
            photos=photos,
        )
    return CardDesign(look, reverse, lines_of(settings), photos)


def lines_of(settings: CardSettings) -> Lines:
    return Lines(latin=settings.latin, job_title=settings.job_title)


def read_card_settings(folder: Path) -> CardSettings:
    """Return defaults without the file `cards.toml`. Raises DesignError."""
    return parse_card_settings(read_card_text(folder), str(folder / SETTINGS_FILE))


def read_card_text(folder: Path) -> str:
    """Return "" without the file `cards.toml`. Raises DesignError."""
    path = folder / SETTINGS_FILE
    return _read_text(path, SETTINGS_BYTES_MAX) if path.exists() else ""


def parse_card_settings(text: str, place: str) -> CardSettings:
    """Raises DesignError, which names `place`."""
    try:
        return read_settings(CardSettings, text, place)
    except SettingsError as error:
        raise DesignError(error.phrase) from None


def read_pretix_layout(layout: Path, background: Path | None, format_name: str) -> PretixLayout:
    """Without a background PDF, the format gives the paper size.

    Raises DesignError.
    """
    under = b"" if background is None else read_small(background, BACKGROUND_BYTES_MAX, DesignError)
    return _made_layout(
        read_small(layout, LAYOUT_BYTES_MAX, DesignError), str(layout), under, format_name
    )


def find_template(event: Event, name: str) -> Path:
    """`name` is a path, or a name in the folder `cards`. Raises DesignError."""
    inside = event.path / CARDS_FOLDER / name
    for path in (inside, inside.with_name(f"{inside.name}.typ"), Path(name)):
        if path.is_file():
            return path
    raise DesignError(
        N_("There is no template %(name)s, neither here nor in %(parent)s."),
        name=repr(name),
        parent=inside.parent,
    )


def read_template(path: Path) -> str:
    return _read_text(path, TEMPLATE_BYTES_MAX)


def _read_text(path: Path, bytes_max: int) -> str:
    try:
        return read_small(path, bytes_max, DesignError).decode()
    except UnicodeDecodeError:
        raise DesignError(N_("%(path)s is not text in UTF-8."), path=path) from None


def dates_texts(settings: EventSettings) -> tuple[str, str]:
    first = settings.first_day
    last = first + timedelta(days=settings.days - 1)
    if first == last:
        english, chinese = f"{first.day} {first:%b}", f"{first.month}月{first.day}日"
    elif (first.year, first.month) == (last.year, last.month):
        english = f"{first.day}–{last.day} {first:%b}"
        chinese = f"{first.month}月{first.day}–{last.day}日"
    else:
        english = f"{first.day} {first:%b} – {last.day} {last:%b}"
        chinese = f"{first.month}月{first.day}日–{last.month}月{last.day}日"
    return f"{last.year}年{chinese}", f"{english} {last.year}"


def _back(settings: CardSettings) -> Back:
    items = tuple(
        ProgrammeItem(
            item["at"],
            tuple(filter(None, (item.get("zh"), item.get("en")))),
            item.get("place", ""),
        )
        for item in settings.programme
    )
    return Back(items, settings.wifi_name, settings.wifi_password, tuple(settings.help))


class _Files:
    """Reads files of the design's folder; files not saved yet have precedence."""

    def __init__(self, folder: Path, new_files: Mapping[str, bytes]) -> None:
        self.folder = folder
        self._new = new_files

    def read(self, name: str, most: int) -> bytes:
        if name in self._new:
            return self._new[name]
        return read_small(self.folder / name, most, DesignError)

    def logo(self, name: str) -> str:
        if not name:
            return ""
        with _design_errors():
            return logo(self.read(name, PHOTO_BYTES_MAX), str(self.folder / name))


def _layout(files: _Files, settings: CardSettings) -> PretixLayout:
    under = b""
    if settings.pretix_background:
        under = files.read(settings.pretix_background, BACKGROUND_BYTES_MAX)
    data = files.read(settings.pretix_layout, LAYOUT_BYTES_MAX)
    place = str(files.folder / settings.pretix_layout)
    return _made_layout(data, place, under, settings.format)


def _made_layout(data: bytes, place: str, background: bytes, format_name: str) -> PretixLayout:
    paper = FORMATS[format_name]
    with _design_errors():
        return read_layout(data, place, background, page=(paper.card_width, paper.card_height))


@contextmanager
def _design_errors() -> Iterator[None]:
    try:
        yield
    except (LookError, PretixError) as error:
        raise DesignError(N_("%(what)s."), what=phrase_of(error)) from None
