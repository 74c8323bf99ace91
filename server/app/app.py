"""Creates the Flask app from the event, its database and all features."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask, Response, request
from jinja2 import ChoiceLoader, FileSystemLoader

from badges.admission.facts import Calendar
from server import doors
from server.app import pages
from server.app.features import (
    alert_sources,
    load_features,
    static_folders,
    template_folders,
)
from server.console import wall_clock
from server.core.entry_log.entry_log import Log
from server.core.event.calendar import day_starts
from server.core.event.clock import ServerClock
from server.core.event.directory import Event
from server.core.event.processes import server_name
from server.core.feed import changes
from server.core.feed.hub import Hub
from server.core.kiosks.runs import OwnRun, own_run
from server.core.kiosks.venue_edits import VenueEdits
from server.core.kiosks.vouching import Voucher
from server.core.people import search
from server.core.second_disk import set_back
from server.core.staff import sign_on
from server.core.staff.guesses import Guesses
from server.core.staff.pending import Pending
from server.core.translations import Words
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.engines.history import history
from server.web import auth, display, i18n, problems, security, static_files
from server.web.entrance import ShownResponse, WholeRequest, convert_addresses
from server.web.feature import features
from server.web.services import Services, keep_services, renew_services, services, services_of

SHOWN_WITHIN_S = 1.0
NOT_ON_DISK = "The database's commits hang just now. Nothing was changed. Try again in a moment."


class _App(Flask):
    """Skips Flask's check whether each called function is a coroutine. There are dozens of calls a
    request, and no coroutines.
    """

    request_class = WholeRequest
    response_class = ShownResponse

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


def create_app(
    event: Event,
    database: Database,
    *,
    now: Callable[[], int] | None = None,
    clock: ServerClock | None = None,
) -> Flask:
    """Create the event's app with all interfaces and pages. Access is denied by default.

    Close it with `close_app`, before the database. Raises CatalogueError for an invalid file in the
    event's `translations`, and EventError for a missing secret of its identity provider.
    """
    app = make_app(event.settings.name, event.settings.time_zone, event.path)
    app.secret_key = security.derived_key(event.phone_secret, b"hallkeeper/forms/v1")
    wall = now or wall_clock
    run = own_run(database, wall, server_name(event.settings.port))
    database.write(search.fold)
    here = _services(event, database, wall, clock, run)
    keep_services(app, here)
    with app.app_context():
        for feature in features():
            if feature.start is not None:
                feature.start(here)
    run.watch(lambda db: _compare(app, db), lambda number: renew_services(app, number))
    here.clock.epoch()  # known before the first batch
    with database.reading() as db:
        here.measures.begin(db)
    return app


def make_app(event_names: display.Names, time_zone: str, event_path: Path) -> Flask:
    """Create the app with routes, rules and translations, but without its secret and services.

    Raises CatalogueError for an invalid file in the event's `translations`.
    """
    app = _App("server.web", static_folder=None)  # the package of the base templates
    app.jinja_loader = ChoiceLoader([FileSystemLoader(path) for path in template_folders()])
    convert_addresses(app.url_map)
    static_files.register(app, static_folders())
    security.protect(app)
    auth.guard(app)
    i18n.register(app, Words(event_path))
    display.register(app, event_names, ZoneInfo(time_zone))
    app.before_request(security.begin_view)
    app.register_blueprint(doors.blueprint)
    security.csrf.exempt(doors.blueprint)
    loaded = load_features()
    pages.register(app, loaded)
    for feature in loaded:
        for blueprint in feature.exempt:
            security.csrf.exempt(blueprint)
    app.after_request(_wait_for_disk)
    app.after_request(security.show_remark)
    # Runs before the body is sent, so that a feed or a slow client holds no reader.
    app.teardown_appcontext(lambda _: services_of(app).database.give_back())
    return app


def _services(
    event: Event,
    database: Database,
    wall: Callable[[], int],
    clock: ServerClock | None,
    run: OwnRun,
) -> Services:
    voucher = Voucher(event.root_key, event.event_id)
    with database.reading() as db:
        several = bool(history(db))
    secret = partial(security.derived_key, event.phone_secret)
    venue_edits = VenueEdits(event, wall)
    return Services(
        event=event,
        database=database,
        hub=Hub(database, voucher.change, venue_edits),
        venue_edits=venue_edits,
        log=Log(database, event.log_name, event.log_key),
        voucher=voucher,
        own_run=run,
        calendar=Calendar(day_starts(event.settings)),
        now=wall,
        clock=clock or ServerClock(database),
        venue_clock=display.PageClock(ZoneInfo(event.settings.time_zone)),
        guesses=Guesses(database, secret(b"hallkeeper/guesses/v1")),
        pending=Pending(database, secret(b"hallkeeper/asked/v1")),
        several=several,
        sign_on=sign_on.provider_of(event),
        alert_sources=alert_sources(),
    )


def close_app(app: Flask) -> None:
    """Stop background jobs, let other servers take them, delete uploads, and end the feeds.
    Requests are still answered.
    """
    here = services_of(app)
    # Stop duties before the report: another server takes them as soon as this one reports its stop.
    if here.duties is not None:
        here.duties.close()
    if here.reporter is not None:
        here.reporter.close()
    if here.backups is not None:
        here.backups.close()
    here.close_kept()
    here.hub.close()


def _wait_for_disk(answer: Response) -> Response:
    """Delay a response until the data that it shows is on disk. While commits hang, pages are
    shown after a second, and other interfaces answer 503.
    """
    database = services().database
    if not database.has_read() or database.wait_for_disk(SHOWN_WITHIN_S):
        return answer
    durable = {blueprint.name for feature in features() for blueprint in feature.durable}
    if request.blueprint in durable and request.method == "GET":
        # An integration may store the answer; a person only looks at it.
        return problems.answer(503, NOT_ON_DISK)
    return answer


def _compare(app: Flask, db: Connection) -> None:
    """Check that a new database, or its new state, has all that this server's memory knows to be
    on disk.
    """
    here = services_of(app)
    reached = here.hub.cursor
    if not here.log.resume(db):
        sign = "entry log"
    elif changes.cursor(db) < reached:
        sign = "feed"
    else:
        return
    kept = [] if here.backups is None else here.backups.kept_acts()
    set_back.renew_by_memory(db, here.event, sign, kept, here.now())
