"""Holds the words of pages and mails in every language.

English is in the code, marked by `_`, `ngettext` or `N_`. Other languages are in
`translations/LOCALE/LC_MESSAGES/server.po` here, and in the event's own directory under the same
names. The words of refusals are in `badges.po`, which doors read too (`badges/translations`). The
files are read as translators write them, so that no .mo file has to be made or kept.
"""

import io
from collections.abc import Iterable, Iterator
from copy import copy
from functools import cache, lru_cache
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.support import Translations

import badges
from badges.i18n import ENGLISH, language_of, locale_of
from badges.po import CatalogueError, compiled

DOMAIN = "server"
ANSWERS = "badges"  # The words of doors' answers.
FILE_BYTES_MAX = 1_000_000
SHIPPED = {
    DOMAIN: Path(__file__).parent.parent / "translations",
    ANSWERS: Path(badges.__file__).parent / "translations",
}
OWN = "translations"  # The folder in an event's directory.


class Words:
    """Holds the languages of one event. What stands in its own files adds to ours and replaces
    them.
    """

    def __init__(self, event_path: Path) -> None:
        """Read every catalogue. Raises CatalogueError for a spoilt one."""
        self._read: dict[str, Translations] = {ENGLISH: Translations()}
        ours = [*_shipped(DOMAIN), *_catalogues(event_path / OWN, DOMAIN)]
        answers = [*_shipped(ANSWERS), *_catalogues(event_path / OWN, ANSWERS)]
        # A language of doors alone is none of pages.
        languages = {language for language, _ in ours}
        answers = [(language, words) for language, words in answers if language in languages]
        for language, words in (*answers, *ours):
            # A copy gets a fallback of its own. The texts are the same, and nobody changes them.
            words = copy(words)
            words.add_fallback(self._read.get(language, self._read[ENGLISH]))
            self._read[language] = words

    @property
    def languages(self) -> tuple[str, ...]:
        """List English first, then every language that has a file."""
        return (ENGLISH, *sorted(self._read.keys() - {ENGLISH}))

    def get(self, language: str) -> Translations:
        """Return the words of a language, or English for one that has no file."""
        return self._read.get(language, self._read[ENGLISH])

    def nearest(self, tags: Iterable[str]) -> str | None:
        """Return the language of the first BCP 47 tag that has words here, such as "zh" for
        "zh-Hans-CN". It is None where none has.
        """
        known = {one.lower(): one for one in self.languages}
        for tag in tags:
            # Our Chinese is in simplified characters, which serves readers of the others too.
            parts = tag.replace("_", "-").lower().split("-")
            for length in range(len(parts), 0, -1):
                if "-".join(parts[:length]) in known:
                    return known["-".join(parts[:length])]
        return None


def told_of(language: str) -> dict[str, str]:
    """Return the tag of a language, its direction, and what it calls itself. Raises
    CatalogueError for a directory that names no language.
    """
    return dict(_told_of(language))


@lru_cache(maxsize=64)
def _told_of(language: str) -> dict[str, str]:
    try:
        locale = Locale.parse(locale_of(language))
    except (UnknownLocaleError, ValueError):
        raise CatalogueError(
            f"{locale_of(language)!r} names no language: call the directory such as fr or pt_BR."
        ) from None
    return {
        "language": language,
        "tag": str(locale).replace("_", "-"),
        "dir": locale.text_direction,
        "name": locale.get_language_name() or language,
    }


@cache
def _shipped(domain: str) -> tuple[tuple[str, Translations], ...]:
    return tuple(_catalogues(SHIPPED[domain], domain))


def _catalogues(directory: Path, domain: str) -> Iterator[tuple[str, Translations]]:
    """Yield each language of a directory with its words."""
    for path in sorted(directory.glob(f"*/LC_MESSAGES/{domain}.po")):
        yield language_of(path.parent.parent.name), _translations(path)


def _translations(path: Path) -> Translations:
    told_of(language_of(path.parent.parent.name))
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise CatalogueError(f"{path} is too large to be a catalogue.")
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise CatalogueError(f"{path} can't be read as UTF-8 text.") from None
    return _understood(compiled(text, path.parent.parent.name, str(path)))


@lru_cache(maxsize=16)
def _understood(made: bytes) -> Translations:
    return Translations(io.BytesIO(made), DOMAIN)
