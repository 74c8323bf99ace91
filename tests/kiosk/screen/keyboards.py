"""Keyboards: a hand scanner's keys, and a computer's reading of them."""

from kiosk.screen.hand_scanner import LAYOUTS

GERMAN_SHIFT = dict(zip("1234567890", '!"§$%&/()=', strict=True))


def keys_of(text: str, layout: str) -> list[tuple[str, bool]]:
    """The keys that type a text on a layout, each with its Shift state."""
    key_of = {char: key for key, char in LAYOUTS[layout].items() if not key.startswith("Numpad")}
    keys = []
    for char in text:
        key = key_of[char]
        keys.append((key.removeprefix("^"), key.startswith("^") or char.isalpha()))
    return keys


def us_key(char: str) -> tuple[str, bool]:
    """The key for a character on a US keyboard, and its Shift state. Keys that no badge needs have
    no name here.
    """
    if char.upper() not in LAYOUTS["US"].values():
        return "", False
    ((code, shift),) = keys_of(char.upper(), "US")
    return code, shift and not char.islower()


def character(code: str, shift: bool, layout: str) -> str:
    """A computer's character for a key: correct if known, else any wrong one."""
    layout_keys = LAYOUTS[layout]
    char = layout_keys.get(f"^{code}" if shift else code) or layout_keys.get(code, "")
    if char.isalpha():
        return char if shift else char.lower()
    if layout == "DE" and shift and code.startswith("Digit"):
        return GERMAN_SHIFT[code[-1]]
    exact = layout_keys.get(f"^{code}" if shift else code)
    return exact or {"Equal": "Dead", "Semicolon": "Ö", "Minus": "ß"}.get(code, "§")
