"""Matches texts with the words of a search, for lists of up to some thousand things."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from server.core.people.folding import folded

Thing = TypeVar("Thing")

HITS_MAX = 10


def matching(
    text: str, things: Iterable[Thing], texts_of: Callable[[Thing], Iterable[str]]
) -> list[Thing]:
    """Return at most HITS_MAX things with every word of `text`, ignoring case and accents."""
    words = folded(text).split()
    if not words:
        return []
    hits = []
    for thing in things:
        where = folded(" ".join(texts_of(thing)))
        if all(word in where for word in words):
            hits.append(thing)
            if len(hits) == HITS_MAX:
                break
    return hits


def named(code: str, names: Mapping[str, str]) -> Sequence[str]:
    return code, *names.values()
