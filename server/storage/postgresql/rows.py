"""Gives rows of PostgreSQL as SQLite gives them, by name and in the order of the columns."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar


class NamedRow(tuple[Any, ...]):
    """Represents one row. Each set of columns has a class of its own, which knows their places."""

    __slots__ = ()
    _names: ClassVar[tuple[str, ...]] = ()
    _places: ClassVar[dict[str, int]] = {}

    def __getitem__(self, key: Any, /) -> Any:
        if key.__class__ is str:
            place = self._places.get(key)
            if place is None:
                place = self._places.get(key.lower())
                if place is None:
                    raise IndexError(f"the row has no column {key}")
            return tuple.__getitem__(self, place)
        return tuple.__getitem__(self, key)

    def keys(self) -> Sequence[str]:
        return self._names

    def __iter__(self) -> Iterator[Any]:
        return tuple.__iter__(self)


@functools.lru_cache(maxsize=1024)
def row_class(columns: tuple[bytes | None, ...]) -> type[NamedRow]:
    """Return the class of rows with such columns. The first of two with one name is found."""
    names = tuple((column or b"").decode() for column in columns)
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        places.setdefault(name, place)
    return type("NamedRow", (NamedRow,), {"__slots__": (), "_names": names, "_places": places})


def named_rows(cursor: Any) -> Callable[[Sequence[Any]], NamedRow]:
    """Make rows of what a cursor of psycopg reads."""
    # `cursor.description` says the same, and makes an object for each column each time.
    result = cursor.pgresult
    return row_class(tuple([result.fname(at) for at in range(result.nfields)]) if result else ())
