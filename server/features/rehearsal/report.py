"""The report of a simulated day, as texts and as JSON."""

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from badges.i18n import N_, Spoken
from server.core.event.calendar import Clock
from server.core.event.directory import Event, load_event
from server.core.event.settings import EventSettings
from server.features.rehearsal.day import Day, SessionCrowd, play
from server.features.rehearsal.findings import Finding, findings
from server.storage.connection import Connection
from server.storage.transactions import one_state

ASSUMED = (
    N_("Everyone without a badge gets one by the current roster; revoked people stay revoked."),
    N_("Assumes that halls closed now will be open by then."),
    N_(
        "Expected attendance assumes that everyone whose badge is valid that day comes, goes to "
        "the sessions they are invited to, and otherwise spreads evenly over the sessions that "
        "admit them at that time."
    ),
    N_("Places are free, and no one is inside already."),
)


class NoSuchDayError(Spoken, ValueError):
    """The date is not a day of the event. The text lists them."""


@dataclass(frozen=True)
class Rehearsal:
    date: date
    day: Day
    findings: tuple[Finding, ...]

    @property
    def sessions(self) -> tuple[SessionCrowd, ...]:
        crowds = self.day.crowds.values()
        return tuple(sorted(crowds, key=lambda crowd: (crowd.row.starts_at, crowd.row.code)))


def rehearse(db: Connection, event: Event, wanted: date, clock: Clock) -> Rehearsal:
    """Simulate a day in the current state. Raises NoSuchDayError."""
    number = number_of(event.settings, wanted)
    with one_state(db):
        day = play(db, event, number)
        return Rehearsal(wanted, day, tuple(findings(db, day, clock)))


def rehearse_of(db: Connection, path: Path, wanted: date, clock: Clock) -> Rehearsal:
    """Run `rehearse` for an event's directory, so that worker processes get no key."""
    return rehearse(db, load_event(path), wanted, clock)


def number_of(settings: EventSettings, wanted: date) -> int:
    """Return the day's number in the event, from 0. Raises NoSuchDayError."""
    number = (wanted - settings.first_day).days
    if not 0 <= number < settings.days:
        days = dates(settings)
        raise NoSuchDayError(
            N_("%(wanted)s is not a day of the event, which is %(days)s to %(days2)s."),
            wanted=wanted,
            days=days[0],
            days2=days[-1],
        )
    return number


def dates(settings: EventSettings) -> list[date]:
    return [settings.first_day + timedelta(days=number) for number in range(settings.days)]


def as_json(rehearsal: Rehearsal, clock: Clock) -> dict[str, Any]:
    crowd = rehearsal.day.crowd
    return {
        "day": rehearsal.date.isoformat(),
        "people": crowd.people,
        "badges_valid": crowd.valid,
        "without_badge": crowd.without_badge,
        "findings": [asdict(item) for item in rehearsal.findings],
        "sessions": [
            {
                "session": item.row.code,
                "hall": item.hall.code,
                "starts": clock.iso(item.row.starts_at),
                "ends": clock.iso(item.row.ends_at),
                "may_come": item.may_come,
                "invited": item.invited,
                "expected": item.expected,
                "capacity": item.hall.capacity,
            }
            for item in rehearsal.sessions
        ],
        "assumed": list(ASSUMED),
    }
