"""Predicts whether a person would be admitted at a place and time, and why not.

It decides as an online kiosk would, assuming free places and a person outside, unless asked as of
now.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from gettext import NullTranslations
from typing import NamedTuple

from badges.admission.decide import decide, event_day
from badges.admission.facts import (
    Admitted,
    Calendar,
    Decision,
    Direction,
    Facts,
    Holder,
    Outer,
    Presence,
    Reason,
    Scan,
)
from badges.admission.phrases import Explanation, Language, explain
from badges.credential.credential import Credential, CredentialError, open_credential
from badges.i18n import ENGLISH, N_
from server.core.event.calendar import day_starts
from server.core.event.directory import Event
from server.core.occupancy import copies, stays
from server.core.people import attendees, badge_keys, day_credentials, issuing
from server.core.people.attendees import Attendee
from server.core.people.badge_keys import BadgeKeys
from server.core.people.issuing import IssuingError
from server.core.translations import ANSWERS, shipped
from server.core.venue import kept_places, store
from server.features.rehearsal.places import Place, Way, find_person, find_place
from server.storage.connection import Connection
from server.storage.localized import names_of, text_in
from server.storage.transactions import one_state


@dataclass(frozen=True)
class Answer:
    """The answer, in each language, of doors into the same halls."""

    doors: tuple[str, ...]  # Door codes; empty if the hall has no entrance
    facts: Facts
    decision: Decision
    says: Mapping[Language, Explanation]

    @property
    def admitted(self) -> bool:
        return isinstance(self.decision, Admitted)


@dataclass(frozen=True)
class WouldEnter:
    person: Attendee
    place: Place
    at: int  # Unix ms
    badge: Credential | Reason  # As the door reads it
    has_badge: bool
    guest_of: Mapping[int, bool]  # Sessions that name the person: invited (True) or refused (False)
    as_now: bool  # Uses the current presence and free places
    answers: tuple[Answer, ...]

    @property
    def admitted(self) -> bool:
        return all(answer.admitted for answer in self.answers)


def would_enter(
    db: Connection,
    event: Event,
    person: str,
    place: str,
    at: int,
    *,
    as_now: bool = False,
    issue: int | None = None,
) -> WouldEnter:
    """Return what the doors of `place` would answer `person` at `at` (Unix ms).

    The badge is that of `issue`, else the day's credential, else the newest. Raises
    UnknownAttendeeError, AskedError, or IssuingError without such an issue.
    """
    with one_state(db):
        holder = attendees.attendee(db, find_person(db, person))
        where = find_place(db, place)
        badge = _badge(db, event, holder, issue, at)
        guest_of = _guest_of(db, holder.serial)
        on_record = _on_record(db, holder, guest_of)
        scan, called = Scan(badge, Direction.ENTRY, at), _names(db)
        serial = holder.serial if as_now else None
        answers = []
        for way in where.ways:
            facts = _facts(db, event, where, way, at, badge, on_record, serial)
            decision = decide(scan, facts)
            says = _explanations(event, where, scan, decision, called)
            codes = tuple(door.code for door in way.doors)
            answers.append(Answer(codes, facts, decision, says))
    has_badge = holder.issue > 0
    return WouldEnter(holder, where, at, badge, has_badge, guest_of, as_now, tuple(answers))


def _on_record(db: Connection, holder: Attendee, guest_of: Mapping[int, bool]) -> Holder:
    """Return a person as kiosks know them."""
    suspicion = copies.suspicion(db, holder.serial)
    return Holder(
        revoked=holder.revoked_at is not None,
        highest_issue=holder.issue,
        copied_issue=suspicion.issue if suspicion and suspicion.cleared_at is None else 0,
        day_credentials=frozenset(
            (credential.issue, credential.day)
            for credential in day_credentials.of_attendee(db, holder.serial)
        ),
        invited_to=frozenset(session for session, invited in guest_of.items() if invited),
        refused_from=frozenset(session for session, invited in guest_of.items() if not invited),
        accessible=kept_places.kind_of(db, holder.serial) is not None,
    )


def _badge(
    db: Connection, event: Event, holder: Attendee, issue: int | None, at: int
) -> Credential | Reason:
    """Return the badge as a door reads it: that day's credential, else the newest badge, else
    one issued now.
    """
    badges = issuing.badges_of(db, holder.serial)
    if issue is not None:
        badges = [badge for badge in badges if badge.issue == issue]
        if not badges:
            raise IssuingError(
                N_("%(number)s has no badge of issue %(issue)s."), number=holder.number, issue=issue
            )
    if not badges:
        return issuing.credential_of(holder, 1, badge_keys.keys_of(db, event).issuing)
    of_day = day_credentials.standing(db, event, holder.serial, at) if issue is None else None
    shown = badges[-1] if of_day is None else of_day
    try:
        return open_credential(badge_keys.keys_of(db, event).ring, shown.credential)
    except CredentialError as error:
        return Reason(error.reason)


def _guest_of(db: Connection, serial: int) -> dict[int, bool]:
    rows = db.execute(
        "SELECT session_id, invited FROM session_guest WHERE serial = ? ORDER BY session_id",
        (serial,),
    )
    return {row["session_id"]: bool(row["invited"]) for row in rows}


def _facts(
    db: Connection,
    event: Event,
    place: Place,
    way: Way,
    at: int,
    badge: Credential | Reason,
    holder: Holder,
    serial: int | None,
) -> Facts:
    """Return the facts of an online kiosk. With a `serial`, that person's presence and the free
    places are current.
    """
    inside, free = _presence(db, serial), _free_places(db) if serial is not None else {}
    here = next(iter(inside.get(way.hall.hall_id, ())), None)
    outer = []
    for hall in way.outer:
        there = inside.get(hall.hall_id, [])
        same = [item for item in there if here is not None and item.stay == here.stay]
        presence = next(iter([*same, *there]), None)
        there_is = free.get(hall.hall_id, _ASSUMED)
        kept = there_is.kept if hall.keeps_places else 0
        outer.append(Outer(hall, presence, there_is.places, kept))
    own = free.get(way.hall.hall_id, _ASSUMED)
    return Facts(
        calendar=Calendar(day_starts(event.settings)),
        hall=way.hall,
        sessions=tuple(item for item in place.programme if item.closes_at > at),
        holder=holder,
        presence=here,
        free_places=own.places,
        free_kept=own.kept if way.hall.keeps_places else 0,
        key_expired=_key_expired(badge_keys.keys_of(db, event), badge, at),
        facts_age_ms=0,
        outer=tuple(outer),
    )


def _key_expired(keys: BadgeKeys, badge: Credential | Reason, at: int) -> bool:
    if isinstance(badge, Reason):
        return False
    key = keys.ring.keys.get(badge.key_id)
    return key is None or not key.not_before <= at < key.not_after


def _presence(db: Connection, serial: int | None) -> dict[int, list[Presence]]:
    """Return the person's open stays by hall, newest first."""
    by_hall: dict[int, list[Presence]] = {}
    for stay in reversed([] if serial is None else stays.open_stays(db, serial)):
        presence = Presence(stay.ref, stay.opened_at, str(stay.door_id), stay.kind)
        by_hall.setdefault(stay.hall_id, []).append(presence)
    return by_hall


class _Free(NamedTuple):
    places: int
    kept: int


_ASSUMED = _Free(1, 1)


def _free_places(db: Connection) -> dict[int, _Free]:
    free = {}
    for row in store.halls(db):
        kept = max(0, row.accessible_places - row.open_accessible)
        inside = row.open_stays + row.open_accessible
        free[row.hall_id] = _Free(max(0, row.capacity - kept - inside), kept)
    return free


class _Names(NamedTuple):
    categories: dict[int, dict[str, str]]
    doors: dict[int, dict[str, str]]
    halls: dict[int, dict[str, str]]


def _names(db: Connection) -> _Names:
    asked = (
        "category, names FROM category",
        "door_id, names FROM door",
        "hall_id, names FROM hall",
    )
    rows = (db.execute(f"SELECT {columns}").fetchall() for columns in asked)
    return _Names(*({number: names_of(names) for number, names in of} for of in rows))


def _explanations(
    event: Event, place: Place, scan: Scan, decision: Decision, called: _Names
) -> dict[Language, Explanation]:
    return {
        language: explain(
            decision,
            scan.direction,
            language=language,
            words=words,
            time_zone=event.settings.time_zone,
            at=scan.scanned_at,
            categories={key: text_in(names, language) for key, names in called.categories.items()},
            category=scan.badge.category if isinstance(scan.badge, Credential) else None,
            hall=text_in(place.hall.names, language),
            sessions={key.session_id: text_in(key.titles, language) for key in place.sessions},
            doors={str(key): text_in(names, language) for key, names in called.doors.items()},
            outer={key: text_in(names, language) for key, names in called.halls.items()},
        )
        for language, words in ((ENGLISH, NullTranslations()), *shipped(ANSWERS))
    }


def day_of(forecast: WouldEnter) -> int | None:
    """Return the event's day, from 0, None outside it."""
    return event_day(forecast.answers[0].facts.calendar.day_starts, forecast.at)
