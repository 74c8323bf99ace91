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
    """Mark a text for the catalogues."""
    return text


class Count(int):
    """A number in a phrase, with digits grouped as the language does it. Other numbers, such as
    line numbers, are not grouped.
    """


class Day(str):
    """A day in English, such as "Mon 4 May", that each language formats in its own way."""

    on: date

    def __new__(cls, on: date) -> "Day":
        made = super().__new__(cls, f"{on:%a} {on.day} {on:%b}")
        made.on = on
        return made

    def __reduce__(self) -> tuple[type["Day"], tuple[date]]:
        return Day, (self.on,)


class Phrase(str):
    """An English text that can be translated.

    For command lines and logs it is a plain string. The catalogues contain its `text`. `fields`
    are the values in it, and may be phrases themselves.
    """

    text: str
    fields: Mapping[str, object]
    many: str  # The plural text, if `fields` has a count `num`; else empty.

    def __new__(cls, text: str, many: str = "", /, **fields: object) -> "Phrase":
        chosen = many if many and fields["num"] != 1 else text
        made = super().__new__(cls, _filled(chosen, fields, str, _english))
        made.text, made.many, made.fields = text, many, fields
        return made

    def __getnewargs_ex__(self) -> tuple[tuple[str, str], dict[str, object]]:
        return (self.text, self.many), dict(self.fields)

    def __add__(self, other: str) -> "Phrase":
        return Phrase(_TWO, first=self, second=other)

    def __radd__(self, other: str) -> "Phrase":
        return Phrase(_TWO, first=other, second=self)


def _english(count: int) -> str:
    return f"{count:,}"


_TWO = "%(first)s%(second)s"  # Without words, so it needs no translation.


def counted(one: str, many: str, num: int, **fields: object) -> Phrase:
    """A phrase with a number of things, `%(num)s`. Both texts go into the catalogues."""
    return Phrase(one, many, num=Count(num), **fields)


def joined(between: str, parts: Iterable[str]) -> str:
    """Join the parts, as a phrase if any of them is a phrase."""
    parts = list(parts)
    if not any(isinstance(one, Phrase) for one in (between, *parts)):
        return between.join(parts)
    text = "%(between)s".join(f"%(part{number})s" for number in range(len(parts)))
    fields = {f"part{number}": part for number, part in enumerate(parts)}
    return Phrase(text, between=between, **fields)


class Translations(Protocol):
    """The translations of one language, as in the standard library's gettext."""

    def gettext(self, message: str) -> str: ...

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str: ...


def say(
    what: object,
    words: Translations,
    number: Callable[[int], str],
    day: Callable[[date], str] = Day,
) -> str:
    """Translate a phrase or an error with `words`. `number` formats a count, `day` a day.

    Any other value becomes its `str()`.
    """
    if isinstance(what, Exception):
        what = phrase_of(what)
    if isinstance(what, Day):
        return day(what.on)
    if not isinstance(what, Phrase):
        return str(what)
    if what.many:
        counts = what.fields["num"]
        assert isinstance(counts, int)
        text = words.ngettext(what.text, what.many, counts)
    else:
        text = words.gettext(what.text) if what.text else ""
    return _filled(text, what.fields, lambda field: say(field, words, number, day), number)


def stored(what: str) -> str:
    """Write a phrase as text for a column of a database. `restored` reads it."""
    if not isinstance(what, Phrase) or not what.fields:
        return what
    return _MARK + json.dumps(_packed(what), ensure_ascii=False)


def restored(text: str) -> Phrase:
    """Read a phrase that `stored` wrote. A plain text is a phrase too, as a catalogue may have
    it.
    """
    if not text.startswith(_MARK):
        return Phrase(text)
    found = _unpacked(json.loads(text.removeprefix(_MARK)))
    assert isinstance(found, Phrase)
    return found


_MARK = "phrase:"  # prefix of a stored phrase


def _packed(what: object) -> object:
    if isinstance(what, Exception):
        what = phrase_of(what)
    if isinstance(what, Phrase):
        fields = {name: _packed(value) for name, value in what.fields.items()}
        return {"text": what.text, "many": what.many, "fields": fields}
    if isinstance(what, Count):
        return {"count": int(what)}
    return what if isinstance(what, int) else str(what)


def _unpacked(what: Any) -> object:
    if not isinstance(what, dict):
        return what
    if "count" in what:
        return Count(what["count"])
    fields = {name: _unpacked(value) for name, value in what["fields"].items()}
    text, many = what["text"], what["many"]
    return Phrase(text, many, **fields)


def phrase_of(error: Exception) -> str:
    """The text of an error, as a phrase if it is one."""
    first = error.args[0] if error.args else ""
    return first if isinstance(first, Phrase) and first == str(error) else str(error)


def _filled(
    text: str,
    fields: Mapping[str, object],
    said: Callable[[object], str],
    number: Callable[[int], str],
) -> str:
    if not fields:
        return text
    return text % {
        name: number(value) if isinstance(value, Count) else said(value)
        for name, value in fields.items()
    }


class Spoken(Exception):
    """Base of errors that people read. `str()` is the English text.

    `text` is marked by `N_` and filled from `fields`, so that a page can translate it. It may be
    a phrase with its own fields.
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
    """The language of a locale's directory, such as "zh" for "zh_Hans" and "pt-BR" for "pt_BR"."""
    return CHINESE if locale == "zh_Hans" else locale.replace("_", "-")


def locale_of(language: str) -> str:
    """The locale's directory for a language, such as "zh_Hans" for "zh" and "pt_BR" for "pt-BR"."""
    return "zh_Hans" if language == CHINESE else language.replace("-", "_")
