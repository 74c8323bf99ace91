"""Corrects text from a hand scanner whose keyboard layout differs from the computer's.

The browser reports both characters and keys, so the keys can be read again as US, German or
French. A text counts as a badge only if it decodes. As always, its signature decides.
"""

from collections.abc import Mapping, Sequence
from string import ascii_uppercase

from badges.credential.base45 import ALPHABET, Base45Error, decode
from badges.credential.credential import CREDENTIAL_BYTES, PREFIX, TEXT_CHARS

# A badge has 122 characters, and dead keys swallow a few of them.
MANGLED_MIN = 100
SHIFT = "^"  # before the key's name

_PAD = {
    "Space": " ",
    "NumpadAdd": "+",
    "NumpadSubtract": "-",
    "NumpadMultiply": "*",
    "NumpadDivide": "/",
    "NumpadDecimal": ".",
} | {f"Numpad{n}": str(n) for n in range(10)}
_LETTERS = {f"Key{letter}": letter for letter in ascii_uppercase}
_DIGITS = {f"Digit{n}": str(n) for n in range(10)}
_MARKS = {
    "US": "$ ^Digit4 % ^Digit5 * ^Digit8 + ^Equal - Minus . Period / Slash : ^Semicolon",
    "DE": "$ ^Digit4 % ^Digit5 * ^BracketRight + BracketRight - Slash . Period / ^Digit7 : ^Period",
    "FR": "$ BracketRight % ^Quote * Backslash + ^Equal - Digit6 . ^Comma / ^Period : Period",
}


def _marks(layout: str) -> dict[str, str]:
    words = _MARKS[layout].split()
    return dict(zip(words[1::2], words[::2], strict=True))


LAYOUTS: Mapping[str, Mapping[str, str]] = {
    "US": _LETTERS | _DIGITS | _PAD | _marks("US"),
    "DE": _LETTERS | _DIGITS | _PAD | _marks("DE") | {"KeyY": "Z", "KeyZ": "Y"},
    "FR": _LETTERS
    | {f"^{key}": digit for key, digit in _DIGITS.items()}
    | _PAD
    | _marks("FR")
    | {"KeyQ": "A", "KeyA": "Q", "KeyW": "Z", "KeyZ": "W", "Semicolon": "M", "KeyM": ""},
}


class WrongLayoutError(Exception):
    """A badge was typed in a keyboard layout that can't be corrected, so it can't be verified."""


def read_typed(text: str, keys: Sequence[str] = ()) -> tuple[str, bool]:
    """The scanner's text, and whether it was corrected. Raises WrongLayoutError.

    `keys` are the browser's names of the keys, such as "KeyA", with "^" before them for Shift.
    """
    text = text.strip("\r\n\t")
    if _is_badge(text):
        return text, False
    for meant in (text.upper(), *(_read(keys, layout) for layout in LAYOUTS.values())):
        if _is_badge(meant):
            return meant, True
    if _is_mangled(text, keys):
        raise WrongLayoutError
    return text, False


def _read(keys: Sequence[str], layout: Mapping[str, str]) -> str:
    """Read the keys by that layout, letters in upper case; "" if a key has no such character."""
    meant = []
    for key in keys:
        plain = key.removeprefix(SHIFT)
        character = layout.get(key) or (layout.get(plain, "") if _is_letter(plain, layout) else "")
        if not character:
            return ""
        meant.append(character)
    return "".join(meant)


def _is_letter(key: str, layout: Mapping[str, str]) -> bool:
    return layout.get(key, "") in _LETTERS.values() or key == "Space"


def _is_badge(text: str) -> bool:
    """Checks only the form. The badge may not be genuine."""
    if len(text) != TEXT_CHARS or not text.startswith(PREFIX):
        return False
    try:
        return len(decode(text.removeprefix(PREFIX))) == CREDENTIAL_BYTES
    except Base45Error:
        return False


def _is_mangled(text: str, keys: Sequence[str]) -> bool:
    """Whether the text begins like a badge, and goes on with characters that no badge has.

    H and K are on the same keys in every layout for Latin letters.
    """
    began = text[:2].upper() == PREFIX or [k.removeprefix(SHIFT) for k in keys[:2]] == [
        "KeyH",
        "KeyK",
    ]
    foreign = any(character not in ALPHABET for character in text.upper())
    return began and foreign and max(len(text), len(keys)) >= MANGLED_MIN
