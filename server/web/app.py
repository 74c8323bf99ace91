"""The record: roster, venue, ledger, entry log, and the pages and feeds over them."""

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from server.event.clock import ServerClock
    from server.event.directory import Event
    from server.storage.database import Database

BACKUPS = "hallkeeper_backups"  # the app's extension, where it has a second disk


def create_app(
    event: "Event",
    database: "Database",
    *,
    now: Callable[[], int] | None = None,
    clock: "ServerClock | None" = None,
) -> "Flask":
    """The event's app: kiosks' API, attendees' phone page, staff's pages. Deny by default.

    Close it with `close_app`, before the database.
    """
    from flask import Flask

    from badges.admission.facts import Calendar
    from server.entry_log.entry_log import Log
    from server.event.calendar import day_starts
    from server.event.clock import ServerClock
    from server.feed.hub import Hub
    from server.kiosks.vouching import Voucher, begin_run
    from server.web import admin, auth, display, phone, security
    from server.web.api import scans, supervisor
    from server.web.services import Services

    app = Flask(__name__)
    wall = now or _wall_clock
    run = database.write(lambda db: begin_run(db, wall(), os.urandom))
    voucher = Voucher(event.root_key, event.event_id, run)
    app.extensions["hallkeeper"] = Services(
        event=event,
        database=database,
        hub=Hub(database, voucher.change),
        log=Log(database, event.log_name, event.log_key),
        voucher=voucher,
        calendar=Calendar(day_starts(event.settings)),
        now=wall,
        clock=clock or ServerClock(database),
    )
    security.protect(app, event)
    auth.guard(app)
    display.register(app, event)
    for blueprint in (supervisor.blueprint, phone.blueprint, admin.blueprint):
        app.register_blueprint(blueprint)
    security.csrf.exempt(scans.blueprint)
    # Before the body is sent: whoever holds a feed, or reads slowly, holds no reader.
    app.teardown_appcontext(lambda _: database.give_back())
    return app


def close_app(app: "Flask") -> None:
    """End every held feed and stop the app's threads."""
    if BACKUPS in app.extensions:
        app.extensions[BACKUPS].close()
    app.extensions["hallkeeper"].hub.close()


def _wall_clock() -> int:
    return time.time_ns() // 1_000_000
