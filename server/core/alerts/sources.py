"""Lists an event's alerts.

A source is a function from AlertContext to alerts. A feature lists its own in `ALERTS` of its
`__init__`, with their audiences.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pkgutil import resolve_name
from typing import NamedTuple, Protocol, TypeVar

from server.core.alerts.alerts import Alert
from server.core.event.calendar import day_starts
from server.core.event.directory import Event
from server.core.kiosks import registry
from server.core.kiosks.registry import KioskRow
from server.core.occupancy import figures, minutes
from server.core.occupancy.figures import HallFigures
from server.core.occupancy.minutes import Trend
from server.core.second_disk.copy import Status
from server.core.venue import session_states
from server.core.venue.session_states import HallPhase
from server.storage.connection import Connection

BOARD, STATUS, WEBHOOKS = "board", "status", "webhooks"  # the audiences
HALF_DAY_MS = 12 * 3_600_000

Kept = TypeVar("Kept")


class RunningServer(Protocol):
    """State known only to a running server."""

    @property
    def writes_fail(self) -> bool: ...

    @property
    def backup_status(self) -> Status | None:
        """Return None if the event has no backup directory."""

    @property
    def superseded_by(self) -> str | None: ...

    def find(self, kind: type[Kept]) -> Kept | None: ...

    def own(self, kind: type[Kept]) -> Kept: ...


@dataclass(frozen=True)
class AlertContext:
    """The data for computing alerts. Data that several sources need is read once."""

    db: Connection
    event: Event
    now: int  # Unix ms
    server: RunningServer | None = None  # None on the command line

    @cached_property
    def kiosks(self) -> list[KioskRow]:
        return registry.kiosks(self.db)

    @cached_property
    def halls(self) -> list[HallFigures]:
        return figures.hall_figures(self.db)

    @cached_property
    def trends(self) -> dict[int, Trend]:
        return minutes.trends(self.db, self.now)

    @cached_property
    def phases(self) -> dict[int, HallPhase]:
        ends = day_starts(self.event.settings)[1:]
        day_end = next((end for end in ends if end > self.now), self.now + HALF_DAY_MS)
        return session_states.hall_phases(self.db, self.now, day_end)

    def own(self, kind: type[Kept]) -> Kept:
        """Return the server's single object of this type, such as a cache."""
        return kind() if self.server is None else self.server.own(kind)


class Source(NamedTuple):
    """The name (`where`) of a function that returns alerts, and the audiences that see them. Its
    module is imported when called, to keep commands fast.
    """

    where: str  # as module:function
    audiences: frozenset[str]

    def alerts(self, context: AlertContext) -> list[Alert]:
        alerts: list[Alert] = resolve_name(self.where)(context)
        return alerts


def sources_of(package: str, named: Iterable[Sequence[str]]) -> tuple[Source, ...]:
    """Return sources from rows of `module:function` and its audiences."""
    return tuple(Source(f"{package}.{where}", frozenset(audiences)) for where, *audiences in named)


CORE = sources_of(
    "server.core.alerts",
    (
        ("kiosks:of_kiosks", BOARD),
        ("halls:of_halls", BOARD),
        ("badges:of_badges", BOARD),
        ("server:of_server", BOARD),
        ("certificates:of_server", BOARD),
        ("factors:of_admins", BOARD),
        ("operations:of_processes", STATUS),
        ("operations:of_engine", STATUS),
        ("operations:of_disk", STATUS),
        ("operations:of_waiting_scans", STATUS),
        ("operations:of_awaited_kiosks", STATUS),
        ("operations:of_log_size", STATUS),
        ("operations:of_versions", STATUS),
        ("conditions:of_quiet_kiosks", WEBHOOKS),
        ("conditions:of_backup", WEBHOOKS),
        ("conditions:of_disk", WEBHOOKS),
    ),
)


def alerts(audience: str, context: AlertContext, sources: Iterable[Source]) -> list[Alert]:
    return [
        alert
        for source in sources
        if audience in source.audiences
        for alert in source.alerts(context)
    ]
