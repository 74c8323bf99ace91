"""What a request may use: the event, its database, the feed, the entry log, and the time."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import current_app

from badges.admission.facts import Calendar
from server.clock import ServerClock
from server.config import Event
from server.database import Database
from server.entry_log import Log
from server.feed import Hub


@dataclass(frozen=True)
class Services:
    event: Event
    database: Database
    hub: Hub
    log: Log
    calendar: Calendar
    now: Callable[[], int]  # Unix ms
    clock: ServerClock


def services() -> Services:
    """The running app's services."""
    found: Services = current_app.extensions["hallkeeper"]
    return found
