from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from server.core.alerts.alerts import Alert
from server.storage.connection import Connection
from server.storage.database import Database

Alerts = Callable[[Connection, int], list[Alert]]  # Takes the time in Unix ms


@dataclass(frozen=True)
class Content:
    kind: str  # The message's `type`
    at: int  # Unix ms
    data: Any
    last: int  # The last leaf that it reports


@dataclass(frozen=True)
class Leaves:
    """Reads a topic's messages from the entry log. A leaf belongs to at most one topic."""

    # Returns the topic's first leaf in a range, end exclusive.
    first: Callable[[Connection, int, int], int | None]
    # Returns the message of that leaf, and perhaps following ones, before a number.
    content: Callable[[Connection, int, int], Content]


@dataclass(frozen=True)
class Topic:
    """Either reads leaves of the entry log, or adds notices (`notices.add`) in one of two ways,
    called only while webhooks have the topic.
    """

    name: str  # In the database; fixed once released
    words: str  # On pages
    leaves: Leaves | None = None
    after_step: Callable[[Connection, int], None] | None = None  # In each writing transaction
    every_5_s: Callable[[Database, Alerts, int], None] | None = None
