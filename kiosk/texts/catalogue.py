"""The kiosk's own texts and those of answers, in every language.

The code has the English texts, marked by `N_`. Other languages are in
`kiosk/screen/translations`, `badges/translations`, and added directories.
"""

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
    return tuple(dict.fromkeys((*CATALOGUES.languages, *ANSWERS.languages)))


def add(directory: Path) -> None:
    """Add a directory of languages. Raises CatalogueError."""
    CATALOGUES.add(directory)
    ANSWERS.add(directory)


def say(language: Language, text: str, **fields: object) -> str:
    return CATALOGUES.get(language).gettext(text).format(**fields)


def each(words: Callable[[Language], T]) -> dict[Language, T]:
    return {language: words(language) for language in languages()}


def counted(
    language: Language, category: Callable[[int], str], texts: Mapping[str, tuple[str, str]]
) -> dict[str, dict[str, str]]:
    """Translate a table of texts with a count `n`: their forms by CLDR plural category.

    `category` is the language's. Fields in braces are left for the page.
    """
    words = CATALOGUES.get(language)
    examples = {category(n): n for n in reversed(range(200))}
    return {
        key: {name: words.ngettext(*pair, n) for name, n in examples.items()}
        for key, pair in texts.items()
    }


def translated(language: Language, texts: Mapping[str, str]) -> dict[str, str]:
    """Translate a table of texts. Fields in braces are left for the page."""
    words = CATALOGUES.get(language)
    return {key: words.gettext(text) for key, text in texts.items()}
