"""Reads the doors' texts in every shipped language."""

import gettext
import io
from functools import cache
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

import badges
from badges.admission.phrases import Language
from badges.i18n import ENGLISH, language_of

_CATALOGUES = Path(badges.__file__).parent / "translations"


@cache
def door_words() -> dict[Language, gettext.NullTranslations]:
    catalogues: dict[Language, gettext.NullTranslations] = {ENGLISH: gettext.NullTranslations()}
    for path in sorted(_CATALOGUES.glob("*/LC_MESSAGES/badges.po")):
        locale = path.parent.parent.name
        # Babel keeps plural forms only with a locale.
        with path.open("rb") as file:
            catalogue = read_po(file, locale=locale, abort_invalid=True)
        compiled = io.BytesIO()
        write_mo(compiled, catalogue)
        catalogues[language_of(locale)] = gettext.GNUTranslations(io.BytesIO(compiled.getvalue()))
    return catalogues
