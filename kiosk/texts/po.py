"""Reads gettext catalogues from .po files at run time. A phone has .mo files in their place.

To add a language, add a file `LOCALE/LC_MESSAGES/DOMAIN.po`, such as `fr/LC_MESSAGES/badges.po`.
"""

import gettext
import io
from pathlib import Path

from badges.i18n import ENGLISH, language_of
from badges.po import CatalogueError, compiled

FILE_BYTES_MAX = 1_000_000


class Catalogues:
    """The languages of one domain, in one or more directories. Later ones add and replace."""

    def __init__(self, domain: str, *directories: Path) -> None:
        self.domain = domain
        self._directories = directories
        self._read: dict[str, gettext.NullTranslations] = {}
        self._languages: tuple[str, ...] = ()

    def add(self, directory: Path) -> None:
        """Add a directory of languages. Raises CatalogueError, with nothing changed."""
        for path in _files(directory, self.domain).values():
            read_po(path)
        self._directories = (*self._directories, directory)
        self._read = {}
        self._languages = ()

    @property
    def languages(self) -> tuple[str, ...]:
        if not self._languages:
            available = {
                language
                for directory in self._directories
                for language in _files(directory, self.domain)
            }
            self._languages = (ENGLISH, *sorted(available - {ENGLISH}))
        return self._languages

    def get(self, language: str) -> gettext.NullTranslations:
        """A language's translations; English if it has no file. Raises CatalogueError."""
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
    paths = sorted(directory.glob(f"*/LC_MESSAGES/{domain}.[pm]o"))
    return {language_of(path.parent.parent.name): path for path in paths}


def read_po(path: Path) -> gettext.GNUTranslations:
    """Raises CatalogueError."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise CatalogueError(f"{path} is too large to be a catalogue.")
        if path.suffix == ".mo":
            return gettext.GNUTranslations(io.BytesIO(path.read_bytes()))
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise CatalogueError(f"{path} can't be read as UTF-8 text.") from None
    return gettext.GNUTranslations(io.BytesIO(compiled(text, path.parent.parent.name, str(path))))
