"""Lets integrations find, register and change people, and replace and revoke badges, as the
pages do.
"""

import os
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from badges.credential.badge_number import parse_badge_number
from badges.credential.credential import ALL_DAYS
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.directory import Event
from server.core.people import attendees, issuing
from server.core.people.attendees import Attendee, AttendeeError, UnknownAttendeeError
from server.core.programme.guests import settle_person
from server.core.venue import store
from server.features.editing.people import register
from server.features.integrations.entries import Time, time_of
from server.features.integrations.interface.routes import Nothing, actor, has_scope
from server.storage.connection import Connection
from server.web.problems import ProblemError
from server.web.services import services

T = TypeVar("T")

PAGE_MAX = 100
Text = Annotated[str, msgspec.Meta(max_length=200)]
Day = Annotated[int, msgspec.Meta(ge=1, le=16)]
Key = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class Person(msgspec.Struct, kw_only=True):
    """One person on the roster. Without the scope `read:people`, personal fields are left out."""

    badge: Annotated[str, msgspec.Meta(description="the badge number")]
    external_id: str | UnsetType | None = UNSET
    given_name: str | UnsetType = UNSET
    family_name: str | UnsetType = UNSET
    latin_name: str | UnsetType = UNSET
    organisation: str | UnsetType = UNSET
    job_title: str | UnsetType = UNSET
    country: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    phone: str | UnsetType = UNSET
    order_number: str | UnsetType = UNSET
    language: str | UnsetType = UNSET
    category: Annotated[str, msgspec.Meta(description="the category's code")]
    days: Annotated[list[int], msgspec.Meta(description="days of the event, from 1")]
    issue: Annotated[int, msgspec.Meta(description="of the newest badge; 0: none yet")]
    registered_at: Time
    revoked_at: Time | None


_PERSONAL = [item.name for item in msgspec.structs.fields(Person) if item.default is UNSET]


class PeopleAsked(msgspec.Struct, forbid_unknown_fields=True):
    """The search for people."""

    q: Annotated[Text, msgspec.Meta(description="words that all are found in the person")] = ""
    external_id: Annotated[Text | None, msgspec.Meta(description="exactly this one")] = None
    offset: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE_MAX)] = 50


class People(msgspec.Struct):
    """One page of people, by name."""

    people: list[Person]
    total: int


class PersonChange(msgspec.Struct, forbid_unknown_fields=True):
    """A change of a person. Omitted fields stay."""

    given_name: Text | UnsetType = UNSET
    family_name: Text | UnsetType = UNSET
    latin_name: Text | UnsetType = UNSET
    organisation: Text | UnsetType = UNSET
    job_title: Text | UnsetType = UNSET
    country: Annotated[str, msgspec.Meta(max_length=100)] | UnsetType = UNSET
    email: Text | UnsetType = UNSET
    phone: Text | UnsetType = UNSET
    order_number: Text | UnsetType = UNSET
    external_id: Text | UnsetType = UNSET
    language: Annotated[str, msgspec.Meta(max_length=40)] | UnsetType = UNSET
    category: Key | UnsetType = UNSET
    days: Annotated[list[Day], msgspec.Meta(min_length=1, max_length=16)] | UnsetType = UNSET


class NewPerson(PersonChange, kw_only=True):
    """A person to register. At least one name is needed."""

    category: Key
    issue_badge: Annotated[bool, msgspec.Meta(description="issue the first badge too")] = True


class Changed(msgspec.Struct):
    """A person after a change."""

    person: Person
    badge_is_wrong: Annotated[bool, msgspec.Meta(description="the badge's data is outdated")]


class Reissue(msgspec.Struct, forbid_unknown_fields=True):
    """A badge's replacement. `issue` is the present one, so that it happens only once."""

    reason: Literal["first", "lost", "damaged", "misprint", "changed", "stolen"]
    issue: Annotated[int, msgspec.Meta(ge=0, le=255)]


class Revoke(msgspec.Struct, forbid_unknown_fields=True):
    """The revocation of a person's badges."""

    reason: Literal["withdrawn", "conduct", "mistake", "security"]


def find_people(asked: PeopleAsked) -> People:
    here = services()
    db = here.database.reader
    if asked.external_id is not None:
        page = _of_external_id(db, asked.external_id)
        total = len(page)
        page = page[asked.offset :][: asked.limit]
    else:
        page, total = attendees.find_attendees(db, asked.q, asked.limit, asked.offset)
    by = actor()
    here.database.write(
        lambda db: entry_log.act(db, by, Act.PEOPLE_SEARCHED, {"answers": total}, here.now())
    )
    return People(_shown(db, page), total)


def get_person(asked: Nothing, badge: str) -> Person:
    here = services()
    serial, by = _serial(badge), actor()
    person = _one(serial)
    here.database.write(
        lambda db: entry_log.act(db, by, Act.PEOPLE_SEARCHED, {"answers": 1}, here.now())
    )
    return person


def register_person(asked: Nothing, given: NewPerson) -> Person:
    here, by = services(), actor()

    def step(db: Connection) -> int:
        now = here.now()
        holder = register(db, _values(db, here.event, given), by=by, now=now, random=os.urandom)
        if given.issue_badge:
            issuing.reissue(db, here.event, holder.serial, reason="first", now=now, by=by)
        return holder.serial

    return _one(_written(step))


def change_person(asked: Nothing, given: PersonChange, badge: str) -> Changed:
    here, by, serial = services(), actor(), _serial(badge)

    def step(db: Connection) -> bool:
        values = _values(db, here.event, given)
        now = here.now()
        wrong = attendees.change_attendee(db, serial, values, by=by, now=now)
        settle_person(db, serial, by=by, now=now)
        return wrong

    wrong = _written(step)
    return Changed(_one(serial), wrong)


def reissue_badge(asked: Nothing, given: Reissue, badge: str) -> Person:
    here, by, serial = services(), actor(), _serial(badge)

    def step(db: Connection) -> None:
        if attendees.attendee(db, serial).issue != given.issue:
            raise ProblemError(409, "The badge has been replaced: read the person again.")
        issuing.reissue(db, here.event, serial, reason=given.reason, now=here.now(), by=by)

    _written(step)
    return _one(serial)


def revoke_badges(asked: Nothing, given: Revoke, badge: str) -> Person:
    here, by, serial = services(), actor(), _serial(badge)
    _written(lambda db: issuing.revoke(db, serial, reason=given.reason, now=here.now(), by=by))
    return _one(serial)


def _written(step: Callable[[Connection], T]) -> T:
    """Run a step, and convert its refusals to problems."""
    try:
        return services().database.write(step)
    except UnknownAttendeeError as error:
        raise ProblemError(404, str(error)) from None
    except AttendeeError as error:
        raise ProblemError(422, str(error)) from None
    except issuing.IssuingError as error:
        raise ProblemError(409, str(error)) from None


def _values(db: Connection, event: Event, given: PersonChange) -> dict[str, Any]:
    fields = msgspec.structs.asdict(given)
    fields.pop("issue_badge", None)
    values = {name: value for name, value in fields.items() if value is not UNSET}
    if "category" in values:
        codes = {category.key: category.code for category in store.categories(db)}
        if values["category"] not in codes:
            raise AttendeeError(f"There is no such category; there are {', '.join(codes)}.")
        values["category"] = codes[values["category"]]
    if "days" in values:
        last = event.settings.days
        days = set(values.pop("days"))
        if max(days) > last:
            raise AttendeeError(f"The event has the days 1 to {last}.")
        everyday = days == set(range(1, last + 1))
        values["valid_days"] = ALL_DAYS if everyday else sum(1 << (day - 1) for day in days)
    return values


def _serial(badge: str) -> int:
    try:
        return parse_badge_number(badge)
    except ValueError:
        raise ProblemError(404, "This is not a badge number.") from None


def _one(serial: int) -> Person:
    with services().database.reading() as db:
        try:
            return _shown(db, [attendees.attendee(db, serial)])[0]
        except UnknownAttendeeError as error:
            raise ProblemError(404, str(error)) from None


def _of_external_id(db: Connection, label: str) -> list[Attendee]:
    serials = [row["serial"] for row in attendees.people_of_label(db, label)]
    people = [attendees.attendee(db, serial) for serial in serials]
    return [person for person in people if person.external_id == label]


def _shown(db: Connection, people: list[Attendee]) -> list[Person]:
    keys = {item.code: item.key for item in store.categories(db)}
    last, may_read = services().event.settings.days, has_scope("read:people")
    return [
        Person(
            badge=item.number,
            **({name: getattr(item, name) for name in _PERSONAL} if may_read else {}),
            category=keys[item.category],
            days=[day for day in range(1, last + 1) if item.valid_days >> (day - 1) & 1],
            issue=item.issue,
            registered_at=time_of(item.created_at),
            revoked_at=None if item.revoked_at is None else time_of(item.revoked_at),
        )
        for item in people
    ]
