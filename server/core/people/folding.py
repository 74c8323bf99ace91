"""Normalises texts for search (case, accents, width, punctuation), and derives the spellings of a
name.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence

from anyascii import anyascii

from badges.printing.latin import latin_name, syllables

SEARCH_CHARS_MAX = 100
WORDS_MAX = 12  # Further words of a search are ignored.
_TURNED_MAX = 6  # A name of more words is joined only in its own order.
# Letters that do not decompose, as people type them on other keyboards.
_AS_TYPED = {
    "ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h",
    "ŋ": "n", "ə": "e", "ي": "ی", "ى": "ی", "ك": "ک", "ة": "ه", "ـ": "",
}  # fmt: skip
_SPELT_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
_EAST_ASIAN = "\u3005\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff"
_BEGINS_EAST_ASIAN = re.compile(rf"[{_EAST_ASIAN}]")
_PIECES = re.compile(rf"[{_EAST_ASIAN}]+|[^\s{_EAST_ASIAN}]+")
_ASCII_SIGNS = re.compile(r"[^a-z0-9]+")
_NUMBER = re.compile(r"[+(]?[0-9][0-9 ()./-]{5,}[0-9]")
_CHINA = re.compile(r"86(?=1[0-9]{10}$|0?[1-9][0-9]{8,9}$)")


class _Folds(dict[int, str]):
    """Caches the normal form of each character."""

    def __missing__(self, code: int) -> str:
        self[code] = plain = _fold(chr(code))
        return plain


def _fold(char: str) -> str:
    if "\uac00" <= char <= "\ud7a3":
        return char  # Decomposed hangul would match half syllables.
    plain = (
        letter
        for letter in unicodedata.normalize("NFKD", char)
        if not unicodedata.combining(letter)
    )
    return "".join(
        _AS_TYPED.get(letter, letter) if unicodedata.category(letter)[0] in "LNM" else " "
        for letter in "".join(plain).casefold()
        if not unicodedata.combining(letter)
    )


_FOLDS = _Folds()


def folded(text: str) -> str:
    """Return the words of `text` without case, accents, width and punctuation, separated by spaces.
    A change of script separates words.
    """
    if text.isascii():
        return _ASCII_SIGNS.sub(" ", text.lower()).strip()
    plain = unicodedata.normalize("NFKC", text).translate(_FOLDS)
    return " ".join(_PIECES.findall(plain))


def glued(text: str) -> list[str]:
    """Return the words that contain punctuation, such as O'Brien and AB-12, without it."""
    words = (folded(word) for word in text.split() if not word.isalnum())
    return [word.replace(" ", "") for word in words if " " in word]


def digits(text: str) -> str:
    """Return the digits of a telephone number, without international, national and Chinese
    prefixes.
    """
    plain = unicodedata.normalize("NFKC", text)
    number = "".join(char for char in plain if char.isascii() and char.isdigit())
    number = _CHINA.sub("", number.removeprefix("00"), count=1)
    return number.lstrip("0")


def readings(text: str) -> list[list[str]]:
    """Return the normalised distinct words of a search. There may be several readings, or none.

    A word with punctuation keeps a space there. A word that begins another one is dropped: the
    longer one implies it. Text like a telephone number with spaces gets a second reading as one
    number.
    """
    text = " ".join(unicodedata.normalize("NFKC", text[:SEARCH_CHARS_MAX]).split())
    asked = dict.fromkeys(filter(None, map(_asked, text.split())))
    kept = [
        word
        for word in asked
        if not any(other != word and other.startswith(word) for other in asked)
    ]
    results = [kept[:WORDS_MAX]] if kept else []
    if " " in text and _NUMBER.fullmatch(text):
        results.append([digits(text)])
    return [words for words in results if all(words)]


def _asked(typed: str) -> str:
    return digits(typed) if _NUMBER.fullmatch(typed) else folded(typed)


def is_east_asian(text: str) -> bool:
    """Return whether `text` begins in a script without spaces between words."""
    return bool(_BEGINS_EAST_ASIAN.match(text))


def pairs(text: str) -> list[str]:
    """Return all pairs of neighbouring characters in East Asian text, and the last character of
    each run.

    By these, part of a name without spaces is found anywhere in it.
    """
    return [
        stretch[at : at + 2]
        for stretch in text.split()
        if is_east_asian(stretch)
        for at in range(len(stretch))
    ]


def name_forms(given: str, family: str, latin: str) -> tuple[list[str], list[str]]:
    """Return the normalised spellings of a name, and those that write the whole name as one word.

    Spellings are the name, its Latin line from the roster, transliterations, and pinyin, with any
    of its words first.
    """
    own = folded(f"{family} {given}").split()
    lines = [own, folded(latin).split()]
    more = glued(f"{family} {given} {latin}")
    initials: list[str] = []
    plain = f"{family} {given}".lower()
    first, second = syllables(given, family)
    if first:
        name = "".join(own)
        lines.append([name[: len(first)], name[len(first) :]])
        for parts in _as_typed([first, second]):
            lines.append(["".join(part) for part in parts])
            more += [sound for part in parts for sound in part]
            initials += _turned(["".join(sound[:1] for sound in part) for part in parts])
    elif not plain.isascii():
        lines.append(folded(latin_name(given, family)).split())
        # A soft sign is no end of a word: Koval'skaya.
        lines.append(folded(anyascii(f"{family} {given}").replace("'", "")).split())
        spelt_out = plain.translate(_SPELT_OUT)
        lines.append(folded(spelt_out).split() if spelt_out != plain else [])
        sounds = [syllables("", word)[0] for word in own]
        lines += [["".join(part) for part in parts if part] for parts in _as_typed(sounds)]
    lines = [[word for word in line if word] for line in lines]
    whole = [form for line in lines for form in _turned(line)]
    texts = [" ".join(line) for line in lines if line]
    return list(dict.fromkeys([*texts, *more])), list(dict.fromkeys([*whole, *initials]))


def _turned(line: Sequence[str]) -> Iterator[str]:
    for at in range(len(line) if len(line) <= _TURNED_MAX else 1):
        yield "".join([*line[at:], *line[:at]])


def _as_typed(parts: Sequence[Sequence[str]]) -> list[list[list[str]]]:
    vowels = ("v", "u", "yu") if any("v" in sound for part in parts for sound in part) else ("v",)
    return [[[sound.replace("v", vowel) for sound in part] for part in parts] for vowel in vowels]
