import re
import unicodedata

_EAST_ASIAN = re.compile(
    r"[\u3005\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff]+"
)
_NO_LETTER = re.compile(r"[^\w]+|_+")
# Variation selectors. They choose a glyph, and are no part of a name.
_VARIATIONS = re.compile(r"[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]+")


def name_key(given_name: str, family_name: str) -> str:
    """A key that is equal for names that differ only in case, width, spaces, punctuation or order.

    In Han, kana and hangul the order distinguishes people, so it is kept.
    """
    whole = f"{family_name} {given_name}"
    if not whole.isascii():
        whole = unicodedata.normalize("NFKC", _VARIATIONS.sub("", whole))
    words = _NO_LETTER.sub(_without_signs, whole.casefold()).split()
    joined = "".join(words)
    return joined if _EAST_ASIAN.fullmatch(joined) else " ".join(sorted(words))


def _without_signs(between: re.Match[str]) -> str:
    """Keep vowel signs and tones, as of Hindi and Thai, which `\\w` does not match."""
    return "".join(c if unicodedata.category(c).startswith("M") else " " for c in between[0])
