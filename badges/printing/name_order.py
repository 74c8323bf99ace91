"""Sorts names for lists on paper: by ICU's collation, Han names by pinyin.

Han names come first, as in ICU's Chinese collation, then Latin and other letters.
"""

from functools import lru_cache
from typing import Any

from badges.printing.latin import syllables

NameKey = tuple[bool, list[str], bytes, list[str], bytes]


def name_key(given: str, family: str) -> NameKey:
    """A key that sorts by family name, then by given name.

    ICU does not know that the surname 曾 is read zeng, not ceng. So Han names are compared by the
    syllables of their transcription, and by ICU if these are equal.
    """
    family_sounds, given_sounds = syllables(given, family)
    if family_sounds:
        name = "".join(f"{family}{given}".split())
        family, given = name[: len(family_sounds)], name[len(family_sounds) :]
    return not family_sounds, family_sounds, text_key(family), given_sounds, text_key(given)


@lru_cache(maxsize=1 << 14)
def text_key(text: str) -> bytes:
    """A key that sorts `text` as a Chinese reader expects."""
    key: bytes = _collator().getSortKey(text)
    return key


@lru_cache(maxsize=1)
def _collator() -> Any:
    # Imported here because ICU loads slowly, and most commands sort nothing.
    import icu

    return icu.Collator.createInstance(icu.Locale("zh"))
