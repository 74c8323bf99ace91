"""The kiosk's own words in every language. Those of answers stand in `badges`.

English stands in the code, marked by `N_`; other languages in `kiosk/screen/translations`, and
where `CATALOGUES.add` is told to look besides.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from badges.admission import phrases
from badges.admission.phrases import Language
from badges.i18n import Catalogues

T = TypeVar("T")
CATALOGUES = Catalogues("kiosk", Path(__file__).parent.parent / "screen" / "translations")


def languages() -> tuple[Language, ...]:
    """Every language that the kiosk has words in, of its own or of answers."""
    return tuple(dict.fromkeys((*CATALOGUES.languages, *phrases.languages())))


def add(directory: Path) -> None:
    """Look for languages here too. Raises CatalogueError."""
    CATALOGUES.add(directory)
    phrases.CATALOGUES.add(directory)


def say(language: Language, text: str, **fields: object) -> str:
    """The English `text` in that language."""
    return CATALOGUES.get(language).gettext(text).format(**fields)


def each(words: Callable[[Language], T]) -> dict[Language, T]:
    """The same in every language, for the page to choose from."""
    return {language: words(language) for language in languages()}


def translated(language: Language, texts: Mapping[str, str]) -> dict[str, str]:
    """A table of texts in that language; what stands in braces is left for the page."""
    words = CATALOGUES.get(language)
    return {key: words.gettext(text) for key, text in texts.items()}
