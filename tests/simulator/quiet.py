"""The end of a day: every message arrives, both sides must agree, then everyone leaves."""

from tests.simulator.checkers import ViolationError
from tests.simulator.door_side import ModelDoor
from tests.simulator.messages import Stay
from tests.simulator.server_side import FREED, ModelServer
from tests.simulator.world import World

ROUNDS_MAX = 60
RECALL_ALL = 1_000


def drain(world: World) -> None:
    """End all faults, and exchange until nothing changes."""
    world.net.clear()
    for door in world.doors:
        door.up = True
    for _ in range(ROUNDS_MAX):
        before = _figures(world)
        while world.server.away_seen < len(world.elsewhere):
            world.hear_elsewhere(world.doors[0])
        for door in world.doors:
            _exchange(world, door)
        world.truth.check(world.server)
        if _figures(world) == before:
            return
    raise ViolationError("doors and server come to no rest")


def _exchange(world: World, door: ModelDoor) -> None:
    if door.destroyed or door.forked or not world.known(door):
        return
    answer = world.receive(door.offer(1_000))
    if answer is not None:
        door.take(answer)
    if door.forked and not world.server.pool.kiosks[door.key].fenced:
        world.server.fence(door.key)  # the door's own finding, reported to staff


def _figures(world: World) -> list[object]:
    doors = [(d.account, d.acked, d.cursor, d.view, d.wants_snapshot) for d in world.doors]
    return [world.server.pool, world.server.away_seen, *doors]


def settle(world: World) -> None:
    """Drain, and attest kiosks whose own word does not end the server's wait."""
    drain(world)
    for door in world.doors:
        if (door.destroyed or door.forked) and world.known(door):
            world.server.fence(door.key)
        if door.key in world.server.pool.awaited & world.server.stopped:
            door.stopped = True
            world.sign(door)
    world.truth.check(world.server)
    drain(world)


def at_work(world: World) -> list[ModelDoor]:
    """Doors whose journals the server has completely."""
    return [d for d in world.doors if not d.destroyed and not d.forked and world.known(d)]


def check_quiet(world: World) -> None:
    """Both sides agree, each scan is in the ledger once, and no place is lost."""
    settle(world)
    _agree(world)
    if any(door.rolled_back for door in world.doors):
        return  # no one can name stays that its disk forgot
    if world.truth.blind:
        return  # put back without proof: a crashed door takes a snapshot at its next start
    _presence(world)
    live = [d for d in at_work(world) if d.key not in world.server.stopped]
    if not live:
        return
    server = world.server
    for badge, stays in [*server.open.items(), *server.counted_stays.items()]:
        for _ in stays:
            world.leave(live[badge % len(live)], badge)
            drain(world)
    for door in live:
        door.obey(world.server.recall(door.key, RECALL_ALL).order)
    drain(world)
    lost = world.server.pool.worst_case - _stranded(world)
    if lost:
        raise ViolationError(f"all have left, and {lost} places are lost")


def _stranded(world: World) -> int:
    """Places that only an attestation can bring back.

    They are of lost and stopped kiosks, of exits on these, and of exits without a name that a
    restored server can't assign.
    """
    server, in_vain = world.server, _closed_in_vain(world) | world.truth.meant
    held = (
        h.held for key, h in server.pool.kiosks.items() if h.fenced or world.by_key[key].destroyed
    )
    return sum(held) + sum(stay.uid in in_vain for stay in _counted(server))


def _counted(server: ModelServer) -> set[Stay]:
    """Stays that take a place at the server."""
    taken = (*server.open.values(), *server.counted_stays.values())
    return {stay for stays in taken for stay in stays}


def _closed_in_vain(world: World) -> set[int]:
    """Stays whose exit is only in the journal of a lost or stopped door. Their places come back
    by hand.
    """
    lost = (
        record
        for door in world.doors
        if door.destroyed or door.key in world.server.stopped
        for record in door.records
    )
    return {record.closes.uid for record in lost if record.closes is not None}


def _agree(world: World) -> None:
    server = world.server
    if server.pool.awaited:
        raise ViolationError(f"the server still waits for {sorted(server.pool.awaited)}")
    for door in world.doors:
        if not world.known(door):
            raise ViolationError(f"the server does not know door {door.key}")
    for door in at_work(world):
        held, account = server.pool.kiosks[door.key], door.account
        if tuple(record.uid for record in door.records) != server.ledger[door.key]:
            raise ViolationError(f"the ledger has not each scan of door {door.key} once")
        if door.rolled_back or held.fenced:
            continue  # a fenced door gets no more, and its returned places change nothing
        if (held.granted, held.returned) != (account.granted, account.returned):
            raise ViolationError(f"door {door.key} and the server differ in places")
        entries = sum(record.kind == "entry" for record in door.records)
        if held.handed_over != entries - len(door.credited):
            raise ViolationError(f"door {door.key}: entries that were not handed over once")
        if held.unused != account.free and not held.fenced:
            raise ViolationError(f"door {door.key}: {account.free} free, {held.unused} unused")


def _presence(world: World) -> None:
    """The people inside: at the server, at the doors, and in truth."""
    server, truth = world.server, world.truth
    open_now = _counted(server)
    if len(open_now) != server.pool.open_stays:
        raise ViolationError("the pool counts other stays than are open")
    freed = {stay.uid for stay, state in server.stays.items() if state == FREED}
    if len(freed) != server.moves:
        raise ViolationError("the moves that freed a place are miscounted")
    seen = {uid for uids in server.ledger.values() for uid in uids}
    expected = {uid for uid in truth.inside if uid in seen and uid not in freed}
    in_vain = _closed_in_vain(world)
    counted = {stay.uid for stay in open_now} - truth.swept - in_vain - (truth.meant - expected)
    counted -= truth.moved_away - expected  # if a move freed nothing
    if counted != expected:
        raise ViolationError(f"open at the server but not inside: {sorted(counted - expected)}, "
                             f"inside but not open: {sorted(expected - counted)}")  # fmt: skip
    for door in at_work(world):
        door_stays = {
            stay for stays in (*door.known.values(), *door.own.values()) for stay in stays
        }
        unknown = {stay.uid for stay in open_now - door_stays}
        if door_stays - open_now or unknown - in_vain - truth.meant:
            raise ViolationError(f"door {door.key} knows of other stays than the server")
