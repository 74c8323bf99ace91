"""Texts that can be translated, and the names of languages.

The code has the English texts. Code that shows them looks up the catalogues. Languages are named
as in the names of halls: "en", "zh", "fr", "pt-BR".
"""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any, Protocol

ENGLISH = "en"
CHINESE = "zh"  # simplified characters


def N_(text: str) -> str:
    """Mark a text for translation, and return it unchanged."""
    return text


class Count(int):
    """A number whose digits are grouped as usual in the language, unlike line numbers."""


class Day(str):
    """A day in English, such as "Mon 4 May". Translations format the date `on` in their own way."""

    on: date

    def __new__(cls, on: date) -> "Day":
        day = super().__new__(cls, f"{on:%a} {on.day} {on:%b}")
        day.on = on
        return day

    def __reduce__(self) -> tuple[type["Day"], tuple[date]]:
        return Day, (self.on,)


class Translated(str):
    """A text that comes with its translations, such as a session's title: in English, else in any
    language. Pages show it in their language.
    """

    texts: Mapping[str, str]  # by language

    def __new__(cls, texts: Mapping[str, str]) -> "Translated":
        text = texts.get(ENGLISH) or next(filter(None, texts.values()), "")
        translated = super().__new__(cls, text)
        translated.texts = texts
        return translated

    def __reduce__(self) -> tuple[type["Translated"], tuple[dict[str, str]]]:
        return Translated, (dict(self.texts),)


class Phrase(str):
    """An English text that can be translated. It is a plain string for command lines and logs.

    The catalogues contain its `text`. `fields` are the values in it, and may be phrases
    themselves.
    """

    text: str
    fields: Mapping[str, object]
    many: str  # The plural text, if `fields` has a count `num`; else empty.

    def __new__(cls, text: str, many: str = "", /, **fields: object) -> "Phrase":
        chosen = many if many and fields["num"] != 1 else text
        phrase = super().__new__(cls, _filled(chosen, fields, str, _english))
        phrase.text, phrase.many, phrase.fields = text, many, fields
        return phrase

    def __getnewargs_ex__(self) -> tuple[tuple[str, str], dict[str, object]]:
        return (self.text, self.many), dict(self.fields)

    def __add__(self, other: str) -> "Phrase":
        return Phrase(_TWO, first=self, second=other)

    def __radd__(self, other: str) -> "Phrase":
        return Phrase(_TWO, first=other, second=self)


def _english(count: int) -> str:
    return f"{count:,}"


_TWO = "%(first)s%(second)s"  # Without words, so it needs no translation.


def counted(single: str, many: str, num: int, **fields: object) -> Phrase:
    return Phrase(single, many, num=Count(num), **fields)


def joined(between: str, parts: Iterable[str]) -> str:
    parts = list(parts)
    if not any(isinstance(part, Phrase | Translated) for part in (between, *parts)):
        return between.join(parts)
    text = "%(between)s".join(f"%(part{number})s" for number in range(len(parts)))
    fields = {f"part{number}": part for number, part in enumerate(parts)}
    return Phrase(text, between=between, **fields)


class Translations(Protocol):
    def gettext(self, message: str) -> str: ...

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str: ...


def say(
    value: object,
    words: Translations,
    number: Callable[[int], str],
    day: Callable[[date], str] = Day,
    choose: Callable[[Mapping[str, str]], str] = Translated,
) -> str:
    """Translate a phrase or an error with `words`. `number` formats a count, `day` a day, and
    `choose` returns one of the texts of `Translated`.

    Any other value becomes its `str()`.
    """
    if isinstance(value, Exception):
        value = phrase_of(value)
    if isinstance(value, Day):
        return day(value.on)
    if isinstance(value, Translated):
        return choose(value.texts)
    if not isinstance(value, Phrase):
        return str(value)
    if value.many:
        counts = value.fields["num"]
        assert isinstance(counts, int)
        text = words.ngettext(value.text, value.many, counts)
    else:
        text = words.gettext(value.text) if value.text else ""
    return _filled(text, value.fields, lambda field: say(field, words, number, day, choose), number)


def stored(phrase: str) -> str:
    """For the database. `restored` reads it."""
    if not isinstance(phrase, Phrase) or not phrase.fields:
        return phrase
    return _MARK + json.dumps(_packed(phrase), ensure_ascii=False)


def restored(text: str) -> Phrase:
    """A plain text becomes a phrase, since a catalogue may have it."""
    if not text.startswith(_MARK):
        return Phrase(text)
    phrase = _unpacked(json.loads(text.removeprefix(_MARK)))
    assert isinstance(phrase, Phrase)
    return phrase


_MARK = "phrase:"  # prefix of a stored phrase


def _packed(field: object) -> object:
    if isinstance(field, Exception):
        field = phrase_of(field)
    if isinstance(field, Phrase):
        fields = {name: _packed(value) for name, value in field.fields.items()}
        return {"text": field.text, "many": field.many, "fields": fields}
    if isinstance(field, Count):
        return {"count": int(field)}
    if isinstance(field, Translated):
        # An earlier version of the server reads it as a phrase.
        return {"text": str(field), "many": "", "fields": {}, "texts": dict(field.texts)}
    return field if isinstance(field, int) else str(field)


def _unpacked(packed: Any) -> object:
    if not isinstance(packed, dict):
        return packed
    if "count" in packed:
        return Count(packed["count"])
    if "texts" in packed:
        return Translated(packed["texts"])
    fields = {name: _unpacked(value) for name, value in packed["fields"].items()}
    text, many = packed["text"], packed["many"]
    return Phrase(text, many, **fields)


def phrase_of(error: Exception) -> str:
    first = error.args[0] if error.args else ""
    return first if isinstance(first, Phrase) and first == str(error) else str(error)


def _filled(
    text: str,
    fields: Mapping[str, object],
    text_of: Callable[[object], str],
    number: Callable[[int], str],
) -> str:
    if not fields:
        return text
    return text % {
        name: number(value) if isinstance(value, Count) else text_of(value)
        for name, value in fields.items()
    }


class Spoken(Exception):
    """Base of errors that people read. `str()` is the English text.

    `text` is marked by `N_` and filled from `fields`, so that a page can translate it. It may be a
    phrase.
    """

    def __init__(self, text: str = "", /, **fields: object) -> None:
        self.phrase = text if isinstance(text, Phrase) else Phrase(text, **fields)
        super().__init__(self.phrase)

    @property
    def text(self) -> str:
        return self.phrase.text

    @property
    def fields(self) -> Mapping[str, object]:
        return self.phrase.fields


def language_of(locale: str) -> str:
    """ "zh" for "zh_Hans", "pt-BR" for "pt_BR"."""
    return CHINESE if locale == "zh_Hans" else locale.replace("_", "-")


def locale_of(language: str) -> str:
    """ "zh_Hans" for "zh", "pt_BR" for "pt-BR"."""
    return "zh_Hans" if language == CHINESE else language.replace("-", "_")
