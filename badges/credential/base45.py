"""Strict base45 (RFC 9285). Each byte string has exactly one text, and each text one byte
string.
"""

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_VALUE = {char: value for value, char in enumerate(ALPHABET)}


class Base45Error(ValueError):
    pass


def encode(data: bytes) -> str:
    """Three characters for two bytes, two for a last odd byte."""
    out = []
    for i in range(0, len(data) - 1, 2):
        high, low = divmod(data[i] << 8 | data[i + 1], 45 * 45)
        middle, low = divmod(low, 45)
        out.append(ALPHABET[low] + ALPHABET[middle] + ALPHABET[high])
    if len(data) % 2:
        high, low = divmod(data[-1], 45)
        out.append(ALPHABET[low] + ALPHABET[high])
    return "".join(out)


def decode(text: str) -> bytes:
    """Raises Base45Error unless `text` is exactly the encoding of some bytes."""
    if len(text) % 3 == 1:
        raise Base45Error("length")
    try:
        values = [_VALUE[char] for char in text]
    except KeyError:
        raise Base45Error("character") from None
    out = bytearray()
    for i in range(0, len(values) - 2, 3):
        number = values[i] + values[i + 1] * 45 + values[i + 2] * 45 * 45
        if number > 0xFFFF:
            raise Base45Error("triplet")
        out += number.to_bytes(2, "big")
    if len(values) % 3 == 2:
        number = values[-2] + values[-1] * 45
        if number > 0xFF:
            raise Base45Error("pair")
        out.append(number)
    return bytes(out)
