"""Checks a settings file of the server or a kiosk against the types of its settings.

The settings are a dataclass. msgspec checks a setting's type and bounds, and `rule` describes
them in plain words. A function in `rule` checks what a type can't express.

An unknown key is refused, with the most similar key: a setting ignored silently is worse than
none. Values are never shown, because they may be secret.
"""

import difflib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

import msgspec
from msgspec import Meta

from badges.i18n import N_, Phrase, Spoken, phrase_of
from badges.whole_text import holds_nul

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

S = TypeVar("S", bound="DataclassInstance")


class SettingsError(Spoken, ValueError):
    """Raised for an invalid setting. The text has the key and the valid values."""


def rule(text: str, holds: Callable[[Any], bool] = lambda value: True) -> Meta:
    """Restrict a setting's values. `text` describes valid ones, to end the sentence "KEY must be
    …".

    `holds` checks each value that the type accepts. The catalogues contain the text.
    """
    return Meta(description=str(text), extra={"holds": holds, "text": text})


def read_settings(kind: type[S], text: str, place: str) -> S:
    """`kind` is a dataclass.

    Raises SettingsError with `place`, the key at fault, and the remedy.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            N_("%(place)s is not TOML: %(why)s."), place=place, why=phrase_of(error)
        ) from None
    except (ValueError, RecursionError):
        raise SettingsError(
            N_(
                "%(place)s has a longer number, or more lists inside lists, than any "
                "setting: take it out."
            ),
            place=place,
        ) from None
    rules = _rules(kind)
    for key in values:
        if key not in rules:
            raise SettingsError(
                N_("%(place)s: %(what)s"), place=place, what=unknown_key(key, tuple(rules))
            )
    for key, its in rules.items():
        if its.required and key not in values:
            raise SettingsError(
                N_("%(place)s lacks %(key)s: %(text)s."), place=place, key=key, text=its.text
            )
    try:
        check_values(kind, values)
    except SettingsError as error:
        raise SettingsError(N_("%(place)s: %(what)s"), place=place, what=error.phrase) from None
    return kind(**values)


def check_values(
    kind: type[S], values: Mapping[str, object], labels: Mapping[str, str] | None = None
) -> None:
    """Raises SettingsError for the first invalid value. `labels` are the fields' names on a page,
    which then stand for the keys.
    """
    for key, value in values.items():
        its = _rules(kind)[key]
        if holds_nul(value):
            raise SettingsError(
                N_("“%(label)s” contains an invisible character (NUL): take it out."),
                label=key if labels is None else Phrase(labels[key]),
            )
        try:
            # If msgspec had to convert the value, such as a date in quotation marks, its type is
            # wrong.
            good = msgspec.convert(value, its.type) == value and its.holds(value)
        except (msgspec.ValidationError, UnicodeEncodeError):
            good = False
        if good:
            continue
        if labels is not None:
            raise SettingsError(
                N_("“%(label)s” must be %(text)s."), label=Phrase(labels[key]), text=its.text
            )
        raise SettingsError(N_("%(key)s must be %(text)s."), key=key, text=its.text)


def unknown_key(key: str, names: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    hint = (
        Phrase("did you mean %(near)s?", near=repr(near[0]))
        if near
        else Phrase("known are %(known)s.", known=", ".join(names))
    )
    return Phrase("unknown key %(key)s; %(hint)s", key=repr(key[:60]), hint=hint)


@dataclass(frozen=True)
class _Rule:
    type: Any
    required: bool
    text: str
    holds: Callable[[Any], bool]


def _phrase(text: str) -> Phrase:
    return text if isinstance(text, Phrase) else Phrase(text)


@cache
def _rules(kind: type["DataclassInstance"]) -> dict[str, _Rule]:
    types = get_type_hints(kind, include_extras=True)
    rules = {}
    for field in fields(kind):
        # The last annotation is the outermost of the type, and is the setting's rule.
        outermost = [note for note in types[field.name].__metadata__ if note.description][-1]
        rules[field.name] = _Rule(
            types[field.name],
            field.default is MISSING and field.default_factory is MISSING,
            _phrase(outermost.extra["text"]),
            outermost.extra["holds"],
        )
    return rules
