import io
from pathlib import Path

from PIL import Image

from badges.printing import pictures
from badges.printing.pictures import PictureError
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.directory import Event
from server.core.people import card_design
from server.core.people.attendees import Attendee
from server.features.desk.submissions import DeskError, Why
from server.storage import durable_files
from server.storage.connection import Connection
from server.storage.files_to_delete import delete_after_commit

PHOTO_BYTES_MAX = 6_000_000
_SIDE_PX = 1_200
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def folder(event: Event) -> Path | None:
    """Return the folder of photos, or None if the desk takes none.

    Needs both the event's and the cards' settings. Raises DesignError.
    """
    return card_design.read_design(event).photos if event.settings.desk_photo else None


def prepared(data: bytes) -> bytes:
    """Convert a photo to a small upright JPEG without metadata.

    Raises DeskError.
    """
    if len(data) > PHOTO_BYTES_MAX:
        raise DeskError(Why.PHOTO_UNREADABLE)
    try:
        upright = pictures.read_small(data, _SIDE_PX, "RGB")
    except PictureError:
        raise DeskError(Why.PHOTO_UNREADABLE) from None
    plain = Image.new("RGB", upright.size)
    plain.paste(upright)
    buffer = io.BytesIO()
    plain.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def keep(
    db: Connection, event: Event, holder: Attendee, picture: bytes, *, by: str, now: int
) -> None:
    """Store a photo from `prepared` after the commit, replacing an earlier one.

    Raises DeskError or DesignError, and OSError if it can't be written.
    """
    place = folder(event)
    if place is None:
        raise DeskError(Why.PHOTO_OFF)
    # A file named by external id overrides one named by badge number.
    kept = _files(place, holder)
    named = next((path.stem for path in kept if path.stem == holder.external_id), holder.number)
    durable_files.replace_after_commit(db, place / f"{named}.jpg", picture)
    for path in kept:
        if path.stem == named and path.name != f"{named}.jpg":
            delete_after_commit(db, path)
    entry_log.act(db, by, Act.PHOTO_TAKEN, {"serial": holder.serial}, now)


def remove(db: Connection, event: Event, holder: Attendee, *, by: str, now: int) -> None:
    """Delete a person's photos after the commit. Raises DeskError or DesignError."""
    place = folder(event)
    if place is None:
        raise DeskError(Why.PHOTO_OFF)
    for path in _files(place, holder):
        delete_after_commit(db, path)
    entry_log.act(db, by, Act.PHOTO_REMOVED, {"serial": holder.serial}, now)


def _files(place: Path, holder: Attendee) -> list[Path]:
    names = {holder.number, holder.external_id}
    return [
        path
        for path in place.iterdir()
        if path.stem in names and path.suffix.lower() in _SUFFIXES and path.is_file()
    ]
