"""Stores the keys that sign passes, and saves `wallet.toml`."""

from collections.abc import Mapping
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError

from badges.i18n import N_
from badges.system_reasons import reason_of
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.directory import WALLET_FILE, Event
from server.features.wallet.certificates import WalletError, read_limited
from server.features.wallet.settings import parse_wallet_settings
from server.storage import durable_files
from server.storage.connection import Connection
from server.storage.database import Database

_DEGREES = ("latitude", "longitude")


def install(
    event: Event, database: Database, wallet: str, files: Mapping[str, bytes], *, by: str, now: int
) -> None:
    """Store a wallet's checked certificates and keys, by the names of their files. Raises
    WalletError if they can't be written, with nothing changed.
    """
    keys = event.path / "keys"

    def step(db: Connection) -> None:
        entry_log.act(db, by, Act.WALLET_INSTALLED, {"wallet": wallet}, now)
        for name, data in files.items():
            durable_files.replace_after_commit(db, keys / name, data)

    try:
        database.write(step)
    except OSError as error:
        raise WalletError(
            N_("%(path)s can't be written: %(why)s."), path=keys, why=reason_of(error)
        ) from None


def save(event: Event, database: Database, values: Mapping[str, str], *, by: str, now: int) -> None:
    """Write these settings; "" removes one. Raises WalletError or OSError, with nothing changed."""
    # Another server may save too, and the file changes only after the commit.
    with durable_files.directory_locked(event.path):
        _save(event.path / WALLET_FILE, database, values, by=by, now=now)


def _save(path: Path, database: Database, values: Mapping[str, str], *, by: str, now: int) -> None:
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
        durable_files.replace_after_commit(db, path, text.encode())

    database.write(step)


def _degrees(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise WalletError(
            N_("Latitude and longitude are degrees such as 31.2304 and 121.4737.")
        ) from None
