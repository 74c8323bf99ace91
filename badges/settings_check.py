"""Checks a settings file, of the server or of a kiosk, against the types of its settings.

The settings are a dataclass. A setting's type is its check, because msgspec holds its bounds, and
`rule` says them in plain words. What a type can't say is a function that `rule` takes.

A key that is not on the list is refused by name, with the one that was probably meant. A setting
that is silently ignored is worse than none. A value is never shown, because it may be a secret.
"""

import difflib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

import msgspec
from msgspec import Meta

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

S = TypeVar("S", bound="DataclassInstance")


class SettingsError(ValueError):
    """Is raised for settings that can't be right. The text names the key and what it must be."""


def rule(text: str, holds: Callable[[Any], bool] = lambda value: True) -> Meta:
    """Say what a setting may be, as the end of the sentence "KEY must be …".

    `holds` is asked about each value that the setting's type lets pass.
    """
    return Meta(description=text, extra={"holds": holds})


def read_settings(kind: type[S], text: str, place: str) -> S:
    """Return the settings that `text` holds as TOML, where `kind` is a dataclass of settings.

    Raises SettingsError with `place`, the key at fault, and the remedy.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{place} is not TOML: {error}.") from None
    except (ValueError, RecursionError):
        raise SettingsError(
            f"{place} has a longer number, or more lists inside lists, than any setting: take it"
            " out."
        ) from None
    rules = _rules(kind)
    for key in values:
        if key not in rules:
            raise SettingsError(f"{place}: {unknown_key(key, tuple(rules))}")
    for key, its in rules.items():
        if its.required and key not in values:
            raise SettingsError(f"{place} lacks {key}: {its.text}.")
    try:
        check_values(kind, values)
    except SettingsError as error:
        raise SettingsError(f"{place}: {error}") from None
    return kind(**values)


def check_values(kind: type[S], values: Mapping[str, object]) -> None:
    """Raises SettingsError for the first value that its setting in `kind` can't have."""
    for key, value in values.items():
        its = _rules(kind)[key]
        try:
            # If msgspec had to convert the value, such as a date in quotation marks, it has another
            # type.
            good = msgspec.convert(value, its.type) == value and its.holds(value)
        except (msgspec.ValidationError, UnicodeEncodeError):
            good = False
        if not good:
            raise SettingsError(f"{key} must be {its.text}.")


def unknown_key(key: str, known: tuple[str, ...]) -> str:
    """Return a sentence about a key that nobody knows."""
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}."
    return f"unknown key {key[:60]!r}; {hint}"


@dataclass(frozen=True)
class _Rule:
    type: Any
    required: bool
    text: str
    holds: Callable[[Any], bool]


@cache
def _rules(kind: type["DataclassInstance"]) -> dict[str, _Rule]:
    types = get_type_hints(kind, include_extras=True)
    found = {}
    for field in fields(kind):
        # The last note stands outermost in the type, and is the setting's rule.
        outermost = [note for note in types[field.name].__metadata__ if note.description][-1]
        found[field.name] = _Rule(
            types[field.name],
            field.default is MISSING and field.default_factory is MISSING,
            outermost.description,
            outermost.extra["holds"],
        )
    return found
