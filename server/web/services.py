"""What a request may use: the event, its database, the feed, the entry log, and the time."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from flask import current_app, request

from badges.admission.facts import Calendar
from server.entry_log.entry_log import Log
from server.event.clock import ServerClock
from server.event.directory import Event
from server.feed.hub import Hub
from server.kiosks.vouching import Voucher
from server.storage.database import Database
from server.web.lanes import Lanes


@dataclass(frozen=True)
class Services:
    event: Event
    database: Database
    hub: Hub
    log: Log
    voucher: Voucher
    calendar: Calendar
    now: Callable[[], int]  # Unix ms
    clock: ServerClock
    lanes: Lanes = field(default_factory=Lanes)


def services() -> Services:
    """The running app's services."""
    found: Services = current_app.extensions["hallkeeper"]
    return found


def address() -> str:
    """Where the request comes from: an IP address."""
    return (request.remote_addr or "unknown").removeprefix("::ffff:")


def renewed(incarnation: int) -> Services:
    """The running app's services from now on: the server has become the next of its line."""
    here = services()
    event = replace(here.event, incarnation=incarnation)
    here.log.rename(event.log_name)
    found = replace(here, event=event)
    current_app.extensions["hallkeeper"] = found
    return found
