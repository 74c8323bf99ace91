"""Gathers what the board shows now: halls with their phase and trend, and troubles."""

from dataclasses import dataclass, replace

from flask_babel import gettext as _  # type: ignore[import-untyped]  # it ships no types

from server.core.alerts import badges, factors, halls, kiosks, taken, watch
from server.core.alerts.alerts import Kind, Trouble, most_urgent_first
from server.core.alerts.certificates import ServerCertificate
from server.core.alerts.taken import Taken
from server.core.alerts.watch import Watch
from server.core.event import clock
from server.core.kiosks import registry
from server.core.occupancy import figures, minutes
from server.core.occupancy.figures import HallFigures
from server.core.occupancy.minutes import Trend
from server.core.second_disk import copy, set_back
from server.core.venue import session_states
from server.core.venue.session_states import HallPhase, Phase
from server.storage import disk
from server.storage.connection import Connection
from server.web import auth
from server.web.alerts import Places, in_page_language, lasting
from server.web.feature import features
from server.web.services import services

DAY_MS = 24 * 3_600_000
GRAVE_WEIGHT = 100  # One grave trouble weighs more than many others.


@dataclass(frozen=True)
class HallRow:
    """Holds all that the board shows of one hall. What is equal is shown alike."""

    hall_id: int
    name: str  # In the page's language.
    figures: HallFigures
    phase: HallPhase
    trend: Trend
    full_at: str  # By the venue's clock. Empty where it does not fill within two hours.
    when: str  # By the venue's clock or in minutes, when the phase ends.
    trouble: int = 0  # The more and the graver the troubles here that nobody took on, the higher.

    @property
    def inside(self) -> int:
        """Return how many are inside, without those who entered another hall since."""
        return self.figures.inside - self.figures.moved_on

    @property
    def share(self) -> float:
        """Return which part of the capacity is in use."""
        return self.inside / self.figures.capacity if self.figures.capacity else 0.0


@dataclass(frozen=True)
class Look:
    """Holds what is so at one moment."""

    halls: list[HallRow]
    new: list[Trouble]
    taken: list[tuple[Trouble, Taken]]
    places: Places
    kiosks: list[registry.KioskRow]


def look() -> Look:
    """Return what the board shows now, in the page's language."""
    here = services()
    db, now = here.database.reader, here.now()
    found = figures.hall_figures(db)
    trends = minutes.trends(db, now)
    phases = session_states.hall_phases(db, now, _day_end(now))
    at_work = kiosks.at_work(registry.kiosks(db))
    settings = here.event.settings
    troubles = [trouble for row in at_work for trouble in kiosks.of_kiosk(row, settings, now)]
    troubles += halls.of_halls(found, trends, phases, settings.alert_hall_percent, now)
    troubles += badges.of_badges(db, now)
    troubles += _of_server(db, now)
    for feature in features():
        if feature.alerts is not None:
            troubles += feature.alerts(here, now)
    known = taken.all_taken(db)
    dated = most_urgent_first(here.own(Watch).dated(troubles, known, now))
    if not _is_admin():
        # Nobody else can mend it, and nobody else needs to know whose account is the weakest.
        dated = [one for one in dated if one.kind is not Kind.NO_FACTOR]
    split = [(one, known.get(one.key)) for one in dated]
    places = Places(
        {row.kiosk: row.door_names for row in at_work},
        {hall.hall_id: hall.names for hall in found},
        {row.door_id: row.door_names for row in at_work},
    )
    new = [one for one, by in split if not watch.is_taken(one, by)]
    weights = _weights(new, at_work)
    return Look(
        [
            replace(_row(one, phases, trends, now), trouble=weights.get(one.hall_id, 0))
            for one in found
        ],
        new,
        [(one, by) for one, by in split if by is not None and watch.is_taken(one, by)],
        places,
        at_work,
    )


def _weights(troubles: list[Trouble], at_work: list[registry.KioskRow]) -> dict[int, int]:
    """Return how much trouble each hall has, its own and that of its doors and kiosks."""
    of_kiosks = {row.kiosk: row.hall_id for row in at_work}
    of_doors = {row.door_id: row.hall_id for row in at_work}
    found: dict[int, int] = {}
    for one in troubles:
        if one.kind in (Kind.FILL, Kind.FILLING):
            hall: int | None = int(one.about)
        elif one.kind is Kind.FORGED:
            hall = of_doors.get(int(one.about))
        else:
            hall = of_kiosks.get(one.about) if one.kind in kiosks.KINDS else None
        if hall is not None:
            found[hall] = found.get(hall, 0) + (GRAVE_WEIGHT if one.grave else 1)
    return found


def _row(
    hall: HallFigures,
    phases: dict[int, HallPhase],
    trends: dict[int, Trend],
    now: int,
) -> HallRow:
    phase = phases[hall.hall_id]
    trend = trends.get(hall.hall_id, Trend())
    minute = services().venue_clock.minute
    full_in = trend.full_in_ms(hall.capacity - hall.inside + hall.moved_on)
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


def _day_end(now: int) -> int:
    """Return when the venue's day of now ends."""
    here = services()
    starts = here.calendar.day_starts
    for end in starts[1:]:
        if end > now:
            return int(end)
    return now + DAY_MS // 2


def _of_server(db: Connection, now: int) -> list[Trouble]:
    """List what is wrong with the server itself, each in the words of what found it."""
    here = services()
    found: list[Trouble] = []

    def add(about: str, words: str, *, grave: bool = False) -> None:
        if words:
            found.append(Trouble(Kind.SERVER, about, grave, values={"words": words}))

    try:
        add("disk", disk.room(here.database.path).warning, grave=True)
    except OSError:
        pass
    if here.database.away or here.database.failures.within():
        words = _(
            "The database does not take all that is written. Doors go on with the places that they"
            " have, and keep their scans. The server's log names the cause."
        )
        add("database", words, grave=True)
    backups: copy.Status | None = None if here.backups is None else here.backups.status
    if backups is None:
        add(
            "no_second_disk",
            _(
                "A broken disk would lose this event. Name a second one as backup_dir in the"
                " event's settings."
            ),
        )
    else:
        add("backup", backups.trouble, grave=True)
        add("backup_acts", backups.acts_trouble, grave=True)
        add("backup_disk", backups.warning)
    if here.standing.superseded_by is not None:
        words = _(
            "Another server has begun to serve this event (%(server)s), so this one takes and gives"
            " out nothing any more. Stop one of them.",
            server=here.standing.superseded_by or "?",
        )
        add("superseded", words, grave=True)
    put_back = set_back.notice(db)
    if put_back is not None and put_back.awaited:
        words = _(
            "The database was set back to an earlier state, so halls give out no places before"
            " these kiosks have been heard: %(kiosks)s. Doors go on with the places that they"
            " have.",
            kiosks=", ".join(dict.fromkeys(one.kiosk for one in put_back.awaited)),
        )
        add(f"set_back-{put_back.at}", words, grave=True)
    was_set = clock.was_set(db, now)
    if was_set:
        add(f"clock-{was_set.number}", _clock_words(was_set))
    found += here.own(ServerCertificate).troubles(here.event, now)
    found += factors.of_admins(db, here.event.settings)
    return found


def _is_admin() -> bool:
    who = auth.user()
    return who is not None and who.role == factors.ROLE


def _clock_words(epoch: clock.Epoch) -> str:
    by_ms = epoch.by_ms or 0
    first = (
        _("The server's clock was set forward by %(time)s.", time=lasting(by_ms))
        if by_ms > 0
        else _("The server's clock was set back by %(time)s.", time=lasting(by_ms))
    )
    then = _(
        "Nobody is taken to have left by times from before and after it; places kept for that come"
        " back when a hall is counted as empty."
    )
    return f"{first} {then}"
