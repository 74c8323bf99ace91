"""Keeps the event's signed list of its servers, as one file of the kiosk's directory.

The file is what the server sent, byte by byte. Whoever reads it checks the signature.
"""

from pathlib import Path

from kiosk.config.files import SERVERS_FILE, read_small, write_whole


def load_servers(directory: Path) -> bytes:
    """Return the signed list, or nothing where there is none. Raises ConfigError."""
    path = directory / SERVERS_FILE
    return read_small(path) if path.exists() else b""


def save_servers(directory: Path, signed: bytes) -> None:
    """Write the file whole or not at all, and on disk."""
    write_whole(directory / SERVERS_FILE, signed)
