"""Reads one value from a printer over SNMP version 1 (RFC 1157)."""

import secrets
import socket
from collections.abc import Sequence

from badges.i18n import Phrase
from server.features.printers.drivers.driver import GarbledError

PORT = 161
ANSWER_S = 1.0
TRIES = 3
_COMMUNITY = b"public"  # The public read community; not a secret
_INTEGER, _TEXT, _NULL, _OID, _SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x30
_GET, _RESPONSE, _COUNTER, _GAUGE = 0xA0, 0xA2, 0x41, 0x42


def get(host: str, name: Sequence[int], port: int = PORT) -> int | bytes | None:
    """Return an object's value, or None without one.

    Raises OSError without an answer, or GarbledError.
    """
    number = secrets.randbelow(1 << 31)
    sent = _request(name, number)
    resolved = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    family, kind, protocol, _, where = resolved[0]
    with socket.socket(family, kind, protocol) as line:
        line.settimeout(ANSWER_S)
        line.connect(where)
        for _ in range(TRIES):
            line.send(sent)
            try:
                return _value(line.recv(4096), number)
            except TimeoutError:
                continue
    raise TimeoutError(Phrase("nothing answered"))


def _request(name: Sequence[int], number: int) -> bytes:
    oid = bytes([name[0] * 40 + name[1]]) + b"".join(map(_arc, name[2:]))
    binding = _coded(_SEQUENCE, _coded(_OID, oid) + _coded(_NULL, b""))
    body = _number(number) + _number(0) + _number(0) + _coded(_SEQUENCE, binding)
    return _coded(_SEQUENCE, _number(0) + _coded(_TEXT, _COMMUNITY) + _coded(_GET, body))


def _arc(number: int) -> bytes:
    septets = [number & 0x7F]
    while number := number >> 7:
        septets.append(number & 0x7F | 0x80)
    return bytes(reversed(septets))


def _number(value: int) -> bytes:
    return _coded(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _coded(tag: int, value: bytes) -> bytes:
    if len(value) < 0x80:
        return bytes([tag, len(value)]) + value
    return bytes([tag, 0x82]) + len(value).to_bytes(2, "big") + value


def _value(answer: bytes, number: int) -> int | bytes | None:
    try:
        message = _open(_SEQUENCE, answer)[0]
        after_community = _any(_any(message)[2])[2]
        body = _open(_RESPONSE, after_community)[0]
        answered, rest = _open(_INTEGER, body)
        error, rest = _open(_INTEGER, rest)
        binding = _open(_SEQUENCE, _open(_SEQUENCE, _open(_INTEGER, rest)[1])[0])[0]
        tag, value, _ = _any(_any(binding)[2])
    except (IndexError, ValueError):
        raise GarbledError(Phrase("The printer's answer over SNMP can't be read.")) from None
    if int.from_bytes(answered, "big") != number:
        raise GarbledError(Phrase("The printer answered another question over SNMP."))
    if any(error):
        return None
    if tag in (_INTEGER, _COUNTER, _GAUGE):
        return int.from_bytes(value, "big")
    return value if tag == _TEXT else None


def _any(data: bytes) -> tuple[int, bytes, bytes]:
    """Return the first element's tag and value, and the rest."""
    length, at = data[1], 2
    if length & 0x80:
        size = length & 0x7F
        length, at = int.from_bytes(data[2 : 2 + size], "big"), 2 + size
    if at + length > len(data):
        raise ValueError("cut off")
    return data[0], data[at : at + length], data[at + length :]


def _open(tag: int, data: bytes) -> tuple[bytes, bytes]:
    actual, value, rest = _any(data)
    if actual != tag:
        raise ValueError("another tag")
    return value, rest
