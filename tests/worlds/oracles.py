"""The promises, checked at every state."""

from collections.abc import Iterator
from dataclasses import replace

from server.core.occupancy import figures, pools
from tests.worlds.state import State
from tests.worlds.world import Step, World


class BrokenPromiseError(AssertionError):
    """A promise was broken."""


def check(world: World, state: State) -> None:
    """Raises BrokenPromiseError."""
    capacity = dict(state.capacity)
    inside = {hall: people_in(state, hall) for hall in capacity}
    for hall, most in capacity.items():
        if inside[hall] > most + slack(state, hall):
            raise BrokenPromiseError(f"{inside[hall]} people in hall {hall} of {most}")
    if not state.is_rolled_back:
        _check_figures(world, state, inside)


def people_in(state: State, hall: str) -> int:
    """People of automatic admissions by doors of the organiser."""
    return sum(hall in person.inside for person in state.people)


def slack(state: State, hall: str) -> int:
    """By how many people the hall may be above its capacity, as docs/promises.md states it: an old
    copy of the server's disk that nobody noticed may grant again what it has forgotten.
    """
    return dict(state.forgotten).get(hall, 0)


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
    for reason in _greens_missing(world, after):
        raise BrokenPromiseError(reason)
    lost = any(not door.is_used for door in after.doors.values())
    if lost or after.is_rolled_back or any(kind in LEAKS for kind, _ in after.used):
        return
    server = world.server_at(after.server)
    doors = [world.door_at(name, door.part) for name, door in after.doors.items()]
    for code, hall in world.opened.hall_ids.items():
        key = pools.PoolKey(hall)
        pool = pools.load(server.db, key)
        accounts = [door.journal.accounts().get(key) for door in doors]
        free = sum(account.free for account in accounts if account is not None)
        out = sum(held.held for held in pool.kiosks.values()) - free
        if out > 0:
            raise BrokenPromiseError(f"{out} places of hall {code} are out for good")


# Acts after which places wait for staff, as the pages say.
LEAKS = {"slip", "unlit", "old disk", "fence", "retire", "enrol", "copy", "move", "unnest", "nest"}


def _greens_missing(world: World, state: State) -> Iterator[str]:
    if any(kind == "old disk" for kind, _ in state.used):
        return  # The kiosk is fenced, with greens that only its newer disk had.
    db = world.server_at(state.server).db
    rows = db.execute("SELECT kiosk, generation, seq FROM scan").fetchall()
    ledger = {tuple(row) for row in rows}
    for person in state.people:
        if not person.inside or person.entry is None or person.entry in ledger:
            continue
        doors = [name for name in state.doors if world.live(name).key == person.entry[:2]]
        if any(state.doors[name].is_used for name in doors):
            yield f"a green of {person.entry} is not in the ledger"
