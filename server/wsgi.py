"""The app for a WSGI server: of the event that HALLKEEPER_EVENT names, or that `serve` opens."""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from server import BACKUPS, create_app
from server.backup import Backups
from server.config import EventError, load_event
from server.database import Database

if TYPE_CHECKING:
    from flask import Flask

VARIABLE = "HALLKEEPER_EVENT"


def open_app(event_dir: Path, port: int | None = None) -> "Flask":
    """The app of the event in `event_dir`, with its database open. Raises EventError.

    `port` is the one listened on, where it is not the event's own: enrolment codes and phone links
    must name it.
    """
    event = load_event(event_dir)
    if port is not None:
        event = replace(event, settings=replace(event.settings, port=port))
    database = Database(event.database_path)
    try:
        app = create_app(event, database)
        if event.backup_path is not None:
            started = Backups(event, database, app.extensions["hallkeeper"].now)
            app.extensions[BACKUPS] = started
            started.start()
    except BaseException:
        database.close()
        raise
    return app


def load() -> "Flask":
    """The app of the event that the environment names. Raises EventError."""
    named = os.environ.get(VARIABLE)
    if not named:
        raise EventError(f"{VARIABLE} is not set: name the event's directory in it")
    return open_app(Path(named))
