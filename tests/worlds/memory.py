"""States of running parts: databases in memory, and what of a door is in no file."""

import io
import pickle
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct, UnsetType

_SIMPLE = {int, float, str, bytes, bool, type(None)}
_PLAIN = (*_SIMPLE, ZoneInfo, Enum, UnsetType)
Path = tuple[str, ...]


def fill(connection: sqlite3.Connection, data: bytes) -> None:
    """Replace a database in memory. (`deserialize` on a connection in use may crash.)"""
    with closing(sqlite3.connect(":memory:")) as source:
        source.deserialize(data)
        source.backup(connection)


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
    if kind in _SIMPLE or kind in _RECORDS or isinstance(value, _PLAIN):
        return True
    if isinstance(value, tuple | list | set | frozenset):
        return all(map(_is_plain, value))
    if isinstance(value, Mapping):
        return all(_is_plain(key) and _is_plain(item) for key, item in value.items())
    if kind is type or not (hasattr(kind, "__dataclass_fields__") or isinstance(value, Struct)):
        return False
    return _is_record(value)


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
