"""Holds the kiosk's own words in every language, and those of answers.

English stands in the code, marked by `N_`. Other languages stand in `kiosk/screen/translations` and
`badges/translations`, and where `add` is told to look as well.
"""

import gettext
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import badges
from badges.admission.phrases import Language
from kiosk.texts.po import Catalogues

T = TypeVar("T")
CATALOGUES = Catalogues("kiosk", Path(__file__).parent.parent / "screen" / "translations")
ANSWERS = Catalogues("badges", Path(badges.__file__).parent / "translations")


def languages() -> tuple[Language, ...]:
    """List every language that the kiosk has words in, of its own or of answers."""
    return tuple(dict.fromkeys((*CATALOGUES.languages, *ANSWERS.languages)))


def add(directory: Path) -> None:
    """Look for languages here too. Raises CatalogueError."""
    CATALOGUES.add(directory)
    ANSWERS.add(directory)


def answer_words(language: Language) -> gettext.NullTranslations:
    """Return the words in which answers are given in that language."""
    return ANSWERS.get(language)


def say(language: Language, text: str, **fields: object) -> str:
    """Return the English `text` in that language."""
    return CATALOGUES.get(language).gettext(text).format(**fields)


def each(words: Callable[[Language], T]) -> dict[Language, T]:
    """Return the same in every language, for the page to choose from."""
    return {language: words(language) for language in languages()}


def translated(language: Language, texts: Mapping[str, str]) -> dict[str, str]:
    """Translate a table of texts into that language. What stands in braces is left for the page."""
    words = CATALOGUES.get(language)
    return {key: words.gettext(text) for key, text in texts.items()}
