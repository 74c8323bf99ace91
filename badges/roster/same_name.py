import re
import unicodedata

_EAST_ASIAN = re.compile(
    r"[\u3005\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff]+"
)
_NO_LETTER = re.compile(r"[^\w]+|_+")


def name_key(given_name: str, family_name: str) -> str:
    """A key that is equal for names that differ only in case, width, spaces, punctuation or order.

    In Han, kana and hangul the order distinguishes people, so it is kept.
    """
    whole = f"{family_name} {given_name}"
    if not whole.isascii():
        whole = unicodedata.normalize("NFKC", whole)
    words = _NO_LETTER.sub(" ", whole.casefold()).split()
    joined = "".join(words)
    return joined if _EAST_ASIAN.fullmatch(joined) else " ".join(sorted(words))
