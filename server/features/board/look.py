"""Collects the board's data: halls with phase and trend, and alerts."""

from collections import Counter
from dataclasses import dataclass, replace

from server.core.alerts import factors, halls, kiosks, taken, watch
from server.core.alerts.alerts import Alert, Kind, most_urgent_first
from server.core.alerts.sources import BOARD, AlertContext, alerts
from server.core.alerts.taken import Taken
from server.core.alerts.watch import Watch
from server.core.kiosks import registry
from server.core.occupancy.figures import HallFigures
from server.core.occupancy.minutes import Trend
from server.core.venue.session_states import HallPhase, Phase
from server.web import auth
from server.web.alerts import Places, in_page_language
from server.web.i18n import gettext as _
from server.web.services import services

GRAVE_WEIGHT = 100  # A grave alert outweighs many others
NEARLY_FULL = 0.9
SILENT = (Kind.SILENT, Kind.NEVER_HEARD)


@dataclass(frozen=True)
class HallRow:
    """A hall's data on the board. Equal values render the same."""

    hall_id: int
    name: str
    figures: HallFigures
    phase: HallPhase
    trend: Trend
    full_at: str  # By the venue's clock; empty if not within two hours
    when: str  # When the phase ends, by the venue's clock or in minutes
    alerts: int = 0  # Weight of this hall's alerts that no one has taken
    silent: int = 0  # Doors with a kiosk that does not report
    has_kiosk: bool = False  # at one of its own doors

    @property
    def inside(self) -> int:
        return self.figures.present

    @property
    def trouble(self) -> str:
        """Return the state's severity as a colour: "bad", "warn" or ""."""
        if self.figures.over:
            return "bad"
        full = self.share >= 1 and not self.figures.by_supervisor and not self.figures.closed
        if full:
            return "bad"
        near = self.share >= NEARLY_FULL and not self.figures.closed
        return "warn" if near or self.silent else ""

    @property
    def admits(self) -> bool:
        """Return whether a door of the hall admits people now, if there is a free place."""
        return self.has_kiosk and self.phase.phase in (Phase.ADMITTING, Phase.OPEN)

    @property
    def idle(self) -> bool:
        """Return whether nothing is planned today, no one comes or is refused, and the hall is
        not nearly full.
        """
        quiet = self.trend == Trend() and self.share < NEARLY_FULL
        return self.phase.phase is Phase.NONE and quiet

    @property
    def share(self) -> float:
        return self.inside / self.figures.capacity if self.figures.capacity else 0.0


@dataclass(frozen=True)
class Look:
    halls: list[HallRow]
    new: list[Alert]
    taken: list[tuple[Alert, Taken]]
    places: Places
    kiosks: list[registry.KioskRow]


def look() -> Look:
    here = services()
    db, now = here.database.reader, here.now()
    context = AlertContext(db, here.event, now, here)
    figures, trends, phases = context.halls, context.trends, context.phases
    at_work = kiosks.at_work(context.kiosks)
    current = alerts(BOARD, context, here.alert_sources)
    taken_by_key = taken.all_taken(db)
    dated = most_urgent_first(here.own(Watch).dated(current, taken_by_key, now))
    if not _is_admin():
        # Only admins can fix it, and others should not know whose account is weak.
        dated = [item for item in dated if not _is_of_admins(item)]
    split = [(item, taken_by_key.get(item.key)) for item in dated]
    places = Places(
        {row.kiosk: row.door_names for row in at_work},
        {hall.hall_id: hall.names for hall in figures},
        {row.door_id: row.door_names for row in at_work},
    )
    new = [item for item, by in split if not watch.is_taken(item, by)]
    weights, silent = _weights(new, at_work), _silent_doors(current, at_work)
    with_kiosk = {row.hall_id for row in at_work}
    return Look(
        [
            replace(
                _row(item, phases, trends, now),
                alerts=weights.get(item.hall_id, 0),
                silent=silent[item.hall_id],
                has_kiosk=item.hall_id in with_kiosk,
            )
            for item in figures
        ],
        new,
        [(item, by) for item, by in split if by is not None and watch.is_taken(item, by)],
        places,
        at_work,
    )


def _is_of_admins(alert: Alert) -> bool:
    return alert.kind in (Kind.NO_FACTOR, "token_maker") or alert.about == "no_second_disk"


def _weights(alerts: list[Alert], at_work: list[registry.KioskRow]) -> dict[int, int]:
    """Return each hall's weight of alerts, including those of its doors and kiosks."""
    of_kiosks = {row.kiosk: row.hall_id for row in at_work}
    of_doors = {row.door_id: row.hall_id for row in at_work}
    weights: dict[int, int] = {}
    for alert in alerts:
        if alert.kind in (Kind.FILL, Kind.FILLING):
            hall: int | None = int(alert.about)
        elif alert.kind is Kind.FORGED:
            hall = of_doors.get(int(alert.about))
        else:
            hall = of_kiosks.get(alert.about) if alert.kind in kiosks.KINDS else None
        if hall is not None:
            weights[hall] = weights.get(hall, 0) + (GRAVE_WEIGHT if alert.grave else 1)
    return weights


def _silent_doors(alerts: list[Alert], at_work: list[registry.KioskRow]) -> Counter[int]:
    """Return the number of silent doors by hall, with or without a taken alert."""
    silent = {alert.about for alert in alerts if alert.kind in SILENT}
    return Counter(hall for _door, hall in {
        (row.door_id, row.hall_id) for row in at_work if row.kiosk in silent
    })  # fmt: skip


def _row(
    hall: HallFigures,
    phases: dict[int, HallPhase],
    trends: dict[int, Trend],
    now: int,
) -> HallRow:
    phase = phases[hall.hall_id]
    trend = trends.get(hall.hall_id, Trend())
    minute = services().venue_clock.minute
    full_in = trend.full_in_ms(hall.capacity - hall.present)
    full_at = ""
    if full_in is not None and full_in <= 2 * 3_600_000 and trend.change >= halls.FEW:
        full_at = minute(now + full_in)
    when = ""
    if phase.phase is Phase.OPENS and phase.at is not None and phase.at - now < 3_600_000:
        when = _("in %(number)s min", number=max(1, (phase.at - now + 59_999) // 60_000))
    elif phase.at is not None:
        when = minute(phase.at)
    name = in_page_language(hall.names)
    return HallRow(hall.hall_id, name, hall, phase, trend, full_at, when)


def _is_admin() -> bool:
    user = auth.user()
    return user is not None and user.role == factors.ROLE
