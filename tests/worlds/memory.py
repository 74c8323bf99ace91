"""States of running parts: databases in memory, and what of a door is in no file."""

import io
import pickle
import sqlite3
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct, UnsetType

_PLAIN = (int, float, str, bytes, type(None), ZoneInfo, Enum, UnsetType)
Path = tuple[str, ...]


def fill(connection: sqlite3.Connection, data: bytes) -> None:
    """Replace a database in memory. (`deserialize` on a connection in use may crash.)"""
    _SOURCE.deserialize(data)
    _SOURCE.backup(connection)


class Database:
    """A database in memory that is read, and replaced, only when it has changed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._data = b""
        self._changes = -1  # rows that had changed when it was equal to `_data`

    def data(self) -> bytes:
        if self._connection.total_changes != self._changes:
            self._data = bytes(self._connection.serialize())
            self._changes = self._connection.total_changes
        return self._data

    def fill(self, data: bytes) -> None:
        if self._connection.total_changes != self._changes or data != self._data:
            fill(self._connection, data)
            self._data, self._changes = data, self._connection.total_changes


_SOURCE = sqlite3.connect(":memory:")
STATEMENTS = 1_000  # that a connection keeps prepared


class Values:
    """All plain values of an object and its parts. The parts must stay the same objects."""

    def __init__(self, root: object) -> None:
        things = sorted(_things(root))
        # What is data at the start stays data. What is None may become anything.
        self._things = [(path, thing, _data_of(thing)) for path, thing in things]

    def taken(self) -> bytes:
        """Equal for equal values."""
        values = [
            (path, [(name, value) for name, value in sorted(vars(thing).items(), key=_name)
                    if name in data or _is_plain(value)])
            for path, thing, data in self._things
        ]  # fmt: skip
        written = io.BytesIO()
        pickler = pickle.Pickler(written)
        pickler.fast = True  # else the bytes depend on which values are the same object
        pickler.dump(values)
        return written.getvalue()

    def put_back(self, taken: bytes) -> None:
        """Set the values. Those that there are in addition are removed."""
        kept: dict[Path, list[tuple[str, Any]]] = dict(pickle.loads(taken))
        for path, thing, data in self._things:
            here = kept[path]
            for name in vars(thing).keys() - data - {name for name, _ in here}:
                if _is_plain(vars(thing)[name]):
                    delattr(thing, name)
            for name, value in here:
                setattr(thing, name, value)


def _name(item: tuple[str, Any]) -> str:
    return item[0]


def _data_of(thing: object) -> set[str]:
    return {name for name, value in vars(thing).items() if value is not None and _is_plain(value)}


def _is_part(value: object) -> bool:
    """Whether it is one of the kiosk's objects, and no data."""
    return (
        type(value).__module__.startswith("kiosk.")
        and hasattr(value, "__dict__")
        and not _is_plain(value)
    )


def _things(root: object) -> Iterator[tuple[Path, Any]]:
    """The kiosk's objects that have attributes, each once, with their paths."""
    seen: set[int] = set()
    waiting: list[tuple[Path, Any]] = [((), root)]
    while waiting:
        path, thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        yield path, thing
        for name, value in vars(thing).items():
            if _is_part(value):
                waiting.append(((*path, name), value))


def _is_plain(value: object) -> bool:
    """Whether it is data: copied by value, without connections, locks or functions."""
    kind = type(value)
    sort = _sort(kind)
    if sort is Sort.PLAIN or kind in _RECORDS:
        return True
    if sort is Sort.ITEMS:
        return all(map(_is_plain, value))  # type: ignore[call-overload]
    if sort is Sort.PAIRS:
        return all(_is_plain(key) and _is_plain(item) for key, item in value.items())  # type: ignore[attr-defined]
    return sort is Sort.RECORD and _is_record(value)


class Sort(Enum):
    """What the type of a value says of it."""

    PLAIN = 1
    ITEMS = 2
    PAIRS = 3
    RECORD = 4
    OTHER = 5


@cache
def _sort(kind: type) -> Sort:
    if issubclass(kind, _PLAIN):
        return Sort.PLAIN
    if issubclass(kind, tuple | list | set | frozenset):
        return Sort.ITEMS
    if issubclass(kind, Mapping):
        return Sort.PAIRS
    is_record = hasattr(kind, "__dataclass_fields__") or issubclass(kind, Struct)
    return Sort.RECORD if is_record else Sort.OTHER


# Kinds of records that were found to be plain: a snapshot's facts are large.
_RECORDS: set[type] = set()


def _is_record(value: Any) -> bool:
    kind = type(value)
    names = kind.__struct_fields__ if isinstance(value, Struct) else kind.__dataclass_fields__
    plain = all(_is_plain(getattr(value, name)) for name in names)
    if plain and _is_frozen(value):
        _RECORDS.add(kind)
    return plain


def _is_frozen(value: Any) -> bool:
    kind = type(value)
    if isinstance(value, Struct):
        return bool(kind.__struct_config__.frozen)
    return bool(kind.__dataclass_params__.frozen)
