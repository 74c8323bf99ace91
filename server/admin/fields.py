"""What a field of a form or an address means."""

DIGITS_MAX = 15  # SQLite's integers have 64 bits


def whole(text: str) -> int:
    """A whole number from 0. Raises ValueError."""
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX):
        raise ValueError(f"not a whole number of at most {DIGITS_MAX} digits")
    return int(text)
