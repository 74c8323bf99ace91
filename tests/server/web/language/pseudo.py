"""An invented language of the server's pages: each English text in ⟦…⟧.

It is added as any language is, by files in the event's own directory.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_file

import badges as badges_package
import server as server_package
from server.core.event.directory import Event
from tests.kiosk.texts.pseudo_language import made_up, marked_in_answers

SERVER = Path(server_package.__file__).parent
BADGES = Path(badges_package.__file__).parent
# The words of `badges` at doors are in a separate catalogue.
AT_DOORS = BADGES / "admission"
KEYWORDS = {**DEFAULT_KEYWORDS, "Phrase": None, "counted": (1, 2)}
# Two thirds of the files have none of these, and are skipped.
_CALLS = re.compile(rf"\b(?:{'|'.join(KEYWORDS)})\s*\(")
LOCALE = LANGUAGE = "eo"  # Babel knows the name, and no word is Esperanto.


@cache
def marked() -> frozenset[tuple[str, ...]]:
    """Every translatable text of the server, with its plural if it has one."""
    files = [("python", file) for file in sources() if _CALLS.search(file.read_text("utf-8"))]
    files += [("jinja2.ext:babel_extract", file) for file in templates()]
    return frozenset(
        (message,) if isinstance(message, str) else tuple(text for text in message[:2] if text)
        for method, file in files
        for _, message, _, _ in extract_from_file(method, file, keywords=KEYWORDS)
    )


def sources() -> list[Path]:
    """Every file whose texts are in the server's catalogue."""
    shared = [file for file in BADGES.rglob("*.py") if AT_DOORS not in file.parents]
    return sorted([*SERVER.rglob("*.py"), *shared])


def templates() -> list[Path]:
    return sorted(SERVER.rglob("*.html"))


def add_file(event: Event) -> None:
    """Add the language to the event. The server must be started afterwards."""
    path = event.path / "translations" / LOCALE / "LC_MESSAGES/server.po"
    path.parent.mkdir(parents=True)
    path.write_text(_text(marked()), "utf-8")
    answers = frozenset((text,) for text in marked_in_answers())
    path.with_name("badges.po").write_text(_text(answers), "utf-8")


@cache
def _text(texts: frozenset[tuple[str, ...]]) -> str:
    return "\n".join(_entries(texts))


def _entries(texts: frozenset[tuple[str, ...]]) -> Iterator[str]:
    yield 'msgid ""\nmsgstr "Plural-Forms: nplurals=2; plural=n!=1;\\n"\n'
    with_plurals = {forms[0]: forms for forms in sorted(texts, key=len)}
    for singular, *more in with_plurals.values():
        if more:
            yield f"msgid {_quoted(singular)}\nmsgid_plural {_quoted(more[0])}"
            yield f"msgstr[0] {_said(singular)}\nmsgstr[1] {_said(more[0])}\n"
        else:
            yield f"msgid {_quoted(singular)}\nmsgstr {_said(singular)}\n"


def _said(text: str) -> str:
    return _quoted(made_up(text))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
