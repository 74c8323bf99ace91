"""A pseudo-language: each English text in ⟦…⟧. Text outside of these is not translatable.

It is added like any language: by two files, `kiosk.po` and `badges.po`.
"""

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_file

import badges as badges_package
import kiosk as kiosk_package
from badges.admission import sentences
from kiosk.screen.texts import COUNTED
from kiosk.texts import catalogue
from kiosk.texts.po import Catalogues

KIOSK = Path(kiosk_package.__file__).parent
CHINESE = KIOSK / "screen/translations/zh_Hans/LC_MESSAGES/kiosk.po"
ANSWERS_CHINESE = (
    Path(badges_package.__file__).parent / "translations/zh_Hans/LC_MESSAGES/badges.po"
)
LOCALE = LANGUAGE = "eo"  # a name that the page knows; the texts are not Esperanto
IN_ANSWERS = (sentences.HOURS, sentences.MINUTES)


@cache
def marked_in_the_kiosk() -> set[str]:
    """Every text of the kiosk for translation."""
    files = [("python", file) for file in KIOSK.rglob("*.py")]
    files += [("jinja2.ext:babel_extract", file) for file in KIOSK.rglob("*.html")]
    return {
        str(message)
        for method, file in files
        for _, message, _, _ in extract_from_file(method, file)
    }


@cache
def marked_in_answers() -> set[str]:
    messages = extract_from_file("python", sentences.__file__)
    return {message if isinstance(message, str) else message[0] for _, message, _, _ in messages}


def made_up(text: str) -> str:
    return f"⟦{text}⟧"


def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test's language is removed after it."""
    kiosk = Catalogues("kiosk", CHINESE.parents[2])
    monkeypatch.setattr(catalogue, "CATALOGUES", kiosk)
    answers = Catalogues("badges", ANSWERS_CHINESE.parents[2])
    monkeypatch.setattr(catalogue, "ANSWERS", answers)


def add_files(directory: Path) -> Path:
    """The two files of the language, under their own directory."""
    at = directory / LOCALE / "LC_MESSAGES"
    at.mkdir(parents=True)
    kiosk = _entries(marked_in_the_kiosk(), COUNTED.values())
    (at / "kiosk.po").write_text("\n".join(kiosk), "utf-8")
    answers = _entries(marked_in_answers(), IN_ANSWERS)
    (at / "badges.po").write_text("\n".join(answers), "utf-8")
    return directory


def _entries(marked: Iterable[str], counted: Iterable[tuple[str, str]]) -> Iterator[str]:
    plural = dict(counted)
    texts = [text for text in marked if text not in plural]
    yield 'msgid ""\nmsgstr "Plural-Forms: nplurals=2; plural=n!=1;\\n"\n'
    for text in sorted(texts):
        yield f"msgid {_quoted(text)}\nmsgstr {_quoted(made_up(text))}\n"
    yield from map(_counted, plural.items())


def _counted(texts: tuple[str, str]) -> str:
    singular, many = texts
    return (
        f"msgid {_quoted(singular)}\nmsgid_plural {_quoted(many)}\n"
        f"msgstr[0] {_quoted(made_up(singular))}\nmsgstr[1] {_quoted(made_up(many))}\n"
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def left_out(text: str, names: Iterable[str] = ()) -> str:
    """The letters of `text` outside of all ⟦…⟧, except in `names`."""
    depth, out = 0, []
    for piece in re.split("([⟦⟧])", text):
        depth += (piece == "⟦") - (piece == "⟧")
        assert depth >= 0, text
        if not depth:
            out.append(piece)
    rest = "".join(out)
    for name in sorted(names, key=len, reverse=True):
        rest = rest.replace(name, " ")
    return " ".join(re.findall(r"[^\W\d_]+", rest))


def unsaid(texts: Iterable[str], shown: Iterable[str]) -> set[str]:
    """The English `texts` whose translation is nowhere in `shown`."""
    everything = "\n".join(shown)
    patterns = {text: re.escape(made_up(text)) for text in texts}
    return {
        text
        for text, pattern in patterns.items()
        if not re.search(re.sub(r"\\\{\w+\\\}", r"[^\\n]*", pattern), everything)
    }
