"""Saves an event's card design, and undoes the last save.

Settings are in the folder `cards`, category colours in the database. A save writes pictures under
new names, then log entry and colours, and `cards.toml` after the commit, so a failure changes
nothing.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from badges.i18n import N_
from server.core.edits.last_edit import EditError
from server.core.edits.things import Thing, values_of
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.directory import CARDS_FOLDER, Event
from server.core.people.card_design import (
    SETTINGS_FILE,
    CardSettings,
    design_of,
    parse_card_settings,
    read_card_text,
)
from server.core.venue import store
from server.features.cards.designing.settings_file import rewritten
from server.features.editing import venue_edit
from server.storage import durable_files
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.files_to_delete import delete_after_commit

LAST_SAVE_FILE = "last-save.json"


@dataclass(frozen=True)
class Saved:
    """The changed settings, and the comments that the file lost."""

    changed: tuple[str, ...]
    dropped: tuple[str, ...]


@dataclass(frozen=True)
class LastSave:
    """The texts of `cards.toml` and the colours by category key, before and after."""

    by: str
    at: int  # Unix ms
    before: str | None  # None: there was no file
    after: str
    colours_before: Mapping[str, str]
    colours_after: Mapping[str, str]


def mark_of(event: Event) -> str:
    """Return a text that changes with the file. Raises DesignError."""
    text = read_card_text(event.path / CARDS_FOLDER)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def name_for(kind: str, data: bytes, suffix: str) -> str:
    return f"{kind}-{hashlib.sha256(data).hexdigest()[:8]}{suffix}"


def save(
    event: Event, database: Database, settings: CardSettings, new_files: Mapping[str, bytes],
    colours: Mapping[str, str], *, seen: str, by: str, now: int,
) -> Saved:  # fmt: skip
    """Write the settings, new files, and colours by category key.

    Raises EditError if the file is not as `seen`, DesignError for cards that can't be printed, and
    VenueError for an invalid colour.
    """
    # Another server may save too, and the file changes only after the commit.
    with durable_files.directory_locked(event.path):
        return _save(event, database, settings, new_files, colours, seen=seen, by=by, now=now)


def _save(
    event: Event, database: Database, settings: CardSettings, new_files: Mapping[str, bytes],
    colours: Mapping[str, str], *, seen: str, by: str, now: int,
) -> Saved:  # fmt: skip
    folder = event.path / CARDS_FOLDER
    if mark_of(event) != seen:
        raise EditError(
            N_("%(file)s has changed since you opened this page. Load the page again."),
            file=SETTINGS_FILE,
        )
    text = read_card_text(folder)
    design_of(event.settings, folder, settings, new_files)
    result = rewritten(text, settings, str(folder / SETTINGS_FILE))
    old_colours = _colours(database)
    new_colours = {key: colour for key, colour in colours.items() if colour != old_colours[key]}
    changed = _changed(text, settings) + (["colours"] if new_colours else [])
    if not changed:
        return Saved((), ())
    folder.mkdir(mode=0o700, exist_ok=True)
    for name, data in new_files.items():
        if not (folder / name).exists():
            durable_files.write_whole(folder / name, data)
    last = LastSave(
        by, now, text if (folder / SETTINGS_FILE).exists() else None, result.text,
        {key: old_colours[key] for key in new_colours}, new_colours,
    )  # fmt: skip
    subject = {"columns": ",".join(changed)}
    _write(event, database, result.text, new_colours, last, subject, by=by, now=now)
    return Saved(tuple(changed), result.dropped)


def last_save(event: Event) -> LastSave | None:
    try:
        return LastSave(**json.loads((event.path / CARDS_FOLDER / LAST_SAVE_FILE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def undo(event: Event, database: Database, *, by: str, now: int) -> LastSave:
    """Raises EditError if the last save was changed since."""
    with durable_files.directory_locked(event.path):
        return _undo(event, database, by=by, now=now)


def _undo(event: Event, database: Database, *, by: str, now: int) -> LastSave:
    last = last_save(event)
    folder = event.path / CARDS_FOLDER
    if last is None:
        raise EditError(N_("nothing was undone: there is no save to undo."))
    current = _colours(database)
    if read_card_text(folder) != last.after or any(
        current.get(key) != colour for key, colour in last.colours_after.items()
    ):
        raise EditError(N_("nothing was undone: it has been changed since. Change it by hand."))
    subject = {"undone": last.at}
    _write(event, database, last.before, last.colours_before, None, subject, by=by, now=now)
    return last


def _write(
    event: Event, database: Database, text: str | None, colours: Mapping[str, str],
    last: LastSave | None, subject: Mapping[str, Any], *, by: str, now: int,
) -> None:  # fmt: skip
    """Write log entry and colours, and the files after the commit."""
    folder = event.path / CARDS_FOLDER

    def step(db: Connection) -> None:
        for key, colour in colours.items():
            thing = Thing("category", key)
            values = values_of(db, thing, ZoneInfo(event.settings.time_zone)) or {}
            venue_edit.put(db, event.settings, thing, {**values, "colour": colour}, by=by, now=now)
        entry_log.act(db, by, Act.CARDS_SET, dict(subject), now)
        _put(db, folder / LAST_SAVE_FILE, json.dumps(asdict(last)).encode() if last else None)
        _put(db, folder / SETTINGS_FILE, None if text is None else text.encode())

    database.write(step)


def _put(db: Connection, path: Path, data: bytes | None) -> None:
    if data is None:
        delete_after_commit(db, path)
    elif not path.exists() or path.read_bytes() != data:
        durable_files.replace_after_commit(db, path, data)


def _changed(text: str, settings: CardSettings) -> list[str]:
    before = asdict(parse_card_settings(text, SETTINGS_FILE))
    return [key for key, value in asdict(settings).items() if before[key] != value]


def _colours(database: Database) -> dict[str, str]:
    return {category.key: category.colour for category in store.categories(database.reader)}
