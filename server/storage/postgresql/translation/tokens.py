"""Splits a definition into tokens."""

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"""\s+ | --[^\n]* | ( [xX]'[0-9a-fA-F]*' | '(?:[^']|'')*' | "(?:[^"]|"")*"
    | \d+(?:\.\d+)? | [A-Za-z_]\w* | :[A-Za-z_]\w* | <> | <= | >= | \|\| | == | << | >> | . )""",
    re.VERBOSE | re.DOTALL,
)
Tokens = list[str]


def tokens_of(statement: str) -> Tokens:
    return [token[1] for token in _TOKEN.finditer(statement) if token[1]]


def text_of(tokens: Tokens) -> str:
    return " ".join(tokens)


def words(tokens: Tokens, at: int, count: int) -> tuple[str, ...]:
    return tuple(token.upper() for token in tokens[max(at, 0) : at + count])


def closing(tokens: Tokens, at: int) -> int:
    depth = 0
    for place in range(at, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[place], 0)
        if not depth:
            return place
    raise ValueError("a bracket stays open")


def parts(tokens: Tokens) -> Iterator[Tokens]:
    part: Tokens = []
    depth = 0
    for token in tokens:
        depth += {"(": 1, ")": -1}.get(token, 0)
        if token == "," and not depth:
            yield part
            part = []
        else:
            part.append(token)
    yield part
