"""One random day: doors, people, and the faults of its mix, with checks after every step."""

import atexit
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from badges.admission.facts import Denied, Direction, Reason
from badges.credential.keys import PublicKey
from badges.record import PlaceKind
from badges.wire import wire
from kiosk.door.answer import Answer
from server.core.feed import changes
from server.core.kiosks import registry, relocation
from server.core.ledger import entries
from server.core.muster import muster
from server.core.occupancy import clearing, hall_control, pools
from server.core.people import attendees, issuing
from server.core.staff.confirmations import ShownChangedError
from server.core.venue import kept_places
from server.doors.scans import LONG_BATCH
from server.storage.connection import Connection
from tests.swarm import checks, musters, phones
from tests.swarm.checks import BrokenPromiseError
from tests.swarm.clocks import Time
from tests.swarm.door import SteppedDoor
from tests.swarm.mixes import KEPT, MUSTERS, PHONES, Mix, mix_of
from tests.swarm.mutants import mutated
from tests.swarm.site import (
    DOORS,
    START,
    DoorPlan,
    SteppedSite,
    enrol,
    make_template,
)
from tests.swarm.truth import Person, Truth

_SHM = Path("/dev/shm")
MINUTE_MS = 60_000
RELEASE_MIN = 5  # before a session, kept places are released
NEXT_DAY_MS = 24 * 3_600_000


@cache
def template() -> Path:
    """The event that each day copies, made once per process."""
    path = _scratch("swarm-template-")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    make_template(path)
    return path


def _scratch(prefix: str) -> Path:
    """A directory without flush costs: the disk is not under test."""
    return Path(tempfile.mkdtemp(prefix=prefix, dir=_SHM if _SHM.is_dir() else None))


@dataclass(frozen=True)
class HallState:
    """Facts about a hall for the checks, besides the truth."""

    hall_id: int
    code: str
    bound: int  # the highest capacity that was set today
    fire_limit: int
    inferred: bool  # a move counts as leaving, so moves may add people


class Day:
    """A context manager. `step` takes one random step; `end` ends all faults and checks again."""

    def __init__(self, seed: int, theme: str | None = None) -> None:
        self.random = random.Random(seed)
        self.mix: Mix = mix_of(self.random, theme)
        self.path = _scratch("swarm-day-")
        shutil.copytree(template(), self.path, dirs_exist_ok=True)
        self.time = Time(START)
        self.site = SteppedSite(self.path, self.time)
        self.truth = Truth()
        self.taken = 0
        self.last = ""
        self.rolled_back = False  # the server's database is not the newest that existed
        self._read_event()
        self.entitled: frozenset[int] = frozenset()  # serials for whom places are kept
        # By hall: when its kept places are released, by any programme of today.
        self.released: dict[int, list[tuple[int, int]]] = {}
        if self.mix.theme == KEPT:
            self._keep_places()
        self.has_musters = self.mix.theme == MUSTERS
        self.muster_pages: list[musters.Page] = []
        self.impersonated: set[int] = set()  # badges that another person has shown
        self.has_phones = self.mix.theme == PHONES or (
            self.has_musters and self.random.random() < 0.3
        )
        self.places_most = 0  # of a phone, the most that an admin ever allowed
        self.copied_phones: set[tuple[str, int]] = set()
        self.copies: Counter[int] = Counter()  # by hall: of phones
        self.wiped: list[SteppedDoor] = []  # phones whose storage is lost
        self.wiped_trusted: Counter[int] = Counter()
        if self.has_phones:
            phones.begin(self)
        plans = [plan for plan in DOORS if plan.code in self.mix.doors]
        self.doors = [self._door(plan.code, plan, 1) for plan in plans]
        self.gone: list[SteppedDoor] = []  # lost, or replaced by another generation
        for _ in range(3):
            for door in self.doors:
                door.talk()

    def __enter__(self) -> "Day":
        return self

    def __exit__(self, *_: object) -> None:
        for door in [*self.doors, *self.gone]:
            door.close()
        self.site.stop()
        shutil.rmtree(self.path, ignore_errors=True)

    def _read_event(self) -> None:
        db = self.site.database.reader
        self.halls = {
            row["code"]: HallState(
                row["hall_id"],
                row["code"],
                row["capacity"],
                row["fire_limit"],
                row["leaving"] == "inferred",
            )
            for row in db.execute("SELECT hall_id, code, capacity, fire_limit, leaving FROM hall")
        }
        self.door_ids = {row[0]: row[1] for row in db.execute("SELECT code, door_id FROM door")}
        badges = db.execute("SELECT serial, credential FROM badge ORDER BY serial").fetchall()
        self.random.shuffle(badges)
        number = 0
        for copied, (serial, text) in enumerate(badges):
            bodies = self.mix.copies if copied < self.mix.copied_badges else 1
            for _ in range(bodies):
                self.truth.people.append(Person(number, serial, text))
                number += 1

    def _door(self, kiosk: str, plan: DoorPlan, generation: int) -> SteppedDoor:
        root = PublicKey(self.site.event.root_key.public.raw)
        directory = self.path / f"{kiosk}-{generation}"
        stepped = SteppedDoor(directory, kiosk, plan, generation, self.site, self.time, root)
        stepped.plans = {self.door_ids[door_plan.code]: door_plan for door_plan in DOORS}
        return stepped

    def hall_ids(self, door: SteppedDoor) -> set[int]:
        return {self.halls[code].hall_id for code in door.plan.enters}

    # Steps.

    def step(self) -> None:
        """One random step, and the checks after it. Raises BrokenPromiseError."""
        self.taken += 1
        self.time.pass_ms(self.random.choice(self.mix.pauses_ms))
        act = self.random.choices(self.mix.acts, self.mix.weights)[0]
        self.last = act
        if act in musters.ACTS:
            musters.ACTS[act](self)
        else:
            getattr(self, f"_{act}")()
        if self.taken % 3 == 0:
            self.site.write_heartbeats()
        self._check()

    def _check(self) -> None:
        checks.check(self)
        if self.has_musters:
            musters.check(self)

    def _arrive(self) -> None:
        """A person shows a badge at an entry door."""
        door = self._some_door()
        person = self._somebody_outside(door)
        if person is not None:
            self.enter(door, person)

    def enter(self, door: SteppedDoor, person: Person) -> bool:
        """True if the person went in."""
        answer = self._show(door, person)
        if answer is None or not answer.passes:
            return False
        self._go_in(door, person, answer.seq)
        return True

    def _show(self, door: SteppedDoor, person: Person) -> Answer | None:
        answer = door.present(person.badge, Direction.ENTRY)
        if door.roll_call is not None:
            person.inside = set()  # they stand at an assembly point
        if answer is not None and answer.passes:
            self._check_kept(door, person, answer.seq)
            if self._is_unheard(door, answer):
                return None
        return answer

    def _is_unheard(self, door: SteppedDoor, answer: Answer) -> bool:
        """Whether this is an online-only phone, and the server has not acknowledged the answer."""
        return phones.is_online_only(self, door) and not door.is_heard(answer)

    def _go_in(self, door: SteppedDoor, person: Person, seq: int) -> None:
        self.truth.enter(person, self.hall_ids(door))
        person.entry = (*door.key, seq)
        person.misjudged = door in self.gone and not door.unattested
        checks.check_admission(self, door, person.inside)

    def _keep_places(self) -> None:
        """Each hall keeps some places, for some of the people."""
        self.entitled = frozenset(
            person.serial for person in self.truth.people if person.serial % 3 == 0
        )
        kept = {hall.hall_id: self.random.choice((1, 2, 3)) for hall in self.halls.values()}
        self.released = {hall: [] for hall in kept}

        def step(db: Connection) -> None:
            for hall, places in kept.items():
                db.execute(
                    "UPDATE hall SET accessible_places = ?, accessible_until_min = ?"
                    " WHERE hall_id = ?",
                    (places, RELEASE_MIN, hall),
                )
            entitlements = [
                (serial, kept_places.KINDS[serial % 2]) for serial in sorted(self.entitled)
            ]
            kept_places.put(db, entitlements, by="test", now=START)

        self._write(step)

    def _plan_session(self) -> None:
        """Schedule a session in a hall, soon."""
        hall = self.random.choice(list(self.halls.values())).hall_id
        starts = self.site.clock.wall() + self.random.randint(1, 15) * MINUTE_MS
        closes = starts + self.random.randint(1, 20) * MINUTE_MS
        self.released[hall].append((starts - RELEASE_MIN * MINUTE_MS, closes))

        def step(db: Connection) -> None:
            db.execute(
                "INSERT INTO session (code, hall_id, titles, starts_at, ends_at, opens_at,"
                " closes_at) VALUES (?, ?, '{}', ?, ?, ?, ?)",
                (f"S{self.taken}", hall, starts, closes, starts - 60 * MINUTE_MS, closes),
            )
            changes.publish(db, wire.VenueChanged(), hall_id=hall)

        self._write(step)

    def _check_kept(self, door: SteppedDoor, person: Person, seq: int) -> None:
        """No one else was admitted on a kept place before its release, by the door's clock."""
        record = door.journal.newest(1)[0]
        if person.serial in self.entitled or record.seq != seq:
            return
        for hall, kind in [
            (record.hall, record.kind),
            *((o.hall, o.kind) for o in record.outer_halls),
        ]:
            spans = self.released.get(hall, [])
            if kind is PlaceKind.ACCESSIBLE and not any(
                since <= record.scanned_at < until for since, until in spans
            ):
                raise BrokenPromiseError(f"a kept place of hall {hall} was used by somebody else")

    def _crowd(self) -> None:
        """Several people come to one door, one after the other."""
        self._crowd_at(self._some_door())

    def _crowd_at(self, door: SteppedDoor, *, talks: bool = True) -> None:
        for _ in range(self.random.randint(2, 8)):
            person = self._somebody_outside(door)
            if person is not None:
                self.enter(door, person)
                self.time.pass_ms(self.random.choice((200, 2_000)))
            if talks and self.random.random() < 0.3:
                door.talk()

    def _leave(self) -> None:
        """A person scans out."""
        self._leave_at(self._some_door())

    def _leave_at(self, door: SteppedDoor, *, newest: bool = False) -> None:
        """A person leaves: anyone inside or, of those whom this door admitted, the `newest`."""
        leavers = [
            candidate for candidate in self.truth.people if self.hall_ids(door) <= candidate.inside
        ]
        by_seq = {
            person.entry[2]: person
            for person in leavers
            if person.entry and person.entry[:2] == door.key and not person.beyond
        }
        if newest and by_seq:
            leavers = [by_seq[max(by_seq)]]
        if leavers:
            person = self.random.choice(leavers)
            if door.present(person.badge, Direction.EXIT) is not None:
                person.inside = set()  # each door here leads out of all halls

    def _group(self) -> None:
        """Scans of several doors reach the server at once, in one commit. Some badges scan out at
        two doors.
        """
        doors = [door for door in self.doors if door.journal.state().waiting <= LONG_BATCH // 2]
        doors.sort(key=lambda door: door.plan.code)
        for door in doors:
            door.talk()
        for left, other in pairwise(doors):
            halls = self.hall_ids(left)
            inside = [person for person in self.truth.people if person.inside == halls]
            if inside and halls == self.hall_ids(other):
                self._leave_by([left, other], self.random.choice(inside))
        for door in doors:
            person = self._somebody_outside(door)
            if person is not None and self.random.random() < 0.5:
                self.enter(door, person)
        self.site.take_together([door.sync.exchange for door in doors])
        for door in doors:
            door.talk()
            self._crowd_at(door)

    def _leave_by(self, doors: list[SteppedDoor], person: Person) -> None:
        """The badge is shown at each of the doors, each time by another person with a copy who is
        inside.

        Fewer doors if there are fewer such people, because an exit's scan is one person's.
        """
        copies = [
            other
            for other in self.truth.people
            if other.serial == person.serial and other.inside == person.inside
        ]
        for door in doors:
            leaver = copies.pop() if copies else person
            if door.present(leaver.badge, Direction.EXIT) is not None:
                leaver.inside = set()

    def _slip_out(self) -> None:
        """A person leaves without a scan, by a fire door or in a crowd."""
        people = [person for person in self.truth.people if person.inside]
        if people:
            self.random.choice(people).inside = set()

    def _alternate(self) -> None:
        """Copies of one badge alternately enter at the doors of two halls."""
        copies = [
            candidate
            for candidate in self.truth.people
            if self._is_copied(candidate) and not candidate.inside
        ]
        if not copies or len(self.doors) < 2:
            return
        pair = self.random.sample(self.doors, 2)
        serial = self.random.choice(copies).serial
        for turn, person in enumerate(
            candidate for candidate in copies if candidate.serial == serial
        ):
            self.enter(pair[turn % 2], person)
            self.time.pass_ms(self.random.choice((1_000, 5_000, 120_000)))
            if self.random.random() < 0.8:
                pair[turn % 2].talk()
                pair[(turn + 1) % 2].talk()

    def _is_copied(self, person: Person) -> bool:
        return sum(other.serial == person.serial for other in self.truth.people) > 1

    def _talk(self) -> None:
        self._some_door().talk()

    def _talk_all(self) -> None:
        for door in self.doors:
            door.talk()

    def _some_door(self) -> SteppedDoor:
        return self.random.choice(self.doors)

    def _somebody_outside(self, door: SteppedDoor) -> Person | None:
        """A person who is not in this hall. People in another hall come over without a scan."""
        hall = self.halls[door.plan.hall].hall_id
        people = [person for person in self.truth.people if hall not in person.inside]
        if not self.mix.moves:
            people = [person for person in people if not person.inside]
        return self.random.choice(people) if people else None

    # Faults of network, power and clocks.

    def _cut(self) -> None:
        door = self._some_door()
        door.weather.cut = not door.weather.cut

    def _lossy(self) -> None:
        weather = self._some_door().weather
        setattr(weather, self.random.choice(("lose_request", "lose_answer", "twice")), True)

    def _restart_door(self) -> None:
        door = self._some_door()
        self.time.pass_ms(20_000)
        door.restart()

    def _light_lost(self) -> None:
        """The power fails between commit and light, and the person shows the badge again."""
        self._power_fails_at_entry(light_seen=False)

    def _light_seen(self) -> None:
        """The power fails once the person is inside. The badge is handed back to another person."""
        self._power_fails_at_entry(light_seen=True)

    def _power_fails_at_entry(self, *, light_seen: bool) -> None:
        """Copies try to profit from it as well. The steward admits those whom the door admitted
        before.
        """
        door = self._some_door()
        person = self._somebody_outside(door)
        if person is None:
            return
        first = self._show(door, person)
        waits = first is not None and first.passes
        if waits and light_seen:
            self._go_in(door, person, first.seq)
            friend = self._somebody_outside(door)
            if friend is not None:
                friend.serial, friend.badge = person.serial, person.badge
        elif waits:
            self.truth.admitted(person, self.hall_ids(door))
        if self.random.random() < 0.3:
            door.clock.set_by(-self.random.choice((1_000, 3_600_000)))
        door.restart()
        self.time.pass_ms(1_000)
        for other in [twin for twin in self.truth.people if twin.serial == person.serial][:5]:
            if other.inside:
                continue
            again = self._show(door, other)
            if again is not None and again.passes:
                self._go_in(door, other, again.seq)
            elif other is person and waits and again is not None and is_asked(again):
                self._go_in(door, other, first.seq)
            self.time.pass_ms(500)

    def _exit_light_lost(self) -> None:
        """The power fails between commit and light, and the person scans out once more.

        A friend with a copy stays inside, and others take the free places.
        """
        door = self._some_door()
        people = [
            candidate for candidate in self.truth.people if self.hall_ids(door) <= candidate.inside
        ]
        friend = self._somebody_outside(door)
        if not people or friend is None:
            return
        person = self.random.choice(people)
        friend.serial, friend.badge = person.serial, person.badge
        self.enter(door, friend)
        self._crowd_at(door)
        if person.inside and door.present(person.badge, Direction.EXIT) is not None:
            door.restart()
            self.time.pass_ms(1_000)
            door.present(person.badge, Direction.EXIT)
            person.inside = set()
            self._crowd_at(door)

    def _door_clock(self) -> None:
        self._some_door().clock.set_by(self.random.choice(self.mix.clock_jumps_ms))

    def _server_clock(self) -> None:
        self.site.clock.set_by(self.random.choice(self.mix.clock_jumps_ms))

    def _set_while_away(self) -> None:
        """The server's clock is set while one door is away.

        The same people use that door and the others alternately, and it reports them at last, by
        the earlier clock.
        """
        away = self._some_door()
        others = [door for door in self.doors if door is not away]
        if not others:
            return
        self._hear_all()
        away.weather.cut = True
        outside = [person for person in self.truth.people if not person.inside]
        people = self.random.sample(outside, min(len(outside), 6))
        there_first = self.random.random() < 0.5
        if there_first:
            self._pass_through([away], people)
        self._server_clock()
        for door in others:
            door.talk()
        self._pass_through(others, people)
        if not there_first:
            self._pass_through([away], people)
        away.weather.cut = False
        self._hear_all()
        for door in self.doors:
            self._crowd_at(door)

    def _hear_all(self) -> None:
        """Every door is connected, and has sent and received everything."""
        for _ in range(2):
            for door in self.doors:
                door.weather.cut = False
                door.talk()

    def _pass_through(self, doors: list[SteppedDoor], people: list[Person]) -> None:
        """They go in at one of the doors, and some come out by any door of that hall."""
        for person in people:
            door = self.random.choice(doors)
            self.enter(door, person)
            self.time.pass_ms(self.random.choice((2_000, 90_000)))
            if self.random.random() < 0.4 and person.inside:
                ways = [
                    candidate
                    for candidate in self.doors
                    if self.hall_ids(candidate) == person.inside
                ]
                if self.random.choice(ways).present(person.badge, Direction.EXIT) is not None:
                    person.inside = set()

    def _restart_server(self) -> None:
        self.site.stop()
        if self.random.random() < 0.5:
            self._talk_all()  # in vain
        self.site.start()

    # Faults of disks.

    def _copy_server(self) -> None:
        self.site.copy_by_hand()

    def _put_server_back(self) -> None:
        if self.site.kept:
            self.rolled_back = True
            self.site.put_back_by_hand(self.random.choice(self.site.kept))

    def _back_up(self) -> None:
        self.site.back_up()

    def _restore(self) -> None:
        if self.site.restore():
            self.rolled_back = True

    def _lost_while_away(self) -> None:
        """Places are granted, one door goes away with its own, and the server's disk is replaced by
        an old one.

        It is put back by hand, or restored. The other doors have newer data.
        """
        by_hand = self.random.random() < 0.5
        if by_hand:
            self.site.copy_by_hand()
        else:
            self.site.back_up()
        self._hear_all()
        away = self._some_door()
        away.weather.cut = True
        self.rolled_back = True
        if by_hand:
            self.site.put_back_by_hand(self.site.kept[-1])
        else:
            self.site.restore()
        for door in self.doors:
            for _ in range(4):
                door.talk()
                self._crowd_at(door)
        self._crowd_at(away)

    def _copy_door(self) -> None:
        self._some_door().keep_old_disk()

    def _put_door_back(self) -> None:
        """No one is admitted with the old disk before it is detected: the limit of
        docs/design/places.md, rule 9.
        """
        door = self._some_door()
        door.weather.cut = False
        if door.put_old_disk_back():
            door.greens = [green for green in door.greens if green.seq <= _last_seq(door)]
            door.talk()

    # Staff.

    def _lose_door(self) -> None:
        """A kiosk is stolen: it is fenced, and another one replaces it."""
        if len(self.doors) >= 3 and self.site.client is not None:
            self._lose(self._some_door())

    def _lose(self, door: SteppedDoor) -> None:
        now = self.site.clock.wall()
        state = self._state_of(door)
        if state == "active":
            self._write(lambda db: registry.fence(db, *door.key, by="test", now=now))
        self.doors.remove(door)
        self.gone.append(door)
        door.lost = self.random.random() < 0.5
        self.replace(door)

    def replace(self, door: SteppedDoor) -> None:
        """Another device is enrolled in its place."""
        now = self.site.clock.wall()
        generation = enrol(self.site.event, self.site.database, door.kiosk, door.plan.code, now)
        if self.has_phones and phones.is_phone(door):
            sql = "UPDATE kiosk SET device = 'phone' WHERE kiosk = ? AND generation = ?"
            self._write(lambda db: db.execute(sql, (door.kiosk, generation)))
        self.doors.append(self._door(door.kiosk, door.plan, generation))
        self.doors[-1].talk()

    def _lose_storage(self) -> None:
        phones.lose_storage(self)

    def _copy_phone(self) -> None:
        phones.copy_phone(self)

    def _phone_places(self) -> None:
        phones.set_places(self)

    def _found_again(self) -> None:
        """The journal of a lost kiosk is found."""
        if self.gone:
            door = self.random.choice(self.gone)
            door.weather.cut = False
            door.talk()

    def _state_of(self, door: SteppedDoor) -> str | None:
        row = self.site.database.reader.execute(
            "SELECT state FROM kiosk WHERE kiosk = ? AND generation = ?", door.key
        ).fetchone()
        return None if row is None else str(row[0])

    def _attest(self) -> None:
        """A true attestation of how many of a fenced kiosk's unseen people are inside."""
        for door in [*self.gone, *self.wiped]:
            in_use = any(other.key == door.key for other in self.doors)
            if in_use or self._state_of(door) != "fenced":
                continue
            for hall, people in self._unseen(door).items():
                self._attest_in(hall, door, len(people))

    def _misjudge(self) -> None:
        """A wrong attestation about a fenced kiosk that is still in use, because it has not heard
        of the fence.

        Staff state too few people inside. Others use those places, and then the kiosk is heard.
        """
        if len(self.doors) < 3:
            return
        self._hear_all()
        door = self._some_door()
        door.weather.cut = True
        self._crowd_at(door)
        self._lose(door)
        door.lost, door.in_use = False, True
        for hall, people in self._unseen(door).items():
            self._attest_in(hall, door, self.random.randint(0, len(people)))
            for person in people:
                person.misjudged = True
        for each_door in [*self.doors, door, *self.doors]:
            each_door.talk()
            self._crowd_at(each_door)
        door.weather.cut = False
        for each_door in [door, *self.doors]:
            each_door.talk()
            self._leave_at(each_door)
            self._crowd_at(each_door)

    def _unseen(self, door: SteppedDoor) -> dict[int, list[Person]]:
        """By hall, the people inside whom that kiosk admitted and the server does not know."""
        (acked,) = self.site.database.reader.execute(
            "SELECT acked_seq FROM kiosk WHERE kiosk = ? AND generation = ?", door.key
        ).fetchone()
        return {
            hall: [
                person
                for person in self.truth.inside(hall)
                if person.entry is not None
                and person.entry[:2] == door.key
                and (person.entry[2] > acked or self._is_of_a_copy(person))
            ]
            for hall in (self.halls[code].hall_id for code in door.plan.enters)
        }

    def _is_of_a_copy(self, person: Person) -> bool:
        """Whether the ledger has another record in place of this entry: of the phone's copy."""
        if person.entry is None or person.entry[:2] not in self.copied_phones:
            return False
        sql = "SELECT serial FROM scan WHERE kiosk = ? AND generation = ? AND seq = ?"
        rows = self.site.database.reader.execute(sql, person.entry).fetchall()
        return [row[0] for row in rows] != [person.serial]

    def _attest_in(self, hall: int, door: SteppedDoor, inside: int) -> None:
        now = self.site.clock.wall()
        key = door.key
        accounts = pools.accounts_of(self.site.database.reader, key)
        if any(account.hall_id == hall for account in accounts):
            self._write(
                lambda db: hall_control.attest(
                    db, hall, key, inside, by="user:1", with_="user:2", now=now
                )
            )

    def _clear_hall(self) -> None:
        """Everyone leaves, and staff confirm that the hall is empty."""
        hall = self.random.choice(list(self.halls.values())).hall_id
        for person in self.truth.inside(hall):
            person.inside = set()
        shown = clearing.emptied(self.site.database.reader, hall).keys()
        self._clear(hall, shown)

    def _clear(self, hall: int, shown: Collection[str], before: int | None = None) -> None:
        """As the form of the hall's page does, which named `shown` (server/features/halls)."""
        now = self.site.clock.wall()

        def step(db: Connection) -> None:
            hall_control.clear(db, hall, shown, by="test", now=now, before=before)
            muster.note_cleared(db)

        self._write(step)

    def _clear_later(self) -> None:
        """The page of a hall is opened, and its form sent after others have acted.

        Staff's words are true: the hall and those inside it were empty when they looked, and they
        send the form only if none of the kiosks that it names is still in use. A door is fenced
        before or after the page is opened, has not heard of it, and goes on letting people in.
        """
        if len(self.doors) < 3 or self.site.client is None:
            return
        self._hear_all()
        door, hall = self._some_door(), self.random.choice(list(self.halls.values())).hall_id
        door.weather.cut = True
        is_fenced_first = self.random.random() < 0.5
        if is_fenced_first:
            self._lose_in_use(door)
        db = self.site.database.reader
        emptied, before = clearing.emptied(db, hall), entries.newest_number(db) + 1
        shown = emptied.keys()
        for emptied_hall in emptied.halls:
            for person in self.truth.inside(emptied_hall):
                person.inside = set()
        if not is_fenced_first:
            self._lose_in_use(door)
        self._crowd_at(door, talks=False)
        if not any(key.endswith(f" {door.generation} {door.kiosk}") for key in shown):
            with suppress(ShownChangedError):
                self._clear(hall, shown, before)
        for each_door in [*self.doors, door, *self.doors]:
            each_door.talk()
            self._crowd_at(each_door)
        door.weather.cut = False
        door.talk()
        door.in_use = door.unattested = False

    def _lose_in_use(self, door: SteppedDoor) -> None:
        self._lose(door)
        door.lost, door.in_use, door.unattested = False, True, True

    def _close_hall(self) -> None:
        hall = self.random.choice(list(self.halls.values())).hall_id
        now, closed = self.site.clock.wall(), self.random.random() < 0.3
        self._write(lambda db: hall_control.set_closed(db, hall, closed, by="test", now=now))

    def _capacity(self) -> None:
        """Never above the day's first capacity, so that the checks know the bound."""
        hall = self.random.choice(list(self.halls.values()))
        now, wanted = self.site.clock.wall(), self.random.randint(1, hall.bound)
        self._write(
            lambda db: hall_control.set_capacity(db, hall.hall_id, wanted, by="test", now=now)
        )

    def _override(self) -> None:
        """A supervisor admits a person whom the door refused."""
        self._override_at(self._some_door())

    def _beyond(self) -> None:
        """A supervisor admits a person beyond the capacity, and people leave and come."""
        self._hear_all()
        door = self._some_door()
        if self.random.random() < 0.5:
            self._beyond_away(door)
            return
        self._crowd_at(door)
        self._override_at(door)
        self._hear_all()
        for each_door in self.doors:
            self._crowd_at(each_door)
            self._leave_at(each_door)
            self._crowd_at(each_door)

    def _beyond_away(self, door: SteppedDoor) -> None:
        """The same at a door that is away. The hall's other doors use their places first, and the
        people who leave are those whom this door has admitted last.
        """
        door.weather.cut = True
        others = [
            each_door
            for each_door in self.doors
            if each_door is not door and each_door.plan.hall == door.plan.hall
        ]
        for other in others:
            self._crowd_at(other)
            other.talk()
            self._crowd_at(other, talks=False)
        self._crowd_at(door, talks=False)
        self._override_at(door)
        for _ in range(2):
            self._crowd_at(door, talks=False)
            self._leave_at(door, newest=True)
            self._crowd_at(door, talks=False)

    def _override_at(self, door: SteppedDoor, person: Person | None = None) -> None:
        """By default somebody outside."""
        person = person or self._somebody_outside(door)
        if person is None or person.inside or door.roll_call is not None:
            return
        answer = self._show(door, person)
        if answer is None:
            return
        if not answer.passes:
            answer = door.override(answer)
            if answer is None or self._is_unheard(door, answer):
                return
        record = door.journal.newest(1)[0]
        self.truth.enter(person, self.hall_ids(door))
        entries: tuple[Any, ...] = (record, *record.outer_halls)
        person.beyond = {entry.hall for entry in entries if entry.override_place}
        person.entry = (*door.key, answer.seq)
        person.granted_then = door.granted()

    def _annul(self) -> None:
        """The last person did not pass: the person admitted by that record is outside again."""
        door = self._some_door()
        entry = door.override_handler.last_entry()
        if entry is None:
            return
        by_it = [
            candidate
            for candidate in self.truth.people
            if candidate.entry == (*door.key, entry.seq)
        ]
        if by_it and not by_it[0].inside:
            return
        if door.annul() is not None:
            for person in by_it:
                person.inside = set()

    def _rest(self) -> None:
        door = self._some_door()
        if door.journal.state().resting:
            door.journal.resume()
        else:
            door.journal.rest()

    def _reissue(self) -> None:
        """A badge is replaced. Copies of the old one stay in use."""
        person = self.random.choice(self.truth.people)
        now = self.site.clock.wall()
        if attendees.attendee(self.site.database.reader, person.serial).revoked_at is not None:
            return
        outcome = self._write(
            lambda db: issuing.reissue(
                db, self.site.event, person.serial, reason="lost", now=now, by="test"
            )
        )
        person.badge = outcome.credential

    def _move_door(self) -> None:
        """A supervisor carries a kiosk to another door."""
        door = self._some_door()
        plan = self.random.choice(DOORS)
        if self._state_of(door) != "active" or door.weather.cut:
            return
        now, door_id = self.site.clock.wall(), self.door_ids[plan.code]
        self._write(lambda db: relocation.move(db, door.key, door_id, by="test", now=now))
        door.feed.refresh()
        door.talk()

    def _write(self, step: Callable[..., object]):
        return self.site.database.write(step)

    # The end of the day.

    def end(self) -> None:
        """All faults end, everything is exchanged, then the last checks."""
        self.taken += 1
        self.last = "end"
        for door in self.doors:
            door.weather.cut = door.weather.lose_request = False
            door.weather.lose_answer = door.weather.twice = False
        heard = [*self.doors, *(door for door in self.gone if not door.lost)]
        before: list[tuple[object, ...]] = []
        for _ in range(6):
            self.time.pass_ms(3_000)
            for door in heard:
                door.weather.cut = False
                door.talk()
            if (now := [door.standing() for door in heard]) == before:
                break  # nothing is left to exchange
            before = now
        self._check()
        checks.check_end(self)
        if self.has_musters:
            musters.check_end(self)


def is_asked(answer: Answer) -> bool:
    """Whether the steward is asked if this is the person whom the door admitted before it died."""
    decision = answer.decision
    return isinstance(decision, Denied) and decision.reason is Reason.BEFORE_RESTART


def _last_seq(door: SteppedDoor) -> int:
    return door.journal.state().last_seq


def run_day(
    seed: int, theme: str | None = None, mutant: str | None = None
) -> tuple[int, str, str | None]:
    """The number of steps, the last step's action, and the broken promise or None."""
    template()
    with mutated(mutant), Day(seed, theme) as day:
        try:
            for _ in range(day.mix.steps):
                day.step()
            day.end()
        except BrokenPromiseError as error:
            return day.taken, day.last, str(error)
        return day.taken, day.last, None
