"""Translations of pages and mails, from .po files: `translations/LOCALE/LC_MESSAGES/server.po`
here, and the same in the event's directory.

Refusals are in `badges.po`, which doors read too (`badges/translations`).
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
ANSWERS = "badges"  # texts of doors' answers
FILE_BYTES_MAX = 1_000_000
SHIPPED = {
    DOMAIN: Path(__file__).parent.parent / "translations",
    ANSWERS: Path(badges.__file__).parent / "translations",
}
OWN = "translations"  # folder in an event's directory


class Words:
    """The translations of one event. Its own catalogues add to the product's and override them."""

    def __init__(self, event_path: Path) -> None:
        """Raises CatalogueError for an invalid catalogue."""
        self._read: dict[str, Translations] = {ENGLISH: Translations()}
        ours = [*shipped(DOMAIN), *_catalogues(event_path / OWN, DOMAIN)]
        answers = [*shipped(ANSWERS), *_catalogues(event_path / OWN, ANSWERS)]
        # A language only of doors is not offered for pages.
        languages = {language for language, _ in ours}
        answers = [(language, words) for language, words in answers if language in languages]
        for language, words in (*answers, *ours):
            # A copy, since it gets its own fallback.
            words = copy(words)
            words.add_fallback(self._read.get(language, self._read[ENGLISH]))
            self._read[language] = words

    @property
    def languages(self) -> tuple[str, ...]:
        """Return all languages, English first."""
        return (ENGLISH, *sorted(self._read.keys() - {ENGLISH}))

    def get(self, language: str) -> Translations:
        """Return the language's translations, or English ones without any."""
        return self._read.get(language, self._read[ENGLISH])

    def nearest(self, tags: Iterable[str]) -> str | None:
        """Return the language with translations for the first of these BCP 47 tags that has any
        ("zh" for "zh-Hans-CN"), or None.
        """
        available = {code.lower(): code for code in self.languages}
        for tag in tags:
            # Simplified Chinese also serves readers of other variants.
            parts = tag.replace("_", "-").lower().split("-")
            for length in range(len(parts), 0, -1):
                if "-".join(parts[:length]) in available:
                    return available["-".join(parts[:length])]
        return None


def told_of(language: str) -> dict[str, str]:
    """Return tag, direction and own name. Raises CatalogueError for a directory that names no
    language.
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
def shipped(domain: str) -> tuple[tuple[str, Translations], ...]:
    """Return the product's own translations of a domain, by language."""
    return tuple(_catalogues(SHIPPED[domain], domain))


def _catalogues(directory: Path, domain: str) -> Iterator[tuple[str, Translations]]:
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
def _understood(compiled_catalogue: bytes) -> Translations:
    return Translations(io.BytesIO(compiled_catalogue), DOMAIN)
