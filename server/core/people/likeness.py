"""Keys of names that sound alike, for searches that find no exact spelling.

A Latin word has a stem: without the endings of gender (Kowalski, Kowalska, Kovalskaya), with vowels
and letters merged that transliterations confuse (Noor, Nour; Muhammad, Mohamed). A word in Arabic
script has only its consonants, because the script leaves out short vowels.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

# Signs before keys, which no typed or normalised word contains.
_STEM, _CONSONANTS = "§", "¤"
_SHORTEST = 3  # Shorter words have no stem.
_PARTICLES = frozenset(
    "al el ul ad ed ud ar er as es ash esh an en at et az ez bin ben ibn".split()
)
_GENDER = (
    (re.compile(r"(?<=..)([scz])k(?:[iay]|[iy][yij]|[ao][yij]a?)$"), r"\1k"),
    (re.compile(r"(?<=..)([oe])(?:v|va|ff|w)$"), r"\1v"),
    (re.compile(r"(?<=...)ina$"), "in"),
)
_DIGRAPHS = (
    ("sch", "s"), ("sh", "s"), ("ch", "s"), ("kh", "h"), ("th", "t"), ("dh", "d"), ("gh", "g"),
    ("ph", "f"), ("ck", "k"), ("cz", "s"), ("sz", "s"), ("zh", "z"), ("oo", "u"), ("ou", "u"),
    ("ee", "i"), ("ie", "i"),
)  # fmt: skip
_SAME_LETTERS = str.maketrans("cqweoyj", "kkvauii")
_SAME_CONSONANTS = str.maketrans("cqjpv", "kkgbf", "aeiouwy")
_DOUBLED = re.compile(r"(.)\1+")
_ARTICLE = re.compile(r"[aeu]l(?=...)")
_ARABIC = re.compile(r"[\u0620-\u06d3]+")
_ARABIC_ARTICLE = re.compile("ال(?=..)")
_ARABIC_CONSONANTS = dict(
    zip("بتثجحخدذرزسشصضطظغفقکگلمنهپچڤ", "bttghhddrzsssdtzgfkkglmnhbsf", strict=True)
)


def keys(names: Iterable[str]) -> list[str]:
    """Return the keys of a person's normalised names (`folding.name_forms`)."""
    words = dict.fromkeys(word for name in names for word in name.split())
    stems = [_stem(word) for word in words if word.isascii() and word.isalpha()]
    arabic = [word for word in words if _ARABIC.fullmatch(word)]
    plain = [_arabic(_ARABIC_ARTICLE.sub("", word, count=1)) for word in arabic]
    whole = list(map(_arabic, arabic))
    # As typed in other places: Abdulrahman, Abdul Rahman, Nooruddin.
    glued = []
    for at, (first, second) in enumerate(pairwise(plain)):
        glued.append(first + second)
        if whole[at + 1] != second:
            glued += [f"{first}l", f"{first}l{second}"]
    marked = [_STEM + stem for stem in stems if stem]
    marked += [_CONSONANTS + text for text in (*plain, *whole, *map(_joined, glued)) if text]
    return list(dict.fromkeys(marked))


def asked(words: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Return the words that matter, each with the keys of names like it."""
    pieces = [piece for word in words for piece in word.split()]
    pieces = [piece for piece in pieces if piece not in _PARTICLES] or pieces
    return [(piece, _asked(piece)) for piece in pieces]


def _asked(piece: str) -> list[str]:
    if not (piece.isascii() and piece.isalpha()):
        return keys([piece])
    stem = _stem(piece)
    consonants = [_latin_consonants(piece), _latin_consonants(_ARTICLE.sub("", piece, count=1))]
    marked = [_STEM + stem] if stem else []
    return marked + [_CONSONANTS + text for text in dict.fromkeys(filter(None, consonants))]


def _stem(word: str) -> str:
    if len(word) < _SHORTEST:
        return ""
    for ending, plain in _GENDER:
        word = ending.sub(plain, word)
    return _joined(_without_digraphs(word).translate(_SAME_LETTERS))


def _latin_consonants(word: str) -> str:
    plain = _without_digraphs(word).removesuffix("h")
    return _joined(plain.translate(_SAME_CONSONANTS))


def _arabic(word: str) -> str:
    return _joined("".join(_ARABIC_CONSONANTS.get(letter, "") for letter in word.removesuffix("ه")))


def _without_digraphs(word: str) -> str:
    for letters, sound in _DIGRAPHS:
        word = word.replace(letters, sound)
    return word


def _joined(text: str) -> str:
    """Write doubled letters once."""
    return _DOUBLED.sub(r"\1", text)
