"""Photos of codes from a folder, with their texts (.txt) or bytes (.bin) beside them if known."""

import os
from collections.abc import Iterator
from pathlib import Path

import cv2

from tests.bench.eyes.pictures.cards import Gray

FOLDER = "PHOTOS"  # the environment variable with the folder's path
PICTURES = {".jpg", ".jpeg", ".png", ".webp"}


def public_photos() -> Iterator[tuple[str, Gray, str | None]]:
    """(kind, picture in colour, its text if known). None without a folder."""
    folder = os.environ.get(FOLDER)
    for path in sorted(Path(folder).rglob("*")) if folder else ():
        picture = cv2.imread(str(path)) if path.suffix.lower() in PICTURES else None
        if picture is not None:
            kind = path.parent.relative_to(folder or "").as_posix()
            yield kind.rstrip("-0123456789"), picture, _text(path)


def _text(picture: Path) -> str | None:
    text, data = picture.with_suffix(".txt"), picture.with_suffix(".bin")
    if text.exists():
        return text.read_bytes().decode("utf-8", "replace")
    return data.read_bytes().decode("latin-1") if data.exists() else None


def same(text: str, other: str) -> bool:
    """Files end lines in several ways."""
    return text.split() == other.split()
