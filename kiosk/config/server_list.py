"""The event's signed list of servers, as a file of the kiosk's directory.

The file is as the server sent it. Readers verify the signature.
"""

from pathlib import Path

from kiosk.config.files import SERVERS_FILE, read_small, write_whole


def load_servers(directory: Path) -> bytes:
    """The signed list, or b"" if there is none. Raises ConfigError."""
    path = directory / SERVERS_FILE
    return read_small(path) if path.exists() else b""


def save_servers(directory: Path, signed: bytes) -> None:
    """Write the file atomically and durably."""
    write_whole(directory / SERVERS_FILE, signed)
