"""Compiles .po files at run time, without .mo files. The caller reads the file.

Fields in a text are `{name}` at the kiosk and `%(name)s` on the server.
"""

import gettext
import io
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog, Message

_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_FIELD = re.compile(r"\{\w*\}|%\(\w+\)[sd]|%%")
_STRAY = re.compile(r"[{}]|%\(")
_STRAY_BESIDE_PERCENT = re.compile(r"[{}%]")
# Babel strips the first and the last character as quotation marks, without a check.
_LINE = re.compile(
    r'(?:(?:msgctxt|msgid|msgid_plural|msgstr|msgstr\[\d\]) )?[ \t]*"(?:[^"\\]|\\[\\"ntr])*"'
)


class CatalogueError(Exception):
    """Raised for an unusable .po file. The text has the file, the line and the remedy."""


@lru_cache(maxsize=16)
def compiled(text: str, locale: str, where: str) -> bytes:
    """Return a .po file's text in gettext's binary form (.mo). Cached.

    `where` is the file's name in errors. Raises CatalogueError.
    """
    # Imported here, because a phone has no Babel: its translations were compiled beforehand.
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import PoFileError
    from babel.messages.pofile import read_po as parse

    lines = text.splitlines()
    for number, line in enumerate(map(str.strip, lines), 1):
        if line and not line.startswith("#") and not _LINE.fullmatch(line):
            raise CatalogueError(
                f"{where}, line {number}: this is not a line of a .po file, or its text is not "
                "quoted rightly."
            )
    try:
        # `locale`, because Babel keeps plural forms only of a known language, and the header may
        # name none.
        catalogue = parse(lines, locale=locale, abort_invalid=True)
    except PoFileError as error:
        raise CatalogueError(f"{where}, line {error.lineno + 1}: {error}.") from None
    except (ValueError, LookupError) as error:
        raise CatalogueError(f"{where}: its header is malformed ({error}).") from None
    _check(where, catalogue)
    catalogue.creation_date = _NO_TIME  # else the present time
    buffer = io.BytesIO()
    try:
        write_mo(buffer, catalogue)
        # Parses the plural rule.
        gettext.GNUTranslations(io.BytesIO(buffer.getvalue()))
    except (ValueError, LookupError) as error:
        raise CatalogueError(f"{where}: its header is malformed ({error}).") from None
    return buffer.getvalue()


def _check(where: str, catalogue: "Catalog") -> None:
    """Refuse translations with other fields than the English text, and drop incomplete plurals."""
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


def _fits(message: "Message") -> bool:
    allowed = {field for text in _forms(message.id) for field in _FIELD.findall(text)}
    stray = (
        _STRAY_BESIDE_PERCENT if any(placeholder[0] == "%" for placeholder in allowed) else _STRAY
    )
    return all(
        set(_FIELD.findall(text)) <= allowed and not stray.search(_FIELD.sub("", text))
        for text in _forms(message.string)
    )


def _forms(text: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...]:
    return (text or "",) if isinstance(text, str | None) else tuple(text)
