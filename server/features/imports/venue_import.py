"""Imports a whole venue, or nothing and reports every problem.

Things are added or changed by code. Missing things stay, because scans refer to them.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from typing import Any

from badges.credential.credential import ALL_ZONES
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.feed import changes
from server.core.occupancy import grants, nesting_accounts
from server.core.people.attendees import people_of_label
from server.core.programme.guests import await_guests, settle_guests
from server.core.venue.categories import add_category, put_category
from server.features.imports.programme.write import ProgrammeWriter
from server.features.imports.venue_check import VenueCheck
from server.features.imports.venue_plan import (
    CategoryChoice,
    HallPlan,
    SessionPlan,
    Venue,
    VenueError,
)
from server.features.imports.writer import ImportedVenue, Writer
from server.storage import dialect
from server.storage.connection import Connection
from server.storage.localized import names_text


def import_venue(db: Connection, venue: Venue, *, by: str, now: int) -> ImportedVenue:
    """Add and change the things of `venue`. Raises VenueError, with nothing changed.

    `db` is in a transaction. Kiosks are notified of changes.
    """
    problems = VenueCheck(db, venue).problems()
    if problems:
        raise VenueError(problems)
    counts = {kind: len(getattr(venue, kind)) for kind in _KINDS}
    counts |= {kind: len(plans) for kind, plans in vars(venue.programme).items() if plans}
    return take_venue(
        db, venue, lambda: entry_log.act(db, by, Act.VENUE_IMPORTED, counts, now), by=by, now=now
    )


def take_venue(
    db: Connection, venue: Venue, log: Callable[[], object], *, by: str, now: int
) -> ImportedVenue:
    step, before = _Import(db, by, now), nesting_accounts.paths(db)
    halls = _halls_of_sessions(db, venue)
    step.categories(venue)
    step.zones(venue)
    step.halls(venue.halls)
    step.doors(venue)
    programme = ProgrammeWriter(db, step.result)
    programme.before_sessions(venue.programme)
    step.sessions(venue.sessions)
    programme.after_sessions(venue.programme)
    settled = settle_guests(db)
    if step.result.changed or settled:
        halls |= _halls_of_sessions(db, venue)
        of_sessions = not settled and step.result.kinds_changed <= {"sessions", "speakers"}
        changes.publish_venue(db, halls if of_sessions and len(halls) == 1 else None)
        nesting_accounts.settle(db, before)
        log()
        for (hall_id,) in db.execute("SELECT hall_id FROM hall ORDER BY hall_id").fetchall():
            # With a lower capacity, places are recalled at once.
            grants.share(db, hall_id, now)
    return step.result


def _halls_of_sessions(db: Connection, venue: Venue) -> set[int]:
    codes = {plan.code for plan in venue.sessions}
    codes |= {plan.session for plan in venue.programme.speakers}
    rows = db.execute("SELECT code, hall_id FROM session").fetchall() if codes else []
    return {hall_id for code, hall_id in rows if code in codes}


_KINDS = ("categories", "zones", "halls", "doors", "sessions")


class _Import(Writer):
    def __init__(self, db: Connection, by: str, now: int) -> None:
        super().__init__(db, ImportedVenue())
        self._by, self._now = by, now
        self._categories: dict[str | int, int] = {}

    def categories(self, venue: Venue) -> None:
        for plan in venue.categories:
            before = self.row("category", "category", plan.code)
            (add_category if before is None else put_category)(self.db, plan)
            self.count("categories", before, self.row("category", "category", plan.code))
        self.absent("categories", "category", [plan.key for plan in venue.categories])
        for number, key in self.db.execute("SELECT category, code FROM category"):
            self._categories |= {number: number, key: number}

    def zones(self, venue: Venue) -> None:
        for plan in venue.zones:
            self.put("zones", "zone", {"bit": plan.bit, "code": plan.code})
        self.absent("zones", "zone", [plan.code for plan in venue.zones])

    def halls(self, plans: Iterable[HallPlan]) -> None:
        """Write the halls, first without parents, so that any order works."""
        bits = self.ids("zone", "bit")
        plans = list(plans)
        stood = {plan.code: self._whole_hall(plan.code) for plan in plans}
        capacities = self.ids("hall", "capacity")
        for plan in plans:
            zones = sum(1 << bits[code] for code in plan.zones) if plan.zones else ALL_ZONES
            self.write("hall", _hall_values(plan, zones))
            self._note_capacity(plan.code, capacities.get(plan.code))
        ids = self.ids("hall", "hall_id")
        for plan in plans:
            parent_id = ids[plan.parent] if plan.parent else None
            self.db.execute("UPDATE hall SET parent_id = ? WHERE code = ?", (parent_id, plan.code))
            self._admit("hall_category", "hall_id", ids[plan.code], plan.categories)
            self.count("halls", stood[plan.code], self._whole_hall(plan.code))
        self.absent("halls", "hall", [plan.code for plan in plans])

    def _note_capacity(self, code: str, before: int | None) -> None:
        """Record who set the hall's capacity, if it changed."""
        self.db.execute(
            "UPDATE hall SET capacity_by = ?, capacity_at = ? WHERE code = ?"
            f" AND {dialect.differs('capacity', '?')}",
            (self._by, self._now, code, before),
        )

    def doors(self, venue: Venue) -> None:
        halls = self.ids("hall", "hall_id")
        for plan in venue.doors:
            row = {
                "code": plan.code,
                "hall_id": halls[plan.hall],
                "names": names_text(plan.names),
                "mode": plan.mode,
            }
            before = self._whole_door(plan.code)
            self.write("door", row)
            self.db.execute(
                "INSERT INTO door_from (door_id, said, from_id)"
                " SELECT door_id, ?, ? FROM door WHERE code = ?"
                " ON CONFLICT (door_id) DO UPDATE SET said = excluded.said,"
                " from_id = excluded.from_id",
                (plan.come_from is not None, halls.get(plan.come_from or ""), plan.code),
            )
            self.count("doors", before, self._whole_door(plan.code))
        self.absent("doors", "door", [plan.code for plan in venue.doors])

    def sessions(self, plans: Iterable[SessionPlan]) -> None:
        plans = list(plans)
        halls = self.ids("hall", "hall_id")
        named = any(plan.activity is not None for plan in plans)
        activities = self.ids("activity", "activity_id") if named else {}
        for plan in plans:
            before = self._whole_session(plan.code)
            values = _session_values(plan, halls[plan.hall])
            if plan.activity is not None:  # otherwise unchanged
                values["activity_id"] = activities[plan.activity] if plan.activity else None
            self.write("session", values)
            (session_id,) = self.db.execute(
                "SELECT session_id FROM session WHERE code = ?", (plan.code,)
            ).fetchone()
            self._admit("session_category", "session_id", session_id, plan.categories)
            put_guests(self.db, session_id, plan.code, plan.invited, invited=True)
            put_guests(self.db, session_id, plan.code, plan.refused, invited=False)
            self.count("sessions", before, self._whole_session(plan.code))
        self.absent("sessions", "session", [plan.code for plan in plans])

    def _admit(self, table: str, key: str, number: int, choice: CategoryChoice) -> None:
        """Store exactly the chosen categories, all for None."""
        chosen = set(self._categories.values())
        if choice is not None:
            chosen = {self._categories[category] for category in choice}
        self.db.execute(f"DELETE FROM {table} WHERE {key} = ?", (number,))
        self.db.executemany(
            f"INSERT INTO {table} ({key}, category) VALUES (?, ?)",
            [(number, category) for category in sorted(chosen)],
        )

    def _whole_hall(self, code: str) -> object:
        row = self.row("hall", "code", code)
        return row and (row, *_pairs(self.db, "hall_category", "hall_id", row[0]))

    def _whole_door(self, code: str) -> object:
        row = self.row("door", "code", code)
        return row and (row, self.row("door_from", "door_id", row[0]) or (row[0], 0, None))

    def _whole_session(self, code: str) -> object:
        row = self.row("session", "code", code)
        if row is None:
            return None
        admitted = _pairs(self.db, "session_category", "session_id", row[0])
        return (row, *admitted, *_pairs(self.db, "session_guest", "session_id", row[0]))


def _pairs(db: Connection, table: str, key: str, number: int) -> Iterator[tuple[Any, ...]]:
    rows = db.execute(f"SELECT * FROM {table} WHERE {key} = ? ORDER BY 1, 2", (number,))
    return (tuple(row) for row in rows)


def _hall_values(plan: HallPlan, zones: int) -> dict[str, Any]:
    return {
        "code": plan.code,
        "names": names_text(plan.names),
        "fire_limit": plan.fire_limit,
        "capacity": plan.capacity,
        "zones": zones,
        "sessions_only": int(plan.sessions_only),
        "anti_passback": plan.anti_passback,
        "exits": plan.exits,
        "leaving": plan.leaving,
        "walk_s": plan.walk_s,
        "facts_age_max_ms": plan.facts_age_max_ms,
        **asdict(plan.measures),
        "accessible_places": plan.accessible_places,
        "accessible_until_min": plan.accessible_until_min,
    }


def _session_values(plan: SessionPlan, hall_id: int) -> dict[str, Any]:
    return {
        "code": plan.code,
        "hall_id": hall_id,
        "titles": names_text(plan.titles),
        "starts_at": plan.starts_at,
        "ends_at": plan.ends_at,
        "opens_at": plan.opens_at,
        "closes_at": plan.closes_at,
    }


def put_guests(
    db: Connection, session_id: int, code: str, names: Iterable[str], *, invited: bool
) -> None:
    """Invite attendees to a session, or refuse them.

    `names` are external ids or e-mails. Unknown ones are stored as awaited.
    """
    for name in names:
        people = people_of_label(db, name)
        if not people:
            await_guests(db, code, [name], invited=invited)
        db.executemany(
            "INSERT INTO session_guest (session_id, serial, invited) VALUES (?, ?, ?)"
            " ON CONFLICT (session_id, serial) DO UPDATE SET invited = excluded.invited",
            [(session_id, person["serial"], int(invited)) for person in people],
        )
