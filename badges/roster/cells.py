"""Cleans and checks one cell at a time, and converts it to its value."""

import contextlib
import functools
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping

from badges.i18n import N_, Count, Phrase, Spoken, joined
from badges.roster.countries import countries_called, near_names
from badges.roster.mapping import EMPTY
from badges.roster.problems import shown

NAME_CHARS = 120
ORGANISATION_CHARS = 160
_LIMITS = {
    "given_name": NAME_CHARS, "family_name": NAME_CHARS, "name": NAME_CHARS,
    "latin_name": 2 * NAME_CHARS,
    "organisation": ORGANISATION_CHARS, "job_title": ORGANISATION_CHARS, "country": 60,
    "email": 254, "external_id": 64,
    "phone": 60, "order_number": 64, "category": 64, "days": 100, "zones": 400,
    "invitations": 2_000, "language": 35, "accessible": 40,
}  # fmt: skip
_MARKS_MOST = 8  # the most combining marks on one letter; living scripts need fewer
# East Asian spreadsheets also accept the wide forms at the beginning of formulas.
_FORMULA = "=+-@\t\r＝＋－＠"
# A phone number may begin like a formula, but has no operators or names that one would compute.
_INTERNATIONAL = re.compile(r"[+＋][0-9０-９ ()./-]+")
_PHONE_DIGITS_MIN = 3
_DASHES = frozenset("-–—―－")
_SHEET_ERRORS = {"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!"}
_INVISIBLE_SIGNS = frozenset("\u00ad\u061c\u200b\u200e\u200f\u2060\ufeff")
_INVISIBLE = dict.fromkeys(map(ord, _INVISIBLE_SIGNS))
_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
PRODUCT_AND_VARIATION = " – "  # between the two, as ticket shops write it
_HAN_OR_NOT = re.compile(r"[\u3400-\u9fff]+|[^\u3400-\u9fff]+")
_JOINERS = "\u200c\u200d"  # needed in Persian and Indic names
_WORD = r"[^\s@<>()\[\]\\,;:\"]"
_EMAIL = re.compile(rf"{_WORD}{{1,64}}@{_WORD}+\.{_WORD}{{2,}}")
_BETWEEN_EMAILS = re.compile(r"[;,/|、，；\s]+")
_SCIENTIFIC = re.compile(r"(\d)(?:\.(\d+))?E\+(\d{1,3})", re.IGNORECASE)
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_NO_LETTERS = re.compile(r"[\W\d_]+")
_LIST_ENDING = re.compile(
    r"(?:名单|名單|一览表|列表|表|s)$", re.IGNORECASE
)  # of "媒体名单", "Speakers"
_LIST = re.compile(r"[,;|\n、，；]")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", re.IGNORECASE)
_LANGUAGES = {
    "chinese": "zh", "中文": "zh", "汉语": "zh", "简体中文": "zh", "english": "en", "英文": "en",
    "英语": "en", "french": "fr", "français": "fr", "法语": "fr", "spanish": "es", "español": "es",
    "西班牙语": "es", "russian": "ru", "русский": "ru", "俄语": "ru", "arabic": "ar",
    "العربية": "ar", "阿拉伯语": "ar", "japanese": "ja", "日本語": "ja", "日语": "ja",
    "korean": "ko", "한국어": "ko", "韩语": "ko",
}  # fmt: skip

_ACCESSIBLE = {
    "wheelchair": "wheelchair", "wheelchair user": "wheelchair", "yes": "wheelchair",
    "true": "wheelchair", "1": "wheelchair", "x": "wheelchair", "✓": "wheelchair",
    "✔": "wheelchair", "√": "wheelchair", "轮椅": "wheelchair", "×": "none",
    "轮椅使用者": "wheelchair", "是": "wheelchair", "companion": "companion", "carer": "companion",
    "陪同": "companion", "陪同人员": "companion", "陪护": "companion", "none": "none", "no": "none",
    "false": "none", "0": "none", "无": "none", "否": "none",
}  # fmt: skip


Reader = Callable[[str], str]


class CellError(Spoken, ValueError):
    """Raised for an invalid cell. The text has the problem and the remedy."""


class UnknownCategoryError(CellError):
    pass


class RoundedError(CellError):
    """Raised for a number of which a spreadsheet has kept the first digits."""


def clean(column: str, raw: str) -> str:
    """Return `raw` in NFC, with single spaces and without invisible characters. Raises
    CellError.
    """
    text = raw if raw.isascii() and raw.isprintable() else _plain(raw)
    text = " ".join(text.split())
    if not text or _DASHES.issuperset(text):
        return ""
    is_call = column == "phone" and _INTERNATIONAL.fullmatch(text)
    if not is_call and (raw[0] in _FORMULA or text[0] in _FORMULA):
        sign = raw[0] if raw[0] in _FORMULA else text[0]
        raise CellError(
            N_("starts with %(sign)s: looks like a formula. Write plain text"), sign=repr(sign)
        )
    if text in _SHEET_ERRORS:
        raise CellError(
            N_("holds %(text)s, an error of the spreadsheet. Write plain text"), text=text
        )
    limit = _LIMITS[column]
    if len(text) > limit:
        hint = Phrase(". Is a closing quote missing?") if "\n" in raw else ""
        raise CellError(
            N_("has %(count)s characters; the limit is %(limit)s%(hint)s"),
            count=Count(len(text)),
            limit=limit,
            hint=hint,
        )
    return text


def invisible(raw: str) -> str:
    """The distinct invisible characters that `clean` removes."""
    if _INVISIBLE_SIGNS.isdisjoint(raw):
        return ""
    return "".join(dict.fromkeys(sign for sign in raw if sign in _INVISIBLE_SIGNS))


def _plain(raw: str) -> str:
    marks = 0
    for char in raw:
        kind = unicodedata.category(char)
        marks = marks + 1 if kind[0] == "M" else 0
        if marks > _MARKS_MOST:
            raise CellError(
                N_("has over %(most)s marks on one letter. Type it again"), most=_MARKS_MOST
            )
        if kind[0] == "C" or char == "\ufffd":
            _refuse(char, kind)
    return unicodedata.normalize("NFC", raw.translate(_INVISIBLE))


def _refuse(char: str, kind: str) -> None:
    code = ord(char)
    name = f"U+{code:04X}"
    if char.isspace() or char in _JOINERS or code in _INVISIBLE:
        return
    if "\udc80" <= char <= "\udcff":
        raise CellError(
            N_(
                "has a byte 0x%(code)s that is not UTF-8. Type the cell again, or choose the "
                "encoding of the file"
            ),
            code=f"{code - 0xDC00:02X}",
        )
    if char == "\ufffd":
        raise CellError(N_("has a '�' where a character was lost. Type the cell again"))
    if kind == "Cc":
        raise CellError(N_("has a control character (%(name)s). Type the cell again"), name=name)
    if kind == "Co":
        raise CellError(
            N_("has a private character (%(name)s) that each font draws differently"), name=name
        )
    if kind == "Cs" or code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF:
        raise CellError(N_("has %(name)s, which is no character. Type the cell again"), name=name)
    if kind == "Cf" and 0x2000 <= code and not 0x110BD <= code <= 0x110CD:
        raise CellError(
            N_("has an invisible character (%(name)s) that can turn text round. Remove it"),
            name=name,
        )


def narrow(text: str) -> str:
    """Convert East Asian full-width letters, digits and signs to ordinary ones."""
    return text if text.isascii() else text.translate(_NARROW).strip()


def latin_name(text: str) -> str:
    """Raises CellError unless all letters are Latin."""
    for char in text:
        if char.isalpha() and not unicodedata.name(char, "").startswith(("LATIN", "MODIFIER")):
            raise CellError(
                N_("has %(char)s, which is no Latin letter. Write it in Latin letters"),
                char=shown(char),
            )
    return text


def email(text: str) -> str:
    text = narrow(text)
    if not _EMAIL.fullmatch(text) or ".." in text:
        raise CellError(N_("is not an e-mail address such as name@example.org"))
    return text


def several_emails(text: str) -> list[str]:
    """The addresses of a cell that has two or more and nothing else, or []."""
    parts = [part for part in _BETWEEN_EMAILS.split(narrow(text)) if part]
    return parts if len(parts) > 1 and all(map(_EMAIL.fullmatch, parts)) else []


def external_id(text: str) -> str:
    return whole_number(narrow(text))


def whole_number(text: str) -> str:
    """Write a number in scientific notation with all its digits. Raises RoundedError if some are
    lost.
    """
    match = _SCIENTIFIC.fullmatch(text)
    if match is None:
        return text
    digits = match[1] + (match[2] or "")
    if len(digits) != int(match[3]) + 1:
        raise RoundedError(
            N_("is a number that the spreadsheet has rounded. Format the column as text")
        )
    return digits


def phone(text: str) -> str:
    text = whole_number(narrow(text))
    if sum(char.isdigit() for char in text) < _PHONE_DIGITS_MIN:
        raise CellError(
            N_(
                "is no telephone number. Write it in digits such as +86 138 1234 5678, "
                "or leave it empty"
            )
        )
    return text


def country(text: str) -> str:
    """The ISO 3166 code of a country, given by a code or a name. Raises CellError."""
    matches = countries_called(text)
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise CellError(
            N_("%(text)s could be %(found)s. Write the ISO code"),
            text=shown(text),
            found=joined(Phrase(" or "), matches),
        )
    near = list(near_names(text).values())
    meant = Phrase(" Is it %(near)s?", near=joined(Phrase(" or "), near)) if near else ""
    raise CellError(
        N_(
            "%(text)s is not a known country.%(meant)s Write the name or its ISO code, or "
            "leave the cell empty"
        ),
        text=shown(text),
        meant=meant,
    )


def mapped_country(mapping: Mapping[str, str]) -> Reader:
    """A parser of countries that also accepts the words in `mapping`. `EMPTY` there is ""."""
    meant = {wording(word): code for word, code in mapping.items()}

    def read(text: str) -> str:
        code = meant.get(wording(text), text)
        return "" if code == EMPTY else country(code)

    return read


def category(
    categories: Collection[str] | Mapping[str, str | Collection[str]],
    mapping: Mapping[str, str] | None = None,
) -> Reader:
    """A parser of categories. The values of a mapping `categories` are their names.

    A name shared by two categories is refused; "代表 Delegate" is two names of one category.
    `mapping` gives the organiser's words precedence. A product in it covers all its variations, as
    in "Ticket – Early bird".
    """
    meant: dict[str, set[str]] = {}
    if isinstance(categories, Mapping):
        for code, names in categories.items():
            for name in [names] if isinstance(names, str) else names:
                meant.setdefault(wording(name), set()).add(code)
    meant |= {wording(code): {code} for code in categories}
    mapped = {wording(word): code for word, code in (mapping or {}).items()}

    def read(text: str) -> str:
        product = text.partition(PRODUCT_AND_VARIATION)[0]
        code = mapped.get(wording(text)) or mapped.get(wording(product))
        if code is not None and code in categories:
            return code
        codes = meant.get(wording(text)) or set()
        if not codes:
            parts = [p for piece in re.split(r"[/|\n]", text) for p in _HAN_OR_NOT.findall(piece)]
            meanings = [meant.get(wording(part), set()) for part in parts if wording(part)]
            codes = set.intersection(*meanings) if meanings else set()
        if len(codes) > 1:
            named = joined(Phrase(" or "), sorted(codes))
            raise CellError(
                N_("%(text)s could be %(named)s. Write the code"), text=shown(text), named=named
            )
        if not codes:
            raise UnknownCategoryError(
                N_("%(text)s is no category. Use one of %(known)s"),
                text=shown(text),
                known=", ".join(sorted(categories)),
            )
        return next(iter(codes))

    return functools.cache(read)


def category_in_title(title: str, read: Reader) -> str:
    """The category that a sheet's title such as "VIP list" or "媒体名单" names, or "".

    `read` parses a category. A title that names two categories names none.
    """
    words = [word for part in _NO_LETTERS.split(title) for word in _HAN_OR_NOT.findall(part)]
    words += [_LIST_ENDING.sub("", word) for word in words]
    named = set()
    for word in filter(None, words):
        with contextlib.suppress(CellError):
            named.add(read(word))
    return named.pop() if len(named) == 1 else ""


def wording(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def codes(noun: str, valid: Collection[str] | None) -> Callable[[str], tuple[str, ...]]:
    """A parser of lists of codes. It accepts those in `valid`, or any well-formed ones if None."""
    right = {code.casefold(): code for code in valid or ()}

    def read(text: str) -> tuple[str, ...]:
        listed = [part.strip() for part in _LIST.split(narrow(text)) if part.strip()]
        for code in listed:
            if not _CODE.fullmatch(code):
                raise CellError(
                    N_("%(code)s is no code of a %(what)s. Separate codes by commas"),
                    code=shown(code),
                    what=noun,
                )
            if valid is not None and code.casefold() not in right:
                raise CellError(
                    N_("%(code)s is not a %(what)s of this event"), code=shown(code), what=noun
                )
        return tuple(dict.fromkeys(right.get(code.casefold(), code) for code in listed))

    return read


def language(text: str) -> str:
    """The BCP 47 tag, such as "zh" or "zh-Hant", of a language given by tag or usual name."""
    text = narrow(text)
    named = _LANGUAGES.get(text.casefold())
    if named:
        return named
    text = text.replace("_", "-").removesuffix("-informal")  # as ticket shops call a tone
    if not _LANGUAGE.fullmatch(text):
        raise CellError(
            N_("%(text)s is no language. Use a code such as zh or en"), text=shown(text)
        )
    return text


def accessible(text: str) -> str:
    """Return "wheelchair" or "companion", for whom places are kept, or "none"."""
    named = _ACCESSIBLE.get(narrow(text).casefold())
    if named is None:
        raise CellError(
            N_("%(text)s is not understood. Use wheelchair, companion or none"), text=shown(text)
        )
    return named
