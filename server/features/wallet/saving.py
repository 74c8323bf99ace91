"""Notes installed keys in the entry log, and saves `wallet.toml`."""

from collections.abc import Mapping

import tomlkit
from tomlkit.exceptions import TOMLKitError

from badges.i18n import N_
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.directory import WALLET_FILE, Event
from server.features.wallet.certificates import WalletError, read_limited
from server.features.wallet.settings import parse_wallet_settings
from server.storage import durable_files
from server.storage.connection import Connection
from server.storage.database import Database

_DEGREES = ("latitude", "longitude")


def note_installed(database: Database, wallet: str, *, by: str, now: int) -> None:
    database.write(lambda db: entry_log.act(db, by, Act.WALLET_INSTALLED, {"wallet": wallet}, now))


def save(event: Event, database: Database, values: Mapping[str, str], *, by: str, now: int) -> None:
    """Write these settings; "" removes one. Raises WalletError, with nothing changed."""
    path = event.path / WALLET_FILE
    try:
        document = tomlkit.parse(read_limited(path).decode("utf-8-sig") if path.exists() else "")
    except (UnicodeDecodeError, TOMLKitError):
        raise WalletError(
            N_("%(path)s is no TOML. Correct it on the server, or delete it there."),
            path=WALLET_FILE,
        ) from None
    for key, value in values.items():
        if value != "":
            document[key] = _degrees(value) if key in _DEGREES else value
        elif key in document:
            document.remove(key)
    text = document.as_string()
    parse_wallet_settings(text)

    def step(db: Connection) -> None:
        entry_log.act(db, by, Act.WALLET_SET, {}, now)
        durable_files.write_whole(path, text.encode())

    database.write(step)


def _degrees(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise WalletError(
            N_("Latitude and longitude are degrees such as 31.2304 and 121.4737.")
        ) from None
