"""Reads and writes the JSON of `names` and `titles` columns, such as `{"en": …, "zh": …}`."""

import json
from collections.abc import Mapping
from functools import lru_cache


def names_text(names: Mapping[str, str]) -> str:
    return json.dumps(dict(names), ensure_ascii=False, sort_keys=True)


def names_of(text: str) -> dict[str, str]:
    names: dict[str, str] = json.loads(text)
    return names


@lru_cache(4096)
def shared_names(text: str | None) -> dict[str, str]:
    """Parse names, {} for None. The cached result is shared: do not change it."""
    return names_of(text) if text else {}


def text_in(names: Mapping[str, str], language: str) -> str:
    """In `language`, else in English, else in any language, else ""."""
    for wanted in (language, language.partition("-")[0], "en"):
        if names.get(wanted):
            return names[wanted]
    return next(iter(names.values()), "")
