"""Holds what a request may use. That is the event, its database, the feed, the entry log, and the
time.
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from flask import Flask, current_app, request

from badges.admission.facts import Calendar
from server.backup.copy import Backups
from server.editing.previews.shared_uploads import SharedUploads
from server.editing.previews.uploads import Uploads
from server.entry_log.entry_log import Log
from server.event.budgets import Budget
from server.event.calendar import Clock
from server.event.clock import ServerClock
from server.event.directory import Event
from server.event.duties import Duties
from server.event.processes import Reporter
from server.feed.hub import Hub
from server.kiosks import relocation
from server.kiosks.runs import Standing
from server.kiosks.vouching import Voucher
from server.machines.shared_rates import SharedRates
from server.mail.worker import Worker
from server.people import lookup
from server.people.designing.chosen import Chosen
from server.people.designing.drawer import Drawer
from server.privacy.daily import Daily
from server.staff.guesses import Guesses
from server.staff.pending import Pending
from server.staff.sign_on import Provider
from server.storage.database import Database
from server.troubles.certificates import Certificates
from server.troubles.watch import Watch
from server.web.apart import WorkedOut
from server.web.lanes import Lanes
from server.web.machines.measures import Measures
from server.web.machines.rates import Rates
from server.web.machines.readiness import Finding
from server.web.rendered import Pieces, Rendered
from server.witnesses.worker import Confirming

EXTENSION = "hallkeeper"  # The only key under which an app keeps what is its own.


@dataclass(frozen=True)
class Services:
    event: Event
    database: Database
    hub: Hub
    log: Log
    voucher: Voucher
    standing: Standing
    calendar: Calendar
    now: Callable[[], int]  # Unix ms
    clock: ServerClock
    venue_clock: Clock
    uploads: Uploads | SharedUploads
    mailing: Worker
    guesses: Guesses  # For passwords.
    pending: Pending  # For second factors.
    rates: Rates | SharedRates  # For other machines.
    sign_on: Provider | None = None  # Set where the event has an identity provider.
    backups: Backups | None = None  # Set where the event has a second disk.
    duties: Duties | None = None  # Set in a running server alone.
    retention: Daily | None = None  # Likewise.
    confirming: Confirming | None = None  # Likewise.
    reporter: Reporter | None = None  # Likewise.
    lanes: Lanes = field(default_factory=Lanes)
    drawer: Drawer = field(default_factory=Drawer)  # Of cards' previews.
    chosen: Chosen = field(default_factory=Chosen)
    overview: Rendered = field(default_factory=Rendered)
    totals: Rendered = field(default_factory=Rendered)
    hall_pieces: Pieces = field(default_factory=Pieces)
    troubles: Watch = field(default_factory=Watch)
    certificates: Certificates = field(default_factory=Certificates)
    worked_out: WorkedOut = field(default_factory=WorkedOut)
    phone_halls: Rendered = field(default_factory=Rendered)
    measures: Measures = field(default_factory=Measures)
    readiness: Finding = field(default_factory=Finding)
    lookups: Budget = Budget("lookups", lookup.LOOKUPS_MAX, lookup.WINDOW_MS)
    # A clerk's box asks at each key. Once a minute it goes into the entry log.
    desk_searches: Budget = Budget("desk searches", 1, 60_000)
    moves: Budget = Budget("moves", relocation.MOVES_MAX, relocation.WINDOW_MS)


def services() -> Services:
    """Return the running app's services."""
    return services_of(current_app)


def services_of(app: Flask) -> Services:
    """Return the services of an app."""
    found: Services = app.extensions[EXTENSION]
    return found


def keep_services(app: Flask, kept: Services) -> None:
    """Give an app its services, or others in their place."""
    app.extensions[EXTENSION] = kept


def address() -> str:
    """Return where the request comes from, as an IP address, also through the event's own proxy."""
    told = request.headers.get("X-Forwarded-For", "")
    return address_of(request.remote_addr or "unknown", told, services().event.settings.proxy)


def address_of(peer: str, forwarded: str, proxy: str | None) -> str:
    """Return where a request comes from. `peer` is the other end of the connection, and `forwarded`
    the addresses that a proxy named.
    """
    caller = peer.removeprefix("::ffff:")
    if caller != proxy:
        return caller
    # The proxy adds the address that it saw last. What stands before, anybody may have written.
    told = forwarded.rpartition(",")[2].strip()
    try:
        found = ipaddress.ip_address(told)
        return str(getattr(found, "ipv4_mapped", None) or found)
    except ValueError:
        return caller


def renewed(incarnation: int) -> Services:
    """Return the running app's services from now on. The server has become the next of its line."""
    return renew_services(current_app, incarnation)


def renew_services(app: Flask, incarnation: int) -> Services:
    """Return an app's services from now on. The database says which server of its line this is."""
    here = services_of(app)
    if here.event.incarnation == incarnation:
        return here
    event = replace(here.event, incarnation=incarnation)
    here.log.rename(event.log_name)
    found = replace(here, event=event)
    keep_services(app, found)
    return found
