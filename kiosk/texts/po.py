"""Reads gettext catalogues from .po files as translators write them. No .mo file is made or kept.

A language is added by a file, `LOCALE/LC_MESSAGES/DOMAIN.po`, such as `fr/LC_MESSAGES/badges.po`.
"""

import gettext
import io
import re
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError
from babel.messages.pofile import read_po as parse

from badges.i18n import ENGLISH, language_of

FILE_BYTES_MAX = 1_000_000
_BRACES = re.compile(r"\{\w*\}")
# Babel takes the first and the last character for quotation marks, whatever they are.
_LINE = re.compile(
    r'(?:(?:msgctxt|msgid|msgid_plural|msgstr|msgstr\[\d\]) )?[ \t]*"(?:[^"\\]|\\[\\"ntr])*"'
)


class CatalogueError(Exception):
    """Is raised where a .po file can't be used. The text names the file, the line and the
    remedy.
    """


class Catalogues:
    """Holds the languages of one domain, in one or more directories. The later ones add and
    replace.
    """

    def __init__(self, domain: str, *directories: Path) -> None:
        self.domain = domain
        self._directories = directories
        self._read: dict[str, gettext.NullTranslations] = {}
        self._languages: tuple[str, ...] = ()

    def add(self, directory: Path) -> None:
        """Look for languages here too. Raises CatalogueError, with nothing changed."""
        for path in _files(directory, self.domain).values():
            read_po(path)
        self._directories = (*self._directories, directory)
        self._read = {}
        self._languages = ()

    @property
    def languages(self) -> tuple[str, ...]:
        """List English first, then every language that has a file."""
        if not self._languages:
            found = {
                language
                for directory in self._directories
                for language in _files(directory, self.domain)
            }
            self._languages = (ENGLISH, *sorted(found - {ENGLISH}))
        return self._languages

    def get(self, language: str) -> gettext.NullTranslations:
        """Return the words of a language, or English for one that has no file. Raises
        CatalogueError.
        """
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
    """Read the translations in a .po file. Raises CatalogueError."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise CatalogueError(f"{path} is too large to be a catalogue.")
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise CatalogueError(f"{path} can't be read as UTF-8 text.") from None
    for number, line in enumerate(map(str.strip, lines), 1):
        if line and not line.startswith("#") and not _LINE.fullmatch(line):
            raise CatalogueError(
                f"{path}, line {number}: this is not a line of a .po file, or its text is not "
                "quoted rightly."
            )
    try:
        # Babel keeps the file's plural forms only if it knows the language, which headers may leave
        # out.
        catalogue = parse(lines, locale=path.parent.parent.name, abort_invalid=True)
    except PoFileError as error:
        raise CatalogueError(f"{path}, line {error.lineno + 1}: {error}.") from None
    except (ValueError, LookupError) as error:
        raise CatalogueError(f"{path}: its header is malformed ({error}).") from None
    _check(path, catalogue)
    made = io.BytesIO()
    try:
        write_mo(made, catalogue)
        return gettext.GNUTranslations(io.BytesIO(made.getvalue()))
    except (ValueError, LookupError) as error:
        raise CatalogueError(f"{path}: its header is malformed ({error}).") from None


def _check(path: Path, catalogue: Catalog) -> None:
    """Refuse a translation with fields of its own, and leave out one that is half done."""
    for message in list(catalogue):
        if not message.id or message.fuzzy:
            continue
        if not _fits(message):
            raise CatalogueError(
                f"{path}, line {message.lineno}: the translation has words in braces that the "
                "English text does not have. Keep {these} as they are."
            )
        if not all(_forms(message.string)):
            catalogue.delete(message.id, message.context)


def _fits(message: Message) -> bool:
    """Tell whether the translations name only what the door has to put in."""
    known = {braces for text in _forms(message.id) for braces in _BRACES.findall(text)}
    return all(
        set(_BRACES.findall(text)) <= known and not re.search(r"[{}]", _BRACES.sub("", text))
        for text in _forms(message.string)
    )


def _forms(text: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the singular and the plurals, or the one text."""
    return (text or "",) if isinstance(text, str | None) else tuple(text)
