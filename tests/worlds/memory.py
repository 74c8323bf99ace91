"""States of running parts: databases in memory, and what of a door is in no file."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from copy import deepcopy
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct, UnsetType

Values = dict[tuple[str, ...], Any]

_PLAIN = int | float | str | bytes | bool | ZoneInfo | Enum | UnsetType | None


def fill(connection: sqlite3.Connection, data: bytes) -> None:
    """Replace a database in memory. (`deserialize` on a connection in use may crash.)"""
    with closing(sqlite3.connect(":memory:")) as source:
        source.deserialize(data)
        source.backup(connection)


def taken(root: object) -> Values:
    """Return copies of all plain values, by their path from `root`."""
    return {
        (*path, name): _copied(value)
        for path, thing in _things(root)
        for name, value in vars(thing).items()
        if _is_plain(value)
    }


def put_back(root: object, values: Values) -> None:
    """Set the values. Those that `root` has in addition are removed."""
    kept: dict[tuple[str, ...], dict[str, Any]] = {}
    for (*place, name), value in values.items():
        kept.setdefault(tuple(place), {})[name] = value
    for path, thing in list(_things(root)):
        here = kept.get(path, {})
        for name in [name for name, value in vars(thing).items() if _is_plain(value)]:
            if name not in here:
                delattr(thing, name)
        for name, value in here.items():
            setattr(thing, name, _copied(value))


def _things(root: object) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The kiosk's objects that have attributes, each once, with their paths."""
    seen: set[int] = set()
    waiting: list[tuple[tuple[str, ...], Any]] = [((), root)]
    while waiting:
        path, thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        yield path, thing
        for name, value in vars(thing).items():
            is_part = type(value).__module__.startswith("kiosk.") and hasattr(value, "__dict__")
            if is_part and not _is_plain(value):
                waiting.append(((*path, name), value))


def _copied(value: Any) -> Any:
    """What can't change is shared between states."""
    return value if _is_constant(value) else deepcopy(value)


def _is_constant(value: object) -> bool:
    kind = type(value)
    if isinstance(value, _PLAIN | tuple | frozenset):
        return True
    if hasattr(kind, "__dataclass_params__"):
        return bool(kind.__dataclass_params__.frozen)
    return isinstance(value, Struct) and bool(value.__struct_config__.frozen)


def _is_plain(value: object) -> bool:
    """Whether it is data: copied by value, without connections, locks or functions."""
    if isinstance(value, _PLAIN):
        return True
    if isinstance(value, tuple | list | set | frozenset):
        return all(map(_is_plain, value))
    if isinstance(value, Mapping):
        return all(_is_plain(key) and _is_plain(item) for key, item in value.items())
    kind = type(value)
    if kind is type or not (hasattr(kind, "__dataclass_fields__") or isinstance(value, Struct)):
        return False
    return kind in _RECORDS or _is_record(value)


# Kinds of records that were found to be plain: a snapshot's facts are large.
_RECORDS: set[type] = set()


def _is_record(value: Any) -> bool:
    kind = type(value)
    names = kind.__struct_fields__ if isinstance(value, Struct) else kind.__dataclass_fields__
    plain = all(_is_plain(getattr(value, name)) for name in names)
    if plain and _is_constant(value):
        _RECORDS.add(kind)
    return plain
