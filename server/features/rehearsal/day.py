"""Simulates a day of the event with the whole roster.

Each session is decided for each group when it opens. Attendance has two bounds: how many may come,
and how many would if everyone chose evenly among the concurrent sessions that admit them. Invited
people come to their session.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from badges.admission.decide import decide
from badges.admission.facts import (
    Admitted,
    Calendar,
    Decision,
    Direction,
    Facts,
    Hall,
    Holder,
    Scan,
    Session,
)
from badges.wire.door_policy import hall_of, session_of
from server.core.event.calendar import day_starts
from server.core.event.directory import Event
from server.core.venue import kiosk_facts, store
from server.core.venue.store import HallRow, SessionRow
from server.features.rehearsal.crowd import Crowd, Guest, read_crowd
from server.storage.connection import Connection
from server.storage.transactions import one_state


@dataclass(frozen=True)
class SessionCrowd:
    row: SessionRow
    hall: HallRow
    may_come: int
    invited: int  # Included, invited by name
    expected: int


class Day:
    """A day's halls, sessions and people, and the groups admitted by each session.

    Groups are referred to by their index in the crowd.
    """

    def __init__(self, db: Connection, event: Event, number: int) -> None:
        """Simulate the event's day `number`, from 0."""
        starts = day_starts(event.settings)
        self.number = number
        self.begins_at, self.ends_at = starts[number], starts[number + 1]
        self.halls: Mapping[int, HallRow] = {row.hall_id: row for row in store.halls(db)}
        self.rows: Mapping[int, SessionRow] = {
            row.session_id: row
            for row in store.sessions(db)
            if self.begins_at <= row.starts_at < self.ends_at
        }
        self.crowd: Crowd = read_crowd(db, event, number)
        self._calendar = Calendar(starts)
        # A closed hall may be open by then; a finding reports it.
        self._hall = {
            key: replace(hall_of(kiosk_facts.facts_of_hall(db, row)), closed=False)
            for key, row in self.halls.items()
        }
        self._session = {
            key: session_of(kiosk_facts.facts_of_session(row, invited=[], refused=[]))
            for key, row in self.rows.items()
        }
        self._named: dict[tuple[int, int, bool], bool] = {}
        groups = range(len(self.crowd.groups))
        self.admitted: Mapping[int, frozenset[int]] = {
            key: frozenset(group for group in groups if self._admits(group, key, None))
            for key in self.rows
        }
        somewhere = frozenset[int]().union(*self.admitted.values())
        # Groups that can enter nothing that day, unless by name.
        self.nowhere = frozenset(
            group for group in groups if group not in somewhere and not self._lets_in(group)
        )
        self.crowds: Mapping[int, SessionCrowd] = self._crowds()

    def admits(self, guest: Guest, session: int) -> bool:
        if session not in guest.invited | guest.refused:
            return guest.group in self.admitted[session]
        key = (guest.group, session, session in guest.invited)
        if key not in self._named:
            self._named[key] = self._admits(*key)
        return self._named[key]

    def lets_in(self, guest: Guest, session: int) -> bool:
        """Return whether the session's hall admits a guest at its opening, for any reason."""
        named = session in guest.invited | guest.refused
        answer = self._answer(guest.group, session, session in guest.invited if named else None)
        return isinstance(answer, Admitted)

    def _admits(self, group: int, session: int, invited: bool | None) -> bool:
        """Return whether a door admits the group to the session, not only to its hall."""
        answer = self._answer(group, session, invited)
        return isinstance(answer, Admitted) and answer.session_id == session

    def _answer(self, group: int, session: int, invited: bool | None) -> Decision:
        row, policy = self.rows[session], self._session[session]
        holder = self.crowd.groups[group].holder(session, invited)
        at = max(row.opens_at, self.begins_at)
        return self._decide(group, self._hall[row.hall_id], (policy,), holder, at)

    def _lets_in(self, group: int) -> bool:
        """Return whether any hall admits the group without a session."""
        holder = self.crowd.groups[group].holder()
        return any(
            isinstance(self._decide(group, hall, (), holder, self.begins_at), Admitted)
            for hall in self._hall.values()
        )

    def _decide(
        self, group: int, hall: Hall, sessions: tuple[Session, ...], holder: Holder, at: int
    ) -> Decision:
        scan = Scan(self.crowd.groups[group].badge(self.number), Direction.ENTRY, at)
        facts = Facts(
            calendar=self._calendar,
            hall=hall,
            sessions=sessions,
            holder=holder,
            free_places=1,
            facts_age_ms=0,
        )
        return decide(scan, facts)

    def _crowds(self) -> dict[int, SessionCrowd]:
        named: defaultdict[int, list[Guest]] = defaultdict(list)
        for guest in self.crowd.guests:
            for session in guest.invited | guest.refused:
                named[session].append(guest)
        expected = self._expected(named)
        crowds = {}
        for session, row in self.rows.items():
            may_come = sum(self.crowd.counts[group] for group in self.admitted[session])
            invited = 0
            for guest in named[session]:
                admits = self.admits(guest, session)
                may_come += admits - (guest.group in self.admitted[session])
                invited += admits and session in guest.invited
            people = math.ceil(expected[session] - 1e-6)
            crowds[session] = SessionCrowd(row, self.halls[row.hall_id], may_come, invited, people)
        return crowds

    def _expected(self, named: Mapping[int, list[Guest]]) -> dict[int, float]:
        """Return each session's expected attendance, if people choose evenly."""
        expected: dict[int, float] = {}
        for at in sorted({row.starts_at for row in self.rows.values()}):
            open_now = [s for s, row in self.rows.items() if row.starts_at <= at < row.ends_at]
            begin = {s for s in open_now if self.rows[s].starts_at == at}
            choices: defaultdict[int, list[int]] = defaultdict(list)  # Sessions, by group
            for session in open_now:
                for group in self.admitted[session]:
                    choices[group].append(session)
            for session in begin:
                expected[session] = sum(
                    self.crowd.counts[group] / len(choices[group])
                    for group in self.admitted[session]
                )
            for guest, people in _alike(open_now, named):
                others = choices.get(guest.group, [])
                for session in begin.intersection(others):
                    expected[session] -= people / len(others)
                chosen = self._chosen(guest, open_now, others)
                for session in begin.intersection(chosen):
                    expected[session] += people / len(chosen)
        return expected

    def _chosen(self, guest: Guest, open_now: Collection[int], others: list[int]) -> list[int]:
        """Return the sessions that a guest attends: those that invite, else admit, them.

        `others` are the sessions that admit the rest of the guest's group.
        """
        here = (guest.invited | guest.refused).intersection(open_now)
        admitted = [session for session in here if self.admits(guest, session)]
        invited = [session for session in admitted if session in guest.invited]
        return invited or [*admitted, *(session for session in others if session not in here)]


def _alike(
    open_now: Collection[int], named: Mapping[int, list[Guest]]
) -> Iterable[tuple[Guest, int]]:
    """Return groups of similar guests: one guest, and their number."""
    sessions = frozenset(open_now)
    guests = {guest.serial: guest for session in open_now for guest in named.get(session, ())}
    alike: Counter[tuple[int, frozenset[int], frozenset[int]]] = Counter()
    first: dict[tuple[int, frozenset[int], frozenset[int]], Guest] = {}
    for guest in guests.values():
        key = (guest.group, guest.invited & sessions, guest.refused & sessions)
        alike[key] += 1
        first.setdefault(key, guest)
    return [(first[key], people) for key, people in alike.items()]


def play(db: Connection, event: Event, number: int) -> Day:
    """Simulate the event's day `number`, from 0, in the current state."""
    with one_state(db):
        return Day(db, event, number)
