"""Stores the address of an event's PostgreSQL database.

`database.toml` in the event's directory is readable by the owner only, because an address may
contain a password. Without that file the event is in SQLite. The address is never shown, logged or
part of an error.
"""

import os
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from server.storage.disk import DatabaseError
from server.storage.durable_files import sync_directory, write_whole

ADDRESS_FILE = "database.toml"
INSTALL = (
    "This event is in PostgreSQL, which needs a library that is not installed: run "
    "`pip install 'psycopg[binary]'` in Hallkeeper's environment (.venv/bin/pip)."
)
_URL = re.compile(r"postgres(ql)?://\S*")
_HINT = "It is like postgresql://user@host:5432/database."


class AddressError(DatabaseError):
    """Raised for a database URL that can't be used. The text never contains it."""


@dataclass(frozen=True)
class Address:
    """A database URL for libpq. It may contain a password, so its repr hides it."""

    url: str = field(repr=False)

    @property
    def parameters(self) -> dict[str, Any]:
        """By libpq's names. Raises AddressError."""
        conninfo, error = _library()
        try:
            return dict(conninfo(self.url))
        except error:
            raise AddressError(f"the database's address can't be read. {_HINT}") from None

    @property
    def shown(self) -> str:
        """Database and host, without the password, for messages."""
        parameters = self.parameters
        if "service" in parameters:
            return f"service {parameters['service']}"
        host, port = parameters.get("host", ""), parameters.get("port", "")
        return f"{parameters.get('dbname', '')} at {host or 'this computer'}{port and f':{port}'}"


def _library() -> tuple[Any, type[Exception]]:
    try:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:
        raise AddressError(INSTALL) from None
    return conninfo_to_dict, psycopg.Error


def read_address(given: str) -> Address:
    """Return the database URL `given`, or the one in the file `given`.

    A password must be in a file, because other users can read command lines. Raises AddressError.
    """
    if _URL.fullmatch(given):
        address = Address(given)
        if "password" in address.parameters:
            raise AddressError(
                "a password on a command line can be read by everybody on this computer. Leave it "
                "out, and put it into a file that PGPASSFILE names (or ~/.pgpass), or write the "
                "whole address into a file that only you can read and name that file instead."
            )
        return address
    if "://" in given:
        raise AddressError(f"a database's address begins with postgresql://. {_HINT}")
    path = Path(given)
    _check_private(path)
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise AddressError(
            f"{path} can't be read. Name a file with the database's address in it. {_HINT}"
        ) from None
    if not _URL.fullmatch(text):
        raise AddressError(f"{path} holds no address of a database. {_HINT}")
    address = Address(text)
    _ = address.parameters
    return address


def address_of(directory: Path) -> Address | None:
    """Return None for SQLite.

    Raises AddressError if the file is damaged or readable by others.
    """
    path = directory / ADDRESS_FILE
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        return None
    except OSError as error:
        raise AddressError(f"{path} can't be read: {error.strerror}.") from None
    _check_private(path)
    try:
        url = tomllib.loads(data.decode())["url"]
    except (ValueError, KeyError):
        url = None
    if not isinstance(url, str) or not _URL.fullmatch(url):
        raise AddressError(
            f'{path} is damaged. It holds one line: url = "postgresql://user@host/database".'
        )
    return Address(url)


def _check_private(path: Path) -> None:
    if os.name == "posix" and path.exists() and path.stat().st_mode & 0o077:
        raise AddressError(f"{path} can be read by others: run `chmod 600` on it.")


def keep_address(directory: Path, address: Address | None) -> None:
    """Switch the event to this database, or with None to SQLite. Atomic."""
    path = directory / ADDRESS_FILE
    if address is None:
        path.unlink(missing_ok=True)
        sync_directory(directory)
    else:
        text = address.url.replace("\\", "\\\\").replace('"', '\\"')
        write_whole(path, f'url = "{text}"\n'.encode())
