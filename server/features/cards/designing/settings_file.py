"""Writes `cards.toml`, keeping its comments and layout.

An unchanged key keeps its lines; a new value keeps the comment at its line's end.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import tomlkit
from tomlkit.items import AoT

from server.core.people.card_design import CardSettings, parse_card_settings

_STRING_OR_COMMENT = re.compile(r"\"(?:\\.|[^\"\\])*\"|'[^']*'|(#.*)")


@dataclass(frozen=True)
class Rewritten:
    text: str
    dropped: tuple[str, ...]


def rewritten(text: str, settings: CardSettings, place: str) -> Rewritten:
    """Return the file's text with these settings.

    Raises DesignError for an invalid present text.
    """
    parse_card_settings(text, place)
    document = tomlkit.parse(text)
    before = document.unwrap()
    wanted = _values(settings, before)
    for key in before.keys() - wanted.keys():
        document.remove(key)
    for key, value in wanted.items():
        if value != before.get(key):
            document[key] = _item(value, in_tables=isinstance(document.get(key), AoT))
    new_text = document.as_string()
    kept = _comments(new_text)
    return Rewritten(new_text, tuple(comment for comment in _comments(text) if comment not in kept))


def _values(settings: CardSettings, before: Mapping[str, Any]) -> dict[str, Any]:
    empty = CardSettings()
    return {
        setting.name: getattr(settings, setting.name)
        for setting in fields(CardSettings)
        if getattr(settings, setting.name) != getattr(empty, setting.name)
        or (setting.name in before and getattr(settings, setting.name) not in ("", []))
    }


def _item(value: Any, *, in_tables: bool) -> Any:
    """Return a list of mappings as [[tables]], or as an array, a line each."""
    if not isinstance(value, list) or not any(isinstance(entry, Mapping) for entry in value):
        return value
    if in_tables:
        return tomlkit.item(value)
    array = tomlkit.array().multiline(True)
    for entry in value:
        table = tomlkit.inline_table()
        table.update(entry)
        array.append(table)
    return array


def _comments(text: str) -> list[str]:
    matches = (_STRING_OR_COMMENT.finditer(line) for line in text.splitlines())
    return [match[1].strip() for line in matches for match in line if match[1]]
