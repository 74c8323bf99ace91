"""Reads small files of an event's directory, which may be written by hand."""

from pathlib import Path

from badges.i18n import Count, Phrase
from badges.system_reasons import reason_of
from server.core.event.settings import EventError


def read_small(path: Path, most: int, refused: type[EventError] = EventError) -> bytes:
    """Raises `refused` if the file has more than `most` bytes or can't be read."""
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise refused(
            Phrase("%(path)s can't be read: %(why)s.", path=path, why=reason_of(error))
        ) from None
    if len(data) > most:
        raise refused(Phrase("%(path)s has more than %(most)s bytes.", path=path, most=Count(most)))
    return data
