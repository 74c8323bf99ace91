"""When all is quiet on a day with a room inside a hall: both ends agree in each; then all leave."""

from typing import Any

from tests.simulator.checkers import ViolationError
from tests.simulator.nested import HALLS, ROOM, ModelNestedDoor, NestedWorld, Sent, View
from tests.simulator.quiet import RECALL_ALL, ROUNDS_MAX, _agree, _presence, _stranded


def drain(world: NestedWorld) -> None:
    """Heal everything, and exchange until nothing changes."""
    world.net.clear()
    for door in world.doors:
        door.up = True
    for _ in range(ROUNDS_MAX):
        before = _figures(world)
        while world.server.away_seen < len(world.elsewhere):
            world.hear_elsewhere(world.doors[0])
        for door in world.doors:
            _exchange(world, door)
        world.check_halls()
        if _figures(world) == before:
            return
    raise ViolationError("doors and server come to no rest")


def _exchange(world: NestedWorld, door: ModelNestedDoor) -> None:
    if door.destroyed or door.forked or not world.known(door):
        return
    sent: Sent | None = world.receive(door.offer(1_000))
    if sent is not None:
        door.take(sent.answers)
    if door.forked and not world.server.pool.kiosks[door.key].fenced:
        for server in world.servers:
            server.fence(door.key)


def _figures(world: NestedWorld) -> list[object]:
    books = [book for door in world.doors for book in door.books]
    doors = [(b.account, b.acked, b.cursor, b.view, b.wants_snapshot) for b in books]
    return [[s.pool for s in world.servers], world.server.away_seen, *doors]


def settle(world: NestedWorld) -> None:
    """Drain, and attest whom the server waits for in vain."""
    drain(world)
    for door in world.doors:
        lost = (door.destroyed or door.forked) and world.known(door)
        if lost:
            for server in world.servers:
                server.fence(door.key)
        if lost and any(door.key in server.pool.awaited for server in world.servers):
            door.set(stopped=True)
            world.sign(door)
    world.check_halls()
    drain(world)


def check_quiet_halls(world: NestedWorld) -> None:
    """Both ends agree in each hall, and no place of either is lost."""
    settle(world)
    for hall in HALLS:
        _agree(_view(world, hall))
    if any(door.rolled_back for door in world.doors) or world.truth.blind:
        return
    for hall in HALLS:
        _presence(_view(world, hall))
    live = [d for d in world.doors if not d.destroyed and not d.forked and world.known(d)]
    live = [door for door in live if door.key not in world.server.stopped]
    if not live:
        return
    for hall in HALLS:
        _all_leave(world, live, hall)
    for hall in HALLS:
        view = _view(world, hall)
        for door in live:
            door.books[hall].obey(view.server.recall(door.key, RECALL_ALL).order)
    drain(world)
    for hall in HALLS:
        view = _view(world, hall)
        lost = view.server.pool.worst_case - _stranded(view)
        if lost:
            which = "room" if hall == ROOM else "hall around"
            raise ViolationError(f"all have left, and {lost} places of the {which} are lost")


def _all_leave(world: NestedWorld, live: list[ModelNestedDoor], hall: int) -> None:
    """Those who are in the room leave to the street, and with that the hall around as well; then
    those who are left there, by its own doors.
    """
    server = world.servers[hall]
    for badge, stays in [*server.open.items(), *server.counted_stays.items()]:
        for _ in stays:
            door = live[badge % len(live)]
            door.leads = "street" if hall == ROOM else "hall"
            world.leave(door, badge)
            drain(world)


def _view(world: NestedWorld, hall: int) -> Any:
    """One hall, in the place of a flat day."""
    return View(world, hall)
