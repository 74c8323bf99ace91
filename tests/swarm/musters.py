"""A day's musters: drills and alarms, people seen at assembly points, and people who go in again.

Nobody who is inside may be listed as safe once the server has their entry. To be listed as doubtful
is safe, but whoever is seen at a point that is online, or ticked off at once, is listed as seen.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from badges.admission.facts import Denied, Direction, Reason
from badges.credential.badge_number import badge_number
from kiosk.door.admit import NotReadyError
from kiosk.door.answer import Answer
from kiosk.door.roll_call import RollCall
from kiosk.journal.errors import JournalError
from server.core.muster import muster, sightings
from server.core.muster.muster import MusterError, ShownLine
from server.core.people import issuing
from server.core.people.attendees import attendee
from server.core.people.lookup import look_up
from server.features.muster import lists
from server.features.muster.lists import TO_FIND, State
from server.storage.connection import Connection
from tests.swarm.air import Weather
from tests.swarm.checks import BrokenPromiseError
from tests.swarm.door import SteppedDoor
from tests.swarm.truth import Person

if TYPE_CHECKING:
    from tests.swarm.day import Day

SAFE = (State.SEEN, State.OUT)
POINT = RollCall("Point A", "user:1")
HOUR_MS = 3_600_000
PAGES_MOST = 3  # that staff keep open


@dataclass
class Page:
    """A list of a muster that staff opened, and people whom they have seen since."""

    muster_id: int
    lines: dict[int, ShownLine]  # by serial
    seen: list[Person] = field(default_factory=list)


# Musters.


def begin_or_end(day: "Day") -> None:
    """A drill or an alarm. It goes on for several steps."""
    now, on = day.site.clock.wall(), _current(day)
    if on is None:
        day._write(lambda db: muster.begin(db, "drill", by="user:1", now=now))
    elif day.random.random() < 0.3:
        day._write(lambda db: muster.end(db, on.muster_id, "over", by="user:1", now=now))


def evacuate(day: "Day") -> None:
    """A hall's people leave without a scan, and most of them are seen at a point."""
    hall = day.random.choice(list(day.halls.values())).hall_id
    for person in day.truth.inside(hall):
        person.inside = set()
        if day.random.random() < 0.7:
            _come_to_point(day, _some_point(day), person)


def hours_pass(day: "Day") -> None:
    day.time.pass_ms(day.random.randint(1, 6) * HOUR_MS)


# Assembly points.


def begin_or_end_point(day: "Day") -> None:
    """A kiosk is carried to an assembly point, or back to its door."""
    door = day.random.choice(day.doors)
    if door.roll_call is None:
        _begin_point(day, door)
    else:
        door.roll_call = None
        door.journal.resume()


def see_people(day: "Day") -> None:
    """People come to a point, which may be offline."""
    point = _some_point(day)
    for person in day.random.sample(day.truth.people, day.random.randint(1, 4)):
        _come_to_point(day, point, person)


def see_and_hear(day: "Day") -> None:
    """The same at a point that is online: the list says at once that they were seen."""
    point = _some_point(day)
    if point.weather != Weather() or day._state_of(point) != "active":
        return
    if _current(day) is None:
        begin_or_end(day)
    point.talk()
    if point.link.state.skew is None or point.link.state.refused:
        return
    day.time.pass_ms(2_000)
    person = day.random.choice(day.truth.people)
    if _come_to_point(day, point, person) and _is_known_valid(day, person):
        point.talk()
        if point.journal.state().waiting == 0:
            _require_seen(day, person)


def _come_to_point(day: "Day", point: SteppedDoor, person: Person) -> bool:
    """The person stands outside, and their badge is scanned, or a supervisor looks them up.

    Return whether the kiosk noted them.
    """
    person.inside = set()
    if day.random.random() < 0.2:
        point.present(badge_number(person.serial), Direction.ENTRY)  # typed: it shows nobody
    if day.random.random() < 0.2:
        return _is_noted(_by_name(day, point, person))
    answer = point.present(person.badge, Direction.ENTRY)
    return _is_noted(answer)


def _by_name(day: "Day", point: SteppedDoor, person: Person) -> Answer | None:
    """A supervisor looks the person up."""
    db = day.site.database.reader
    found = look_up(db, attendee(db, person.serial).name).people
    facts = next((each for each in found if each.serial == person.serial), None)
    if facts is None:
        return None
    try:
        return point.by_name(facts)
    except (NotReadyError, JournalError):
        return None


def steal_badge(day: "Day") -> None:
    """A badge that was lost is shown at a point by another person, before or after staff void it.
    The point may hear of that later.
    """
    inside = [person for person in day.truth.people if person.inside]
    point, person = _some_point(day), day.random.choice(inside or day.truth.people)
    shown_first = day.random.random() < 0.5
    stolen = person.badge
    day.impersonated.add(person.serial)
    if shown_first:
        point.present(stolen, Direction.ENTRY)
        if day.random.random() < 0.5:
            point.talk()
    _void(day, person)
    if not shown_first:
        point.present(stolen, Direction.ENTRY)


def _void(day: "Day", person: Person) -> None:
    """Staff revoke the badge or issue another one. Whoever was revoked gets another one."""
    now, serial = day.site.clock.wall(), person.serial
    is_revoked = attendee(day.site.database.reader, serial).revoked_at is not None
    if not is_revoked and day.random.random() < 0.5:
        day._write(lambda db: issuing.revoke_many(db, [serial], reason="lost", now=now, by="test"))
        return

    if is_revoked:
        day._write(lambda db: issuing.reinstate(db, serial, reason="found", now=now, by="test"))
    outcome = day._write(
        lambda db: issuing.reissue(db, day.site.event, serial, reason="lost", now=now, by="test")
    )
    person.badge = outcome.credential


# People who go in again.


def go_back_in(day: "Day") -> None:
    """Somebody goes in by a door."""
    doors = [door for door in day.doors if door.roll_call is None]
    outside = [person for person in day.truth.people if not person.inside]
    if not doors or not outside:
        return
    door = day.random.choice(doors)
    _go_in(day, door, day.random.choice(outside))
    if day.random.random() < 0.3:
        door.talk()


def _go_in(day: "Day", door: SteppedDoor, person: Person) -> None:
    """If the door denies them, often by a supervisor's word."""
    if not day.enter(door, person) and day.random.random() < 0.7:
        day._override_at(door, person)


def return_by_away_door(day: "Day") -> None:
    """A door is away, perhaps with a clock that is wrong by an hour. People who were seen go in by
    it, and it reports them later.
    """
    door = day._some_door()
    if door.roll_call is not None:
        return
    door.weather.cut = True
    if day.random.random() < 0.7:
        door.clock.set_by(day.random.choice((-HOUR_MS, HOUR_MS)))
    if day.random.random() < 0.3:
        door.restart()
    point = _some_point(day)
    for person in day.random.sample(day.truth.people, 3):
        order = day.random.choice(("seen first", "seen later", "in and seen at once"))
        if order != "seen later":
            _come_to_point(day, point, person)
        day.time.pass_ms(day.random.choice((200, 60_000, HOUR_MS)))
        if not person.inside:
            _go_in(day, door, person)
        if order == "seen later":
            _come_to_point(day, point, person)
    if day.random.random() < 0.5:
        point.talk()
    if day.random.random() < 0.6:
        door.weather.cut = False
        door.talk()


# Staff with the list.


def open_list(day: "Day") -> None:
    on = _current(day)
    if on is not None:
        day.muster_pages = [*day.muster_pages[1 - PAGES_MOST :], _open(day, on.muster_id)]


def notice_person(day: "Day") -> None:
    """Staff see a person outside, and tick the line of a page that was opened before. The form may
    be sent later.
    """
    outside = [person for person in day.truth.people if not person.inside]
    if day.muster_pages and outside:
        page = day.random.choice(day.muster_pages)
        page.seen.append(day.random.choice(outside))


def tick_later(day: "Day") -> None:
    """Staff see people outside, who then go in by a door that is away. Meanwhile the server's clock
    is set, or its database is put back, and then the ticks and the entries arrive in any order.
    """
    door = day._some_door()
    if door.roll_call is not None:
        return
    if _current(day) is None:
        begin_or_end(day)
    on = _current(day)
    assert on is not None
    page = _open(day, on.muster_id)
    people = [person for person in day.truth.people if person.serial in page.lines]
    page.seen = day.random.sample(people, min(len(people), 3))
    for person in page.seen:
        person.inside = set()
    changes = (day._server_clock, day._server_clock, day._restore, day._put_server_back, None)
    change = day.random.choice(changes)
    if change is not None:
        change()
    if day.random.random() < 0.7:
        door.talk()
    door.weather.cut = True
    for person in page.seen:
        day.time.pass_ms(2_000)
        _go_in(day, door, person)
    day.time.pass_ms(day.random.choice((2_000, HOUR_MS, 2 * HOUR_MS)))
    day.muster_pages.append(page)
    arrivals = [lambda: send_ticks(day), lambda: _reconnect(door)]
    for arrival in day.random.sample(arrivals, 2):
        arrival()


def _reconnect(door: SteppedDoor) -> None:
    door.weather.cut = False
    door.talk()


def send_ticks(day: "Day") -> None:
    """Whatever happened since the pages were opened."""
    for page in day.muster_pages:
        for person in page.seen:
            if person.serial in page.lines:
                _tick(day, page, person)
        page.seen.clear()


def tick_at_once(day: "Day") -> None:
    """Staff see a person and tick them off: the list says so at once."""
    on = _current(day)
    if on is None:
        return
    page = _open(day, on.muster_id)
    listed = [person for person in day.truth.people if person.serial in page.lines]
    if listed:
        person = day.random.choice(listed)
        person.inside = set()
        _tick(day, page, person)
        _require_seen(day, person)


def take_back(day: "Day") -> None:
    on = _current(day)
    if on is None:
        return
    serial, now = day.random.choice(day.truth.people).serial, day.site.clock.wall()
    try:
        day._write(lambda db: muster.take_back(db, on.muster_id, serial, by="user:1", now=now))
    except MusterError:
        return  # they were not seen


def _tick(day: "Day", page: Page, person: Person) -> None:
    now, shown = day.site.clock.wall(), page.lines[person.serial]
    day.site.services.clock.epoch()
    try:
        day._write(
            lambda db: muster.tick(
                db, page.muster_id, person.serial, "B", shown=shown, by="user:1", now=now
            )
        )
    except MusterError:
        return  # staff look at the line again


def _open(day: "Day", muster_id: int) -> Page:
    """As the page of the list does (server/features/muster/pages/pages.py)."""
    at, db = day.site.clock.wall(), day.site.database.reader
    epoch = day.site.services.clock.known_epoch() or 0
    serials = [line.serial for line in lists.lines(db, muster_id) if line.serial is not None]
    entries = sightings.known_entries(db, serials)
    lines = {serial: ShownLine(at, epoch, entries.get(serial, "")) for serial in serials}
    return Page(muster_id, lines)


# Checks.


def check(day: "Day") -> None:
    """Raises BrokenPromiseError."""
    on = _current(day)
    if on is None:
        return
    db = day.site.database.reader
    states = {line.serial: line.state for line in lists.lines(db, on.muster_id)}
    heard = {tuple(row) for row in db.execute("SELECT kiosk, generation, seq, serial FROM scan")}
    for person in day.truth.people:
        if not _is_heard(person, heard) or _may_be_another(day, person, heard):
            continue
        if _moved_by_annulled_entry(db, person):
            continue
        if states.get(person.serial) not in TO_FIND:
            raise BrokenPromiseError(
                f"person {person.serial} is inside by {person.entry}, and listed as"
                f" {states.get(person.serial)}"
            )
    open_stays = db.execute("SELECT serial FROM stay WHERE closed_at IS NULL").fetchall()
    gone = {serial for serial, state in states.items() if state in TO_FIND}
    gone -= {row[0] for row in open_stays}
    if gone:
        raise BrokenPromiseError(f"people {sorted(gone)} left by all records, and are missing")


def check_end(day: "Day") -> None:
    """When all is heard, whoever is outside and ticked off is listed as safe."""
    on = _current(day)
    if on is None:
        return
    for person in day.truth.people:
        page = _open(day, on.muster_id)
        if not person.inside and person.serial in page.lines:
            _tick(day, page, person)
            _require_seen(day, person)


def _require_seen(day: "Day", person: Person) -> None:
    on = _current(day)
    assert on is not None
    lines = lists.lines(day.site.database.reader, on.muster_id)
    line = next((line for line in lines if line.serial == person.serial), None)
    if line is not None and line.state not in SAFE:
        raise BrokenPromiseError(f"person {person.serial} was seen, and is {line.state}")


def _is_known_valid(day: "Day", person: Person) -> bool:
    """Whether nobody else can have shown this badge, by what the server knows."""
    db = day.site.database.reader
    copied = db.execute("SELECT 1 FROM likely_copy WHERE serial = ?", (person.serial,)).fetchone()
    return copied is None and attendee(db, person.serial).revoked_at is None


def _may_be_another(day: "Day", person: Person, heard: set[tuple[object, ...]]) -> bool:
    """Whether somebody else may have been seen outside with this badge, which the server takes for
    valid: a copy that it does not suspect, or a void badge that an old database has forgotten.
    """
    others_outside = any(
        other.serial == person.serial and other is not person and not _is_heard(other, heard)
        for other in day.truth.people
    )
    return others_outside or (day.rolled_back and person.serial in day.impersonated)


def _moved_by_annulled_entry(db: Connection, person: Person) -> bool:
    """Whether the person's stay was ended by an entry elsewhere that was annulled."""
    assert person.entry is not None
    row = db.execute(
        "SELECT 1 FROM stay s JOIN stay later ON later.serial = s.serial"
        " AND later.opened_at > s.opened_at AND later.closed_by = 'annul'"
        " WHERE s.kiosk = ? AND s.generation = ? AND s.seq = ? AND s.closed_by = 'move'",
        person.entry,
    ).fetchone()
    return row is not None


def _is_heard(person: Person, heard: set[tuple[object, ...]]) -> bool:
    """Whether the person is inside, and the server has the entry."""
    if not person.inside or person.entry is None:
        return False
    return (*person.entry, person.serial) in heard


def _current(day: "Day") -> muster.Muster | None:
    return muster.current(day.site.database.reader)


def _is_noted(answer: Answer | None) -> bool:
    if answer is None or not isinstance(answer.decision, Denied):
        return False
    return answer.decision.reason is Reason.ROLL_CALL


def _some_point(day: "Day") -> SteppedDoor:
    points = [door for door in day.doors if door.roll_call is not None]
    if points:
        return day.random.choice(points)
    point = day.random.choice(day.doors)
    _begin_point(day, point)
    return point


def _begin_point(day: "Day", door: SteppedDoor) -> None:
    door.roll_call = POINT
    door.journal.rest()


ACTS = {
    act.__name__: act
    for act in (
        begin_or_end, evacuate, hours_pass, begin_or_end_point, see_people, see_and_hear,
        steal_badge, go_back_in, return_by_away_door, open_list, notice_person, send_ticks,
        tick_later, tick_at_once, take_back,
    )
}  # fmt: skip
