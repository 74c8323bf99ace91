"""Connects the rooms with the app that answers requests. Only here all of them meet."""

import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask, Response, request
from werkzeug.routing import Rule

from badges.admission.facts import Calendar
from server.backup import set_back
from server.editing.previews.shared_uploads import SharedUploads
from server.editing.previews.uploads import Uploads
from server.entry_log.entry_log import Log
from server.event.calendar import day_starts
from server.event.clock import ServerClock
from server.event.directory import Event
from server.event.processes import server_name
from server.feed import changes
from server.feed.hub import Hub
from server.kiosks.runs import Standing, stand
from server.kiosks.vouching import Voucher
from server.people import search
from server.staff import sign_on
from server.staff.guesses import Guesses
from server.staff.pending import Pending
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.engines.history import history
from server.web import admin, api, auth, desk, display, i18n, security
from server.web.machines import interface, probes, problems
from server.web.phone import pages as phone
from server.web.phone import receipts
from server.web.services import Services, keep_services, renew_services, services, services_of
from server.web.wallet import pages as wallet
from server.web.wallet import passkit
from server.words import Words

SHOWN_WITHIN_S = 1.0
NOT_ON_DISK = "The database's commits hang just now. Nothing was changed. Try again in a moment."


class _Rule(Rule):
    """Prepares how its address is made up when that is first asked for. To do so for all of the
    hundreds of rules takes more than half of the time that the app needs to begin.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        prepared = cache(super()._compile_builder)
        return lambda rule, /, **values: prepared(append_unknown)(rule, **values)


class _App(Flask):
    """Calls what it has as it is. Flask would look at each of the dozens of functions of a request
    whether it is a coroutine, and none is.
    """

    url_rule_class = _Rule

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


def create_app(
    event: Event,
    database: Database,
    *,
    now: Callable[[], int] | None = None,
    clock: ServerClock | None = None,
) -> Flask:
    """Make the event's app, with the kiosks' API, the attendees' phone page and the staff's pages.
    It denies by default.

    Close it with `close_app`, before the database. Raises CatalogueError for a spoilt file in the
    event's own `translations`, and EventError for a missing secret of its identity provider.
    """
    app = make_app(event.settings.name, event.settings.time_zone, event.path)
    app.secret_key = security.derived_key(event.phone_secret, b"hallkeeper/forms/v1")
    wall = now or _wall_clock
    standing = stand(database, wall, server_name(event.settings.port))
    database.write(search.fold)
    here = _services(event, database, wall, clock, standing)
    keep_services(app, here)
    # What an earlier run of the server left of uploads is deleted now.
    here.keep(
        SharedUploads(
            database, security.derived_key(event.phone_secret, b"hallkeeper/uploads/v1"), wall
        )
        if here.several
        else Uploads(event.path / "uploads")
    )
    standing.watch(lambda db: _compare(app, db), lambda number: renew_services(app, number))
    with database.reading() as db:
        here.measures.begin(db)
    return app


def make_app(event_names: display.Names, time_zone: str, event_path: Path) -> Flask:
    """Make the app with its routes, rules and words. It answers once it has its secret and its
    services.

    Raises CatalogueError for a spoilt file in the event's own `translations`.
    """
    app = _App(__name__)
    security.protect(app)
    auth.guard(app)
    i18n.register(app, Words(event_path))
    display.register(app, event_names, ZoneInfo(time_zone))
    app.before_request(security.begin_view)
    for blueprint in (api.blueprint, phone.blueprint, desk.blueprint, admin.blueprint):
        app.register_blueprint(blueprint)
    for blueprint in (receipts.blueprint, wallet.blueprint, passkit.blueprint):
        app.register_blueprint(blueprint)
    for blueprint in (interface.blueprint, interface.openapi, probes.blueprint):
        app.register_blueprint(blueprint)
    security.csrf.exempt(api.blueprint)
    # Phones prove themselves with the token of the pass that they name.
    security.csrf.exempt(passkit.blueprint)
    security.csrf.exempt(interface.blueprint)
    app.after_request(_wait_for_disk)
    # This runs before the body is sent, so that a held feed or a slow client holds no reader.
    app.teardown_appcontext(lambda _: services_of(app).database.give_back())
    return app


def _services(
    event: Event,
    database: Database,
    wall: Callable[[], int],
    clock: ServerClock | None,
    standing: Standing,
) -> Services:
    """Make what the app keeps. Where several servers serve the event, what they must find alike is
    kept in the database. With SQLite one server alone has it.
    """
    voucher = Voucher(event.root_key, event.event_id)
    with database.reading() as db:
        several = bool(history(db))
    secret = partial(security.derived_key, event.phone_secret)
    return Services(
        event=event,
        database=database,
        hub=Hub(database, voucher.change),
        log=Log(database, event.log_name, event.log_key),
        voucher=voucher,
        standing=standing,
        calendar=Calendar(day_starts(event.settings)),
        now=wall,
        clock=clock or ServerClock(database),
        venue_clock=display.PageClock(ZoneInfo(event.settings.time_zone)),
        guesses=Guesses(database, secret(b"hallkeeper/guesses/v1")),
        pending=Pending(database, secret(b"hallkeeper/asked/v1")),
        several=several,
        sign_on=sign_on.provider_of(event),
    )


def close_app(app: Flask) -> None:
    """End every held feed and stop the app's threads."""
    leave(app)
    services_of(app).hub.close()


def leave(app: Flask) -> None:
    """Stop what the server does by itself, tell other servers so, and delete what staff have sent.
    Requests are still answered.
    """
    here = services_of(app)
    # Another server has them as soon as it hears that this one stops.
    if here.duties is not None:
        here.duties.close()
    if here.reporter is not None:
        here.reporter.close()
    if here.backups is not None:
        here.backups.close()
    here.close_kept()


def _wait_for_disk(answer: Response) -> Response:
    """Show nothing that could still be lost with the database's machine. While commits hang, pages
    are shown all the same, and other machines are asked to come again.
    """
    database = services().database
    if not database.has_read() or database.wait_for_disk(SHOWN_WITHIN_S):
        return answer
    if request.blueprint == interface.blueprint.name and request.method == "GET":
        # A machine may keep what a person only looks at.
        return problems.answer(503, NOT_ON_DISK)
    return answer


def _compare(app: Flask, db: Connection) -> None:
    """Compare another database, or another state of it, with what this server remembers."""
    here = services_of(app)
    known = here.hub.cursor
    if not here.log.resume(db):
        sign = "entry log"
    elif changes.cursor(db) < known:
        sign = "feed"
    else:
        return
    kept = [] if here.backups is None else here.backups.kept_acts()
    set_back.renew_by_memory(db, here.event, sign, kept, here.now())


def _wall_clock() -> int:
    return time.time_ns() // 1_000_000
