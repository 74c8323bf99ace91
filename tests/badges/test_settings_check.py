"""The check of settings files, which the server and the kiosks share."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

import pytest
from msgspec import Meta

from badges.settings_check import SettingsError, check_values, read_settings, rule


@dataclass(frozen=True)
class Settings:
    opens: Annotated[date, rule("a date")]
    pin: Annotated[str, Meta(pattern=r"\A[0-9]+\Z"), rule("digits", holds=lambda pin: pin != "0")]
    seats: Annotated[Annotated[int, Meta(ge=1)] | None, rule("a number from 1")] = None


def test_it_works() -> None:
    read = read_settings(Settings, "opens = 2026-05-04\npin = '12'", "s.toml")
    assert read == Settings(date(2026, 5, 4), "12")
    check_values(Settings, vars(read))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("pin =", "pim =", "s.toml: unknown key 'pim'; did you mean 'pin'?"),
        (
            "pin =",
            "quite_different =",
            "unknown key 'quite_different'; known are opens, pin, seats.",
        ),
        ("pin = '4711'", "", "s.toml lacks pin: digits."),
        ("'4711'", "'4711x'", "s.toml: pin must be digits."),
        ("'4711'", "4711", "s.toml: pin must be digits."),
        ("'4711'", "'0'", "s.toml: pin must be digits."),
        ("2026-05-04", "'2026-05-04'", "s.toml: opens must be a date."),
        ("2026-05-04", "2026-05-04T10:00:00", "s.toml: opens must be a date."),
        ("seats = 5", "seats = 0", "s.toml: seats must be a number from 1."),
        ("seats = 5", "seats = 5.0", "s.toml: seats must be a number from 1."),
        ("seats = 5", "seats = true", "s.toml: seats must be a number from 1."),
        ("seats = 5", f"seats = -{'9' * 40}", "s.toml: seats must be a number from 1."),
        ("seats = 5", f"seats = {'9' * 5000}", "s.toml has a longer number"),
        ("seats = 5", f"seats = {'[' * 5000}", "more lists inside lists, than any setting"),
        ("seats = 5", "seats =", "s.toml is not TOML: "),
        ("seats = 5", "pin = 1", "s.toml is not TOML: "),
    ],
)
def test_impossible_settings_are_refused(old: str, new: str, message: str) -> None:
    text = "opens = 2026-05-04\npin = '4711'\nseats = 5\n"
    assert old in text
    with pytest.raises(SettingsError) as caught:
        read_settings(Settings, text.replace(old, new), "s.toml")
    assert message in str(caught.value)
    assert "4711" not in str(caught.value)


def test_a_text_that_no_file_can_hold() -> None:
    with pytest.raises(SettingsError, match="pin must be digits"):
        check_values(Settings, {"pin": "\udcff"})
