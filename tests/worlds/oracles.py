"""The promises, checked at every state."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from server.core.occupancy import figures, pools
from tests.worlds.state import BrokenPromiseError, State
from tests.worlds.venue import OVERRIDES
from tests.worlds.world import Step, World


def with_bound(world: World, state: State) -> State:
    """After a capacity was lowered, people may stay, and doors may spend what they have."""
    bound = dict(state.bound)
    for hall, capacity in state.capacity:
        if bound[hall] > capacity and not state.is_rolled_back:
            bound[hall] = min(bound[hall], _at_most(world, state.server)[hall])
        bound[hall] = max(bound[hall], capacity)
    return replace(state, bound=tuple(sorted(bound.items())))


def check(world: World, state: State) -> None:
    """Raises BrokenPromiseError."""
    bound = dict(state.bound)
    inside = {hall: people_in(state, hall) for hall in bound}
    limit = {hall.code: hall.capacity + OVERRIDES for hall in world.plan.venue.halls}
    for hall, most in bound.items():
        automatic = inside[hall] - sum(hall in person.beyond for person in state.people)
        if automatic > most + slack(state, hall):
            raise BrokenPromiseError(f"{automatic} people in hall {hall} of {most}")
        if inside[hall] > limit[hall] + slack(state, hall):
            raise BrokenPromiseError(f"{inside[hall]} people in hall {hall}, above its fire limit")
    if not state.is_rolled_back and not state.copied:
        _check_figures(world, state, inside)
    if state.is_mustering:
        _check_muster(world, state)


def people_in(state: State, hall: str) -> int:
    return sum(hall in person.inside for person in state.people)


def slack(state: State, hall: str) -> int:
    """By how many people the hall may be above its capacity, as docs/promises.md states it: an old
    copy of the server's disk that nobody noticed may grant again what it has forgotten, and a copy
    of a kiosk's disk has its free places once more. A wrong attestation omits people.
    """
    omitted = sum(hall in person.inside and person.is_omitted for person in state.people)
    return omitted + dict(state.forgotten).get(hall, 0) + dict(state.copied).get(hall, 0)


def _check_figures(world: World, state: State, inside: dict[str, int]) -> None:
    """The page's "at most" is at least the truth."""
    for code, most in _at_most(world, state.server).items():
        if inside[code] > most:
            raise BrokenPromiseError(
                f"{inside[code]} people in hall {code}, and the page says at most {most}"
            )


def _at_most(world: World, server: int) -> dict[str, int]:
    def found() -> dict[str, int]:
        rows = figures.hall_figures(world.server_at(server).db)
        return {
            world.hall_codes[row.hall_id]: row.worst_case + row.overrides + row.unconfirmed_moves
            for row in rows
        }

    return world.remembered(("figures", server), found)


def _check_muster(world: World, state: State) -> None:
    """Who is inside by an entry that the server has is listed, and not as safe."""

    def found() -> tuple[dict[int, bool], set[tuple[Any, ...]]]:
        db = world.server_at(state.server).db
        listed = db.execute(
            "SELECT serial, seen_at IS NOT NULL AND is_unproven = 0 FROM muster_person"
            " WHERE left_at IS NULL AND muster_id = (SELECT MAX(muster_id) FROM muster)"
        )
        entries = db.execute("SELECT kiosk, generation, seq FROM scan")
        return dict(map(tuple, listed)), {tuple(entry) for entry in entries}

    is_safe, entries = world.remembered(("muster", state.server), found)
    for person in state.people:
        if person.inside and person.entry in entries:
            serial = world.opened.badges[person.badge][0]
            if serial not in is_safe:
                raise BrokenPromiseError("a person inside is not on the list")
            if is_safe[serial]:
                raise BrokenPromiseError("a person inside is listed as safe")


def settled(world: World, state: State) -> State:
    """All that are in use are connected, and everything is exchanged."""
    step = Step(world, state)
    for name, door in step.doors.items():
        step.doors[name] = replace(door, is_cut=False)
    step.now += WAIT_MS
    for _ in range(ROUNDS):
        before = step.server, dict(step.doors)
        for name, door in list(step.doors.items()):
            if door.is_used and not door.is_thief:
                step.talk(name)
        if (step.server, step.doors) == before:
            break
    return step.after(("settle",))


ROUNDS = 5
WAIT_MS = 2_500  # kiosk/sync/link.py, SETTLE_MS: others had time to report


def check_settled(world: World, state: State) -> None:
    """After everything is connected and settled no place is lost, if no kiosk was lost and nobody
    left unseen: free places and people together are the capacity. Each green is in the ledger.
    """
    after = settled(world, state)
    check(world, after)
    if state.is_rolled_back:
        _check_noticed(world, state, after)
    if not any(kind == "put back" for kind, _ in state.used):
        _check_capacity(world, after)
    _check_log(world, after)
    for reason in _greens_missing(world, after):
        raise BrokenPromiseError(reason)
    lost = any(not door.is_used for door in after.doors.values())
    if lost or after.is_rolled_back or _places_wait(world, after):
        return
    server = world.server_at(after.server)
    doors = [world.door_at(name, door.part) for name, door in after.doors.items()]
    for code, hall in world.opened.hall_ids.items():
        key = pools.PoolKey(hall)
        pool = pools.load(server.db, key)
        accounts = [door.journal.accounts().get(key) for door in doors]
        free = pool.free + sum(account.free for account in accounts if account is not None)
        inside = people_in(after, code) - sum(code in person.beyond for person in after.people)
        if pool.free >= 0 and free + inside != pool.capacity:
            raise BrokenPromiseError(
                f"{free} places of hall {code} are free, {inside} people are inside,"
                f" of {pool.capacity}"
            )


def _places_wait(world: World, state: State) -> bool:
    """Whether places may wait for staff."""
    kinds = {kind for kind, _ in state.used}
    # With a copy in another hall nobody knows where the holder is.
    has_copies = "copy" in kinds and len(world.plan.venue.halls) > 1
    return has_copies or bool(kinds & LEAKS)


def _check_capacity(world: World, state: State) -> None:
    """A capacity that staff have set outlives a restore."""
    db = world.server_at(state.server).db
    for code, capacity in db.execute("SELECT code, capacity FROM hall").fetchall():
        if capacity != dict(state.capacity)[code]:
            raise BrokenPromiseError(f"the capacity of hall {code} is {capacity} again")


def _check_noticed(world: World, state: State, after: State) -> None:
    """A server on an old database takes a new incarnation once it has heard a door with newer
    data. It does not believe a kiosk that was enrolled after that database, and is unknown there.
    """
    rows = world.server_at(state.server).db.execute("SELECT kiosk, generation FROM kiosk")
    enrolled = set(map(tuple, rows.fetchall()))
    before = world.form("", state.server, state.now)
    newer = [
        name for name, door in state.doors.items()
        if door.is_used and not door.is_stopped and world.live(name).key in enrolled
        and before.is_older(world.form(name, door.part, state.now))
    ]  # fmt: skip
    first = world.server_at(state.server).event.incarnation
    if newer and world.server_at(after.server).event.incarnation == first:
        raise BrokenPromiseError(
            f"{newer[0]} has newer data than the server, which has not noticed"
        )


def _check_log(world: World, state: State) -> None:
    """Each door has verified that the log only grows."""
    for name, door in state.doors.items():
        alarm = world.door_at(name, door.part).link.state.log_alarm
        if alarm is not None and not state.is_rolled_back:
            raise BrokenPromiseError(f"{name} says of the log: {alarm}")


# Acts after which places wait for staff, as the pages say.
LEAKS = {
    "slip",
    "unlit",
    "old disk",
    "fence",
    "retire",
    "enrol",
    "override",
    "clone",
    "move",
    "unnest",
    "nest",
}


def _greens_missing(world: World, state: State) -> Iterator[str]:
    if any(kind in ("old disk", "clone") for kind, _ in state.used):
        return  # The kiosk is fenced, with greens that only one of its disks had.
    db = world.server_at(state.server).db
    rows = db.execute("SELECT kiosk, generation, seq FROM scan").fetchall()
    ledger = {tuple(row) for row in rows}
    if len(ledger) < len(rows):
        yield "a green is in the ledger twice"
    for person in state.people:
        if not person.inside or person.entry is None or person.entry in ledger:
            continue
        doors = [name for name in state.doors if world.live(name).key == person.entry[:2]]
        if any(state.doors[name].is_used for name in doors):
            yield f"a green of {person.entry} is not in the ledger"
