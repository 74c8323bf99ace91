"""Rows of PostgreSQL by column name and position, as in SQLite."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar


class NamedRow(tuple[Any, ...]):
    """A row. Each set of columns has its own class, with their positions."""

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
    """Return the class of rows with these columns. Of equal names the first counts."""
    names = tuple((column or b"").decode() for column in columns)
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        places.setdefault(name, place)
    return type("NamedRow", (NamedRow,), {"__slots__": (), "_names": names, "_places": places})


def named_rows(cursor: Any) -> Callable[[Sequence[Any]], NamedRow]:
    # `cursor.description` would create an object for each column each time.
    result = cursor.pgresult
    return row_class(tuple([result.fname(at) for at in range(result.nfields)]) if result else ())
