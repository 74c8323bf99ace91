"""The page's languages, with gettext by Flask-Babel, from .po files.

The page shows its first two languages at once, and offers the others.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from babel import Locale, UnknownLocaleError, support
from flask import Flask, current_app, request
from flask_babel import (  # type: ignore[import-untyped]  # it ships no types
    Babel,
    Domain,
    get_locale,
)

from badges.i18n import CHINESE, ENGLISH, language_of, locale_of
from badges.po import CatalogueError
from kiosk.screen.texts import CLOSED, COUNTED, SUPERVISOR, WORDS
from kiosk.texts import catalogue
from kiosk.texts.catalogue import counted, translated
from kiosk.texts.po import Catalogues

PARAMETER = "languages"  # in the page's address, as in ?languages=fr,en


class PoDomain(Domain):  # type: ignore[misc]
    """Reads Flask-Babel's translations from .po files, without .mo files."""

    def __init__(self, catalogues: Catalogues) -> None:
        super().__init__(domain=catalogues.domain)
        self.catalogues = catalogues

    def get_translations(self) -> support.Translations:
        locale = str(get_locale() or ENGLISH)
        if locale not in self.cache:
            words = support.Translations()
            words.add_fallback(self.catalogues.get(language_of(locale)))
            self.cache[locale] = words
        translations: support.Translations = self.cache[locale]
        return translations


def add_languages(app: Flask, chosen: Sequence[str]) -> None:
    """`chosen` languages are shown in this order; without any, the browser's preference decides.

    Raises CatalogueError for a damaged file, and for a language without a file.
    """
    catalogues = catalogue.CATALOGUES
    for language in catalogues.languages:
        _locale(language)
    for language in chosen:
        if language not in catalogues.languages:
            choices = ", ".join(catalogues.languages)
            raise CatalogueError(f"There is no language {language!r} here. Known: {choices}.")
    babel = Babel(app, default_domain="kiosk", locale_selector=_own_locale)
    babel.domain_instance = PoDomain(catalogues)
    app.extensions["languages"] = (catalogues, tuple(chosen))


def _locale(language: str) -> Locale:
    try:
        return Locale.parse(locale_of(language))
    except (UnknownLocaleError, ValueError):
        raise CatalogueError(
            f"{locale_of(language)!r} names no language: call the directory such as fr or pt_BR."
        ) from None


def is_known(language: str) -> bool:
    catalogues, _ = current_app.extensions["languages"]
    return language in catalogues.languages


def _own_locale() -> str:
    return locale_of(page_languages()[0])


def page_languages() -> tuple[str, ...]:
    catalogues, chosen = current_app.extensions["languages"]
    available: tuple[str, ...] = catalogues.languages
    asked = request.args.get(PARAMETER, "").split(",")
    for wish in (asked, chosen):
        languages = tuple(dict.fromkeys(language for language in wish if language in available))
        if languages:
            return languages
    pair = (ENGLISH, CHINESE)
    tags = {locale_of(language).replace("_", "-"): language for language in pair}
    liked = request.accept_languages.best_match([*tags, *pair])
    first = tags.get(liked or "", liked or ENGLISH)
    return (first, *(language for language in pair if language != first))


def page_words() -> list[dict[str, Any]]:
    return [words_of(language, {**WORDS, **SUPERVISOR}) for language in page_languages()]


def words_of(language: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """A language's attributes and texts, with those that have a count, for the page's scripts."""
    words = {
        **translated(language, texts),
        **counted(language, _locale(language).plural_form, COUNTED),
    }
    return {**attributes_of(language), "words": words}


def closed_words() -> list[dict[str, Any]]:
    return [
        {**attributes_of(language), **translated(language, CLOSED)}
        for language in page_languages()[:2]
    ]


def attributes_of(language: str) -> dict[str, str]:
    locale = _locale(language)
    return {
        "language": language,
        "tag": str(locale).replace("_", "-"),
        "dir": locale.text_direction,
        "name": locale.get_language_name() or language,
    }
