"""Words in other languages: gettext catalogues, read from .po files as translators write them.

English stands in the code. A language is added by a file, `LOCALE/LC_MESSAGES/DOMAIN.po`, such as
`fr/LC_MESSAGES/badges.po`. A language is named as in the names of halls: "en", "zh", "fr", "pt-BR".
"""

import ast
import gettext
import io
import re
import struct
from collections.abc import Iterator
from pathlib import Path

ENGLISH = "en"
CHINESE = "zh"  # in simplified characters
FILE_BYTES_MAX = 1_000_000
_BRACES = re.compile(r"\{\w*\}")
_LINE = re.compile(r'(?:(msgctxt|msgid|msgid_plural|msgstr|msgstr\[\d\])\s+)?(".*")')
_MAGIC = 0x950412DE  # of a .mo file
_CONTENT_TYPE = "Content-Type: text/plain; charset=utf-8"  # without it, gettext takes ASCII alone


def N_(text: str) -> str:
    """Mark a text for the catalogues."""
    return text


class CatalogueError(Exception):
    """A .po file that can't be used; the text names the file, the line and the remedy."""


def language_of(locale: str) -> str:
    """The language of a locale's directory: "zh_Hans" → "zh", "pt_BR" → "pt-BR"."""
    return CHINESE if locale == "zh_Hans" else locale.replace("_", "-")


def locale_of(language: str) -> str:
    return "zh_Hans" if language == CHINESE else language.replace("-", "_")


class Catalogues:
    """The languages of one domain, in one or more directories; the later ones add and replace."""

    def __init__(self, domain: str, *directories: Path) -> None:
        self.domain = domain
        self._directories = directories
        self._read: dict[str, gettext.NullTranslations] = {}
        self.languages = self._found()

    def add(self, directory: Path) -> None:
        """Look for languages here too. Raises CatalogueError, with nothing changed."""
        for path in _files(directory, self.domain).values():
            read_po(path)
        self._directories = (*self._directories, directory)
        self._read = {}
        self.languages = self._found()

    def _found(self) -> tuple[str, ...]:
        """English first, then every language that has a file."""
        found = {
            language
            for directory in self._directories
            for language in _files(directory, self.domain)
        }
        return (ENGLISH, *sorted(found - {ENGLISH}))

    def get(self, language: str) -> gettext.NullTranslations:
        """The words of a language; English for one that has no file. Raises CatalogueError."""
        if language not in self._read:
            words = gettext.NullTranslations()
            for directory in self._directories:
                path = _files(directory, self.domain).get(language)
                if path is not None:
                    own = read_po(path)
                    own.add_fallback(words)
                    words = own
            self._read[language] = words
        return self._read[language]


def _files(directory: Path, domain: str) -> dict[str, Path]:
    found = sorted(directory.glob(f"*/LC_MESSAGES/{domain}.po"))
    return {language_of(path.parent.parent.name): path for path in found}


def read_po(path: Path) -> gettext.GNUTranslations:
    """The translations in a .po file. Raises CatalogueError."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise CatalogueError(f"{path} is too large to be a catalogue.")
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise CatalogueError(f"{path} can't be read as UTF-8 text.") from None
    messages = {}
    for number, entry in _entries(path, text):
        key, value = _message(entry)
        if key and not _fits(entry):
            raise CatalogueError(
                f"{path}, line {number}: the translation has words in braces that the English "
                "text does not have. Keep {these} as they are."
            )
        if value.strip("\0"):
            messages[key] = value
    if "charset=" not in messages.get("", ""):
        messages[""] = f"{_CONTENT_TYPE}\n{messages.get('', '')}"
    try:
        return gettext.GNUTranslations(io.BytesIO(_mo(messages)))
    except (ValueError, LookupError) as error:
        raise CatalogueError(f"{path}: its header is malformed ({error}).") from None


def _entries(path: Path, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Each message as {keyword: text}, with its first line. Fuzzy ones are left out."""
    entry: dict[str, str] = {}
    began, keyword, fuzzy = 0, "", False
    for number, line in enumerate([*text.splitlines(), 'msgid ""'], 1):
        line = line.strip()
        if not line or line.startswith("#"):
            if keyword.startswith("msgstr"):  # a comment is of the message after it
                yield from [] if fuzzy else [(began, entry)]
                entry, keyword, fuzzy = {}, "", False
            fuzzy = fuzzy or (line.startswith("#,") and "fuzzy" in line)
            continue
        match = _LINE.fullmatch(line)
        if match is None or (not match[1] and not keyword):
            raise CatalogueError(f"{path}, line {number}: this is not a line of a .po file.")
        if match[1] in ("msgctxt", "msgid") and keyword.startswith("msgstr"):
            yield from [] if fuzzy else [(began, entry)]
            entry, fuzzy = {}, False
        keyword = match[1] or keyword
        began = began if entry else number
        entry[keyword] = entry.get(keyword, "") + _unquoted(path, number, match[2])


def _unquoted(path: Path, number: int, quoted: str) -> str:
    try:
        return str(ast.literal_eval(quoted))
    except (ValueError, SyntaxError):
        raise CatalogueError(f"{path}, line {number}: the text is not quoted rightly.") from None


def _message(entry: dict[str, str]) -> tuple[str, str]:
    """Key and value as a .mo file has them."""
    context = f"{entry['msgctxt']}\x04" if "msgctxt" in entry else ""
    plural = f"\0{entry['msgid_plural']}" if "msgid_plural" in entry else ""
    values = [entry[name] for name in sorted(entry) if name.startswith("msgstr")]
    if "" in values and len(values) > 1:
        values = []  # half a translation is none
    return context + entry.get("msgid", "") + plural, "\0".join(values)


def _fits(entry: dict[str, str]) -> bool:
    """Whether the translations name only what the door has to put in."""
    known = {b for name in ("msgid", "msgid_plural") for b in _BRACES.findall(entry.get(name, ""))}
    told = (text for name, text in entry.items() if name.startswith("msgstr"))
    return all(
        set(_BRACES.findall(text)) <= known and not re.search(r"[{}]", _BRACES.sub("", text))
        for text in told
    )


def _mo(messages: dict[str, str]) -> bytes:
    """The same as a .mo file, which the standard library reads."""
    pairs = sorted((key.encode(), value.encode()) for key, value in messages.items())
    start = 28 + 16 * len(pairs)
    heads, body = [b"", b""], b""
    for side in (0, 1):
        for pair in pairs:
            heads[side] += struct.pack("<II", len(pair[side]), start + len(body))
            body += pair[side] + b"\0"
    count = len(pairs)
    top = struct.pack("<7I", _MAGIC, 0, count, 28, 28 + 8 * count, 0, start)
    return top + heads[0] + heads[1] + body
