"""The badge number: a serial as five characters that people can read out and type.

Crockford's base32 of the serial's 24 bits, without I, L, O and U. O is read as 0; I and L as 1.
"""

SERIAL_MAX = 0xFFFFFF
NUMBER_CHARS = 5
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUE = {char: value for value, char in enumerate(_DIGITS)} | {"O": 0, "I": 1, "L": 1}


def badge_number(serial: int) -> str:
    """Raises ValueError for a serial outside 24 bits."""
    if not 0 <= serial <= SERIAL_MAX:
        raise ValueError(f"a serial is 0 to {SERIAL_MAX}, not {serial}")
    return "".join(_DIGITS[serial >> shift & 31] for shift in (20, 15, 10, 5, 0))


def parse_badge_number(text: str) -> int:
    """Raises ValueError with an example of a valid number."""
    typed = text[:40].upper().replace("-", "").replace(" ", "")
    serial = 0
    for char in typed:
        if char not in _VALUE:
            break
        serial = serial << 5 | _VALUE[char]
    else:
        if len(typed) == NUMBER_CHARS and serial <= SERIAL_MAX:
            return serial
    raise ValueError(
        f"a badge number has {NUMBER_CHARS} characters, such as {badge_number(0x1F3A7)}"
    )
