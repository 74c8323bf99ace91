from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from badges.admission.facts import AntiPassback, Hall, Session
from badges.i18n import N_, Count, Phrase, Spoken, joined
from badges.wire.door_policy import hall_of, session_of
from server.core.people import attendees
from server.core.people.attendees import UnknownAttendeeError
from server.core.venue import kiosk_facts, nesting, store
from server.core.venue.store import DoorRow, HallRow, SessionRow
from server.storage.connection import Connection
from server.storage.localized import names_of

NAMED_MAX = 5  # In a message
_KINDS = ("hall", "door")


class _Named(NamedTuple):
    number: int
    code: str
    names: dict[str, str]


class AskedError(Spoken, ValueError):
    """The person or the place is ambiguous or unknown.

    `about` is `person` or `place`.
    """

    def __init__(self, about: str, text: str, /, **fields: object) -> None:
        super().__init__(text, **fields)
        self.about = about


@dataclass(frozen=True)
class Way:
    """Doors that lead into the same halls, and their facts."""

    doors: tuple[DoorRow, ...]  # Empty if the hall has no entrance
    hall: Hall
    outer: tuple[Hall, ...]  # Outer halls entered too, innermost first


@dataclass(frozen=True)
class Place:
    """A hall with its programme, and the ways in."""

    hall: HallRow
    ways: tuple[Way, ...]
    sessions: tuple[SessionRow, ...]

    @property
    def programme(self) -> tuple[Session, ...]:
        facts = (kiosk_facts.facts_of_session(row, invited=[], refused=[]) for row in self.sessions)
        return tuple(session_of(session_facts) for session_facts in facts)


def find_person(db: Connection, text: str) -> int:
    """Return a person's serial by badge number, external id, e-mail or name.

    Raises UnknownAttendeeError, or AskedError for several people.
    """
    text = text.strip()
    try:
        return attendees.find_by_label(db, text)
    except UnknownAttendeeError:
        # Longer addresses, such as joanna@example.org, contain the same words.
        same_email = attendees.people_of_label(db, text)
        if len(same_email) == 1:
            return int(same_email[0]["serial"])
        matches, total = attendees.find_attendees(db, text, NAMED_MAX) if text else ([], 0)
        if total == 0:
            raise UnknownAttendeeError(
                N_("No attendee has the badge number, external id, e-mail or name %(text)s."),
                text=repr(text[:64]),
            ) from None
    if total > 1:
        left_out = total - len(matches)
        raise AskedError(
            "person",
            N_(
                "%(text)s may be any of %(total)s people: %(named)s%(more)s. Name one by "
                "badge number or external id."
            ),
            text=repr(text[:64]),
            total=Count(total),
            named=", ".join(f"{person.number} {person.name}" for person in matches),
            more=Phrase(" and %(total)s more", total=Count(left_out)) if left_out else "",
        )
    return matches[0].serial


def find_place(db: Connection, text: str) -> Place:
    """Return a hall or door by code or name. Raises AskedError.

    The prefix `hall:` or `door:` decides between equal names.
    """
    kind, _, rest = text.strip().partition(":")
    kinds = (kind,) if rest and kind in _KINDS else _KINDS
    name = (rest if rest and kind in _KINDS else text).strip()
    halls = _called(_named(db, "hall"), name) if "hall" in kinds else []
    doors = _called(_named(db, "door"), name) if "door" in kinds else []
    matches = [f"hall:{named.code}" for named in halls] + [f"door:{named.code}" for named in doors]
    if len(matches) != 1:
        if not matches:
            codes = [named.code for named in _named(db, "hall")]
            left_out = max(0, len(codes) - NAMED_MAX)
            raise AskedError(
                "place",
                N_("There is no hall or door %(name)s. Halls are %(known)s%(more)s."),
                name=repr(name[:64]),
                known=", ".join(codes[:NAMED_MAX]) or "none",
                more=Phrase(" and %(count)s more", count=Count(left_out)) if left_out else "",
            )
        raise AskedError(
            "place",
            N_("%(name)s: did you mean %(found)s? If so, write that."),
            name=repr(name[:64]),
            found=joined(Phrase(" or "), matches),
        )
    if halls:
        hall = store.hall(db, halls[0].number)
        inward = [d for d in store.doors(db) if d.hall_id == hall.hall_id and _lets_in(d)]
        return _place(db, hall, inward)
    door = store.door(db, doors[0].number)
    if not _lets_in(door):
        raise AskedError("place", N_("Door %(code)s is for exit only."), code=door.code)
    return _place(db, store.hall(db, door.hall_id), [door])


def _lets_in(door: DoorRow) -> bool:
    return door.mode != "exit"


def _named(db: Connection, kind: str) -> list[_Named]:
    rows = db.execute(f"SELECT {kind}_id, code, names FROM {kind} ORDER BY code").fetchall()
    return [_Named(number, code, names_of(names)) for number, code, names in rows]


def _called(candidates: Sequence[_Named], name: str) -> list[_Named]:
    """Return the match by code, else all by code or name, ignoring case."""
    exact = [named for named in candidates if named.code == name]
    folded = name.casefold()
    return exact or [
        named
        for named in candidates
        if folded in (text.casefold() for text in (named.code, *named.names.values()))
    ]


def _place(db: Connection, row: HallRow, doors: Collection[DoorRow]) -> Place:
    hall, unsaid = hall_of(kiosk_facts.facts_of_hall(db, row)), nesting.unsaid(db)
    ways: dict[tuple[Hall, ...], list[DoorRow]] = {}
    for door in doors:
        around = (store.hall(db, item) for item in nesting.outer_of(db, door.door_id))
        outer = (hall_of(kiosk_facts.facts_of_hall(db, item)) for item in around)
        if door.door_id in unsaid:  # As in server/core/kiosks/snapshot.py
            outer = (replace(item, anti_passback=AntiPassback.OFF) for item in outer)
        ways.setdefault(tuple(outer), []).append(door)
    sessions = sorted(
        store.sessions(db, row.hall_id), key=lambda item: (item.opens_at, item.session_id)
    )
    return Place(
        hall=row,
        ways=tuple(Way(tuple(of), hall, outer) for outer, of in ways.items())
        or (Way((), hall, ()),),
        sessions=tuple(sessions),
    )
