"""Finds installed fonts for a text by their character maps, before anything is drawn.

A card is set in exactly the families chosen here, so a character without a glyph is detected and
never printed as a box.
"""

import functools
import operator
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

import typst

from badges.i18n import Phrase, joined

_FIRST = ("Noto Sans",)
_SCRIPTS = (
    "Noto Sans Arabic", "Noto Sans Hebrew", "Noto Sans Devanagari", "Noto Sans Bengali",
    "Noto Sans Gurmukhi", "Noto Sans Gujarati", "Noto Sans Oriya", "Noto Sans Tamil",
    "Noto Sans Telugu", "Noto Sans Kannada", "Noto Sans Malayalam", "Noto Sans Sinhala",
    "Noto Sans Thai", "Noto Sans Lao", "Noto Sans Khmer", "Noto Sans Myanmar", "Noto Sans Tibetan",
    "Noto Serif Tibetan", "Noto Sans Georgian", "Noto Sans Armenian", "Noto Sans Ethiopic",
    "Noto Sans Mongolian", "Noto Sans Symbols", "Noto Sans Symbols2", "Noto Sans Math",
)  # fmt: skip
_HAN = {"SC": "Noto Sans CJK SC", "TC": "Noto Sans CJK TC", "HK": "Noto Sans CJK HK",
        "JP": "Noto Sans CJK JP", "KR": "Noto Sans CJK KR"}  # fmt: skip
# These fonts only draw boxes.
_EMPTY_FONTS = ("LastResort", "Last Resort", "Adobe Blank", "Adobe NotDef")
_JOINERS = "\u200c\u200d"
_REGULAR, _BOLD = 400, 700
_MAP_BYTES = 0x40000 // 8  # Planes 0 to 3; the others have no letters.
_MAP_BITS = range(_MAP_BYTES * 8)


@functools.cache
def installed() -> typst.Fonts:
    """Typst's list of the system's fonts, without its own. Cached, because the search
    takes 0.2 s.
    """
    return typst.Fonts(include_system_fonts=True, include_embedded_fonts=False)


@functools.cache
def none() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False)


@functools.cache
def family_order(region: str) -> tuple[str, ...]:
    """Installed font families, preferred first. `region` chooses the forms of Han characters."""
    here = set(installed().families())
    han = (_HAN[region], *(family for key, family in _HAN.items() if key != region))
    preferred = [family for family in (*_FIRST, *han, *_SCRIPTS) if family in here]
    others = here.difference(preferred, _EMPTY_FONTS)
    return (*preferred, *sorted(others, key=_rank))


def _rank(family: str) -> tuple[bool, bool, str]:
    return not family.startswith("Noto Sans"), not family.startswith("Noto"), family


def families_for(texts: Iterable[str], language: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Families, preferred first, and the characters that none has."""
    families: set[str] = set()
    missing: dict[str, None] = {}
    joined = "\n".join(texts)
    region = han_region(joined, language)
    for cluster in set(_clusters(joined)):
        family = _family(cluster, region)
        if family:
            families.add(family)
        else:
            missing |= dict.fromkeys(_lacking(cluster, region))
    order = (family for family in family_order(region) if family in families)
    return tuple(order), tuple(sorted(missing))


def han_region(text: str, language: str) -> str:
    """SC, TC, HK, JP or KR for the forms of Han characters: by the language, else by kana or
    hangul in the text.
    """
    tag = language.lower()
    for start, region in (("zh-hant", "TC"), ("zh-tw", "TC"), ("zh-hk", "HK"), ("zh-mo", "HK"),
                          ("zh", "SC"), ("ja", "JP"), ("ko", "KR")):  # fmt: skip
        if tag.startswith(start):
            return region
    if any("\u3040" <= char <= "\u30ff" for char in text):
        return "JP"
    return "KR" if any("\uac00" <= char <= "\ud7a3" for char in text) else "SC"


def package_for(character: str) -> str:
    code = ord(character)
    if 0x30000 <= code <= 0x3FFFF or 0x2CEB0 <= code <= 0x2EE5D:
        # newer than the Noto fonts
        return "fonts-babelstone-han"
    if 0x2E80 <= code <= 0x9FFF or 0xAC00 <= code <= 0xD7FF or 0xF900 <= code <= 0xFAFF:
        return "fonts-noto-cjk"
    if 0xFF00 <= code <= 0xFFEF or 0x20000 <= code <= 0x2FFFF:
        return "fonts-noto-cjk"
    if 0x1F000 <= code <= 0x1FAFF or 0x2600 <= code <= 0x27BF:
        return "fonts-noto-color-emoji"
    return "fonts-noto-core"


def remedy(characters: Iterable[str]) -> str:
    """Advice about characters that no installed font has, without full stop."""
    strange, packages = False, set()
    for char in characters:
        if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co"):
            strange = True
        else:
            packages.add(package_for(char))
    hints = [Phrase("Remove invisible and private characters")] if strange else []
    if packages:
        hints.append(
            Phrase(
                "Install fonts that have them, on Debian %(packages)s, and start again",
                packages=" ".join(sorted(packages)),
            )
        )
    return joined(Phrase(". "), hints)


def _clusters(text: str) -> Iterator[str]:
    cluster = ""
    for char in text:
        if char.isspace():
            continue
        if cluster and (unicodedata.category(char)[0] == "M" or char in _JOINERS):
            cluster += char
        else:
            if cluster:
                yield cluster
            cluster = char
    if cluster:
        yield cluster


@functools.lru_cache(maxsize=1 << 16)
def _family(cluster: str, region: str) -> str | None:
    if any(_unprintable(char) for char in cluster):
        return None
    forms = [_visible(unicodedata.normalize(form, cluster)) for form in ("NFC", "NFD")]
    for family in family_order(region):
        covered = coverage(family)
        if any(all(_draws(covered, char) for char in form) for form in forms):
            return family
    return None


def _unprintable(char: str) -> bool:
    """Whether a character must not be printed. Some fonts map control and bidirectional characters,
    which would reverse a line.
    """
    return unicodedata.category(char) in ("Cc", "Cf", "Cs") and char not in _JOINERS


def _visible(cluster: str) -> str:
    """`cluster` without joiners and variation selectors, which only choose another form of its
    glyph.
    """
    return "".join(
        char
        for char in cluster
        if char not in _JOINERS
        and not "\ufe00" <= char <= "\ufe0f"
        and not "\U000e0100" <= char <= "\U000e01ef"
    )


def _lacking(cluster: str, region: str) -> list[str]:
    """The characters of `cluster` that no font has, or all if only their combination is missing."""
    alone = [char for char in cluster if _family(char, region) is None]
    return alone or list(_visible(cluster))


def _draws(covered: bytes, char: str) -> bool:
    code = ord(char)
    return code in _MAP_BITS and bool(covered[code >> 3] >> (code & 7) & 1)


@functools.cache
def coverage(family: str) -> bytes:
    """A bit set of the code points that the family has both regular and bold, upright."""
    maps = [
        _character_map(face.path, face.index)
        for face in installed().fonts()
        if face.family == family and face.style == "normal" and face.weight in (_REGULAR, _BOLD)
    ]
    both = functools.reduce(operator.and_, maps) if maps else 0
    return both.to_bytes(_MAP_BYTES, "little")


def _character_map(path: str | None, index: int) -> int:
    """A bit set of a font file's code points, as an integer. Sets for all fonts would
    need 400 MB.
    """
    # Imported here because it loads slowly, and most commands draw no names.
    from fontTools.ttLib import TTFont

    if path is None:
        return 0
    bits = bytearray(_MAP_BYTES)
    try:
        # TTFont(path) would leave the file open if it is no font.
        with Path(path).open("rb") as file, TTFont(file, fontNumber=index, lazy=True) as font:
            # Glyph names are not needed, and reading them takes as long as all the rest.
            font.setGlyphOrder([""] * font["maxp"].numGlyphs)
            for code in filter(_MAP_BITS.__contains__, font.getBestCmap() or ()):
                bits[code >> 3] |= 1 << (code & 7)
    except Exception:
        # fontTools does not document its exceptions for damaged files. Typst may be able to read
        # the font, but its characters are unknown here.
        return 0
    return int.from_bytes(bits, "little")
