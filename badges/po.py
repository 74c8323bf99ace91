"""Compiles .po files as translators write them. The caller reads the file, and no .mo file is kept.

A place in a text is kept for a field by `{name}` at the kiosk and by `%(name)s` on the server.
"""

import gettext
import io
import re
from functools import lru_cache

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError
from babel.messages.pofile import read_po as parse

_FIELD = re.compile(r"\{\w*\}|%\(\w+\)[sd]|%%")
_STRAY = re.compile(r"[{}]|%\(")
_STRAY_BESIDE_PERCENT = re.compile(r"[{}%]")
# Babel takes the first and the last character for quotation marks, whatever they are.
_LINE = re.compile(
    r'(?:(?:msgctxt|msgid|msgid_plural|msgstr|msgstr\[\d\]) )?[ \t]*"(?:[^"\\]|\\[\\"ntr])*"'
)


class CatalogueError(Exception):
    """Is raised where a .po file can't be used. The text names the file, the line and the
    remedy.
    """


@lru_cache(maxsize=16)
def compiled(text: str, locale: str, where: str) -> bytes:
    """Return the .mo form of a .po file's text, for gettext to read. `where` names the file in
    errors. What was compiled before in this process is not compiled again. Raises CatalogueError.
    """
    lines = text.splitlines()
    for number, line in enumerate(map(str.strip, lines), 1):
        if line and not line.startswith("#") and not _LINE.fullmatch(line):
            raise CatalogueError(
                f"{where}, line {number}: this is not a line of a .po file, or its text is not "
                "quoted rightly."
            )
    try:
        # Babel keeps the file's plural forms only if it knows the language, which headers may leave
        # out.
        catalogue = parse(lines, locale=locale, abort_invalid=True)
    except PoFileError as error:
        raise CatalogueError(f"{where}, line {error.lineno + 1}: {error}.") from None
    except (ValueError, LookupError) as error:
        raise CatalogueError(f"{where}: its header is malformed ({error}).") from None
    _check(where, catalogue)
    made = io.BytesIO()
    try:
        write_mo(made, catalogue)
        # The plural rule is only understood here.
        gettext.GNUTranslations(io.BytesIO(made.getvalue()))
    except (ValueError, LookupError) as error:
        raise CatalogueError(f"{where}: its header is malformed ({error}).") from None
    return made.getvalue()


def _check(where: str, catalogue: Catalog) -> None:
    """Refuse a translation with fields of its own, and leave out one that is half done."""
    for message in list(catalogue):
        if not message.id or message.fuzzy:
            continue
        if not _fits(message):
            raise CatalogueError(
                f"{where}, line {message.lineno}: the translation has words in braces that the "
                "English text does not have. Keep {these} and %(these)s as they are."
            )
        if not all(_forms(message.string)):
            catalogue.delete(message.id, message.context)


def _fits(message: Message) -> bool:
    """Tell whether the translations name only what is to be put in."""
    known = {field for text in _forms(message.id) for field in _FIELD.findall(text)}
    stray = _STRAY_BESIDE_PERCENT if any(one[0] == "%" for one in known) else _STRAY
    return all(
        set(_FIELD.findall(text)) <= known and not stray.search(_FIELD.sub("", text))
        for text in _forms(message.string)
    )


def _forms(text: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the singular and the plurals, or the one text."""
    return (text or "",) if isinstance(text, str | None) else tuple(text)
