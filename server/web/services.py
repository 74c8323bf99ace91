"""The objects shared by requests: the event, its database, the feed, the entry log, the time, and
the features' objects.
"""

import ipaddress
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast

from flask import Flask, current_app, request

from badges.admission.facts import Calendar
from server.core.alerts.sources import Source
from server.core.entry_log.entry_log import Log
from server.core.event.calendar import Clock
from server.core.event.clock import ServerClock
from server.core.event.directory import Event
from server.core.event.duties import Duties
from server.core.event.processes import Reporter
from server.core.feed.hub import Hub
from server.core.kiosks.runs import OwnRun
from server.core.kiosks.venue_edits import VenueEdits
from server.core.kiosks.vouching import Voucher
from server.core.second_disk.copy import Backups, Status
from server.core.staff.guesses import Guesses
from server.core.staff.pending import Pending
from server.core.staff.sign_on import Provider
from server.storage.database import Database
from server.web.lanes import Lanes
from server.web.measures import Measures

EXTENSION = "hallkeeper"  # the app's only extension key

Kept = TypeVar("Kept")


@dataclass(frozen=True)
class Services:
    event: Event
    database: Database
    hub: Hub
    venue_edits: VenueEdits
    log: Log
    voucher: Voucher
    own_run: OwnRun
    calendar: Calendar
    now: Callable[[], int]  # Unix ms
    clock: ServerClock
    venue_clock: Clock
    guesses: Guesses  # for passwords
    pending: Pending  # for second factors
    several: bool  # whether other servers serve the event too
    sign_on: Provider | None = None  # None without an identity provider
    backups: Backups | None = None  # None without a second disk
    alert_sources: tuple[Source, ...] = ()  # core's and the features'
    duties: Duties | None = None  # only in a running server
    reporter: Reporter | None = None  # likewise
    restart: Callable[[], None] | None = None  # likewise: starts the server's process again
    lanes: Lanes = field(default_factory=Lanes)
    measures: Measures = field(default_factory=Measures)
    kept: dict[type[object], object] = field(default_factory=dict)  # features' objects, by type
    making: threading.RLock = field(default_factory=threading.RLock)

    def keep(self, thing: object) -> None:
        """Replaces an object of the same type."""
        self.kept[type(thing)] = thing

    def find(self, kind: type[Kept]) -> Kept | None:
        return cast("Kept | None", self.kept.get(kind))

    def own(self, kind: type[Kept], make: Callable[[], Kept] | None = None) -> Kept:
        """Return the app's single object of this type, created by `make` or its class."""
        kept = self.find(kind)
        if kept is None:
            with self.making:
                kept = self.find(kind)
                if kept is None:
                    kept = self.kept[kind] = (make or kind)()
        return kept

    @property
    def writes_fail(self) -> bool:
        return bool(self.database.away or self.database.failures.within())

    @property
    def backup_status(self) -> Status | None:
        return None if self.backups is None else self.backups.status

    @property
    def superseded_by(self) -> str | None:
        return self.own_run.superseded_by

    def close_kept(self) -> None:
        """Close the features' stored objects, newest first."""
        for thing in reversed(list(self.kept.values())):
            close = getattr(thing, "close", None)
            if close is not None:
                close()


def services() -> Services:
    return services_of(current_app)


def services_of(app: Flask) -> Services:
    services: Services = app.extensions[EXTENSION]
    return services


def keep_services(app: Flask, kept: Services) -> None:
    app.extensions[EXTENSION] = kept


def address() -> str:
    """The client's IP address, also behind the event's own proxy."""
    forwarded = request.headers.get("X-Forwarded-For", "")
    return address_of(request.remote_addr or "unknown", forwarded, services().event.settings.proxy)


def address_of(peer: str, forwarded: str, proxy: str | None) -> str:
    """`peer` is the connection's other end, and `forwarded` the proxy's header."""
    caller = peer.removeprefix("::ffff:")
    if caller != proxy:
        return caller
    # The proxy appends the address that it saw. Earlier entries may be forged.
    claimed = forwarded.rpartition(",")[2].strip()
    try:
        parsed = ipaddress.ip_address(claimed)
        return str(getattr(parsed, "ipv4_mapped", None) or parsed)
    except ValueError:
        return caller


def renew_services(app: Flask, incarnation: int) -> Services:
    here = services_of(app)
    if here.event.incarnation == incarnation:
        return here
    event = replace(here.event, incarnation=incarnation)
    here.venue_edits.event = event
    here.log.rename(event.log_name)
    renewed = replace(here, event=event)
    keep_services(app, renewed)
    return renewed
