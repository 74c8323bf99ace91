from zoneinfo import ZoneInfo

from badges.i18n import Count, Phrase
from server.core.alerts.alerts import Alert, Kind
from server.core.alerts.sources import AlertContext
from server.core.event.calendar import Clock
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
        problem = Phrase(
            "Full at %(time)s at this rate, %(people)s more in 15 min",
            time=Clock(ZoneInfo(context.event.settings.time_zone)).minute(now + full_in),
            people=Count(trend.change),
        )
        todo = Phrase("Prepare another hall or a stop at the queue before then.")
        alerts.append(Alert(Kind.FILLING, str(hall.hall_id), what=problem, todo=todo))
    return alerts


def _full(hall: HallFigures, percent: int) -> Alert:
    """An override within the legal limit is no worse than a full hall."""
    inside = hall.present
    level = (inside >= hall.capacity) + hall.over
    level += inside * 100 >= hall.capacity * (100 + percent) // 2
    problem, todo = _fullness(hall)
    grave = inside >= hall.capacity and not hall.by_supervisor
    return Alert(Kind.FILL, str(hall.hall_id), grave, level, what=problem, todo=todo)


def _fullness(hall: HallFigures) -> tuple[Phrase, Phrase]:
    inside, capacity = hall.present, hall.capacity
    if hall.by_supervisor:
        return _beyond_capacity(hall)
    if inside > capacity:
        over = Count(inside - capacity)
        return Phrase("Over capacity by %(people)s", people=over), Phrase(
            "Stop admitting and open the exits until the number is below capacity."
        )
    if inside == capacity:
        return Phrase("Full with %(people)s", people=Count(inside)), Phrase(
            "Send people to another hall, and inform the queue. Exits free places."
        )
    return Phrase("%(percent)s %% full", percent=inside * 100 // capacity), Phrase(
        "Tell the stewards where to direct people, and make sure that exits are scanned."
    )


def _beyond_capacity(hall: HallFigures) -> tuple[Phrase, Phrase]:
    problem = Phrase(
        "Full with %(capacity)s + %(people)s by supervisor",
        capacity=Count(hall.capacity),
        people=Count(hall.by_supervisor),
    )
    if not hall.left_to_limit:
        return problem, Phrase("The legal limit is reached: admit no one, and open the exits.")
    return problem, Phrase(
        "Within the legal limit: supervisors may admit %(left)s more. Doors admit again by"
        " themselves once fewer people than the capacity are inside.",
        left=Count(hall.left_to_limit),
    )
