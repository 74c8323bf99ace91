"""Plots a hall's day: people inside, entries and exits, and arrivals by door."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from flask import Blueprint, abort, render_template, request

from server.core.occupancy import minutes
from server.core.occupancy.minutes import MINUTE_MS, Minute
from server.core.venue import store
from server.web import auth
from server.web.alerts import in_page_language
from server.web.services import services
from server.web.sparkline import sparkline

blueprint = Blueprint("plots", __name__, url_prefix="/admin/halls")

WIDTH, HEIGHT = 1000, 260
STEP = 5  # Minutes per bar
QUARTER = 15


@dataclass(frozen=True)
class Plot:
    inside: str  # Points of a line
    capacity_y: float
    came: list[tuple[float, float, float]]  # Bars: x, width, height
    went: list[tuple[float, float, float]]
    hours: list[tuple[float, str]]  # Position and text of each hour
    most: int  # The value at the top of the plot
    most_in_bar: int
    now_x: float | None


@dataclass(frozen=True)
class Row:
    """A quarter of an hour from `at` (Unix ms)."""

    at: int
    came: int
    went: int
    inside: int


@dataclass(frozen=True)
class DoorPlot:
    name: str
    points: str
    total: int
    peak: int
    peak_at: int  # Unix ms
    queues: list[tuple[float, float]]  # Queues: x and width
    queue_minutes: int
    longest: int  # Minutes
    longest_at: int  # Unix ms


@blueprint.get("/<int:hall_id>/day")
@auth.allow("steward", "supervisor", "auditor")
def show(hall_id: int) -> str:
    here = services()
    db, now = here.database.reader, here.now()
    hall = next((row for row in store.halls(db) if row.hall_id == hall_id), None)
    if hall is None:
        abort(404)
    starts = here.calendar.day_starts
    days = [here.venue_clock.local(start).date() for start in starts[:-1]]
    day = _day(days)
    since, until = starts[days.index(day)], starts[days.index(day) + 1]
    samples = minutes.hall_day(db, hall_id, since, until)
    doors = minutes.door_day(db, hall_id, since, until)
    first, last = _span(samples, doors, since, until, now)
    queues = minutes.queue_minutes(db, hall_id, since, until)
    names = {door.door_id: in_page_language(door.names) for door in store.doors(db)}
    return render_template(
        "board/day.html",
        hall=hall,
        name=in_page_language(hall.names),
        days=days,
        day=day,
        plot=_plot(samples, hall.capacity, first, last, now),
        rows=_rows(samples, first, last),
        doors=[
            _door(names.get(door, "?"), doors.get(door, {}), queues.get(door, []), first, last)
            for door in doors | queues
        ],
        size=(WIDTH, HEIGHT),
    )


def _day(days: Sequence[date]) -> date:
    here = services()
    try:
        asked = date.fromisoformat(request.args.get("day", ""))
    except ValueError:
        asked = here.venue_clock.local(here.now()).date()
    return asked if asked in days else days[0]


def _span(
    samples: list[Minute], doors: dict[int, dict[int, int]], since: int, until: int, now: int
) -> tuple[int, int]:
    """Return the plot's first and last minute: whole hours around the data."""
    recorded = [sample.minute for sample in samples]
    recorded += [minute for came in doors.values() for minute in came]
    if since <= now < until:
        recorded.append(now // MINUTE_MS)
    start = since // MINUTE_MS
    if not recorded:
        return start + 8 * 60, start + 18 * 60
    first = start + (min(recorded) - start) // 60 * 60
    last = start + ((max(recorded) - start) // 60 + 1) * 60
    return first, max(last, first + 120)


def _plot(samples: list[Minute], capacity: int, first: int, last: int, now: int) -> Plot:
    def x(minute: float) -> float:
        return round((minute - first) * WIDTH / (last - first), 1)

    most = max([capacity, *(sample.inside for sample in samples), 1])
    before = samples[0].inside - samples[0].came + samples[0].went if samples else 0
    points = [(0.0, before)]
    for sample in samples:
        points += [(x(sample.minute), points[-1][1]), (x(sample.minute), sample.inside)]
    end = min(last, max(now // MINUTE_MS, samples[-1].minute if samples else first))
    points.append((x(end), points[-1][1]))
    came = _sums({sample.minute: sample.came for sample in samples}, first, last)
    went = _sums({sample.minute: sample.went for sample in samples}, first, last)
    top = max([*came.values(), *went.values(), 1])

    def bars(sums: dict[int, int]) -> list[tuple[float, float, float]]:
        width = round(STEP * WIDTH / (last - first) * 0.9, 1)
        return [(x(minute), width, round(count * 60 / top, 1)) for minute, count in sums.items()]

    clock = services().venue_clock
    hours = [(x(minute), clock.minute(minute * MINUTE_MS)) for minute in range(first, last, 60)]
    at = now // MINUTE_MS
    return Plot(
        " ".join(f"{px},{round(HEIGHT - inside * HEIGHT / most, 1)}" for px, inside in points),
        round(HEIGHT - capacity * HEIGHT / most, 1),
        bars(came),
        bars(went),
        hours,
        most,
        top,
        x(at) if first <= at < last else None,
    )


def _sums(counts: dict[int, int], first: int, last: int, step: int = STEP) -> dict[int, int]:
    """Return sums over `step` minutes, by first minute, without zeros."""
    sums: dict[int, int] = {}
    for minute, count in counts.items():
        if count and first <= minute < last:
            begin = first + (minute - first) // step * step
            sums[begin] = sums.get(begin, 0) + count
    return sums


def _rows(samples: list[Minute], first: int, last: int) -> list[Row]:
    came = _sums({sample.minute: sample.came for sample in samples}, first, last, QUARTER)
    went = _sums({sample.minute: sample.went for sample in samples}, first, last, QUARTER)
    inside = {
        first + (sample.minute - first) // QUARTER * QUARTER: sample.inside for sample in samples
    }
    return [
        Row(minute * MINUTE_MS, came.get(minute, 0), went.get(minute, 0), inside[minute])
        for minute in sorted(inside)
    ]


def _door(name: str, came: dict[int, int], queue: list[int], first: int, last: int) -> DoorPlot:
    peak_at = max(came, key=lambda minute: came[minute], default=first)
    points = sparkline([came.get(minute, 0) for minute in range(first, last)], WIDTH, 40)
    step = WIDTH / (last - first)
    runs = minutes.runs(queue)
    longest_at, longest = max(runs, key=lambda run: run[1], default=(first, 0))
    return DoorPlot(
        name,
        points,
        sum(came.values()),
        came.get(peak_at, 0),
        peak_at * MINUTE_MS,
        [(round((at - first) * step, 1), round(long * step, 1)) for at, long in runs],
        sum(long for _at, long in runs),
        longest,
        longest_at * MINUTE_MS,
    )
