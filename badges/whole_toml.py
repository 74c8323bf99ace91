"""Reads TOML from outside."""

import tomllib
from typing import Any

from badges.whole_text import whole_content


def whole_toml(text: str) -> dict[str, Any]:
    """Return the document with its texts whole.

    Raises ValueError (`TOMLDecodeError` for what is no TOML), or RecursionError for lists inside
    lists.
    """
    document: dict[str, Any] = whole_content(tomllib.loads(text))
    return document
