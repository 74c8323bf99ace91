"""Reads `wallet.toml`: the look of passes, and the event's location."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from badges.i18n import N_
from badges.settings_check import SettingsError, read_settings, rule
from server.core.event.directory import WALLET_FILE
from server.features.wallet.certificates import WalletError, read_limited

_Colour = Annotated[
    str, Meta(pattern=r"\A#[0-9a-fA-F]{6}\Z"), rule(N_('a colour such as "#10243e"'))
]


@dataclass(frozen=True)
class WalletSettings:
    """The settings in `wallet.toml`, all optional."""

    # The issuer on the pass; default: the event.
    organisation: Annotated[
        str,
        rule(
            N_("a text of up to 100 characters"),
            holds=lambda text: len(text) <= 100 and (not text or text.isprintable()),
        ),
    ] = ""
    background: _Colour = "#10243e"
    foreground: _Colour = "#ffffff"
    latitude: Annotated[
        Annotated[float, Meta(ge=-90, le=90)] | None,
        rule(N_("a number of degrees from -90.0 to 90.0")),
    ] = None
    longitude: Annotated[
        Annotated[float, Meta(ge=-180, le=180)] | None,
        rule(N_("a number of degrees from -180.0 to 180.0")),
    ] = None


def read_wallet_settings(directory: Path) -> WalletSettings:
    """Read an event's settings. Raises WalletError."""
    path = directory / WALLET_FILE
    if not path.exists():
        return WalletSettings()
    try:
        return parse_wallet_settings(read_limited(path).decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise WalletError(N_("%(path)s is not text in UTF-8."), path=WALLET_FILE) from None


def parse_wallet_settings(text: str) -> WalletSettings:
    """Read the text of `wallet.toml`. Raises WalletError."""
    try:
        settings = read_settings(WalletSettings, text, WALLET_FILE)
    except SettingsError as error:
        raise WalletError(error.phrase) from None
    if (settings.latitude is None) != (settings.longitude is None):
        raise WalletError(N_("%(path)s: latitude and longitude go together."), path=WALLET_FILE)
    return settings
