from server.core.alerts.alerts import Alert, Kind, Value
from server.core.alerts.sources import AlertContext
from server.core.occupancy.figures import HallFigures
from server.core.occupancy.minutes import MINUTE_MS, Trend
from server.core.venue.session_states import HallPhase, Phase

SOON_MS = 30 * MINUTE_MS
# A hall that fills within this time is reported, if its admission ends later.
FEW = 10  # a smaller increase in 15 minutes is no trend


def of_halls(context: AlertContext) -> list[Alert]:
    """List the halls filled to `alert_hall_percent`, or that fill within half an hour and before
    admission ends. Closed halls and halls without capacity are left out.
    """
    alerts = []
    percent, now = context.event.settings.alert_hall_percent, context.now
    for hall in context.halls:
        phase = context.phases.get(hall.hall_id, HallPhase(Phase.OPEN))
        inside = hall.present
        if hall.closed or not hall.capacity:
            continue
        if inside * 100 >= hall.capacity * percent:
            alerts.append(_full(hall, percent))
            continue
        trend = context.trends.get(hall.hall_id, Trend())
        full_in = trend.full_in_ms(hall.capacity - inside)
        if full_in is None or full_in > SOON_MS or trend.change < FEW:
            continue
        ends = phase.at if phase.phase is Phase.ADMITTING else None
        if ends is not None and now + full_in >= ends:
            continue
        values = {"at": now + full_in, "in_15_min": trend.change}
        alerts.append(Alert(Kind.FILLING, str(hall.hall_id), values=values))
    return alerts


def _full(hall: HallFigures, percent: int) -> Alert:
    """An override within the legal limit is no worse than a full hall."""
    inside = hall.present
    level = (inside >= hall.capacity) + hall.over
    level += inside * 100 >= hall.capacity * (100 + percent) // 2
    values: dict[str, Value] = {"inside": inside, "capacity": hall.capacity}
    if hall.by_supervisor:
        values |= {"by_supervisor": hall.by_supervisor, "left": hall.left_to_limit}
    grave = inside >= hall.capacity and not hall.by_supervisor
    return Alert(Kind.FILL, str(hall.hall_id), grave, level, values=values)
