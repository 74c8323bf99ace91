"""A world: a small venue, the acts that may happen in it, and what each of them does."""

import sqlite3
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar
from unittest.mock import patch

from badges.admission.facts import Direction
from badges.credential.keys import PublicKey
from tests.swarm.site import kiosk_key
from tests.worlds import venue as venues
from tests.worlds.door import Disk, WorldDoor
from tests.worlds.forms import Codes, PartForm, form_of_door, form_of_server
from tests.worlds.parts import Parts
from tests.worlds.server import WorldServer
from tests.worlds.state import Act, BrokenPromiseError, DoorState, Person, State
from tests.worlds.venue import START, Venue

SCAN_MS = 5_000  # a scan takes this long, so that their order can be told by the clock
UNLIMITED = 99
REMEMBERED = 100_000  # steps of parts whose outcome is remembered

Result = TypeVar("Result")


@dataclass(frozen=True)
class WorldPlan:
    """`acts` are the kinds of acts, each with the most times that it may happen."""

    name: str
    venue: Venue
    acts: dict[str, int]
    copies: tuple[int, ...] = ()  # badges of which one more person has a copy
    begins: tuple[Act, ...] = ()  # acts before the first state


class World:
    """The live server and doors, which take each state in turn."""

    def __init__(self, plan: WorldPlan, db: sqlite3.Connection) -> None:
        self.plan = plan
        self.parts = Parts(db)
        self.opened = venues.opened(plan.venue)
        self.root = PublicKey(self.opened.event.root_key.public.raw)
        self.now = START
        self.ahead: dict[str, int] = {}  # by door, in ms: clocks that are not right
        self.server = WorldServer(
            self.opened.event, lambda: self.now, has_second_disk="disk away" in plan.acts
        )
        self.doors: dict[str, WorldDoor] = {}
        self.memo: dict[Hashable, Any] = {}  # what steps made of parts, and forms of parts
        self._live: dict[str, int] = {}  # the numbers of the parts that the live ones are

    def close(self) -> None:
        self.server.database.close()
        for door in self.doors.values():
            door.close()

    def monotonic(self) -> int:
        return self.now - START + 1_000_000

    @contextmanager
    def clocks(self) -> Iterator[None]:
        """The product's clocks are the world's. The world is closed afterwards."""
        with (
            patch.object(time, "monotonic", lambda: self.monotonic() / 1000),
            patch.object(time, "time_ns", lambda: self.now * 1_000_000),
            closing(self),
        ):
            yield

    @cached_property
    def enters(self) -> dict[str, tuple[str, ...]]:
        return {door.code: door.enters for door in self.plan.venue.doors}

    @cached_property
    def door_codes(self) -> dict[int, str]:
        return {number: code for code, number in self.opened.door_ids.items()}

    @cached_property
    def codes(self) -> Codes:
        return Codes(self.door_codes, (serial for serial, _ in self.opened.badges))

    @cached_property
    def hall_codes(self) -> dict[int, str]:
        return {number: code for code, number in self.opened.hall_ids.items()}

    def entered(self, state: State, door: str) -> tuple[str, ...]:
        """The halls where people are who go in by this door of the venue, the innermost first."""
        halls = self.enters[door]
        return halls if state.is_nested else halls[:1]

    # States.

    def first(self) -> State:
        """Every door is connected, and has places."""
        self.now = START + 60_000
        self.server.load(0, lambda: self.opened.database)
        self.server.begin_run(1)
        for door in self.plan.venue.doors:
            self.live(f"{door.code}-1").start()
        for _ in range(3):
            self.now += SCAN_MS
            for live in self.doors.values():
                live.talk()
        copied = [Person(badge) for badge in self.plan.copies]
        people = [Person(badge) for badge in range(self.plan.venue.people)]
        capacity = tuple((hall.code, hall.capacity) for hall in self.plan.venue.halls)
        doors = {
            name: DoorState(door.key[0], self.save_door(name)) for name, door in self.doors.items()
        }
        server = self.save_server()
        return State(
            server, doors, (*people, *copied), self.now,
            capacity=capacity, bound=capacity,
        )  # fmt: skip

    def live(self, name: str) -> WorldDoor:
        """The door's live object. The name is kiosk and generation, and a mark for a copy."""
        if name not in self.doors:
            kiosk, generation = name.rstrip("'").rsplit("-", 1)
            key = kiosk_key(kiosk, int(generation))
            self.doors[name] = WorldDoor(
                kiosk, int(generation), key, self.root, self.server,
                lambda: self.now + self.ahead.get(name, 0), self.monotonic,
            )  # fmt: skip
        return self.doors[name]

    def server_at(self, part: int) -> WorldServer:
        """The live server in this state."""
        if self._live.get("") != part:
            self.server.load(part, lambda: self.parts.blobs(part)[0])
            self._live[""] = part
        return self.server

    def door_at(self, name: str, part: int) -> WorldDoor:
        door = self.live(name)
        if self._live.get(name) != part:
            journal, replica, values = self.parts.blobs(part)
            door.load(Disk(journal, replica), values)
            self._live[name] = part
        return door

    def save_server(self, like: int = 0) -> int:
        """Returns the number of what the live server is now."""
        self._live[""] = self.parts.number((self.server.saved(),), like)
        return self._live[""]

    def save_door(self, name: str, like: int = 0) -> int:
        disk, values = self.live(name).saved()
        self._live[name] = self.parts.number((disk.journal, disk.replica, values), like)
        return self._live[name]

    def form(self, name: str, part: int, now: int) -> PartForm:
        """Of a door, or without a name of the server."""

        def of_server() -> PartForm:
            return form_of_server(self.server_at(part), self.codes)

        def of_door() -> PartForm:
            self.now = now
            return form_of_door(self.door_at(name, part), self.codes, self.monotonic())

        if not name:
            return self.remembered(("form", part), of_server)
        return self.remembered(("form", name, part, now), of_door)

    def spoiled(self) -> None:
        """What is live is none of the parts: a step was broken off."""
        self._live.clear()

    def forget(self, kept: set[int]) -> None:
        """Keep these parts alone."""
        self.parts.keep_only(kept)
        self.memo.clear()
        self.spoiled()

    def remembered(self, key: Hashable, found: Callable[[], Result]) -> Result:
        """The outcome for equal parts is found once."""
        if key not in self.memo:
            if len(self.memo) >= REMEMBERED:
                self.memo.clear()
            self.memo[key] = found()
        outcome: Result = self.memo[key]
        return outcome


class Step:
    """One act on a state. What it does to equal parts is done once, and remembered."""

    def __init__(self, world: World, state: State) -> None:
        self.world = world
        self.before = state
        self.server = state.server
        self.people = list(state.people)
        self.doors = dict(state.doors)
        self.now = state.now
        self.changes: dict[str, object] = {}

    def after(self, act: Act) -> State:
        used = dict(self.before.used)
        if self.world.plan.acts.get(act[0], 0) < UNLIMITED:
            used[act[0]] = used.get(act[0], 0) + 1
        return replace(
            self.before, server=self.server, doors=self.doors, people=tuple(self.people),
            now=self.now, used=tuple(sorted(used.items())), **self.changes,
        )  # fmt: skip

    # Steps of parts.

    def serve(self, what: Hashable, do: Callable[[WorldServer], Result]) -> Result:
        """The server does something, which `what` names."""

        def outcome() -> tuple[int, Result]:
            result = self._try(lambda: do(self.world.server_at(self.server)))
            return self.world.save_server(self.server), result

        key = ("serve", what, self.server, self.now, self._disk_away())
        self.server, result = self.world.remembered(key, outcome)
        return result

    def at(
        self, name: str, what: Hashable, do: Callable[[WorldDoor], Result], *, talks: bool = False
    ) -> Result:
        """A door does something. If it `talks`, the server does too."""
        part, world = self.doors[name].part, self.world

        def outcome() -> tuple[int, int, Result]:
            if talks:
                world.server_at(self.server)
            result = self._try(lambda: do(world.door_at(name, part)))
            after = world.save_door(name, part)
            if not talks:
                return after, self.server, result
            server = world.save_server(self.server)
            if self._is_idle(name, (part, after), (self.server, server)):
                # Heartbeats alone change nothing, and the next one finds what this one found.
                return part, self.server, result
            return after, server, result

        ahead = self.doors[name].ahead
        key = (name, what, part, self.server if talks else None, self.now, ahead, self._disk_away())
        after, server, result = world.remembered(key, outcome)
        if talks:
            self.server = server
        self.doors[name] = replace(self.doors[name], part=after)
        return result

    def _is_idle(self, name: str, parts: tuple[int, int], servers: tuple[int, int]) -> bool:
        for part, (before, after) in (("", servers), (name, parts)):
            now = self.world.form(part, after, self.now)
            if not now.is_alike(self.world.form(part, before, self.now)):
                return False
        return True

    def new_door(self, name: str) -> int:
        """A kiosk that starts with an empty disk."""

        def started() -> int:
            self._try(self.world.live(name).start)
            return self.world.save_door(name)

        return self.world.remembered(("new", name, self.now), started)

    def _disk_away(self) -> bool:
        return self.changes.get("away", self.before.away) is not None

    def _try(self, do: Callable[[], Result]) -> Result:
        if self.world.server.second_disk is not None:
            self.world.server.second_disk.is_away = self._disk_away()
        self.world.now = self.now
        self.world.ahead = {name: door.ahead for name, door in self.doors.items()}
        try:
            return do()
        except BaseException:
            self.world.spoiled()
            raise

    # What several acts do.

    def talk(self, name: str) -> None:
        """The door sends everything, and hears everything."""
        if self.doors[name].is_cut:
            return
        door_id = self.at(name, "talk", _talk, talks=True)
        if door_id is not None:
            # A kiosk that hears of its move is carried to the other door.
            self.doors[name] = replace(self.doors[name], at=self.world.door_codes[door_id])

    def present(self, name: str, badge: int, direction: Direction) -> tuple[bool, int] | None:
        """Show a badge. A door that is connected asks for a place that it lacks. Returns whether it
        shows green, and the record's number.
        """
        text, is_cut = self.world.opened.badges[badge][1], self.doors[name].is_cut

        def show(door: WorldDoor) -> tuple[bool, int] | None:
            answer = door.present(text, direction)
            if not is_cut:
                door.talk()
            if answer is not None and not answer.passes and not is_cut:
                answer = door.present(text, direction)
                door.talk()
            return None if answer is None else (answer.passes, answer.seq)

        self.talk(name)
        answer = self.at(name, ("present", badge, direction), show, talks=not is_cut)
        self.now += SCAN_MS
        return answer

    def enter(self, name: str, number: int) -> bool:
        answer = self.present(name, self.people[number].badge, Direction.ENTRY)
        if answer is None or not answer[0]:
            return False
        self._require_rules(name)
        self._require_room(name)
        self.let_in(name, number, answer[1])
        return True

    def let_in(self, name: str, number: int, seq: int, beyond: tuple[str, ...] = ()) -> None:
        halls = self.world.entered(self.before, self.doors[name].at)
        entry = (*self.world.live(name).key, seq)
        self.people[number] = replace(self.people[number], inside=halls, entry=entry, beyond=beyond)

    def _require_rules(self, name: str) -> None:
        """A door that is connected knows the keys, and which halls are closed."""
        is_put_back = any(kind == "put back" for kind, _ in self.before.used)
        if self.doors[name].is_cut or self.doors[name].is_stopped or is_put_back:
            return
        if self.before.is_dropped:
            raise BrokenPromiseError(f"{name} admits by a badge whose key was dropped")
        hall = self.world.enters[self.doors[name].at][0]
        if hall in self.before.closed:
            raise BrokenPromiseError(f"{name} admits to hall {hall}, which is closed")

    def _require_room(self, name: str) -> None:
        """Nobody is admitted automatically as long as people on override places fill a hall, by a
        door that knows of them (docs/design/places.md, rule 11).
        """
        key = self.world.live(name).key
        all_know = all(door.is_used and not door.is_cut for door in self.doors.values())
        capacity = dict(self.before.capacity)
        for hall in self.world.entered(self.before, self.doors[name].at):
            inside = [person for person in self.people if hall in person.inside]
            beyond = [person.entry for person in inside if hall in person.beyond]
            knows = all_know or all(entry is not None and entry[:2] == key for entry in beyond)
            if beyond and knows and len(inside) >= capacity[hall]:
                raise BrokenPromiseError(
                    f"{name} admits a person to hall {hall} of {capacity[hall]}, in which"
                    f" {len(inside)} are, with overrides"
                )


def _talk(door: WorldDoor) -> int | None:
    """Returns the door of the venue that it is of."""
    door.talk()
    context = door.replica.context
    return None if context is None else context.door.door
