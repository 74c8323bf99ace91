"""Validates and converts the values of a venue file.

Values come typed from TOML, or as text from a spreadsheet.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from badges.i18n import N_, Count, Phrase, Spoken
from badges.printing.card import CardError, check_colour

TEXT_CHARS_MAX = 200
LIST_MAX = 20_000
ALL = "all"
NONE = "none"
OUTSIDE = "outside"
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_SEPARATOR = re.compile(r"[,;|\n、，；]")
_YES = {"yes", "true", "1", "x", "是"}
_NO = {"no", "false", "0", "否"}

Reader = Callable[[Any], Any]


class ValueRefusedError(Spoken, ValueError):
    pass


@dataclass(frozen=True)
class Field:
    """A key of the venue file: its parser, and whether it is required, or without which other key
    it is.
    """

    read: Reader
    required: bool = False
    required_without: str = ""


# Persian and Indic names need the two invisible joiners.
_JOINERS = {0x200C: None, 0x200D: None}


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueRefusedError(N_("is not a text: put it in quotation marks"))
    plain = " ".join(unicodedata.normalize("NFC", value).split())
    visible = plain.translate(_JOINERS)
    if not visible or len(plain) > TEXT_CHARS_MAX or not visible.isprintable():
        raise ValueRefusedError(
            N_("is a text of 1 to %(most)s printable characters"), most=TEXT_CHARS_MAX
        )
    return plain


def code(value: Any) -> str:
    wanted = str(value).strip() if isinstance(value, (str, int)) else ""
    if not _CODE.fullmatch(wanted):
        raise ValueRefusedError(N_("is 1 to 32 letters, digits, dots, hyphens and underscores"))
    return wanted


def come_from(value: Any) -> str:
    """Parse where a door leads from: a hall's code, or "" for outside."""
    word = value.strip() if isinstance(value, str) else value
    return "" if isinstance(word, str) and word.casefold() in ("", OUTSIDE, "外面") else code(word)


def key(value: Any) -> str:
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise ValueRefusedError(N_("is 1 to 32 small letters, digits, hyphens and underscores"))
    return value


def whole(lowest: int, highest: int) -> Reader:
    def read(value: Any) -> int:
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,12}", value.strip()):
            value = int(value)
        if type(value) is not int or not lowest <= value <= highest:
            raise ValueRefusedError(
                N_("is a whole number from %(lowest)s to %(highest)s"),
                lowest=lowest,
                highest=highest,
            )
        return value

    return read


def measure(lowest: float, highest: float) -> Reader:
    def read(value: Any) -> float:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}([.,][0-9]{1,6})?", value.strip()):
            value = float(value.strip().replace(",", "."))
        if type(value) not in (int, float) or not lowest <= value <= highest:
            raise ValueRefusedError(
                N_("is a number from %(lowest)s to %(highest)s"),
                lowest=f"{lowest:g}",
                highest=f"{highest:g}",
            )
        return float(value)

    return read


def yes_or_no(value: Any) -> bool:
    word = str(value).strip().casefold()
    if word not in _YES | _NO:
        raise ValueRefusedError(N_("is true or false"))
    return word in _YES


def choice(*words: str) -> Reader:
    def read(value: Any) -> str:
        word = str(value).strip().casefold()
        if word not in words:
            raise ValueRefusedError(N_("must be one of %(choices)s"), choices=", ".join(words))
        return word

    return read


def letter(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 1 or not value.isalnum():
        raise ValueRefusedError(
            N_("is one letter or digit, which distinguishes categories without colours")
        )
    return value


def colour(value: Any) -> str:
    if not isinstance(value, str) or not _COLOUR.fullmatch(value):
        raise ValueRefusedError(N_("is a colour such as #1f5fa8"))
    try:
        return check_colour(value)
    except CardError:
        raise ValueRefusedError(N_("is red, which means no at a door: choose another")) from None


def listed(read: Reader) -> Reader:
    """Return a parser of lists, which may also be one text with commas."""

    def read_all(value: Any) -> tuple[Any, ...]:
        if isinstance(value, str):
            value = [part.strip() for part in _SEPARATOR.split(value) if part.strip()]
        if isinstance(value, int) and not isinstance(value, bool):
            value = [value]
        if not isinstance(value, list) or len(value) > LIST_MAX:
            raise ValueRefusedError(N_("is a list of at most %(most)s"), most=Count(LIST_MAX))
        return tuple(dict.fromkeys(read(item) for item in value))

    return read_all


def category_choice(value: Any) -> tuple[str | int, ...] | None:
    """Parse category keys or numbers. None means all. An empty list or "none" means by
    invitation.
    """
    word = value.strip().casefold() if isinstance(value, str) else ""
    if word == ALL:
        return None
    if word == NONE:
        return ()
    keys: tuple[str | int, ...] = listed(_category)(value)
    return keys


def _category(value: Any) -> str | int:
    if type(value) is int and 0 <= value <= 255:
        return value
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        return _category(int(value))
    try:
        return key(value.strip() if isinstance(value, str) else value)
    except ValueRefusedError:
        raise ValueRefusedError(N_("has categories by key or number, or is all or none")) from None


def attendee(value: Any) -> str:
    given = str(value).strip() if isinstance(value, (str, int)) else ""
    wanted = unicodedata.normalize("NFC", given)
    if not 0 < len(wanted) <= 254 or not wanted.isprintable():
        raise ValueRefusedError(N_("names attendees by external id or e-mail"))
    return wanted


def local_time(zone: ZoneInfo) -> Reader:
    """Return a parser of local times to Unix ms."""
    wanted = Phrase('is a local time such as "2026-05-04 13:45"')

    def read(value: Any) -> int:
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value.strip())
            except ValueError:
                raise ValueRefusedError(wanted) from None
        if not isinstance(value, datetime) or value.tzinfo is not None:
            raise ValueRefusedError(N_("%(wanted)s, without a zone"), wanted=wanted)
        try:
            instant = value.replace(tzinfo=zone).astimezone(UTC)
        except OverflowError:  # the first hours of the year 1, or the last of 9999
            raise ValueRefusedError(wanted) from None
        if instant.astimezone(zone).replace(tzinfo=None) != value:
            raise ValueRefusedError(N_("is a time that clocks skip on that day"))
        return int(instant.timestamp()) * 1000

    return read


def in_either_language(key: str) -> dict[str, Field]:
    """The fields of a name or title in English and Chinese, of which one is needed."""
    return {key: Field(text, required_without=f"{key}_zh"), f"{key}_zh": Field(text)}


def names(columns: Mapping[str, Any], key: str) -> dict[str, str]:
    """Return names by language, from the columns `key` and `key`_zh."""
    both = {"en": columns.get(key, ""), "zh": columns.get(f"{key}_zh", "")}
    return {language: text for language, text in both.items() if text}
