"""What a field of a form or an address means."""

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from flask import url_for

Filter = TypeVar("Filter")

DIGITS_MAX = 15  # SQLite's integers have 64 bits


def whole(text: str) -> int:
    """A whole number from 0. Raises ValueError."""
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX):
        raise ValueError(f"not a whole number of at most {DIGITS_MAX} digits")
    return int(text)


@dataclass(frozen=True)
class Asked(Generic[Filter]):
    """The form as it was sent, the filter it means, and what is wrong with it by field."""

    fields: dict[str, str]
    wanted: Filter
    problems: dict[str, str] = field(default_factory=dict)

    def address(self, endpoint: str, **more: Any) -> str:
        """Make a link with the same filter."""
        values: dict[str, Any] = {**self.fields, **more}
        return url_for(endpoint, **values)
