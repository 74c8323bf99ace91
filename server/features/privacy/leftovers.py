"""Searches the event's files, byte by byte, for an erased person's texts."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_PIECE = 1 << 20


def leftovers(folder: Path, needles: Sequence[str]) -> list[tuple[Path, str]]:
    """Return each file with one of the texts, and that text; another person may share it.

    Call it in a process without connections to the folder's databases: opening a database's file
    drops its locks (`server.web.apart`).
    """
    wanted = [(text, text.encode()) for text in needles]
    matches = []
    for path in filter(Path.is_file, sorted(folder.rglob("*"))):
        with suppress(OSError):  # It was deleted meanwhile.
            matches += [(path, text) for text in _texts_in(path, wanted)]
    return matches


def _texts_in(path: Path, wanted: Sequence[tuple[str, bytes]]) -> list[str]:
    """Return the texts in a file. Pieces overlap, so none is cut in two."""
    overlap = max((len(data) for _, data in wanted), default=1)
    matches: dict[str, None] = {}
    before = b""
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            held = before + piece
            matches |= {text: None for text, data in wanted if data in held}
            before = held[-overlap:]
    return list(matches)
