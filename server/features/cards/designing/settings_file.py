"""Writes `cards.toml`, and leaves what a person wrote there by hand as it is where it can.

A key whose value stays keeps its lines, with comments and all. A key whose value changes is written
anew in its place.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from server.core.people.card_design import CardSettings, parse_card_settings

_KEY = re.compile(r"\s*([A-Za-z0-9_-]+)\s*=")
_HEADER = re.compile(r"\s*\[\[?\s*([A-Za-z0-9_-]+)")
_STRING_OR_COMMENT = re.compile(r"\"(?:\\.|[^\"\\])*\"|'[^']*'|(#.*)")
_LINES_MAX = 400  # Of one value.


@dataclass(frozen=True)
class Rewritten:
    """Holds the new text, and the comments of the old one that are not in it any more."""

    text: str
    dropped: tuple[str, ...]


@dataclass
class _Piece:
    key: str  # "" for comments and empty lines.
    lines: list[str]
    table: bool = False  # Whether it begins with a header in brackets.


def rewritten(text: str, settings: CardSettings, place: str) -> Rewritten:
    """Return the text of a file with these settings, made of the file's text until now.

    Raises DesignError where that text can't be read.
    """
    parse_card_settings(text, place)
    before = tomllib.loads(text)
    wanted = _values(settings, before)
    pieces = _pieces(text)
    made = _joined(pieces, before, wanted)
    if not _says(made, wanted):
        made = "".join(f"{key} = {_toml(value)}\n" for key, value in wanted.items())
    kept = _comments(made)
    dropped = [one for one in _comments(text) if one not in kept]
    return Rewritten(made, tuple(dropped))


def _values(settings: CardSettings, before: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the file has to say. What is so without a word is said only where it was."""
    empty = CardSettings()
    return {
        one.name: getattr(settings, one.name)
        for one in fields(CardSettings)
        if getattr(settings, one.name) != getattr(empty, one.name)
        or (one.name in before and getattr(settings, one.name) not in ("", []))
    }


def _says(text: str, wanted: Mapping[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        return False


def _pieces(text: str) -> list[_Piece]:
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    found: list[_Piece] = []
    at = 0
    while at < len(lines):
        header, key = _HEADER.match(lines[at]), _KEY.match(lines[at])
        end = at + 1
        if header:
            while end < len(lines) and not _HEADER.match(lines[end]):
                end += 1
        elif key:
            while end < min(len(lines), at + _LINES_MAX) and not _is_whole(lines[at:end]):
                end += 1
        name = header or key
        found.append(_Piece(name[1] if name else "", lines[at:end], bool(header)))
        at = end
    return found


def _is_whole(lines: list[str]) -> bool:
    try:
        tomllib.loads("".join(lines))
    except tomllib.TOMLDecodeError:
        return False
    return True


def _joined(pieces: list[_Piece], before: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    said: set[str] = set()
    head: list[str] = []
    tables: list[str] = []
    for piece in pieces:
        key = piece.key
        if not key or (key in wanted and wanted[key] == before.get(key)):
            (tables if piece.table else head).extend(piece.lines)
            said.add(key)
        elif key in wanted and key not in said:
            head.append(_line(key, wanted[key], piece))
            said.add(key)
    head += [f"{key} = {_toml(value)}\n" for key, value in wanted.items() if key not in said]
    return "".join(head + tables)


def _line(key: str, value: object, piece: _Piece) -> str:
    """Write a value in place of a piece, with the comment at its end where it is of one line."""
    comments = _comments(piece.lines[0]) if len(piece.lines) == 1 else []
    return f"{key} = {_toml(value)}{f'  {comments[0]}' if comments else ''}\n"


def _comments(text: str) -> list[str]:
    found = (_STRING_OR_COMMENT.finditer(line) for line in text.splitlines())
    return [match[1].strip() for line in found for match in line if match[1]]


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        inside = ", ".join(f"{key} = {_toml(one)}" for key, one in value.items())
        return f"{{ {inside} }}"
    assert isinstance(value, list)
    if any(isinstance(one, Mapping) for one in value):
        return "[\n" + "".join(f"  {_toml(one)},\n" for one in value) + "]"
    return "[" + ", ".join(map(_toml, value)) + "]"
