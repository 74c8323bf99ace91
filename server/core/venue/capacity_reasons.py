"""Computes a hall's safe capacity from its measures (docs/venue-file.md).

The method is that of the Guide to Safety at Sports Grounds ("Green Guide", Sports Grounds Safety
Authority), at the guide's highest rates: a place is safe up to the lowest of its entry, holding,
exit and emergency capacities. The guide is no law: the organiser sets the capacity, and Hallkeeper
only warns.
"""

import math
from dataclasses import dataclass

from badges.i18n import N_, Count, Phrase, joined

ENTRY_AN_HOUR = 660  # people through one lane
LEVEL_A_MINUTE = 82  # people through a metre of exit without steps
STEPS_A_MINUTE = 66  # people through a metre of exit with steps
FILL_MIN = 60
CLEAR_MIN = 8
EMERGENCY_MIN = 8

ENTRY, HOLDING, EXIT, EMERGENCY = "entry", "holding", "exit", "emergency"
KINDS = {
    ENTRY: Phrase("entry"),
    HOLDING: Phrase("holding"),
    EXIT: Phrase("exit"),
    EMERGENCY: Phrase("emergency"),
}


@dataclass(frozen=True)
class Measures:
    """A hall's measures, None if unknown: widths in metres, areas in square metres, times in
    minutes.
    """

    floor_m2: float | None = None
    m2_per_person: float | None = None
    seats: int | None = None
    exit_width_m: float | None = None  # of all exits without steps
    exit_steps_width_m: float | None = None  # of all exits with steps
    entry_lanes: int | None = None
    fill_min: float | None = None
    clear_min: float | None = None
    emergency_min: float | None = None


@dataclass(frozen=True)
class Reason:
    """A limit of a hall's capacity. `sum` is the calculation, which staff can check."""

    kind: str
    people: int
    sum: str


def reasons(measures: Measures) -> tuple[Reason, ...]:
    """Return the limits that follow from a hall's measures, lowest first."""
    capacities = [*_holding(measures)]
    if measures.entry_lanes is not None:
        minutes, minutes_text = _minutes(measures.fill_min, FILL_MIN)
        text = Phrase(
            "%(entry_lanes)s × %(entry_an_hour)s an hour × %(minutes)s",
            entry_lanes=measures.entry_lanes,
            entry_an_hour=ENTRY_AN_HOUR,
            minutes=minutes_text,
        )
        people = measures.entry_lanes * ENTRY_AN_HOUR * minutes / 60
        capacities.append(Reason(ENTRY, _whole(people), text))
    level, steps = measures.exit_width_m, measures.exit_steps_width_m
    if level is not None or steps is not None:
        widths = (
            (level, LEVEL_A_MINUTE, N_("%(width)s m level × %(rate)s")),
            (steps, STEPS_A_MINUTE, N_("%(width)s m steps × %(rate)s")),
        )
        stated = [(width, rate, text) for width, rate, text in widths if width is not None]
        flow = sum(width * rate for width, rate, _ in stated)
        terms = [Phrase(text, width=f"{width:g}", rate=rate) for width, rate, text in stated]
        sum_text = joined(" + ", terms)
        for kind, given, default in (
            (EXIT, measures.clear_min, CLEAR_MIN),
            (EMERGENCY, measures.emergency_min, EMERGENCY_MIN),
        ):
            minutes, minutes_text = _minutes(given, default)
            rate = joined("", ["(", sum_text, ")"]) if len(stated) > 1 else sum_text
            capacities.append(
                Reason(
                    kind,
                    _whole(flow * minutes),
                    Phrase("%(rate)s a minute × %(minutes)s", rate=rate, minutes=minutes_text),
                )
            )
    return tuple(sorted(capacities, key=lambda reason: reason.people))


def _holding(measures: Measures) -> tuple[Reason, ...]:
    capacities = []
    if measures.seats is not None:
        capacities.append(
            Reason(HOLDING, measures.seats, Phrase("%(seats)s seats", seats=measures.seats))
        )
    if measures.floor_m2 is not None and measures.m2_per_person is not None:
        people = _whole(measures.floor_m2 / measures.m2_per_person)
        text = Phrase(
            "%(floor_m2)s m² ÷ %(m2_per_person)s m² a person",
            floor_m2=f"{measures.floor_m2:g}",
            m2_per_person=f"{measures.m2_per_person:g}",
        )
        capacities.append(Reason(HOLDING, people, text))
    return tuple(sorted(capacities, key=lambda reason: reason.people)[:1])


def warning(capacity: int, limits: tuple[Reason, ...]) -> str | None:
    """Return a warning if a capacity exceeds any of `limits` (from `reasons`), or None."""
    above = [reason for reason in limits if capacity > reason.people]
    if not above:
        return None
    exceeded = joined(
        ", ",
        [
            Phrase(
                "%(kind)s %(people)s (%(sum)s)",
                kind=KINDS[reason.kind],
                people=Count(reason.people),
                sum=reason.sum,
            )
            for reason in above
        ],
    )
    return Phrase(
        "capacity %(capacity)s is above the limits from its measures: %(limits)s",
        capacity=Count(capacity),
        limits=exceeded,
    )


def _minutes(given: float | None, default: float) -> tuple[float, str]:
    if given is None:
        return default, Phrase("%(default)s min (assumed)", default=f"{default:g}")
    return given, Phrase("%(given)s min", given=f"{given:g}")


def _whole(people: float) -> int:
    """Round down, with a tolerance for binary fractions."""
    return math.floor(people + 1e-6)
