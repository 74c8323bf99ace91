"""Files of settings and mappings: any value is taken with whole texts, or refused in words."""

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

import pytest

from badges import settings_check
from badges.roster import mapping
from badges.settings_check import SettingsError
from badges.whole_text import whole_text
from kiosk.config.settings import KioskSettings
from server.core.event.settings import EventSettings
from server.core.people.card_design import CardSettings
from server.features.imports.programme import mapping as programme
from server.features.imports.venue_plan import VenueError
from server.features.mail.settings import MailSettings
from server.features.wallet.settings import WalletSettings

# As they could be written in TOML.
VALUES = (
    '"Jose\\u0301\\u0000"',
    '"' + "a" * 100_000 + '"',
    '""',
    '"٣"',
    "1" + "0" * 30,
    "1" * 5_000,
    "9223372036854775807",
    "-1",
    "nan",
    "inf",
    "true",
    "0001-01-01",
    "9999-12-31T23:59:59",
    "0001-01-01T00:00:00+14:00",
    "23:59:59",
    "[]",
    "[" * 300 + "]" * 300,
    "[" * 5_000 + "]" * 5_000,
    '["Jose\\u0301\\u0000"]',
    '{"Jose\\u0301\\u0000" = "Jose\\u0301\\u0000"}',
    "{a = {b = {c = 1}}}",
)
KINDS = (EventSettings, MailSettings, WalletSettings, CardSettings, KioskSettings)
MAPPINGS: dict[str, tuple[Callable[[str], Any], type[Exception]]] = {
    "roster": (mapping.read_mapping, mapping.MappingError),
    "programme": (lambda text: programme.read_mapping(text.encode(), "file"), VenueError),
}
TABLES = ("columns", "categories", "sheets", "countries", "days", "halls", "kinds", "capacities")


@pytest.mark.parametrize("kind", KINDS)
def test_no_setting_fails_at_any_value(kind: Any) -> None:
    taken = refused = 0
    for setting in fields(kind):
        for value in VALUES:
            try:
                content = tomllib.loads(f"{setting.name} = {value}")
            except (ValueError, RecursionError):
                continue  # no file of settings is read so far
            try:
                settings_check.check_values(kind, content)
                taken += 1
            except SettingsError:
                refused += 1
    assert taken
    assert refused > taken


@pytest.mark.parametrize("value", VALUES)
def test_a_file_of_settings_with_any_value_is_taken_or_refused(value: str) -> None:
    try:
        settings = settings_check.read_settings(CardSettings, f"wifi_name = {value}", "file")
    except SettingsError:
        return
    assert "\0" not in settings.wifi_name


def test_a_setting_with_nul_is_refused_with_the_remedy() -> None:
    with pytest.raises(SettingsError, match="wifi_name.*NUL.*take it out"):
        settings_check.read_settings(CardSettings, 'wifi_name = "a\\u0000b"', "card.toml")


@pytest.mark.parametrize("kind", MAPPINGS)
def test_no_mapping_fails_at_any_value(kind: str) -> None:
    read, refusal = MAPPINGS[kind]
    taken = refused = 0
    for text in mappings():
        try:
            content = repr(read(text))
            taken += 1
        except refusal:
            refused += 1
        else:
            assert content == whole_text(content)
            assert "\\x00" not in content
    assert taken
    assert refused


def mappings() -> Iterator[str]:
    """Yield mappings with each value at each depth."""
    for table in TABLES:
        for value in VALUES:
            yield f"{table} = {value}"
            yield f"[{table}]\nname = {value}"
            yield f'[{table}]\n"Jose\\u0301\\u0000" = {value}'
            yield f"[[{table}]]\nname = {value}"
            yield f"[{table}]\nname = {{column = {value}, number = {value}, titles = {value}}}"
