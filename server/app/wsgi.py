"""Opens the app of an event, for `serve` or for a WSGI server with HALLKEEPER_EVENT."""

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server.app.app import close_app, create_app
from server.core.event.directory import Event, load_event
from server.core.event.duties import Duties, Work
from server.core.event.processes import Reporter, server_name
from server.core.event.settings import EventError
from server.core.ledger.marks import marking
from server.core.second_disk.copy import Backups
from server.doors.heartbeats import heartbeats_of
from server.storage import tables
from server.storage.database import Database
from server.web.feature import features
from server.web.services import Services, keep_services, services_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from flask import Flask

WHOLE_BYTES_MAX = 1_000_000  # longer responses are not collected in memory
VARIABLE = "HALLKEEPER_EVENT"


def open_app(event_dir: Path, port: int | None = None) -> "Flask":
    """Raises EventError.

    `port` is the port listened on, if not the event's own; enrolment codes and phone links contain
    it.
    """
    tables.load()
    event = load_event(event_dir)
    if port is not None:
        event = replace(event, settings=replace(event.settings, port=port))
    database = Database(event.database_path)
    try:
        app = create_app(event, database)
        try:
            here = services_of(app)
            if event.backup_path is not None:
                backups = Backups(event, database, here.now)
                here = replace(here, backups=backups)
                keep_services(app, here)
                backups.start()
            duties = Duties([marking(database), *_works_of_features(app, here)])
            here = replace(here, duties=duties)
            keep_services(app, here)
            reporter = _reporter(event, database, here, duties)
            keep_services(app, replace(services_of(app), reporter=reporter))
            reporter.start()
            heartbeats_of(services_of(app)).start()
        except BaseException:
            close_app(app)
            raise
    except BaseException:
        database.close()
        raise
    return app


def _reporter(event: Event, database: Database, here: Services, duties: Duties) -> Reporter:
    settings = event.settings
    address = f"{settings.public_host}:{settings.port}"
    name = server_name(settings.port)
    own_run = here.own_run
    return Reporter(
        database, name, address, lambda: own_run.run, here.now, lambda on: duties.turn(on=on)
    )


def _works_of_features(app: "Flask", here: Services) -> list[Work]:
    with app.app_context():
        return [
            work
            for feature in features()
            if feature.works is not None
            for work in feature.works(here)
        ]


def in_one_piece(app: "WSGIApplication") -> "WSGIApplication":
    """Wrap the app so that short responses are lists with one item.

    granian sends a list by one call, but requests other iterables item by item, as feeds need.
    """

    def run(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        length = -1

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[[bytes], object]:
            nonlocal length
            lengths = [value for name, value in headers if name.lower() == "content-length"]
            length = int(lengths[0]) if lengths else -1
            return start_response(status, headers, exc_info)

        pieces = app(environ, start)
        if not 0 <= length <= WHOLE_BYTES_MAX:
            return pieces
        try:
            return [b"".join(pieces)]
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()

    return run


def load() -> "Flask":
    named = os.environ.get(VARIABLE)
    if not named:
        raise EventError(f"{VARIABLE} is not set: name the event's directory in it")
    return open_app(Path(named))
