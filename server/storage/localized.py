"""Reads and writes names by language, as the `names` and `titles` columns hold them. They are JSON,
such as `{"en": …, "zh": …}`.
"""

import json
from collections.abc import Mapping


def names_text(names: Mapping[str, str]) -> str:
    """Names as the database's JSON."""
    return json.dumps(dict(names), ensure_ascii=False, sort_keys=True)


def names_of(text: str) -> dict[str, str]:
    """Names from the database's JSON."""
    names: dict[str, str] = json.loads(text)
    return names


def text_in(names: Mapping[str, str], language: str) -> str:
    """Return the name in `language`, or in English, or in any other language. It is empty where
    there is none.
    """
    for wanted in (language, language.partition("-")[0], "en"):
        if names.get(wanted):
            return names[wanted]
    return next(iter(names.values()), "")
