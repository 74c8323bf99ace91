"""A world: a small venue, the acts that may happen in it, and what each of them does."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from unittest.mock import patch

from badges.admission.facts import Direction
from badges.credential.keys import PublicKey
from tests.swarm.site import kiosk_key
from tests.worlds import venue as venues
from tests.worlds.door import WorldDoor
from tests.worlds.server import WorldServer
from tests.worlds.state import Act, DoorState, Person, State
from tests.worlds.venue import START, Venue

STEP_MS = 5_000  # between two acts
CHUNK = 4_096  # bytes of a database that states share if they are equal


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

    def __init__(self, plan: WorldPlan) -> None:
        self.plan = plan
        self.opened = venues.opened(plan.venue)
        self.root = PublicKey(self.opened.event.root_key.public.raw)
        self.now = START
        self.server = WorldServer(self.opened.event, lambda: self.now)
        self.doors: dict[str, WorldDoor] = {}
        self._loaded: dict[str, object] = {}  # what the live parts have, by part
        self._base: object = None  # what was loaded into the server last
        self._chunks: dict[bytes, bytes] = {}

    def close(self) -> None:
        self.server.database.db.close()
        for door in self.doors.values():
            door.close()

    def monotonic(self) -> int:
        return self.now - START + 1_000_000

    def monotonic_of(self, door: WorldDoor) -> int:
        """How long the kiosk's program has run, in ms."""
        return self.monotonic() - door.admitter._repeats._started_at

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

    def entered(self, state: State, door: str) -> tuple[str, ...]:
        """The halls where people are who go in by this door of the venue, the innermost first."""
        halls = self.enters[door]
        return halls if state.is_nested else halls[:1]

    # States.

    def first(self) -> State:
        """Every door is connected, and has places."""
        self.now = START + 60_000
        self.server.load(self.opened.database)
        self.server.begin_run()
        for door in self.plan.venue.doors:
            self.live(f"{door.code}-1").start()
        for _ in range(3):
            self.now += STEP_MS
            for live in self.doors.values():
                live.talk()
        copied = [Person(badge) for badge in self.plan.copies]
        people = [Person(badge) for badge in range(self.plan.venue.people)]
        capacity = tuple((hall.code, hall.capacity) for hall in self.plan.venue.halls)
        doors = {name: DoorState(door.key[0], *door.saved()) for name, door in self.doors.items()}
        self._loaded.clear()
        return State(
            self.chunks(self.server.saved()), doors, (*people, *copied), self.now,
            capacity=capacity,
        )  # fmt: skip

    def live(self, name: str) -> WorldDoor:
        """The door's live object. The name is kiosk and generation, and a mark for a copy."""
        if name not in self.doors:
            kiosk, generation = name.rstrip("'").rsplit("-", 1)
            key = kiosk_key(kiosk, int(generation))
            self.doors[name] = WorldDoor(
                kiosk, int(generation), key, self.root, self.server, lambda: self.now,
                self.monotonic,
            )  # fmt: skip
        return self.doors[name]

    def load_server(self, data: tuple[bytes, ...]) -> None:
        if self._loaded.get("") is data:
            return
        if self._base is data:
            self.server.undo()
        else:
            self.server.load(b"".join(data))
            self._base = data
        self._loaded[""] = data

    def load_door(self, name: str, state: DoorState) -> WorldDoor:
        door = self.live(name)
        if self._loaded.get(name) is not state.values:
            if not hasattr(door, "journal"):
                door.start(state.disk)
            door.load(state.disk, state.values)
            self._loaded[name] = state.values
        return door

    def chunks(self, data: bytes) -> tuple[bytes, ...]:
        """The same chunks are the same objects in all states."""
        parts = (data[at : at + CHUNK] for at in range(0, len(data), CHUNK))
        return tuple(self._chunks.setdefault(part, part) for part in parts)

    def forget_chunks(self, states: list[State]) -> None:
        """Keep the chunks of these states alone."""
        kept = {chunk for state in states for chunk in state.server}
        kept |= {chunk for state in states for chunk in state.backup or ()}
        self._chunks = {chunk: chunk for chunk in kept}


class Step:
    """One act on a state. Parts are loaded when they are needed, and saved if they were."""

    def __init__(self, world: World, state: State) -> None:
        self.world = world
        self.before = state
        self.people = list(state.people)
        self.doors = dict(state.doors)
        self.changes: dict[str, object] = {}
        self._touched: dict[str, WorldDoor] = {}
        self._server = False
        world.now = state.now + STEP_MS

    @property
    def server(self) -> WorldServer:
        if not self._server:
            self.world.load_server(self.before.server)
            self._server = True
        return self.world.server

    def put_server_back(self) -> None:
        assert self.before.backup is not None
        self.world.load_server(self.before.backup)
        self._server = True

    def door(self, name: str) -> WorldDoor:
        if name not in self._touched:
            self._touched[name] = self.world.load_door(name, self.doors[name])
        return self._touched[name]

    def touch(self, name: str, door: WorldDoor) -> None:
        self._touched[name] = door

    def after(self, act: Act) -> State:
        for name, door in self._touched.items():
            disk, values = door.saved()
            self.doors[name] = replace(self.doors[name], disk=disk, values=values)
            self.world._loaded[name] = values
        server = self.before.server
        if self._server:
            server = self.world.chunks(self.world.server.saved())
            self.world._loaded[""] = server
        used = dict(self.before.used)
        if self.world.plan.acts.get(act[0], 0) < UNLIMITED:
            used[act[0]] = used.get(act[0], 0) + 1
        return replace(
            self.before, server=server, doors=self.doors, people=tuple(self.people),
            now=self.world.now, used=tuple(sorted(used.items())), **self.changes,
        )  # fmt: skip

    # What several acts do.

    def talk(self, name: str) -> None:
        if not self.doors[name].is_cut:
            _ = self.server
            self.door(name).talk()
            context = self.door(name).replica.context
            if context is not None:
                self._follow(name, context.door.door)

    def _follow(self, name: str, door_id: int) -> None:
        """A kiosk that hears of its move is carried to the other door."""
        codes = {number: code for code, number in self.world.opened.door_ids.items()}
        if self.doors[name].at != codes[door_id]:
            self.doors[name] = replace(self.doors[name], at=codes[door_id])

    def present(self, name: str, badge: int, direction: Direction):
        """Show a badge. A door that is connected asks for a place that it lacks."""
        self.talk(name)
        text = self.world.opened.badges[badge][1]
        answer = self.door(name).present(text, direction)
        if answer is not None and not answer.passes and not self.doors[name].is_cut:
            self.talk(name)
            answer = self.door(name).present(text, direction)
        self.talk(name)
        return answer

    def enter(self, name: str, number: int) -> bool:
        answer = self.present(name, self.people[number].badge, Direction.ENTRY)
        if answer is None or not answer.passes:
            return False
        halls = self.world.entered(self.before, self.doors[name].at)
        entry = (*self.door(name).key, answer.seq)
        self.people[number] = replace(self.people[number], inside=halls, entry=entry)
        return True


UNLIMITED = 99
