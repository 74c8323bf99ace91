"""The entrance of requests: fields, addresses and names of files are whole text in each view."""

from typing import Any

from flask import Request, Response
from werkzeug.datastructures import FileStorage, ImmutableMultiDict
from werkzeug.routing import Map, PathConverter, UnicodeConverter

from badges.whole_text import encodable, whole_text


class WholeFields(ImmutableMultiDict[str, Any]):
    """Fields of a form or an address, or the files of a form."""

    def __init__(self, given: Any = None) -> None:
        fields = ImmutableMultiDict(given).items(multi=True)
        super().__init__([(whole_text(name), _whole(value)) for name, value in fields])


def _whole(value: object) -> object:
    if isinstance(value, str):
        return whole_text(value)
    if isinstance(value, FileStorage) and value.filename:
        value.filename = whole_text(value.filename)
    return value


class WholeRequest(Request):
    parameter_storage_class = WholeFields


class ShownResponse(Response):
    """A page may show cells of a file as they are, and these may have bytes that are no text."""

    def set_data(self, value: bytes | str) -> None:
        super().set_data(encodable(value) if isinstance(value, str) else value)


class _Part(UnicodeConverter):
    def to_python(self, value: str) -> str:
        return whole_text(value)


class _Parts(PathConverter):
    def to_python(self, value: str) -> str:
        return whole_text(value)


def convert_addresses(addresses: Map) -> None:
    addresses.converters |= {"default": _Part, "string": _Part, "path": _Parts}
