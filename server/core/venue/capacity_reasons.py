"""Works out how many people a hall can take, from what was measured in it.

The method is that of the Guide to Safety at Sports Grounds, the "Green Guide" of the Sports Grounds
Safety Authority. By its chapter on safe capacity a place has an entry, a holding, an exit and an
emergency evacuation capacity, and is safe up to the lowest of them. The rates are that guide's
highest: 660 people an hour through one entry lane, 82 a minute through a metre of level exit, and
66 a minute through a metre of stairs. The guide counts entry over one hour, takes 8 minutes as the
longest that people may take to leave, and lets an emergency take 2.5 to 8 minutes by its risk.

These are reasons and not the law. The organiser sets the capacity, and Hallkeeper only warns. All
of it is a pure calculation.
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
    """Holds what was measured in a hall. None means that nobody said it.

    Widths are in metres, areas in square metres, and times in minutes.
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
    """Holds one of a hall's capacities. `sum` is how it comes about, for people to check."""

    kind: str
    people: int
    sum: str


def reasons(measures: Measures) -> tuple[Reason, ...]:
    """Return the capacities that the measures yield, the lowest first."""
    found = [*_holding(measures)]
    if measures.entry_lanes is not None:
        minutes, said = _minutes(measures.fill_min, FILL_MIN)
        text = Phrase(
            "%(entry_lanes)s × %(entry_an_hour)s an hour × %(said)s",
            entry_lanes=measures.entry_lanes,
            entry_an_hour=ENTRY_AN_HOUR,
            said=said,
        )
        people = measures.entry_lanes * ENTRY_AN_HOUR * minutes / 60
        found.append(Reason(ENTRY, _whole(people), text))
    level, steps = measures.exit_width_m, measures.exit_steps_width_m
    if level is not None or steps is not None:
        widths = (
            (level, LEVEL_A_MINUTE, N_("%(width)s m level × %(rate)s")),
            (steps, STEPS_A_MINUTE, N_("%(width)s m steps × %(rate)s")),
        )
        stated = [(width, rate, text) for width, rate, text in widths if width is not None]
        flow = sum(width * rate for width, rate, _ in stated)
        terms = [Phrase(text, width=f"{width:g}", rate=rate) for width, rate, text in stated]
        terms_said = joined(" + ", terms)
        for kind, given, default in (
            (EXIT, measures.clear_min, CLEAR_MIN),
            (EMERGENCY, measures.emergency_min, EMERGENCY_MIN),
        ):
            minutes, said = _minutes(given, default)
            whole = joined("", ["(", terms_said, ")"]) if len(stated) > 1 else terms_said
            found.append(
                Reason(
                    kind,
                    _whole(flow * minutes),
                    Phrase("%(whole)s a minute × %(said)s", whole=whole, said=said),
                )
            )
    return tuple(sorted(found, key=lambda one: one.people))


def _holding(measures: Measures) -> tuple[Reason, ...]:
    """Return the lower of what the seats and what the floor hold."""
    found = []
    if measures.seats is not None:
        found.append(
            Reason(HOLDING, measures.seats, Phrase("%(seats)s seats", seats=measures.seats))
        )
    if measures.floor_m2 is not None and measures.m2_per_person is not None:
        people = _whole(measures.floor_m2 / measures.m2_per_person)
        text = Phrase(
            "%(floor_m2)s m² ÷ %(m2_per_person)s m² a person",
            floor_m2=f"{measures.floor_m2:g}",
            m2_per_person=f"{measures.m2_per_person:g}",
        )
        found.append(Reason(HOLDING, people, text))
    return tuple(sorted(found, key=lambda one: one.people)[:1])


def warning(capacity: int, found: tuple[Reason, ...]) -> str | None:
    """Say what a capacity is above, or return None where no reason speaks against it.

    `found` is what `reasons` returns.
    """
    above = [one for one in found if capacity > one.people]
    if not above:
        return None
    told = joined(
        ", ",
        [
            Phrase(
                "%(kind)s %(people)s (%(sum)s)",
                kind=KINDS[one.kind],
                people=Count(one.people),
                sum=one.sum,
            )
            for one in above
        ],
    )
    return Phrase(
        "capacity %(capacity)s is above what its measures allow: %(told)s",
        capacity=Count(capacity),
        told=told,
    )


def _minutes(given: float | None, default: float) -> tuple[float, str]:
    """Return the minutes, and how to write them. Those that nobody said are assumed."""
    if given is None:
        return default, Phrase("%(default)s min (assumed)", default=f"{default:g}")
    return given, Phrase("%(given)s min", given=f"{given:g}")


def _whole(people: float) -> int:
    """Round down. What is a whole number but for the error of binary fractions stays one."""
    return math.floor(people + 1e-6)
