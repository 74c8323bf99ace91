"""Finds which installed fonts draw a text, in their character maps and before anything is drawn.

A card is set in exactly the families chosen here, so that a character without a glyph is found,
never printed as a box.
"""

import functools
import operator
import unicodedata
from collections.abc import Iterable, Iterator

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
# These fonts draw boxes only.
_EMPTY_FONTS = ("LastResort", "Last Resort", "Adobe Blank", "Adobe NotDef")
_JOINERS = "\u200c\u200d"
_REGULAR, _BOLD = 400, 700
_MAP_BYTES = 0x40000 // 8  # Planes 0 to 3. There are no letters beyond them.
_MAP_BITS = range(_MAP_BYTES * 8)


@functools.cache
def installed() -> typst.Fonts:
    """Return the system's fonts as Typst finds them, looked for once (0.2 s). Typst's own are left
    out.
    """
    return typst.Fonts(include_system_fonts=True, include_embedded_fonts=False)


@functools.cache
def none() -> typst.Fonts:
    """Return no fonts at all, for what has no text."""
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False)


@functools.cache
def family_order(region: str) -> tuple[str, ...]:
    """Return installed families in the order of preference. `region` picks the forms of Han
    characters.
    """
    here = set(installed().families())
    han = (_HAN[region], *(family for key, family in _HAN.items() if key != region))
    preferred = [family for family in (*_FIRST, *han, *_SCRIPTS) if family in here]
    others = here.difference(preferred, _EMPTY_FONTS)
    return (*preferred, *sorted(others, key=_rank))


def _rank(family: str) -> tuple[bool, bool, str]:
    return not family.startswith("Noto Sans"), not family.startswith("Noto"), family


def families_for(texts: Iterable[str], language: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return families that draw `texts`, in order of preference, and the characters that none
    draws.
    """
    found: set[str] = set()
    missing: dict[str, None] = {}
    joined = "\n".join(texts)
    region = han_region(joined, language)
    for cluster in set(_clusters(joined)):
        family = _family(cluster, region)
        if family:
            found.add(family)
        else:
            missing |= dict.fromkeys(_lacking(cluster, region))
    order = (family for family in family_order(region) if family in found)
    return tuple(order), tuple(sorted(missing))


def han_region(text: str, language: str) -> str:
    """Return SC, TC, HK, JP or KR, by the language if it says so, else by kana or hangul in the
    text.
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
    """Return the Debian package of fonts that most likely draws `character`."""
    code = ord(character)
    if 0x30000 <= code <= 0x3FFFF or 0x2CEB0 <= code <= 0x2EE5D:
        # These Han characters are newer than the Noto fonts.
        return "fonts-babelstone-han"
    if 0x2E80 <= code <= 0x9FFF or 0xAC00 <= code <= 0xD7FF or 0xF900 <= code <= 0xFAFF:
        return "fonts-noto-cjk"
    if 0xFF00 <= code <= 0xFFEF or 0x20000 <= code <= 0x2FFFF:
        return "fonts-noto-cjk"
    if 0x1F000 <= code <= 0x1FAFF or 0x2600 <= code <= 0x27BF:
        return "fonts-noto-color-emoji"
    return "fonts-noto-core"


def undrawn(texts: Iterable[str], language: str = "") -> tuple[str, ...]:
    """Return the characters of `texts` that no installed font draws, sorted."""
    return families_for(texts, language)[1]


def remedy(characters: Iterable[str]) -> str:
    """Say what to do about characters that no installed font draws, without a full stop."""
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
    """Yield each letter with the marks on it, because one font has to draw them together."""
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
    """Tell whether a character may not be printed. Some fonts map control and bidirectional
    characters too, which would turn a line round.
    """
    return unicodedata.category(char) in ("Cc", "Cf", "Cs") and char not in _JOINERS


def _visible(cluster: str) -> str:
    """Return `cluster` without the joiners and variation selectors that choose a form of its
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
    """Return the characters of `cluster` that no font has, or all of them where only the union
    fails.
    """
    alone = [char for char in cluster if _family(char, region) is None]
    return alone or list(_visible(cluster))


def _draws(covered: bytes, char: str) -> bool:
    code = ord(char)
    return code in _MAP_BITS and bool(covered[code >> 3] >> (code & 7) & 1)


@functools.cache
def coverage(family: str) -> bytes:
    """Return a bit for each code point that both the regular and the bold upright face draw."""
    maps = [
        _character_map(face.path, face.index)
        for face in installed().fonts()
        if face.family == family and face.style == "normal" and face.weight in (_REGULAR, _BOLD)
    ]
    both = functools.reduce(operator.and_, maps) if maps else 0
    return both.to_bytes(_MAP_BYTES, "little")


def _character_map(path: str | None, index: int) -> int:
    """Return a number whose bit n says that the face draws code point n. Bits are used because sets
    of all fonts' points need 400 MB.
    """
    # It takes a while to load, and who draws no names is spared.
    from fontTools.ttLib import TTFont

    if path is None:
        return 0
    bits = bytearray(_MAP_BYTES)
    try:
        # Of what is no font it would leave the file open.
        with open(path, "rb") as file, TTFont(file, fontNumber=index, lazy=True) as font:
            # Names of glyphs are not needed here, and to read them takes as long as all the rest.
            font.setGlyphOrder([""] * font["maxp"].numGlyphs)
            for code in filter(_MAP_BITS.__contains__, font.getBestCmap() or ()):
                bits[code >> 3] |= 1 << (code & 7)
    except Exception:
        # What fontTools raises for a damaged file is not said anywhere. Typst may be able to read
        # the font, but only what was seen in it can be promised.
        return 0
    return int.from_bytes(bits, "little")
