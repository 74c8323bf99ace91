"""Unpacks archives with tarfile's filter for data, where Python has it."""

import tarfile
from pathlib import Path
from typing import Any


def unpack(archive: tarfile.TarFile, directory: Path) -> None:
    """Debian 12 has Python 3.11.2, whose tarfile knows no filters."""
    known: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    archive.extractall(directory, **known)
