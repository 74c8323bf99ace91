"""All files of the phone's page, and the version that their hashes give.

`vendor/` has the libraries. `packaging/phone/fetch` fills it: `make set-up` runs that in a
checkout, and a release has it.
"""

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kiosk.browser.archive import TOP, archive, product_version
from kiosk.browser.page import door_page, manifest

_READING = threading.Lock()
VENDOR = TOP / "kiosk" / "browser" / "vendor"
MISSING = (
    "The libraries of the phone's page are missing. With a network, run `make set-up` (or "
    "packaging/phone/fetch) in Hallkeeper's folder, and restart the server. A release has them."
)


class MissingError(Exception):
    """`vendor/` is empty, so that phones can't be doors."""

    def __init__(self) -> None:
        super().__init__(MISSING)


@dataclass(frozen=True)
class File:
    """A file of the page: on the disk, or in memory if it was put together."""

    sha256: str
    size: int
    path: Path | None
    content: bytes = b""
    brotli: Path | None = None

    @property
    def stored(self) -> int:
        """The bytes that a browser fetches."""
        return self.brotli.stat().st_size if self.brotli else self.size

    def read(self) -> bytes:
        return self.path.read_bytes() if self.path else self.content


@dataclass(frozen=True)
class PhoneFiles:
    version: str
    files: Mapping[str, File]

    def index(self) -> bytes:
        """files.json: what a phone fetches, and how it checks that."""
        files = {
            name: {"sha256": file.sha256, "bytes": file.size, "stored": file.stored}
            for name, file in self.files.items()
        }
        value = {"version": self.version, "product": product_version(), "files": files}
        return json.dumps(value, indent=1).encode()


def phone_files() -> PhoneFiles:
    """Return all files, read and hashed once. Raises MissingError."""
    with _READING:  # one thread, when many phones ask first
        return read_files()


@cache
def read_files() -> PhoneFiles:
    if not (VENDOR / "libraries.json").exists():
        raise MissingError
    composed = {"door.html": door_page().encode(), "manifest.webmanifest": manifest()}
    in_memory = {name: _in_memory(content) for name, content in composed.items()}
    files = dict(sorted([*_static(), *in_memory.items(), ("kiosk.zip", _kiosk_zip())]))
    listed = "".join(f"{name} {file.sha256}\n" for name, file in files.items())
    return PhoneFiles(hashlib.sha256(listed.encode()).hexdigest()[:16], files)


def _static() -> Iterator[tuple[str, File]]:
    folders = {
        "": TOP / "kiosk" / "browser" / "static",
        "screen/": TOP / "kiosk" / "screen" / "static",
        "vendor/": VENDOR / "files",
    }
    for prefix, folder in folders.items():
        for path in folder.rglob("*"):
            name = prefix + path.relative_to(folder).as_posix()
            if path.is_file() and path.suffix != ".br":
                yield name, _on_disk(path)


def _on_disk(path: Path) -> File:
    content = path.read_bytes()
    brotli = path.with_name(path.name + ".br")
    return File(_hash(content), len(content), path, brotli=brotli if brotli.exists() else None)


def _kiosk_zip() -> File:
    """Compiled, if the build had the same sources. Else as they are: the phone starts slower."""
    sources = archive()
    # The build names the compiled archive by the sources' hash.
    compiled = VENDOR / f"kiosk-{_hash(sources)[:16]}.zip"
    if compiled.exists():
        return _on_disk(compiled)
    return _in_memory(sources)


def _in_memory(content: bytes) -> File:
    return File(_hash(content), len(content), None, content)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
