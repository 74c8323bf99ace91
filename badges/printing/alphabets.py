"""Transcribes words of other alphabets into Latin letters, as passports of their countries do.

Functions return "" for a word whose letters leave its reading open.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

_MARKS = re.compile(r"[\u0300-\u036f]")
_DIAERESIS = "\u0308"

# ---- Greek: ELOT 743, which is ISO 843 type 2 ------------------------------------------------
_GREEK = dict(
    zip("αβγδεζηθικλμνξοπρστυφχψως",
        "a v g d e z i th i k l m n x o p r s t y f ch ps o s".split(), strict=True)
)  # fmt: skip
# Marks follow their letter. An accent between the two letters, or a diaeresis, separates them.
_GREEK_VY = re.compile(rf"([αεη])υ(?!{_DIAERESIS})(?=\u0301?[αεηιουωβγδζλμνρ])")
_GREEK_FY = re.compile(rf"([αεη])υ(?!{_DIAERESIS})")
_GREEK_OU = re.compile(rf"ου(?!{_DIAERESIS})")
_BREATHINGS = re.compile("[\u0304\u0306\u0313\u0314\u0345]")  # of polytonic Greek


def greek(word: str) -> str:
    """Transliterate by ELOT 743: Ευάγγελος is Evangelos."""
    plain = _BREATHINGS.sub("", unicodedata.normalize("NFD", word.lower()))
    plain = plain.replace("\u0300", "\u0301").replace("\u0342", "\u0301")
    plain = _GREEK_FY.sub(r"\1f", _GREEK_VY.sub(r"\1v", plain))
    plain = _MARKS.sub("", _GREEK_OU.sub("ou", plain))
    plain = re.sub("γ(?=[γξχ])", "n", plain)
    return _spelt(re.sub("^μπ|μπ$", "b", plain), _GREEK)


# ---- Cyrillic: ICAO 9303, except where a country's law or own Latin alphabet says otherwise --
_ICAO = dict(
    zip("абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
        "a b v g d e e zh z i i k l m n o p r s t u f kh ts ch sh shch ie y  e iu ia".split(" "),
        strict=True)
)  # fmt: skip
_BELARUSIAN = {**_ICAO, "г": "h", "ё": "io", "і": "i", "ў": "u"}
_UKRAINIAN = {**_ICAO, "г": "h", "ґ": "g", "и": "y", "і": "i", "ї": "i", "є": "ie"}
_UKRAINIAN_FIRST = {"є": "ye", "ї": "yi", "й": "y", "ю": "yu", "я": "ya"}
_BULGARIAN = {**_ICAO, "й": "y", "х": "h", "щ": "sht", "ъ": "a", "ь": "y", "ю": "yu", "я": "ya"}
_SERBIAN = dict(
    zip("абвгдђежзијклљмнњопрстћуфхцчџш",
        "a b v g d đ e ž z i j k l lj m n nj o p r s t ć u f h c č dž š".split(), strict=True)
)  # fmt: skip
_MACEDONIAN = {
    **_ICAO, "ѓ": "gj", "ѕ": "dz", "ј": "j", "ќ": "kj", "љ": "lj", "њ": "nj", "џ": "dj", "х": "h",
    "ц": "c",
}  # fmt: skip
# Letters of a language's words. In Russian ъ precedes only some vowels.
_LETTERS = {
    "ru": re.compile("(?:[а-щы-яё]|ъ(?=[еёюя]))+"),
    "be": re.compile("[абвгдеёжзійклмнопрстуўфхцчшыьэюя]+"),
    "uk": re.compile("[абвгґдеєжзиіїйклмнопрстуфхцчшщьюя]+"),
    "bg": re.compile("[а-ъьюя]+"),
    "sr": re.compile("[абвгдђежзијклљмнњопрстћуфхцчџш]+"),
    "mk": re.compile("[абвгдѓежзѕијклљмнњопрстќуфхцчџш]+"),
}
_CYRILLIC_COUNTRIES = {
    "RU": "ru", "BY": "be", "UA": "uk", "BG": "bg", "RS": "sr", "ME": "sr", "BA": "sr", "MK": "mk",
    "KZ": "kk", "KG": "ky", "MN": "mn", "TJ": "tg", "UZ": "uz", "TM": "tk",
}  # fmt: skip
_CYRILLIC_LANGUAGES = frozenset(_CYRILLIC_COUNTRIES.values())


def cyrillic_language(name: str, language: str, country: str) -> str:
    """The language of a name in Cyrillic letters, or "" if unknown.

    It is the attendee's or their country's language, else the only language that has all these
    letters.
    """
    letters = "".join(char for char in _lower(name) if "\u0400" <= char <= "\u04ff")
    stated = (language, _CYRILLIC_COUNTRIES.get(country, ""))
    named = [code for code in stated if code in _CYRILLIC_LANGUAGES]
    fitting = [code for code in named or _LETTERS if code in _LETTERS and _has(code, letters)]
    return fitting[0] if fitting and (named or len(fitting) == 1) else ""


def cyrillic(word: str, language: str) -> str:
    """Transliterate a word as in passports of its language, or return "" for other languages."""
    return _CYRILLIC[language](_lower(word)) if language in _CYRILLIC else ""


def _lower(text: str) -> str:
    return unicodedata.normalize("NFC", text.lower())


def _has(language: str, letters: str) -> bool:
    return bool(_LETTERS[language].fullmatch(letters))


def _ukrainian(word: str) -> str:
    first = _UKRAINIAN_FIRST.get(word[0], "")
    rest = word[1:] if first else word
    return first + _spelt(rest.replace("зг", "zgh"), _UKRAINIAN)


def _bulgarian(word: str) -> str:
    return _spelt(re.sub("ия$", "ia", word).replace("ьо", "yo"), _BULGARIAN)


_CYRILLIC: Mapping[str, Callable[[str], str]] = {
    "ru": lambda word: _spelt(word, _ICAO),
    "be": lambda word: _spelt(word, _BELARUSIAN),
    "uk": _ukrainian,
    "bg": _bulgarian,
    "sr": lambda word: _spelt(word, _SERBIAN),
    "mk": lambda word: _spelt(word, _MACEDONIAN),
}

# ---- By ICU -----------------------------------------------------------------------------------
# Western Armenian pronounces the letters otherwise, and the older spelling shows such a name.
_OLD_ARMENIAN = re.compile("եան|իւ|^յ")
# The spelling does not show if う or お lengthens the vowel before it or begins another one, as in
# Inoue.
_LONG_VOWEL = re.compile("[ōū]|oo|uu|ou")


def armenian(word: str) -> str:
    """Transliterate an eastern Armenian word: Ոսկանյան is Voskanyan."""
    if _OLD_ARMENIAN.search(word.lower()):
        return ""
    return _by_icu("hy-hy_Latn/BGN", word).replace("rr", "r")


def georgian(word: str) -> str:
    """Transliterate by Georgia's national system."""
    return _by_icu("ka-ka_Latn/BGN", word)


def hiragana(word: str) -> str:
    """Transliterate by Hepburn's system."""
    spelt = _by_icu("ja_Hrkt-ja_Latn/BGN", word)
    return "" if _LONG_VOWEL.search(spelt) else spelt


def _by_icu(rules: str, word: str) -> str:
    spelt: str = _transliterator(rules).transliterate(unicodedata.normalize("NFC", word))
    return spelt.lower().replace("’", "")


@cache
def _transliterator(rules: str) -> Any:
    # Imported here because ICU loads slowly, and many events have no such name.
    import icu

    return icu.Transliterator.createInstance(rules)


def _spelt(word: str, letters: Mapping[str, str]) -> str:
    return "".join(letters.get(char, char) for char in word)
