"""Encodes and parses the IPP messages (RFC 8010) that cards need.

The maintained Python libraries are for asyncio; a driver is a thread with bounded waits and six
operations.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from badges.i18n import Phrase
from server.features.printers.drivers.driver import GarbledError

VERSION = b"\x02\x00"


class Operation(IntEnum):
    PRINT_JOB = 0x0002
    CREATE_JOB = 0x0005
    SEND_DOCUMENT = 0x0006
    CANCEL_JOB = 0x0008
    GET_JOB_ATTRIBUTES = 0x0009
    GET_PRINTER_ATTRIBUTES = 0x000B


class Tag(IntEnum):
    """Value types and group delimiters."""

    OPERATION = 0x01
    JOB = 0x02
    END = 0x03
    PRINTER = 0x04
    INTEGER = 0x21
    BOOLEAN = 0x22
    ENUM = 0x23
    RESOLUTION = 0x32
    BEGIN_COLLECTION = 0x34
    TEXT_WITH_LANGUAGE = 0x35
    NAME_WITH_LANGUAGE = 0x36
    END_COLLECTION = 0x37
    NAME = 0x42
    KEYWORD = 0x44
    URI = 0x45
    CHARSET = 0x47
    LANGUAGE = 0x48
    MIME_TYPE = 0x49


Value = int | bool | str | bytes
Attribute = tuple[Tag, str, Sequence[Value]]


@dataclass(frozen=True)
class Answer:
    status: int
    operation: Mapping[str, list[Value]] = field(default_factory=dict)
    printer: Mapping[str, list[Value]] = field(default_factory=dict)
    job: Mapping[str, list[Value]] = field(default_factory=dict)

    @property
    def is_ok(self) -> bool:
        return self.status < 0x0100

    @property
    def message(self) -> str:
        messages = texts(self.operation, "status-message")
        return messages[0][:120] if messages else ""


def request(
    operation: Operation,
    number: int,
    attributes: Sequence[Attribute],
    job_attributes: Sequence[Attribute] = (),
) -> bytes:
    """Encode a request without its document."""
    parts = [VERSION, struct.pack(">HI", operation, number), bytes([Tag.OPERATION])]
    first: list[Attribute] = [
        (Tag.CHARSET, "attributes-charset", ["utf-8"]),
        (Tag.LANGUAGE, "attributes-natural-language", ["en"]),
    ]
    parts += [_attribute(attribute) for attribute in (*first, *attributes)]
    if job_attributes:
        parts += [bytes([Tag.JOB]), *(_attribute(attribute) for attribute in job_attributes)]
    return b"".join((*parts, bytes([Tag.END])))


def read(body: bytes) -> Answer:
    """Parse an answer. Raises GarbledError."""
    try:
        return _read(body)
    except (IndexError, ValueError, struct.error):
        raise GarbledError(
            Phrase("The printer's answer can't be read: does it speak IPP?")
        ) from None


def numbers(group: Mapping[str, list[Value]], name: str) -> list[int]:
    return [value for value in group.get(name, []) if isinstance(value, int)]


def texts(group: Mapping[str, list[Value]], name: str) -> list[str]:
    return [value for value in group.get(name, []) if isinstance(value, str)]


def _attribute(attribute: Attribute) -> bytes:
    tag, name, values = attribute
    encoded_values = b""
    for value in values:
        encoded = _value(tag, value)
        key = b"" if encoded_values else name.encode()
        encoded_values += (
            struct.pack(">BH", tag, len(key)) + key + struct.pack(">H", len(encoded)) + encoded
        )
    return encoded_values


def _value(tag: Tag, value: Value) -> bytes:
    if tag is Tag.BOOLEAN:
        return bytes([bool(value)])
    if isinstance(value, int):
        return struct.pack(">i", value)
    return value if isinstance(value, bytes) else value.encode()


def _read(body: bytes) -> Answer:
    if len(body) < 9 or body[0] not in (1, 2):
        raise ValueError("no IPP")
    groups: dict[int, dict[str, list[Value]]] = {}
    (status,) = struct.unpack(">H", body[2:4])
    at, group, name, depth = 8, 0, "", 0
    while body[at] != Tag.END:
        tag = body[at]
        if tag < 0x10:
            group, at = tag, at + 1
            continue
        key, at = _counted(body, at + 1)
        value, at = _counted(body, at)
        name = key.decode() or name
        # Collections are skipped; they have no attribute that we read.
        if tag == Tag.BEGIN_COLLECTION:
            depth += 1
        elif tag == Tag.END_COLLECTION:
            depth -= 1
        elif depth == 0:
            groups.setdefault(group, {}).setdefault(name, []).append(_decoded(tag, value))
    operation, job = groups.get(Tag.OPERATION, {}), groups.get(Tag.JOB, {})
    return Answer(status, operation, groups.get(Tag.PRINTER, {}), job)


def _counted(body: bytes, at: int) -> tuple[bytes, int]:
    (length,) = struct.unpack(">H", body[at : at + 2])
    end = at + 2 + length
    if end > len(body):
        raise ValueError("cut off")
    return body[at + 2 : end], end


def _decoded(tag: int, value: bytes) -> Value:
    if tag in (Tag.INTEGER, Tag.ENUM):
        (number,) = struct.unpack(">i", value)
        return int(number)
    if tag == Tag.BOOLEAN:
        return value != b"\x00"
    if tag in (Tag.TEXT_WITH_LANGUAGE, Tag.NAME_WITH_LANGUAGE):
        _, at = _counted(value, 0)
        return _counted(value, at)[0].decode()
    return value.decode() if tag >= 0x40 else value
