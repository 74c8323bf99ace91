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
    world.load_server(state.server)
    codes = {number: code for code, number in world.opened.hall_ids.items()}
    for row in figures.hall_figures(world.server.db):
        code = codes[row.hall_id]
        most = row.worst_case + row.overrides + row.unconfirmed_moves
        if inside[code] > most:
            raise BrokenPromiseError(
                f"{inside[code]} people in hall {code}, and the page says at most {most}"
            )


def settled(world: World, state: State) -> State:
    """All that are in use are connected, and everything is exchanged."""
    step = Step(world, state)
    for name, door in step.doors.items():
        step.doors[name] = replace(door, is_cut=False)
    for _ in range(4):
        for name, door in list(step.doors.items()):
            if door.is_used and not door.is_thief:
                step.talk(name)
                world.now += 2_500
    return step.after(("settle",))


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
    for code, hall in world.opened.hall_ids.items():
        pool = pools.load(world.server.db, pools.PoolKey(hall))
        out = sum(held.held for held in pool.kiosks.values()) - sum(
            account.free
            for door in world.doors.values()
            for key, account in door.journal.accounts().items()
            if key == pools.PoolKey(hall)
        )
        if out > 0:
            raise BrokenPromiseError(f"{out} places of hall {code} are out for good")


# Acts after which places wait for staff, as the pages say.
LEAKS = {"slip", "unlit", "old disk", "fence", "retire", "enrol", "copy", "move", "unnest", "nest"}


def _greens_missing(world: World, state: State) -> Iterator[str]:
    if any(kind == "old disk" for kind, _ in state.used):
        return  # The kiosk is fenced, with greens that only its newer disk had.
    world.load_server(state.server)
    rows = world.server.db.execute("SELECT kiosk, generation, seq FROM scan").fetchall()
    ledger = {tuple(row) for row in rows}
    for person in state.people:
        if not person.inside or person.entry is None or person.entry in ledger:
            continue
        doors = [name for name in state.doors if world.live(name).key == person.entry[:2]]
        if any(state.doors[name].is_used for name in doors):
            yield f"a green of {person.entry} is not in the ledger"
